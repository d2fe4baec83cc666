"""Calls of the CPU kernel for depthwise layers: the convolution and the multiplication-free members."""

import ctypes
import functools
from typing import Any, Optional, Sequence, Tuple

import torch
from torch import Tensor

from suites.kernels import on_cuda
from suites.kernels.bound import float_table, library_problem, plain_type_reason, pointers
from suites.kernels.library import POINTER, Loaded, loaded
from suites.kernels.machine import past_cache_bytes
from suites.kernels.packed import Packed
from suites.kernels.prepared import Call, bound_call, plan_address

DTYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}
#: What takes the place of the product, as the C++ side numbers it.
PRODUCT = "product"
MEMBERS = {PRODUCT: 0, "sum": 1, "min": 2, "match-min": 3}


@functools.lru_cache(maxsize=None)
def library() -> Loaded:
    """Return the kernels' library, built and loaded on the first call of this process."""
    found = loaded("depthwise")
    if found.handle is not None:
        handle = found.handle
        handle.depthwise_by_rows.argtypes = handle.depthwise_packed_floats.argtypes = [POINTER]
        handle.depthwise_packed_floats.restype = ctypes.c_int64
        handle.depthwise_pack.argtypes = [POINTER] * 3 + [ctypes.c_float, POINTER]
        handle.depthwise_pack.restype = None
        handle.depthwise_forward.argtypes = [POINTER] * 4 + [ctypes.c_int]
    return found


def reason_of_type(x: Tensor) -> Optional[str]:
    """Return why the kernel does not take tensors like ``x`` of any size, in a sentence, or ``None`` if it does."""
    if x.is_cuda and x.layout == torch.strided:
        return on_cuda.type_problem("sums_launch", x.dtype, x.device)
    return plain_type_reason(x, "depthwise kernel", tuple(DTYPES)) or library_problem("depthwise")


def reason(x: Tensor) -> Optional[str]:
    """Return why the kernel does not take ``x`` (N, C, H, W), in a sentence, or ``None`` if it does."""
    problem = reason_of_type(x) or ("an empty tensor needs no kernel" if x.numel() == 0 else None)
    if problem is None and x.is_cuda:
        return on_cuda.launcher("sums_launch").too_large(x)
    return problem


def output_shape(shape: Sequence[int], stride: int) -> Tuple[int, ...]:
    """Return the shape of the output for an input of ``shape`` (N, C, H, W), padded by half an odd kernel."""
    return (shape[0], shape[1], (shape[2] - 1) // stride + 1, (shape[3] - 1) // stride + 1)


@functools.lru_cache(maxsize=1024)
def _geometry(shape: Tuple[int, ...], kernel: int, stride: int, member: str, dtype: torch.dtype, last: bool) -> Any:
    numbers = tuple(shape) + (kernel, stride, MEMBERS[member], DTYPES[dtype], int(last), past_cache_bytes())
    return (ctypes.c_int64 * len(numbers))(*numbers)


def memory_format(x: Tensor) -> torch.memory_format:
    """Return the memory order of the output for ``x``: channels-last for an input in that order."""
    return (torch.channels_last if not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
            else torch.contiguous_format)


def _pack(tensors: Sequence[Optional[Tensor]], option: Tuple[str, float, int]) -> Tensor:
    (weight, bias), (member, scale, by_rows) = [float_table(tensor) for tensor in tensors], option
    assert weight is not None
    handle = library().handle
    packing = (ctypes.c_int64 * 4)(weight.shape[0], weight.shape[-1] ** 2, MEMBERS[member], by_rows)
    packed = torch.empty(handle.depthwise_packed_floats(packing), dtype=torch.float32, device="cpu")
    handle.depthwise_pack(packing, *pointers(weight, bias), scale, packed.data_ptr())
    return packed


PACKED = Packed(_pack)


def prepare(x: Tensor, weight: Tensor, bias: Optional[Tensor], stride: int, member: str, scale: float = 1.0) -> Call:
    """Return the call of :func:`run` for tensors like ``x`` and these weights as they are now."""
    if x.is_cuda:
        there = on_cuda.launcher("sums_launch").depthwise
        return lambda x: there(x, weight, bias, stride, member, scale)
    order = memory_format(x)
    numbers = _geometry(x.shape, weight.shape[-1], stride, member, x.dtype, order is torch.channels_last)
    handle = library().handle
    packed = PACKED.get((weight, bias), (member, scale, handle.depthwise_by_rows(plan_address(numbers))))
    return bound_call(handle.depthwise_forward, numbers, packed, x, output_shape(x.shape, stride),
                      x.is_contiguous(memory_format=order), order)


def run(x: Tensor, weight: Tensor, bias: Optional[Tensor], stride: int, member: str, scale: float = 1.0) -> Tensor:
    """Return ``scale sum f(x, weight) + bias`` over the taps, for an ``x`` that :func:`reason` has nothing against.

    ``weight`` is (C, 1, k, k) with k odd, ``bias`` (C,) or ``None``, the padding k // 2 zeros; sums are float32,
    rounded once to x's type. The same bits for every number of threads.
    """
    x = x.resolve_neg()
    return prepare(x, weight, bias, stride, member, scale)(x)
