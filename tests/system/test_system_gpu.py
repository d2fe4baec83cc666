"""The GPU whose power, clock and name are read is the one that CUDA uses, whatever number it has in NVML."""

import os
import shutil
import subprocess
import sys
import uuid
from types import SimpleNamespace

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "meters"))
import fake_boards
import fake_nvml

from harness.clocks import locked_clocks, read_clocks
from harness.meters.nvml import NvmlMeter
from harness.system.cuda_gpu import CudaDriverError, GpuId, identify, load_driver
from harness.system.nvml import Gpu, NvmlError
from harness.timing.clock_readers import gpu_clock

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

# A machine whose slow GPU sits on the first bus: CUDA shows the fast one first, NVML counts by bus.
SLOW, FAST = "GPU-00000000-0000-0000-0000-00000000000a", "GPU-00000000-0000-0000-0000-00000000000b"

# A driver library that orders and hides its two GPUs as NVIDIA's does, for as much as is asked of it here.
DRIVER = r"""
#include <stdlib.h>
#include <string.h>
static int order[2], shown = -1;
int cuInit(unsigned flags) {
    const char *by = getenv("CUDA_DEVICE_ORDER"), *visible = getenv("CUDA_VISIBLE_DEVICES");
    int fast_first = !by || strcmp(by, "PCI_BUS_ID");
    int all[2] = {fast_first ? 1 : 0, fast_first ? 0 : 1};
    if (flags) return 1;
    shown = 0;
    if (!visible) { order[0] = all[0]; order[1] = all[1]; shown = 2; }
    else for (; *visible >= '0' && *visible <= '1'; visible += 1 + (visible[1] == ','))
        order[shown++] = all[*visible - '0'];
    return shown ? 0 : 100;
}
int cuDeviceGet(int *device, int number) {
    if (shown < 0) return 3;
    if (number >= shown) return 101;
    *device = order[number];
    return 0;
}
int cuDeviceGetUuid(char *uuid, int device) { memset(uuid, 0, 16); uuid[15] = device ? 0x0b : 0x0a; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { *value = 1000 * device + attribute; return 0; }
"""


@pytest.fixture(scope="module")
def driver_library(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to build the stand-in driver with")
    folder = tmp_path_factory.mktemp("driver")
    (folder / "driver.c").write_text(DRIVER)
    library = str(folder / "libcuda.so.1")
    subprocess.check_call([compiler, "-shared", "-fPIC", "-o", library, str(folder / "driver.c")])
    return library


def first_gpu(library, number=0, **environment):
    """Ask the driver in a fresh process, as a worker is one."""
    code = ("import sys, ctypes; from harness.system.cuda_gpu import identify, load_driver; "
            "print(identify(None, {}, lambda: load_driver(lambda name: ctypes.CDLL({!r}))))".format(number, library))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CUDA_")}
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT,
                                      env=dict(clean, **environment))
    return eval(printed.decode(), {"GpuId": GpuId})


@pytest.mark.parametrize("environment, uuid", [
    ({}, FAST), ({"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, SLOW), ({"CUDA_VISIBLE_DEVICES": "1"}, SLOW),
    ({"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, FAST),
    ({"CUDA_VISIBLE_DEVICES": "1,0"}, SLOW)])
def test_the_driver_is_asked_so_order_and_visibility_count_as_they_do_for_torch(driver_library, environment, uuid):
    assert first_gpu(driver_library, **environment) == GpuId(uuid=uuid)


def test_where_cuda_shows_no_device_there_is_a_reason_and_no_gpu(driver_library):
    found = first_gpu(driver_library, CUDA_VISIBLE_DEVICES="")
    assert found.uuid is None and "cuInit with error 100" in found.reason
    assert "cuDeviceGet with error 101" in first_gpu(driver_library, 1, CUDA_VISIBLE_DEVICES="0").reason


def torch_with(**properties):
    return SimpleNamespace(cuda=SimpleNamespace(get_device_properties=lambda index: SimpleNamespace(**properties)))


def no_driver():
    raise CudaDriverError("libcuda.so.1 cannot be loaded")


def test_torchs_own_uuid_is_taken_in_either_spelling():
    plain = uuid.UUID(FAST[len("GPU-"):])
    assert identify(torch_with(uuid=plain), driver=no_driver) == GpuId(uuid=FAST)
    assert identify(torch_with(uuid=FAST), driver=no_driver) == GpuId(uuid=FAST)


def test_a_torch_without_uuids_gives_the_bus_address_and_an_older_one_leaves_it_to_the_driver():
    assert identify(torch_with(pci_bus_id=0x65, pci_device_id=0, pci_domain_id=0), driver=no_driver) == GpuId(
        pci_bus_id="00000000:65:00.0")
    assert identify(torch_with(name="x"), driver=lambda: SimpleNamespace(gpu_uuid=lambda index: SLOW)).uuid == SLOW
    assert identify(torch_with(name="x"), driver=no_driver).reason == "libcuda.so.1 cannot be loaded"


def test_a_machine_without_the_driver_library_says_so():
    def missing(name):
        raise OSError("{}: cannot open shared object file".format(name))

    with pytest.raises(CudaDriverError, match="libcuda.so.1 cannot be loaded"):
        load_driver(missing)


def two_gpus():
    return fake_nvml.FakeNvml(gpus=(SLOW, FAST), buses=("00000000:17:00.0", "00000000:65:00.0"),
                              clocks_mhz=(900, 1980), power_mw=70000)


@pytest.mark.parametrize("uuid", [SLOW, FAST])
def test_power_clock_and_lock_are_of_the_one_gpu_that_cuda_uses(tmp_path, uuid):
    library = two_gpus()
    make_gpu = fake_nvml.fake_gpu(library, uuid)
    root = fake_boards.desktop(tmp_path / "root")
    expected_hz = {SLOW: 9e8, FAST: 1.98e9}[uuid]
    meter = NvmlMeter(gpu=make_gpu())
    meter.open()
    assert meter.read().clock_hz == {"gpu": expected_hz}
    meter.close()
    assert read_clocks(root, make_gpu)["gpu_current_hz"] == expected_hz
    assert gpu_clock(root=root, make_gpu=lambda which: make_gpu()).read() == expected_hz
    with locked_clocks(True, "cuda", root, str(tmp_path / "state"), lambda text: None, lambda *words: None, make_gpu):
        pass
    assert library.asked == {uuid}


def test_a_bus_address_finds_the_gpu_too():
    with Gpu(library=two_gpus(), which=lambda: GpuId(pci_bus_id="00000000:65:00.0")) as gpu:
        assert gpu.uuid() == FAST and gpu.name() == "Fake 1"


@pytest.mark.parametrize("which", [GpuId(reason="no driver"), GpuId(uuid="GPU-unknown")])
def test_a_gpu_that_cannot_be_told_is_no_gpu_and_the_library_is_let_go(which):
    library = two_gpus()
    with pytest.raises(NvmlError, match="GPU.* CUDA uses|GPU that CUDA uses"):
        Gpu(library=library, which=lambda: which).open()
    assert library.opened == 0


def test_a_reason_with_colons_in_it_stays_whole_in_what_is_said_of_the_meter():
    found = NvmlMeter(gpu=Gpu(library=two_gpus(), which=lambda: GpuId(reason="a: b"))).availability()
    assert found.reason == "it cannot be told which GPU CUDA uses (a: b)" and found.remedy
