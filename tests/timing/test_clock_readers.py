"""Clock readings of CPU and GPU from made-up trees and a made-up NVML."""

import os
from types import SimpleNamespace

import pytest

from harness.timing.clock_readers import cpu_clock, gpu_clock


def write(path, text):
    os.makedirs(os.path.dirname(str(path)), exist_ok=True)
    with open(str(path), "w") as file:
        file.write(text)


def missing():
    raise ImportError("no pynvml")


def nvml(fails=False):
    class FakeError(Exception):
        pass

    def clock(handle, kind):
        if fails:
            raise FakeError("Not Supported")
        return {"index 0": 1500, "index 3": 900, b"GPU-1234": 1980}[handle]

    return SimpleNamespace(
        NVMLError=FakeError, NVML_CLOCK_SM=1, nvmlInit=lambda: None, nvmlDeviceGetClockInfo=clock,
        nvmlDeviceGetHandleByIndex="index {}".format, nvmlDeviceGetHandleByUUID=lambda uuid: uuid)


def test_the_cpu_clock_is_the_highest_of_our_cores_in_hertz(tmp_path):
    cpus = sorted(os.sched_getaffinity(0))
    for cpu in cpus:
        write(tmp_path / "cpu{}".format(cpu) / "cpufreq" / "scaling_cur_freq", "{}\n".format(1000000 + cpu))
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
    source = gpu_clock(root=str(tmp_path), load_nvml=missing)
    assert source.read() == 921600000.0
    assert source.name == "devfreq cur_freq"


def test_other_devfreq_devices_are_not_taken_for_a_gpu(tmp_path):
    write(tmp_path / "sys" / "class" / "devfreq" / "13020000.emc" / "cur_freq", "1600000000\n")
    assert gpu_clock(root=str(tmp_path), load_nvml=missing).read is None


def test_without_a_jetson_nvml_is_read_in_hertz(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpu_clock(root=str(tmp_path), load_nvml=nvml).read() == 1.5e9


def test_nvml_counts_devices_that_torch_does_not_see(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert gpu_clock(root=str(tmp_path), load_nvml=nvml).read() == 9e8
    torch = SimpleNamespace(cuda=SimpleNamespace(get_device_properties=lambda index: SimpleNamespace(uuid="1234")))
    assert gpu_clock(torch, root=str(tmp_path), load_nvml=nvml).read() == 1.98e9


def test_an_nvml_that_starts_but_reads_nothing_is_not_used(tmp_path):
    source = gpu_clock(root=str(tmp_path), load_nvml=lambda: nvml(fails=True))
    assert source.read is None
    assert "Not Supported" in source.reason


def test_with_neither_both_reasons_are_given(tmp_path):
    source = gpu_clock(root=str(tmp_path), load_nvml=missing)
    assert source.read is None
    assert "no Jetson GPU" in source.reason
    assert "nvidia-ml-py" in source.reason
