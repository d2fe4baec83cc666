"""What the kernels need to know of this CPU."""

import glob
import io
import os
from typing import Dict, List, Optional

CACHE_FOLDERS = "/sys/devices/system/cpu/cpu0/cache/index*"
INTERESTING = ("avx512f", "avx512_bf16", "avx2", "fma", "f16c", "sse4_2", "asimd", "asimdhp", "neon")


def cache_sizes(folders: str = CACHE_FOLDERS) -> Dict[int, int]:
    """Return the size in bytes of each level of data cache, empty where the system does not tell."""
    sizes = {}  # type: Dict[int, int]
    for folder in sorted(glob.glob(folders)):
        try:
            level, kind, size = [_read(os.path.join(folder, name)) for name in ("level", "type", "size")]
        except (IOError, OSError):
            continue
        if kind != "Instruction" and size[-1:] in "KM":
            sizes[int(level)] = int(size[:-1]) * (1024 if size.endswith("K") else 1024 ** 2)
    return sizes


def _read(path: str) -> str:
    with io.open(path, encoding="ascii") as file:
        return file.read().strip()


def past_cache_bytes(sizes: Optional[Dict[int, int]] = None) -> int:
    """Return the output size in bytes from which stores go past the caches: half of the last one.

    A smaller output would only be pushed out of a cache its reader finds it in. 16 MB where unknown.
    """
    sizes = cache_sizes() if sizes is None else sizes
    return sizes[max(sizes)] // 2 if sizes and max(sizes) > 1 else 16 * 1024 ** 2


def cpu_features(path: str = "/proc/cpuinfo") -> List[str]:
    """Return those instruction sets of this CPU that matter here."""
    try:
        with io.open(path, encoding="utf-8", errors="replace") as file:
            words = {word for line in file if line.lower().startswith(("flags", "features"))
                     for word in line.split(":", 1)[1].split()}
    except (IOError, OSError):
        return []
    return [name for name in INTERESTING if name in words]
