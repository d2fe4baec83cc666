"""Readers of the CPU's and the GPU's present clock (Hz), each with the reason where there is none."""

import os
from typing import Any, Callable, List, NamedTuple, Optional

from harness.meters.procfs import gpu_devfreq
from harness.meters.tree import Tree

CPU_ROOT = "/sys/devices/system/cpu"
MOST_CPU_FILES = 8  # a reading per round must stay cheap on machines with many cores


class ClockSource(NamedTuple):
    """``read()`` returns Hz or ``None``; it is ``None`` itself where nothing can be read, ``reason`` says why."""

    read: Optional[Callable[[], Optional[float]]]
    name: Optional[str]
    reason: Optional[str]


def cpu_clock(root: str = CPU_ROOT) -> ClockSource:
    """Read the highest ``scaling_cur_freq`` of the CPUs this process may use (at most eight of them)."""
    paths = [os.path.join(root, "cpu{}".format(cpu), "cpufreq", "scaling_cur_freq") for cpu in _own_cpus(root)]
    readable = [path for path in paths if _read_number(path) is not None][:MOST_CPU_FILES]
    if not readable:
        return ClockSource(None, None, "no readable cpufreq/scaling_cur_freq under {}: the kernel or the virtual "
                                       "machine does not expose the CPU clock".format(root))

    def read() -> Optional[float]:
        found = [value for value in map(_read_number, readable) if value is not None]
        return max(found) * 1e3 if found else None  # the files are in kHz

    return ClockSource(read, "cpufreq scaling_cur_freq", None)


def gpu_clock(torch: Any = None, device_index: int = 0, root: str = "/",
              load_nvml: Optional[Callable[[], Any]] = None) -> ClockSource:
    """Read the GPU's clock: Jetson's devfreq under ``root``, else NVML, else ``None`` with both reasons."""
    folder = gpu_devfreq(root)
    if folder is not None:
        tree, file = Tree(root), folder + "/cur_freq"
        if tree.try_int(file) is not None:
            return ClockSource(lambda: tree.try_int(file), "devfreq cur_freq", None)
    source = _nvml_clock(torch, device_index, load_nvml or _load_nvml)
    if source.read is None:
        return ClockSource(None, None, "no Jetson GPU under {}; {}".format(
            os.path.join(root, "sys/class/devfreq"), source.reason))
    return source


def _nvml_clock(torch: Any, device_index: int, load: Callable[[], Any]) -> ClockSource:
    try:
        nvml = load()
    except ImportError:
        return ClockSource(None, None, "NVML's Python package (nvidia-ml-py) is not installed")
    try:
        nvml.nvmlInit()
        handle = _nvml_handle(nvml, torch, device_index)
        nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)  # init may succeed where readings do not
    except nvml.NVMLError as error:
        return ClockSource(None, None, "NVML gives no GPU clock here ({})".format(error))

    def read() -> Optional[float]:
        try:
            return nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM) * 1e6
        except nvml.NVMLError:
            return None

    return ClockSource(read, "NVML SM clock", None)


def _nvml_handle(nvml: Any, torch: Any, device_index: int) -> Any:
    """Find the device by torch's UUID where it has one: NVML counts devices that torch may not see."""
    uuid = getattr(torch.cuda.get_device_properties(device_index), "uuid", None) if torch is not None else None
    if uuid is not None:
        text = str(uuid)
        return nvml.nvmlDeviceGetHandleByUUID((text if text.startswith("GPU-") else "GPU-" + text).encode("ascii"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    numbers = [int(part) for part in visible.split(",") if part.strip().isdigit()]
    return nvml.nvmlDeviceGetHandleByIndex(numbers[device_index] if device_index < len(numbers) else device_index)


def _load_nvml() -> Any:
    import pynvml

    return pynvml


def _own_cpus(root: str) -> List[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _read_text(path: str) -> Optional[str]:
    try:
        with open(path, "rb") as file:
            return file.read().rstrip(b"\0\n ").decode("ascii", "replace")
    except OSError:
        return None


def _read_number(path: str) -> Optional[float]:
    text = _read_text(path)
    try:
        return float(text) if text else None
    except ValueError:
        return None
