"""Clock readings of CPU and GPU from made-up trees and a made-up NVML."""

import os
import sys
from types import SimpleNamespace

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "meters"))
from fake_nvml import FakeNvml, fake_gpu

from harness.system.nvml import Gpu
from harness.timing.clock_readers import cpu_clock, gpu_clock


def write(path, text):
    os.makedirs(os.path.dirname(str(path)), exist_ok=True)
    with open(str(path), "w") as file:
        file.write(text)


def missing(**_which):
    return fake_gpu(FakeNvml(starts=False))()


def test_the_cpu_clock_is_the_highest_of_our_cores_in_hertz(tmp_path):
    cpus = sorted(os.sched_getaffinity(0))
    for cpu in cpus:
        file = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_cur_freq".format(cpu)
        write(tmp_path / file, "{}\n".format(1000000 + cpu))
    source = cpu_clock(str(tmp_path))
    assert source.read() == (1000000 + max(cpus[:8])) * 1e3
    assert source.reason is None


def test_without_cpufreq_the_reason_is_given(tmp_path):
    source = cpu_clock(str(tmp_path))
    assert source.read is None
    assert "scaling_cur_freq" in source.reason


@pytest.mark.parametrize("folder, node", [("57000000.gpu", "gpu"), ("57000000.gpu", None),
                                          ("17000000.gv11b", "gv11b"), ("17000000.ga10b", None)])
def test_a_jetsons_gpu_is_found_by_its_node_name_or_its_folder(tmp_path, folder, node):
    devfreq = tmp_path / "sys" / "class" / "devfreq"
    write(devfreq / "00000000.emc" / "cur_freq", "1600000000\n")
    write(devfreq / folder / "cur_freq", "921600000\n")
    if node:
        write(devfreq / folder / "device" / "of_node" / "name", node + "\0")
    source = gpu_clock(root=str(tmp_path), make_gpu=missing)
    assert source.read() == 921600000.0
    assert source.name == "devfreq cur_freq"


def test_other_devfreq_devices_are_not_taken_for_a_gpu(tmp_path):
    write(tmp_path / "sys" / "class" / "devfreq" / "13020000.emc" / "cur_freq", "1600000000\n")
    assert gpu_clock(root=str(tmp_path), make_gpu=missing).read is None


def test_without_a_jetson_nvml_is_read_in_hertz(tmp_path):
    assert gpu_clock(root=str(tmp_path), make_gpu=lambda which: fake_gpu(FakeNvml(power_mw=1))()).read() == 1.98e9


def test_the_gpu_is_the_one_torch_says_not_the_first_that_nvml_counts(tmp_path):
    library = FakeNvml(gpus=("GPU-a", "GPU-b"), buses=("x", "y"), clocks_mhz=(900, 1980))
    torch = SimpleNamespace(cuda=SimpleNamespace(get_device_properties=lambda index: SimpleNamespace(uuid="b")))
    source = gpu_clock(torch, str(tmp_path), lambda which: Gpu(library=library, which=which))
    assert source.read() == 1.98e9 and library.asked == {"GPU-b"}


def test_a_gpu_lost_in_the_middle_leaves_a_gap_not_an_error(tmp_path):
    library = FakeNvml()
    source = gpu_clock(root=str(tmp_path), make_gpu=lambda which: fake_gpu(library)())
    library.lost = True
    assert source.read() is None


def test_an_nvml_that_starts_but_reads_nothing_is_not_used_and_let_go(tmp_path):
    library = FakeNvml(clocks_mhz=(None,))
    source = gpu_clock(root=str(tmp_path), make_gpu=lambda which: fake_gpu(library)())
    assert source.read is None and "gives no GPU clock" in source.reason
    assert library.opened == 0


def test_with_neither_both_reasons_are_given(tmp_path):
    source = gpu_clock(root=str(tmp_path), make_gpu=missing)
    assert source.read is None
    assert "no Jetson GPU" in source.reason
    assert "NVML does not start" in source.reason and "nvidia-ml-py" in source.reason
