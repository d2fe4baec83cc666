"""What the kernels need to know of this CPU."""

import io
from typing import List

from suites.kernels.tuning import DEFAULT

INTERESTING = ("avx512f", "avx512_bf16", "amx_int8", "avx2", "fma", "f16c", "sse4_2", "asimd", "asimdhp", "neon")


def past_cache_bytes() -> int:
    """Return the output size in bytes from which kernels store past the caches that do not find it out by trying.

    Not what the system reports: a virtual machine may report its host's whole cache.
    """
    return DEFAULT.past_cache_bytes


def cpu_features(path: str = "/proc/cpuinfo") -> List[str]:
    """Return those instruction sets of this CPU that matter here."""
    try:
        with io.open(path, encoding="utf-8", errors="replace") as file:
            words = {word for line in file if line.lower().startswith(("flags", "features"))
                     for word in line.split(":", 1)[1].split()}
    except (IOError, OSError):
        return []
    return [name for name in INTERESTING if name in words]
