"""Operating system, CPU, memory and Python of this machine."""

import os
import platform
import re
import sys
from typing import Any, Dict, List

from harness.system.load import load_1min
from harness.system.memory import read_meminfo, swap_used_bytes
from harness.system.tree import Tree


def os_section(root: str = "/") -> Dict[str, Any]:
    """Return kernel, distribution, address randomisation, uptime and load."""
    read = Tree(root).text
    release = read("/etc/os-release") or ""
    name = re.search(r'^PRETTY_NAME="?([^"\n]*)', release, re.MULTILINE)
    uptime = read("/proc/uptime")
    return {
        "kernel": platform.release(),
        "system": platform.system(),
        "machine": platform.machine(),
        "distribution": name.group(1) if name else None,
        "aslr": read("/proc/sys/kernel/randomize_va_space"),
        "uptime_s": float(uptime.split()[0]) if uptime else None,
        "load_1min": load_1min(root),
        "container": Tree(root).exists("/.dockerenv"),
    }


def cpu_model(cpuinfo: str) -> str:
    """Return the CPU's name from /proc/cpuinfo's text; Arm kernels give only a part number."""
    for key in ("model name", "Hardware", "Model"):
        found = re.search(r"^{}\s*:\s*(.+)$".format(key), cpuinfo, re.MULTILINE)
        if found:
            return found.group(1).strip()
    parts = {"0xd03": "Cortex-A53", "0xd07": "Cortex-A57", "0xd08": "Cortex-A72", "0xd42": "Cortex-A78AE",
             "0x004": "Carmel"}
    part = re.search(r"^CPU part\s*:\s*(\S+)$", cpuinfo, re.MULTILINE)
    return parts.get(part.group(1), "Arm part " + part.group(1)) if part else platform.machine()


def vector_extensions(cpuinfo: str) -> List[str]:
    """Return the vector instruction sets that decide a kernel's speed, from /proc/cpuinfo's text."""
    flags = set(re.findall(r"\S+", " ".join(re.findall(r"^(?:flags|Features)\s*:(.*)$", cpuinfo, re.MULTILINE))))
    known = ("sse4_2", "avx", "fma", "avx2", "avx512f", "avx512_bf16", "asimd", "asimdhp", "sve", "neon")
    return [name for name in known if name in flags]


def cpu_section(root: str = "/") -> Dict[str, Any]:
    """Return the CPU's name, cores, vector extensions, caches, affinity and turbo setting."""
    read = Tree(root).text
    cpuinfo = read("/proc/cpuinfo") or ""
    caches: Dict[str, str] = {}
    for index in range(5):
        base = "/sys/devices/system/cpu/cpu0/cache/index{}/".format(index)
        level, kind, size = (read(base + name) for name in ("level", "type", "size"))
        if level and size and kind != "Instruction":
            caches["L" + level] = size
    no_turbo = read("/sys/devices/system/cpu/intel_pstate/no_turbo")
    boost = read("/sys/devices/system/cpu/cpufreq/boost")
    return {
        "model": cpu_model(cpuinfo),
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)),
        "vector": vector_extensions(cpuinfo),
        "caches": caches,
        "hypervisor": bool(re.search(r"\bhypervisor\b", cpuinfo)),
        "turbo": boost == "1" if boost else (no_turbo == "0" if no_turbo else None),
        "turbo_reason": None if boost or no_turbo else "the kernel does not show it",
    }


def memory_section(root: str = "/") -> Dict[str, Any]:
    """Return total, available and swap memory in bytes."""
    try:
        fields = read_meminfo(root)
    except OSError:
        fields = {}
    return {
        "total_bytes": fields.get("MemTotal"),
        "available_bytes": fields.get("MemAvailable"),
        "swap_total_bytes": fields.get("SwapTotal"),
        "swap_used_bytes": swap_used_bytes(fields) if "SwapTotal" in fields else None,
        "nvmap_reported": "NvMapMemUsed" in fields,
    }


def python_section() -> Dict[str, Any]:
    """Return the interpreter's version and build, and the versions of the packages that matter."""
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "encoding": sys.stdout.encoding,
        "packages": {name: package_version(name) for name in
                     ("numpy", "pandas", "psutil", "matplotlib", "jetson-stats", "nvidia-ml-py")},
    }


def package_version(name: str) -> Any:
    """Return the installed version of package ``name`` without importing it, ``None`` if absent."""
    try:
        from importlib.metadata import PackageNotFoundError, version
    except ImportError:  # Python 3.6 and 3.7
        from importlib_metadata import PackageNotFoundError, version  # type: ignore[no-redef]
    try:
        return version(name)
    except PackageNotFoundError:
        return None
