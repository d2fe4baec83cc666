"""Calls of the CPU kernel for the HT-perceptron: both transforms and all paths in one read and one write."""

import ctypes
import functools
from typing import Any, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

from suites.kernels.bound import float_table, library_problem, plain_type_reason, pointers
from suites.kernels.library import POINTER, Loaded, loaded
from suites.kernels.packed import Packed
from suites.kernels.prepared import Call, bound_call

DTYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}


class Spec(NamedTuple):
    """A layer but for its tables: (height, width) of the plane and of the transform, and the norm as in torch.fft."""

    plane: Tuple[int, int]
    sizes: Tuple[int, int]
    norm: str
    residual: bool


@functools.lru_cache(maxsize=None)
def library() -> Loaded:
    """Return the kernels' library, built and loaded on the first call of this process."""
    found = loaded("ht")
    if found.handle is not None:
        handle = found.handle
        handle.ht_packed_floats.argtypes, handle.ht_packed_floats.restype = [POINTER], ctypes.c_int64
        handle.ht_pack.argtypes = [POINTER] * 4 + [ctypes.c_double] * 2 + [POINTER]
        handle.ht_pack.restype = None
        handle.ht_forward.argtypes = [POINTER] * 4 + [ctypes.c_int]
    return found


def reason_of_type(x: Tensor) -> Optional[str]:
    """Return why the kernel does not take tensors like ``x`` of any size, in a sentence, or ``None`` if it does."""
    return plain_type_reason(x, "HT-perceptron kernel", tuple(DTYPES)) or library_problem("ht")


def reason(x: Tensor) -> Optional[str]:
    """Return why the kernel does not take ``x`` (N, C, H, W), in a sentence, or ``None`` if it does."""
    return reason_of_type(x) or ("an empty tensor needs no kernel" if x.numel() == 0 else None)


@functools.lru_cache(maxsize=1024)
def _geometry(images: int, weight_shape: Tuple[int, ...], spec: Spec, dtype: torch.dtype) -> Any:
    paths, outputs, inputs = weight_shape
    numbers = (images, inputs, outputs) + spec.plane + spec.sizes + (paths, int(spec.residual), DTYPES[dtype])
    return (ctypes.c_int64 * len(numbers))(*numbers)


def _pack(tensors: Sequence[Optional[Tensor]], spec: Spec) -> Tensor:
    weight, scale, threshold = [float_table(tensor) for tensor in tensors]
    assert weight is not None
    handle = library().handle
    numbers = _geometry(1, tuple(weight.shape), spec, torch.float32)
    packed = torch.empty(handle.ht_packed_floats(numbers), dtype=torch.float32, device="cpu")
    positions = spec.sizes[0] * spec.sizes[1]
    inverse = {"ortho": positions ** -0.5, "backward": 1 / positions}[spec.norm]
    handle.ht_pack(numbers, *pointers(weight, scale, threshold), 1 / positions, inverse, packed.data_ptr())
    return packed


PACKED = Packed(_pack)


def prepare(x: Tensor, weight: Tensor, scale: Tensor, threshold: Tensor, spec: Spec) -> Call:
    """Return the call of :func:`run` for tensors like ``x`` and these tables as they are now."""
    packed = PACKED.get((weight, scale, threshold), spec)
    numbers = _geometry(x.shape[0], tuple(weight.shape), spec, x.dtype)
    return bound_call(library().handle.ht_forward, numbers, packed, x, (x.shape[0], weight.shape[1]) + spec.plane,
                      x.is_contiguous())


def run(x: Tensor, weight: Tensor, scale: Tensor, threshold: Tensor, spec: Spec) -> Tensor:
    """Return the layer's output for an ``x`` that :func:`reason` has nothing against; contiguous, of x's type.

    ``weight`` is (paths, out, in), ``scale`` and ``threshold`` (paths,) + sizes. The same bits for every number of
    threads.
    """
    x = x.resolve_neg()
    return prepare(x, weight, scale, threshold, spec)(x)
