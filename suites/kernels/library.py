"""The built CPU library, loaded once, with its functions typed for ctypes."""

import ctypes
import io
import os
import platform
from typing import Any, List, NamedTuple, Optional

from suites.kernels.build import Built, build

INTERFACE = 1
POINTER = ctypes.c_void_p


class Loaded(NamedTuple):
    """The library and how it came to be; ``handle`` is ``None`` where ``reason`` says why."""

    handle: Any
    reason: Optional[str]
    built: Optional[Built]
    pool: str
    vector_bytes: Optional[int]


def openmp_libraries(maps: str = "/proc/self/maps") -> List[str]:
    """Return the OpenMP libraries this process has loaded, torch's own first."""
    try:
        with io.open(maps, encoding="utf-8", errors="replace") as file:
            paths = {line.split(None, 5)[5].strip() for line in file if line.count("/") > 1}
    except (IOError, OSError):
        return []
    found = [p for p in paths if any(word in os.path.basename(p) for word in ("gomp", "libomp", "iomp"))]
    return sorted(found, key=lambda path: (os.sep + "torch" not in path, path))


def pool_function() -> Optional[int]:
    """Return the address of ``GOMP_parallel`` in torch's OpenMP library, or ``None`` without one.

    The kernels are linked against no OpenMP library: older torch wheels carry theirs under another name, and
    a second pool of threads would fight torch's for the cores. Torch must be imported first.
    """
    for path in openmp_libraries():
        try:
            function = ctypes.CDLL(path).GOMP_parallel
        except (OSError, AttributeError):
            continue
        return ctypes.cast(function, POINTER).value
    return None


def _type_functions(handle: Any) -> None:
    handle.wht_plan.restype = POINTER
    handle.wht_plan.argtypes = [POINTER, POINTER, POINTER]
    handle.wht_free.argtypes = [POINTER]
    handle.wht_free.restype = None
    handle.wht_forward.argtypes = [POINTER] * 5 + [ctypes.c_int]
    handle.wht_backward.argtypes = [POINTER] * 8 + [ctypes.c_int]
    handle.wht_copy.argtypes = [POINTER, POINTER, ctypes.c_int64, ctypes.c_int, ctypes.c_int]
    handle.wht_copy.restype = None
    handle.wht_multiply_add.argtypes = [ctypes.c_int64, ctypes.c_int, POINTER]
    handle.wht_multiply_add.restype = ctypes.c_int64
    for name in ("wht_set_pool", "wht_set_pool_backward", "wht_set_pool_roofs"):
        getattr(handle, name).argtypes = [POINTER]
        getattr(handle, name).restype = None


def load(built: Optional[Built] = None) -> Loaded:
    """Build if need be, load, and give the kernels torch's pool of threads. Never raises for want of any."""
    if platform.system() != "Linux":
        return Loaded(None, "the CPU kernels are built on Linux only", None, "none", None)
    built = build() if built is None else built
    if built.path is None:
        return Loaded(None, built.reason, built, "none", None)
    try:
        handle = ctypes.CDLL(built.path)
    except OSError:
        return Loaded(None, "the built kernels do not load: delete the kernel cache and try again", built, "none",
                      None)
    if handle.wht_interface() != INTERFACE:
        return Loaded(None, "the built kernels are of another version: delete the kernel cache", built, "none", None)
    _type_functions(handle)
    pool = pool_function()
    handle.wht_set_pool(pool)
    handle.wht_set_pool_backward(pool)
    handle.wht_set_pool_roofs(pool)
    return Loaded(handle, None, built, "torch's OpenMP" if pool else "own threads", handle.wht_vector_bytes())
