import os
import sys
import tempfile

import pytest
import torch

# The helpers beside the tests, whatever pytest's import mode.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def kernels():
    from suites.kernels import status

    found = status()["cpu"]
    if not found["available"]:
        pytest.skip("no CPU kernels here: {}".format(found["reason"]))
    return found


@pytest.fixture(scope="session")
def builds():
    """The kernels' own test programs, each built once for all tests; too large to be kept after them."""
    from programs import Builds

    with tempfile.TemporaryDirectory() as folder:
        yield Builds(folder)
