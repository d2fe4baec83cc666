"""Memory, load, frequencies and temperatures from /proc and /sys, read directly.

Every function takes ``root`` (see :mod:`harness.meters.tree`). Nothing here needs rights beyond a
normal user's, except the NvMap table of older Jetson kernels.
"""

import re
from typing import Dict, NamedTuple, Optional, Tuple, Union

from harness.meters.tree import Tree, why

GPU_NODE_NAMES = ("gpu", "gp10b", "gv11b", "ga10b", "gb10b")
"""Names of the GPU in a Jetson's device tree (Nano, TX2, Xavier, Orin, Thor)."""

CPU_FREQUENCIES = "/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq"

Pid = Union[int, str]


def read_meminfo(root: str = "/") -> Dict[str, int]:
    """Return every field of /proc/meminfo in bytes (the ``HugePages_*`` fields are counts).

    Raises ``OSError`` if the file is not there.
    """
    fields = {}
    for match in re.finditer(r"^([^:\n]+):\s+([0-9]+)( kB)?", Tree(root).read("/proc/meminfo"), re.MULTILINE):
        fields[match.group(1)] = int(match.group(2)) * (1024 if match.group(3) else 1)
    return fields


def ram_used_bytes(meminfo: Dict[str, int]) -> int:
    """Return the whole system's used RAM as tegrastats and jtop define it, before their rounding to 1 MiB.

    MemTotal - MemFree - Buffers - Cached. GPU buffers of a Jetson count as used, reclaimable slabs too;
    psutil's and free's "used" are other definitions and must not be mixed with this one.
    """
    return meminfo["MemTotal"] - meminfo["MemFree"] - meminfo["Buffers"] - meminfo["Cached"]


def swap_used_bytes(meminfo: Dict[str, int]) -> int:
    """Return the used swap; on a Jetson it is zram, so more than 0 means compressed pages in RAM."""
    return meminfo.get("SwapTotal", 0) - meminfo.get("SwapFree", 0)


def nvmap_used_bytes(meminfo: Dict[str, int], root: Optional[str] = None) -> Optional[int]:
    """Return the bytes in GPU buffers of a Jetson (all processes), ``None`` where the kernel does not tell.

    ``NvMapMemUsed`` of /proc/meminfo where it exists; else, with ``root`` given, the total of the NvMap
    client table, which only root may read.
    """
    if "NvMapMemUsed" in meminfo:
        return meminfo["NvMapMemUsed"]
    table = None if root is None else Tree(root).try_read("/sys/kernel/debug/nvmap/iovmm/clients")[0]
    total = re.search(r"^total\s+([0-9]+)K", table or "", re.MULTILINE)
    return int(total.group(1)) * 1024 if total else None


class ProcessMemory(NamedTuple):
    """Memory of one process. A value that could not be read is ``None`` and its reason says why.

    None of the three contains the GPU buffers of a Jetson.
    """

    rss_bytes: Optional[int]
    uss_bytes: Optional[int]
    pss_bytes: Optional[int]
    rss_reason: Optional[str] = None
    uss_reason: Optional[str] = None
    pss_reason: Optional[str] = None


def process_memory(pid: Pid = "self", root: str = "/") -> ProcessMemory:
    """Return resident, unique and proportional set size of ``pid``.

    From smaps_rollup (Linux 4.14 on), else the sum over smaps (a Nano's 4.9 kernel; some milliseconds for
    a process with torch loaded), else only the resident pages of statm.
    """
    tree = Tree(root)
    reason = None
    for source in ("smaps_rollup", "smaps"):
        text, reason = tree.try_read("/proc/{}/{}".format(pid, source))
        if text:
            sums = _sum_smaps(text)
            return ProcessMemory(sums["Rss"], sums["Private"], sums["Pss"])
    reason = reason or "/proc/{}/smaps is empty".format(pid)
    try:
        rss = current_rss_bytes(pid, root)
    except OSError as error:
        return ProcessMemory(None, None, None, why("/proc/{}/status".format(pid), error), reason, reason)
    return ProcessMemory(rss, None, None, None if rss is not None else "the process has ended", reason, reason)


def _sum_smaps(text: str) -> Dict[str, int]:
    """Add up the resident, proportional and private parts of all mappings, in bytes."""
    sums = {"Rss": 0, "Pss": 0, "Private": 0}
    for key, value in re.findall(r"^(Rss|Pss|Private_Clean|Private_Dirty|Private_Hugetlb):\s+([0-9]+) kB", text,
                                 re.MULTILINE):
        sums["Private" if key.startswith("Private") else key] += int(value) * 1024
    return sums


def current_rss_bytes(pid: Pid = "self", root: str = "/") -> Optional[int]:
    """Return VmRSS of ``pid``: much cheaper than smaps, for sampling. Raises ``OSError``."""
    return _status_bytes("VmRSS", pid, root)


def _status_bytes(field: str, pid: Pid, root: str) -> Optional[int]:
    match = re.search(r"^{}:\s+([0-9]+) kB".format(field), Tree(root).read("/proc/{}/status".format(pid)),
                      re.MULTILINE)
    return int(match.group(1)) * 1024 if match else None


class PeakRssWindow:
    """The kernel's own peak of the resident set since :meth:`start`; it misses no spike.

    Writing 5 to clear_refs resets VmHWM. Where that is refused (a kernel without the feature, another
    user's process) :meth:`stop` gives ``None`` and the reason, and the caller samples instead.
    """

    def __init__(self, pid: Pid = "self", root: str = "/") -> None:
        self.pid = pid
        self.root = root
        self.reason: Optional[str] = "the window was not started"

    def start(self) -> None:
        """Forget the peak so far."""
        name = "/proc/{}/clear_refs".format(self.pid)
        try:
            Tree(self.root).write(name, "5")
            self.reason = None
        except OSError as error:
            self.reason = why(name, error) + ", so the kernel cannot reset the peak"

    def stop(self) -> Tuple[Optional[int], Optional[str]]:
        """Return the peak in bytes since the start and ``None``, or ``None`` and the reason."""
        if self.reason:
            return None, self.reason
        try:
            peak = _status_bytes("VmHWM", self.pid, self.root)
        except OSError as error:
            return None, why("/proc/{}/status".format(self.pid), error)
        return peak, None if peak is not None else "this kernel does not report VmHWM"


class CpuTimes(NamedTuple):
    """Clock ticks one CPU has spent since boot."""

    busy: int
    total: int


def read_cpu_times(root: str = "/") -> Dict[str, CpuTimes]:
    """Return the ticks of ``cpu`` (all together) and of ``cpu0``, ``cpu1`` ... that are switched on.

    Raises ``OSError``.
    """
    times = {}
    for name, numbers in re.findall(r"^(cpu[0-9]*) +([0-9 ]+)$", Tree(root).read("/proc/stat"), re.MULTILINE):
        ticks = [int(number) for number in numbers.split()[:8]]  # guest time is inside user time already
        idle = sum(ticks[3:5])
        times[name] = CpuTimes(sum(ticks) - idle, sum(ticks))
    return times


def cpu_load(before: Dict[str, CpuTimes], after: Dict[str, CpuTimes]) -> Dict[str, Optional[float]]:
    """Return the busy share (0 to 1) of each CPU between two readings, ``None`` if no tick has passed."""
    load: Dict[str, Optional[float]] = {}
    for name in sorted(set(before) & set(after)):
        total = after[name].total - before[name].total
        busy = after[name].busy - before[name].busy
        load[name] = min(1.0, max(0.0, busy / total)) if total > 0 else None
    return load


def cpu_frequencies_hz(root: str = "/") -> Dict[str, int]:
    """Return the present frequency of each CPU that tells one, by name (``cpu0``)."""
    tree = Tree(root)
    frequencies = {}
    for name in tree.glob(CPU_FREQUENCIES):
        khz = tree.try_int(name)
        if khz is not None:
            frequencies[name.split("/")[5]] = khz * 1000
    return frequencies


def thermal_zones(root: str = "/") -> Dict[str, str]:
    """Return the file that holds each thermal zone's temperature, by zone type.

    Left out: PMIC-Die, a dummy constant on every Jetson. Zones of one type are numbered from the second
    on (``acpitz``, ``acpitz 2``).
    """
    tree = Tree(root)
    zones: Dict[str, str] = {}
    for zone in tree.glob("/sys/class/thermal/thermal_zone[0-9]*"):
        kind = tree.try_read(zone + "/type")[0]
        if not kind or kind.startswith("PMIC"):
            continue
        name, number = kind, 1
        while name in zones:
            number += 1
            name = "{} {}".format(kind, number)
        zones[name] = zone + "/temp"
    return zones


def temperatures_c(root: str = "/", zones: Optional[Dict[str, str]] = None) -> Dict[str, float]:
    """Return each zone's temperature in degrees Celsius, of ``zones`` if they are known already.

    Left out: zones that are switched off (the read fails or says -256).
    """
    tree = Tree(root)
    values = {name: tree.try_int(file) for name, file in (thermal_zones(root) if zones is None else zones).items()}
    return {name: value / 1000.0 for name, value in values.items() if value not in (None, -256, -256000)}


def gpu_devfreq(root: str = "/") -> Optional[str]:
    """Return the devfreq folder of a Jetson's GPU, ``None`` if there is none."""
    tree = Tree(root)
    for folder in tree.glob("/sys/class/devfreq/*"):
        node = tree.try_read(folder + "/device/of_node/name")[0]
        if node in GPU_NODE_NAMES:
            return folder
    folders = (tree.glob("/sys/devices/*.gpu/devfreq/*.gpu")
               + tree.glob("/sys/class/devfreq/*.g[pvab]*") + tree.glob("/sys/class/devfreq/*gpu*"))
    return folders[0] if folders else None


def gpu_clock_hz(root: str = "/") -> Optional[int]:
    """Return the present clock of a Jetson's GPU, ``None`` where there is no such devfreq."""
    folder = gpu_devfreq(root)
    return None if folder is None else Tree(root).try_int(folder + "/cur_freq")


def gpu_load(root: str = "/") -> Optional[float]:
    """Return the busy share (0 to 1) of a Jetson's GPU over the driver's last window, ``None`` if unknown."""
    tree = Tree(root)
    patterns = ("/sys/devices/gpu.0/load", "/sys/devices/*.gpu/load", "/sys/devices/platform/gpu.0/load",
                "/sys/devices/platform/*/*.gpu/load", "/sys/class/devfreq/*gpu*/device/load")
    names = [name for pattern in patterns for name in tree.glob(pattern)]
    per_mille = [value for value in map(tree.try_int, names) if value is not None]
    return per_mille[0] / 1000.0 if per_mille else None
