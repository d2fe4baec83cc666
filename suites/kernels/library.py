"""The built CPU libraries, each loaded once, with their functions typed for ctypes."""

import ctypes
import functools
import io
import os
import platform
from typing import Any, List, NamedTuple, Optional

from suites.kernels.build import Built, build
from suites.kernels.families import FAMILIES
from suites.kernels.geometry import Geometry
from suites.kernels.tuning import Tuning

#: Version of the C interface that this package speaks; every library gives its own.
INTERFACE = 1
POINTER = ctypes.c_void_p


class GeometryStruct(ctypes.Structure):
    """``struct Geometry`` of ``cpu/plan.h``."""

    _fields_ = [(name, ctypes.c_int64) for name in Geometry._fields]


class TuningStruct(ctypes.Structure):
    """``struct Tuning`` of ``cpu/plan.h``."""

    _fields_ = [(name, ctypes.c_int64) for name in Tuning._fields]


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
    handle.wht_plan.argtypes = [POINTER, POINTER, POINTER, POINTER]
    handle.wht_free.argtypes = [POINTER]
    handle.wht_free.restype = None
    handle.wht_forward.argtypes = [POINTER] * 5 + [ctypes.c_int]
    handle.wht_backward.argtypes = [POINTER] * 8 + [ctypes.c_int]


def _type_roofs(handle: Any) -> None:
    handle.wht_copy.argtypes = [POINTER, POINTER, ctypes.c_int64, ctypes.c_int, ctypes.c_int]
    handle.wht_copy.restype = None
    handle.wht_multiply_add.argtypes = [ctypes.c_int64, ctypes.c_int, POINTER]
    handle.wht_multiply_add.restype = ctypes.c_int64


def _fits(handle: Any, functions: str) -> bool:
    """Tell whether the library and this package speak of the same interface and structures."""
    return getattr(handle, functions + "_interface")() == INTERFACE and (functions != "wht" or (
        handle.wht_geometry_bytes() == ctypes.sizeof(GeometryStruct)
        and handle.wht_tuning_bytes() == ctypes.sizeof(TuningStruct)))


def load(built: Optional[Built] = None, family: str = "wht") -> Loaded:
    """Build if need be, load, and give the kernels torch's pool of threads. Never raises for want of any.

    Functions of families other than the fused layer's are typed by the module that calls them.
    """
    if platform.system() != "Linux":
        return Loaded(None, "the CPU kernels are built on Linux only", None, "none", None)
    built = build(family=family) if built is None else built
    if built.path is None:
        return Loaded(None, built.reason, built, "none", None)
    try:
        handle = ctypes.CDLL(built.path)
    except OSError:
        return Loaded(None, "the built kernels do not load: delete the kernel cache and try again", built, "none",
                      None)
    functions = FAMILIES[family].functions
    if not _fits(handle, functions):
        return Loaded(None, "the built kernels are of another version: delete the kernel cache", built, "none", None)
    if functions == "wht":
        _type_functions(handle)
    if family == "wht":
        _type_roofs(handle)
    pool = pool_function()
    for name in FAMILIES[family].pools:
        function = getattr(handle, name)
        function.argtypes, function.restype = [POINTER], None
        function(pool)
    return Loaded(handle, None, built, "torch's OpenMP" if pool else "own threads",
                  getattr(handle, functions + "_vector_bytes")())


@functools.lru_cache(maxsize=None)
def loaded(family: str) -> Loaded:
    """Return the library of ``family``, built and loaded on the first call of this process."""
    return load(family=family)
