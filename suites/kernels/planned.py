"""Plans kept between calls: everything that depends on shapes and options alone is reckoned once."""

import ctypes
from collections import OrderedDict
from typing import Any, Callable, Sequence

import torch
from torch import Tensor

from suites.kernels.geometry import Geometry, Spec, dense_like, factors, out_shape, padded, plan_geometry, table_order
from suites.kernels.library import GeometryStruct, TuningStruct
from suites.kernels.tuning import Tuning

DTYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}
MOST_PLANS = 256


class Planned:
    """One plan of the library. ``reason`` says in a sentence why there is none; then ``pointer`` is ``None``.

    ``x_strides`` is ``None`` if the plan is for x as it is; else no kernel takes x's own strides, and the plan
    is for a copy of x with these. ``empty``: there is nothing to compute, and no kernel may be called.
    ``direct``: the kernel takes x as it is.

    Raises ``MemoryError`` where there is none for the plan.
    """

    __slots__ = ("pointer", "reason", "shape", "strides", "length", "x_strides", "keep_zero", "empty", "direct",
                 "_library")

    def __init__(self, library: Any, shape: Sequence[int], strides: Sequence[int], dtype: torch.dtype,
                 spec: Spec, tuning_of: Callable[[Geometry], Tuning]) -> None:
        self._library = library
        self.pointer = None  # type: Any
        self.shape = out_shape(shape, spec)
        self.length = padded(shape, spec)[0] * padded(shape, spec)[1]
        self.strides = tuple(dense_like(self.shape, strides))
        # Channels past the last block that an output needs get no gradient from any kernel.
        self.keep_zero = spec.block is not None and -(-self.shape[1] // spec.block) * spec.block < shape[1]
        geometry = plan_geometry(shape, strides, self.strides, spec, DTYPES[dtype])
        self.x_strides = None  # type: Any
        self.empty = 0 in shape
        if isinstance(geometry, str):
            self.x_strides = tuple(dense_like(shape, strides))
            geometry = plan_geometry(shape, self.x_strides, self.strides, spec, DTYPES[dtype])
        self.reason = geometry if isinstance(geometry, str) and not self.empty else None
        self.direct = self.reason is None and self.x_strides is None and not self.empty
        if not isinstance(geometry, str) and not self.empty:
            order = table_order(*padded(shape, spec), order=spec.order)
            self.pointer = library.wht_plan(
                ctypes.byref(GeometryStruct(*geometry)), ctypes.byref(TuningStruct(*tuning_of(geometry))),
                (ctypes.c_double * 2)(*factors(self.length, spec.norm)),
                None if order is None else (ctypes.c_int32 * len(order))(*order))
            if self.pointer is None:
                raise MemoryError("no memory for a kernel plan: close other programs")

    def __del__(self) -> None:
        if self.pointer is not None:
            self._library.wht_free(self.pointer)


class Plans:
    """A bounded store of plans, the one used longest ago dropped first."""

    def __init__(self, library: Any, tuning_of: Callable[[Geometry, int], Tuning], most: int = MOST_PLANS) -> None:
        self._library = library
        self._tuning_of = tuning_of
        self._most = most
        self._kept = OrderedDict()  # type: OrderedDict

    def get(self, x: Tensor, spec: Spec) -> Planned:
        """Return the plan for ``x`` and ``spec``; what matters are its shape, strides and dtype, and the threads."""
        threads = torch.get_num_threads()
        key = (x.shape, x.stride(), x.dtype, spec, threads)
        found = self._kept.get(key)
        if found is None:
            found = Planned(self._library, tuple(x.shape), x.stride(), x.dtype, spec,
                            lambda geometry: self._tuning_of(geometry, threads))
            self._kept[key] = found
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found
