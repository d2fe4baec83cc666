"""Calls of the CPU kernels on torch tensors, with as little Python between as there can be."""

import os
from typing import Any, Dict, Optional, Tuple

import torch
from torch import Tensor

from suites.kernels.build import home_as_tilde
from suites.kernels.geometry import Spec, dense_like
from suites.kernels.library import Loaded, load
from suites.kernels.machine import cpu_features
from suites.kernels.planned import DTYPES, Plans
from suites.kernels.prepared import Call, outputs
from suites.kernels.probe import tunings_of

#: Each type's family of ``suites.kernels.families``: a library of its own, which only its first call waits for.
FAMILY_OF = {torch.float32: "wht", torch.bfloat16: "wht-bfloat16", torch.float16: "wht-float16"}


class Kernels:
    """The kernels of one type of tensors: their library, what was found out about the machine, and the plans.

    ``tunings`` and ``plans`` are ``None`` where the library could not be built; ``loaded`` then says why.
    """

    __slots__ = ("loaded", "tunings", "plans")

    def __init__(self, dtype: torch.dtype) -> None:
        self.loaded = found = load(family=FAMILY_OF[dtype])
        self.tunings = None  # type: Any
        self.plans = None  # type: Any
        if found.handle is not None and found.built is not None and found.built.path is not None:
            self.tunings = tunings_of(found.handle, os.path.dirname(found.built.path), DTYPES[dtype])
            self.plans = Plans(found.handle, self.tunings.of)


_KERNELS = {}  # type: Dict[torch.dtype, Kernels]


def kernels(dtype: torch.dtype) -> Kernels:
    """Return the kernels of ``dtype``, a key of :data:`FAMILY_OF`, built and loaded on the first call."""
    found = _KERNELS.get(dtype)
    if found is None:
        found = _KERNELS[dtype] = Kernels(dtype)
    return found


def loaded() -> Loaded:
    """Return the library of float32, which the copies are in as well, built and loaded on the first call."""
    return kernels(torch.float32).loaded


def reason(x: Tensor, spec: Spec) -> Optional[str]:
    """Return why the CPU kernels do not take ``x``, in a sentence, or ``None`` if they do."""
    if x.dtype not in DTYPES:
        return "the CPU kernels do float32, bfloat16 and float16, not {}".format(str(x.dtype).replace("torch.", ""))
    if x.layout != torch.strided:
        return "the CPU kernels do dense tensors only"
    found = kernels(x.dtype)
    if found.plans is None:
        return found.loaded.reason
    return found.plans.get(x, spec).reason


def _table(table: Tensor) -> Tensor:
    table = table.detach()
    if table.dtype is not torch.float32:
        table = table.float()
    return table if table.is_contiguous() else table.contiguous()


def fast(x: Tensor, threshold: Tensor, scale: Optional[Tensor], spec: Spec,
         out: Optional[Tensor]) -> Optional[Tensor]:
    """Run the forward if a kernel takes it as it is, else return ``None`` and leave it to the long way.

    The caller makes sure that torch neither records nor transforms the call, and that ``x`` is no subclass.

    Raises ``MemoryError`` where there is none for the kernel's scratch.
    """
    device = x.device
    if x.is_neg():
        x = x.resolve_neg()
    if x.dtype not in DTYPES or device.type != "cpu" or x.layout is not torch.strided:
        return None
    if threshold.device != device or (scale is not None and scale.device != device):
        return None
    found = _KERNELS.get(x.dtype) or kernels(x.dtype)
    if found.plans is None:
        return None
    if x.dim() < 2 or (len(spec.dims) == 2 and x.dim() != 4):
        return None
    plan = found.plans.get(x, spec)
    if not plan.direct:
        return None
    if threshold.dtype is not torch.float32 or not threshold.is_contiguous() or threshold.numel() != plan.length:
        return None
    if out is None:
        out = x.new_empty_strided(plan.shape, plan.strides)
    elif out.dtype is not x.dtype or out.shape != plan.shape or out.stride() != plan.strides:
        return None
    elif spec.residual and out.data_ptr() == x.data_ptr():
        return None  # the kernel reads x again when it writes
    if scale is None:
        scale_pointer = None
    elif scale.dtype is not torch.float32 or not scale.is_contiguous() or scale.numel() != plan.length:
        return None
    else:
        scale_pointer = scale.data_ptr()
    if found.loaded.handle.wht_forward(plan.pointer, x.data_ptr(), out.data_ptr(), threshold.data_ptr(),
                                       scale_pointer, torch.get_num_threads()):
        raise MemoryError("no memory for the kernel's scratch: close other programs")
    return out


def prepare(x: Tensor, threshold: Tensor, scale: Optional[Tensor], spec: Spec) -> Optional[Call]:
    """Return the forward's call for tensors like ``x``, or ``None`` if no kernel takes all three as they are.

    The call reads the tables where they are now, which it does not keep: whoever keeps it makes sure that they stay.
    """
    if x.device.type != "cpu" or threshold.device != x.device or (scale is not None and scale.device != x.device):
        return None
    if reason(x, spec) is not None:
        return None
    found = kernels(x.dtype)
    plan = found.plans.get(x, spec)
    tables = [table for table in (threshold, scale) if table is not None]
    if not plan.direct or not all(table.dtype is torch.float32 and table.is_contiguous()
                                  and table.numel() == plan.length for table in tables):
        return None
    forward, threads_now = found.loaded.handle.wht_forward, torch.get_num_threads
    plans = {threads_now(): plan}
    thresholds, scales = [None if table is None else table.data_ptr() for table in (threshold, scale)]
    new = outputs(tuple(plan.shape), plan.strides, x.dtype)

    def call(x: Tensor) -> Tensor:
        threads = threads_now()
        if threads not in plans:
            plans[threads] = found.plans.get(x, spec)
        y = new()
        if forward(plans[threads].pointer, x.data_ptr(), y.data_ptr(), thresholds, scales, threads):
            raise MemoryError("no memory for the kernel's scratch: close other programs")
        return y

    return call


def _with_strides(x: Tensor, strides: Optional[Tuple[int, ...]]) -> Tensor:
    """Return ``x`` laid out with ``strides``: itself if it is, else a copy."""
    if strides is None or x.stride() == strides:
        return x
    return x.new_empty_strided(x.shape, strides).copy_(x)


def forward(x: Tensor, threshold: Tensor, scale: Optional[Tensor], spec: Spec) -> Tensor:
    """Return the layer's output for tensors that :func:`reason` has nothing against.

    Raises ``MemoryError`` where there is none for the kernel's scratch.
    """
    found, x = kernels(x.dtype), x.detach().resolve_neg()
    library, plan = found.loaded.handle, found.plans.get(x, spec)
    x = _with_strides(x, plan.x_strides)
    y = x.new_empty_strided(plan.shape, plan.strides)
    if plan.empty:
        return y
    threshold, scale = _table(threshold), None if scale is None else _table(scale)
    if library.wht_forward(plan.pointer, x.data_ptr(), y.data_ptr(), threshold.data_ptr(),
                           None if scale is None else scale.data_ptr(), torch.get_num_threads()):
        raise MemoryError("no memory for the kernel's scratch: close other programs")
    return y


def backward(gradient: Tensor, x: Tensor, threshold: Tensor, scale: Optional[Tensor],
             spec: Spec) -> Tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of x, threshold and scale (empty without one), shaped and typed like them.

    Raises ``MemoryError`` where there is none for the kernel's scratch.
    """
    found = kernels(x.dtype)
    x, gradient = x.resolve_neg(), gradient.resolve_neg()
    x = _with_strides(x.detach(), tuple(dense_like(x.shape, x.stride())))
    library, plan = found.loaded.handle, found.plans.get(x, spec)
    gradient = _with_strides(gradient.detach().to(x.dtype), plan.strides)
    g_x = x.new_empty_strided(x.shape, x.stride())
    if plan.empty:
        return g_x, torch.zeros_like(threshold), x.new_empty(0) if scale is None else torch.zeros_like(scale)
    if plan.keep_zero:
        g_x.zero_()
    g_threshold = x.new_empty(threshold.shape, dtype=torch.float32)
    g_scale = x.new_empty(0 if scale is None else scale.shape, dtype=torch.float32)
    threshold_32, scale_32 = _table(threshold), None if scale is None else _table(scale)
    if library.wht_backward(plan.pointer, x.data_ptr(), gradient.data_ptr(), g_x.data_ptr(), threshold_32.data_ptr(),
                            None if scale_32 is None else scale_32.data_ptr(), g_threshold.data_ptr(),
                            None if scale is None else g_scale.data_ptr(), torch.get_num_threads()):
        raise MemoryError("no memory for the kernel's scratch: close other programs")
    return g_x, g_threshold.to(threshold.dtype), g_scale.to(x.dtype if scale is None else scale.dtype)


def describe() -> Dict[str, Any]:
    """Return the CPU half of :func:`suites.kernels.status`."""
    found = loaded()
    built = found.built
    return {
        "available": found.handle is not None,
        "reason": found.reason,
        "remedy": None if found.handle is not None else "install a C++ compiler (apt install g++), or set CXX",
        "compiler": None if built is None or built.compiler is None else home_as_tilde(built.compiler),
        "compiler_version": None if built is None else built.compiler_version,
        "flags": [] if built is None else list(built.flags),
        "library": None if built is None or built.path is None else home_as_tilde(built.path),
        "log": None if built is None or built.log is None else home_as_tilde(built.log),
        "build_seconds": None if built is None else built.seconds,
        "vector_bytes": found.vector_bytes,
        "threads": found.pool,
        "features": cpu_features(),
        "tuning": _tuning(torch.float32),
        "other_types": {str(dtype).replace("torch.", ""): {
            "reason": other.loaded.reason, "tuning": _tuning(dtype),
            "build_seconds": None if other.loaded.built is None else other.loaded.built.seconds,
        } for dtype, other in _KERNELS.items() if dtype is not torch.float32},
    }


def _tuning(dtype: torch.dtype) -> Dict[str, Any]:
    """Return what was found out by trying, for as many threads as torch has now; empty where no kernel runs."""
    tunings = kernels(dtype).tunings
    if tunings is None:
        return {}
    tunings.at(torch.get_num_threads())
    return tunings.describe()
