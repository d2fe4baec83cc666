"""What the kernels need to know of this CPU."""

import io
from typing import List

INTERESTING = ("avx512f", "avx512_bf16", "avx2", "fma", "f16c", "sse4_2", "asimd", "asimdhp", "neon")


def cpu_features(path: str = "/proc/cpuinfo") -> List[str]:
    """Return those instruction sets of this CPU that matter here."""
    try:
        with io.open(path, encoding="utf-8", errors="replace") as file:
            words = {word for line in file if line.lower().startswith(("flags", "features"))
                     for word in line.split(":", 1)[1].split()}
    except (IOError, OSError):
        return []
    return [name for name in INTERESTING if name in words]
