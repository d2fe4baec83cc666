import os
import shutil
import sys

import pytest

# The helpers beside the tests, whatever pytest's import mode.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture(scope="session")
def emulator_library(tmp_path_factory):
    if shutil.which("g++") is None:
        pytest.skip("the emulator needs g++")
    import cuda_emulator

    return cuda_emulator.build(str(tmp_path_factory.mktemp("emulator")))
