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


@pytest.fixture
def launcher_device(emulator_library, monkeypatch):
    """The launcher on the emulator instead of a GPU, whatever the device of its tensors."""
    from emulated_device import EmulatedDevice

    from suites.kernels.cuda import devices, launch

    found = EmulatedDevice(emulator_library)
    emulator_library.emulator_trust(1)
    for table in ("_PLANS", "_REASONS", "_ORDERS"):
        monkeypatch.setattr(launch, table, {})
    monkeypatch.setattr(devices, "get", lambda index: found)
    monkeypatch.setattr(devices, "problem", lambda index: None)
    monkeypatch.setattr(launch, "_index", lambda x: 0)
    monkeypatch.setattr(launch, "_stream", lambda x: 0)
    yield found
    emulator_library.emulator_trust(0)
