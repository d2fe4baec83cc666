"""Calls of the CPU kernel for multiplication-free dense layers."""

import ctypes
import functools
from typing import Any, Optional, Sequence, Tuple

import torch
from torch import Tensor

from suites.kernels import on_cuda
from suites.kernels.bound import float_table, library_problem, plain_type_reason, pointers
from suites.kernels.library import POINTER, Loaded, loaded
from suites.kernels.packed import Packed
from suites.kernels.prepared import Call, bound_call

DTYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}
#: As the C++ side numbers them.
MEMBERS = {"sum": 1, "min": 2, "match-min": 3}


@functools.lru_cache(maxsize=None)
def library() -> Loaded:
    """Return the kernels' library, built and loaded on the first call of this process."""
    found = loaded("mf")
    if found.handle is not None:
        handle = found.handle
        handle.mf_packed_floats.argtypes, handle.mf_packed_floats.restype = [POINTER], ctypes.c_int64
        handle.mf_pack.argtypes = [POINTER] * 3 + [ctypes.c_float, POINTER]
        handle.mf_pack.restype = None
        handle.mf_forward.argtypes = [POINTER] * 4 + [ctypes.c_int]
    return found


def reason_of_type(x: Tensor) -> Optional[str]:
    """Return why the kernel does not take tensors like ``x`` of any size, in a sentence, or ``None`` if it does."""
    if x.is_cuda and x.layout == torch.strided:
        return on_cuda.type_problem("sums_launch", x.dtype, x.device)
    return plain_type_reason(x, "multiplication-free dense kernel", tuple(DTYPES)) or library_problem("mf")


def reason(x: Tensor) -> Optional[str]:
    """Return why the kernel does not take ``x`` (..., features), in a sentence, or ``None`` if it does."""
    return reason_of_type(x) or ("an empty tensor needs no kernel" if x.numel() == 0 else None)


@functools.lru_cache(maxsize=1024)
def _geometry(rows: int, inputs: int, outputs: int, member: str, dtype: torch.dtype) -> Any:
    return (ctypes.c_int64 * 5)(rows, inputs, outputs, MEMBERS[member], DTYPES[dtype])


def _pack(tensors: Sequence[Optional[Tensor]], option: Tuple[str, float]) -> Tensor:
    weight, bias = [float_table(tensor) for tensor in tensors]
    assert weight is not None
    handle, (member, scale) = library().handle, option
    numbers = _geometry(1, weight.shape[1], weight.shape[0], member, torch.float32)
    packed = torch.empty(handle.mf_packed_floats(numbers), dtype=torch.float32, device="cpu")
    handle.mf_pack(numbers, *pointers(weight, bias), scale, packed.data_ptr())
    return packed


PACKED = Packed(_pack)


def prepare(x: Tensor, weight: Tensor, bias: Optional[Tensor], member: str, scale: float = 1.0) -> Call:
    """Return the call of :func:`run` for tensors like ``x`` and these weights as they are now."""
    if x.is_cuda:
        there = on_cuda.launcher("sums_launch").dense
        return lambda x: there(x, weight, bias, member, scale)
    outputs, inputs = weight.shape
    packed = PACKED.get((weight, bias), (member, scale))
    numbers = _geometry(x.numel() // inputs, inputs, outputs, member, x.dtype)
    return bound_call(library().handle.mf_forward, numbers, packed, x, tuple(x.shape[:-1]) + (outputs,),
                      x.is_contiguous())


def run(x: Tensor, weight: Tensor, bias: Optional[Tensor], member: str, scale: float = 1.0) -> Tensor:
    """Return ``scale sum_i f(x_i, weight_oi) + bias_o`` for an ``x`` that :func:`reason` has nothing against.

    ``x`` is (..., in), ``weight`` (out, in), ``bias`` (out,) or ``None``; sums are float32, rounded once to x's type.
    The same bits for every number of threads.
    """
    x = x.resolve_neg()
    return prepare(x, weight, bias, member, scale)(x)
