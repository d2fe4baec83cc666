"""Memory of the system and of a process, from /proc.

Nothing here needs rights beyond a normal user's, except the NvMap table of older Jetson kernels.
"""

import re
import resource
from typing import Dict, NamedTuple, Optional, Tuple, Union

from harness.system.tree import Tree, why

Pid = Union[int, str]


def read_meminfo(root: str = "/") -> Dict[str, int]:
    """Return every field of /proc/meminfo in bytes (the ``HugePages_*`` fields are counts).

    Raises ``OSError`` if the file is not there.
    """
    fields = {}
    for match in re.finditer(r"^([^:\n]+):\s+([0-9]+)( kB)?", Tree(root).read("/proc/meminfo"), re.MULTILINE):
        fields[match.group(1)] = int(match.group(2)) * (1024 if match.group(3) else 1)
    return fields


def ram_used_bytes(meminfo: Dict[str, int], free: Optional[int] = None) -> int:
    """Return the whole system's used RAM as tegrastats and jtop define it, before their rounding to 1 MiB.

    MemTotal - MemFree - Buffers - Cached; ``free`` (bytes) takes the place of MemFree. GPU buffers of a Jetson count
    as used, reclaimable slabs too; psutil's and free's "used" are other definitions and must not be mixed with this.
    """
    free = meminfo["MemFree"] if free is None else free
    return meminfo["MemTotal"] - free - meminfo["Buffers"] - meminfo["Cached"]


def free_bytes(root: str = "/") -> Optional[int]:
    """Return the free memory with the pages on the processors' own lists, ``None`` where the kernel does not tell.

    MemFree leaves those out, so the system's "used" holds what a process freed until another takes it: on a recent
    kernel (6.7 and newer let the lists grow) some hundred MB on a machine with much memory.
    """
    text = Tree(root).text("/proc/zoneinfo") or ""
    pages = [re.findall(pattern, text, re.MULTILINE)
             for pattern in (r"^\s*pages free\s+([0-9]+)$", r"^\s+count:\s+([0-9]+)$")]
    return sum(int(one) for found in pages for one in found) * resource.getpagesize() if all(pages) else None


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
    table = None if root is None else Tree(root).text("/sys/kernel/debug/nvmap/iovmm/clients")
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


def peak_rss_bytes(pid: Pid = "self", root: str = "/") -> Optional[int]:
    """Return VmHWM of ``pid``, the kernel's own peak of its resident memory. Raises ``OSError``."""
    return _status_bytes("VmHWM", pid, root)


def _status_bytes(field: str, pid: Pid, root: str) -> Optional[int]:
    match = re.search(r"^{}:\s+([0-9]+) kB".format(field), Tree(root).read("/proc/{}/status".format(pid)),
                      re.MULTILINE)
    return int(match.group(1)) * 1024 if match else None


class PeakRssWindow:
    """The kernel's own peak of the resident set since :meth:`start`; it misses no spike.

    Writing 5 to clear_refs resets VmHWM. Where that is refused (a kernel without the feature, another
    user's process) :meth:`peak` gives ``None`` and the reason, and the caller samples instead.
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

    def peak(self) -> Tuple[Optional[int], Optional[str]]:
        """Return the peak in bytes since the start and ``None``, or ``None`` and the reason."""
        if self.reason:
            return None, self.reason
        try:
            peak = _status_bytes("VmHWM", self.pid, self.root)
        except OSError as error:
            return None, why("/proc/{}/status".format(self.pid), error)
        return peak, None if peak is not None else "this kernel does not report VmHWM"
