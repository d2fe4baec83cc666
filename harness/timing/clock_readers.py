"""Readers of the CPU's and the GPU's present clock (Hz), each with the reason where there is none."""

import os
from typing import Any, Callable, NamedTuple, Optional

from harness.system.cuda_gpu import identify
from harness.system.nvml import Gpu, MakeGpu, NvmlError
from harness.system.sensors import cpu_clock_files, gpu_devfreq, highest_hz
from harness.system.tree import Tree

MOST_CPU_FILES = 8  # a reading per round must stay cheap on machines with many cores


class ClockSource(NamedTuple):
    """``read()`` returns Hz or ``None``; it is ``None`` itself where nothing can be read, ``reason`` says why."""

    read: Optional[Callable[[], Optional[float]]]
    name: Optional[str]
    reason: Optional[str]


def cpu_clock(root: str = "/") -> ClockSource:
    """Read the highest ``scaling_cur_freq`` of the CPUs this process may use (at most eight of them)."""
    tree = Tree(root)
    files = [file for file in cpu_clock_files(tree, sorted(os.sched_getaffinity(0)))
             if tree.try_int(file) is not None][:MOST_CPU_FILES]
    if not files:
        return ClockSource(None, None, "no readable cpufreq/scaling_cur_freq: the kernel or the virtual machine does "
                                       "not expose the CPU clock")
    return ClockSource(lambda: highest_hz(tree, files), "cpufreq scaling_cur_freq", None)


def gpu_clock(torch: Any = None, root: str = "/", make_gpu: MakeGpu = Gpu) -> ClockSource:
    """Read the GPU's clock: Jetson's devfreq under ``root``, else NVML, else ``None`` with both reasons.

    ``torch`` tells which GPU its device 0 is; ``make_gpu`` stands in for NVML in tests.
    """
    tree = Tree(root)
    folder = gpu_devfreq(tree)
    if folder is not None:
        file = folder + "/cur_freq"
        if tree.try_int(file) is not None:
            return ClockSource(lambda: tree.try_int(file), "devfreq cur_freq", None)
    gpu = make_gpu(which=lambda: identify(torch))  # stays open for the life of this worker
    try:
        gpu.open()
        if gpu.clock_hz() is not None:  # it may start where readings do not come
            return ClockSource(lambda: _or_none(gpu.clock_hz), "NVML SM clock", None)
        reason = "NVML gives no GPU clock here"
    except NvmlError as error:
        reason = str(error)
    gpu.close()
    return ClockSource(None, None, "no Jetson GPU under /sys/class/devfreq; {}".format(reason))


def _or_none(read: Callable[[], Optional[float]]) -> Optional[float]:
    """A GPU that is lost in the middle fails in the layer; the clock is only beside it."""
    try:
        return read()
    except NvmlError:
        return None
