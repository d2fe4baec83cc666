import os
import shutil
import sys

import pytest

# The helpers beside the tests, whatever pytest's import mode.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def built(tmp_path_factory, program):
    if shutil.which("g++") is None:
        pytest.skip("the emulator needs g++")
    import cuda_emulator

    return cuda_emulator.build(str(tmp_path_factory.mktemp("emulator")), program=program)


@pytest.fixture(scope="session")
def emulator_library(tmp_path_factory):
    return built(tmp_path_factory, "wht")


@pytest.fixture(scope="session")
def debut_library(tmp_path_factory):
    return built(tmp_path_factory, "debut")


@pytest.fixture(scope="session")
def depthwise_library(tmp_path_factory):
    return built(tmp_path_factory, "depthwise")


@pytest.fixture(scope="session")
def mf_library(tmp_path_factory):
    return built(tmp_path_factory, "mf")


@pytest.fixture
def device_of(monkeypatch):
    """Put the launchers on an emulator instead of a GPU, whatever the device of their tensors."""
    from emulated_device import EmulatedDevice

    from suites.kernels.cuda import devices, launch

    trusted = []

    def emulated(library, program):
        found = EmulatedDevice(library, program=program)
        library.emulator_trust(1)
        trusted.append(library)
        monkeypatch.setattr(devices, "get", lambda index: found)
        monkeypatch.setattr(devices, "problem", lambda index: None)
        monkeypatch.setattr(launch, "index_of", lambda x: 0)
        monkeypatch.setattr(launch, "stream_of", lambda x: 0)
        return found

    yield emulated
    for library in trusted:
        library.emulator_trust(0)


@pytest.fixture
def launcher_device(emulator_library, device_of, monkeypatch):
    """The launcher of the fused Walsh-Hadamard layers on the emulator."""
    from suites.kernels.cuda import launch

    for table in ("_PLANS", "_REASONS", "_ORDERS"):
        monkeypatch.setattr(launch, table, {})
    return device_of(emulator_library, "wht")
