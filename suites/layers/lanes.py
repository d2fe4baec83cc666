"""The transform on lanes: a contiguous tensor (outer, length, inner), transformed along its middle axis.

Every tensor reaches this form by views alone when it is dense: NCHW along channels is (N, C, H*W),
channels-last along channels is (N*H*W, C, 1). A transform may be rectangular: ``rows_in`` of the ``size`` inputs
are given (the rest are zeros that nobody has to write) and the first ``rows_out`` outputs are wanted.
"""

import functools
from typing import Any, Callable, List, Optional, Tuple

import torch
import torch.nn.functional as F

from suites.batched import one_by_one
from suites.layers.matrices import sequency_permutation, shared_matrix
from suites.torch_modes import autocast_is_on, autocast_off, stock_only

FORMS = ("matrix", "two-stage", "butterfly")


def split_lanes(x: torch.Tensor, dim: int) -> Tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]]:
    """Return ``x`` as lanes along ``dim`` and the function that gives lanes of any length ``x``'s layout back.

    Dense tensors of any stride order are only viewed; others (slices, expanded ones) are copied once.
    """
    axes = list(range(x.dim()))  # type: List[int]
    if not x.is_contiguous():
        strides = x.stride()
        axes.sort(key=lambda axis: (-strides[axis], axis))
        if not x.permute(axes).is_contiguous():
            x, axes = x.contiguous(), list(range(x.dim()))
    dense = x.permute(axes)
    position = axes.index(dim)
    before, after = list(dense.shape[:position]), list(dense.shape[position + 1:])
    back = [axes.index(axis) for axis in range(x.dim())]

    def restore(lanes: torch.Tensor) -> torch.Tensor:
        return lanes.reshape(before + [lanes.shape[1]] + after).permute(back)

    return dense.reshape(_product(before), dense.shape[position], _product(after)), restore


def transform_lanes(x: torch.Tensor, size: int, rows_out: int, form: str, scale: float,
                    order: str = "natural") -> torch.Tensor:
    """Return ``scale * (H x)[:rows_out]`` along the middle axis of ``x`` (outer, rows_in <= size, inner).

    Differentiable to any order; the matrix is symmetric, so the gradient is the same transform with
    ``rows_in`` and ``rows_out`` exchanged and nothing has to be saved for it. The result has the type of ``x``
    under autocast too: a two-byte type would cost the small coefficients their digits.
    """
    if x.requires_grad and torch.is_grad_enabled() and not stock_only():
        return _Transform.apply(x, size, rows_out, form, scale, order)
    return _transform(x, size, rows_out, form, scale, order)


class _Transform(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, size: int, rows_out: int, form: str, scale: float,
                order: str) -> torch.Tensor:
        ctx.settings = (size, x.shape[1], form, scale, order)
        return _transform(x, size, rows_out, form, scale, order)

    @staticmethod
    @one_by_one
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[Optional[torch.Tensor], ...]:
        size, rows_in, form, scale, order = ctx.settings
        return (transform_lanes(gradient.contiguous(), size, rows_in, form, scale, order),
                None, None, None, None, None)


def _transform(x: torch.Tensor, size: int, rows_out: int, form: str, scale: float, order: str) -> torch.Tensor:
    if autocast_is_on(x.device):
        with autocast_off(x.device):
            return _transform(x, size, rows_out, form, scale, order)
    if form == "matrix":
        matrix = shared_matrix(size, order, x.dtype, x.device, scale)
        return _multiply(matrix[:rows_out, :x.shape[1]], x)
    natural = _two_stage if form == "two-stage" else _butterfly
    if order == "natural":
        return natural(x, size, rows_out, scale)
    return natural(x, size, size, scale).index_select(1, sequency_permutation(size, x.device)[:rows_out])


def _multiply(matrix: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return ``matrix @ x`` over the middle axis of the lanes ``x`` without copying ``x``."""
    outer, rows, inner = x.shape
    if inner == 1:
        return torch.mm(x.reshape(outer, rows), matrix.t()).unsqueeze(2)
    # An expanded matrix costs nothing in bmm, while matmul would fold and copy x.
    return torch.bmm(matrix.unsqueeze(0).expand(outer, -1, -1), x)


def _two_stage(x: torch.Tensor, size: int, rows_out: int, scale: float) -> torch.Tensor:
    """Multiply by H_slow (x) H_fast, the Kronecker form of the matrix: radix 32 twice for 1024 points."""
    bits = int(size).bit_length() - 1  # a trace hands sizes on as tensors
    fast, slow = 1 << (bits // 2), 1 << (bits - bits // 2)
    outer, rows_in, inner = x.shape
    slow_in, slow_out = -(-rows_in // fast), -(-rows_out // fast)
    if slow_in * fast > rows_in:
        x = F.pad(x, (0, 0, 0, slow_in * fast - rows_in))
    fast_matrix = shared_matrix(fast, "natural", x.dtype, x.device, 1.0)
    slow_matrix = shared_matrix(slow, "natural", x.dtype, x.device, scale)[:slow_out, :slow_in]

    def along_fast(lanes: torch.Tensor) -> torch.Tensor:
        blocks = lanes.shape[1] // fast
        return _multiply(fast_matrix, lanes.reshape(outer * blocks, fast, inner)).reshape(
            outer, blocks * fast, inner)

    def along_slow(lanes: torch.Tensor) -> torch.Tensor:
        return _multiply(slow_matrix, lanes.reshape(outer, slow_in, fast * inner)).reshape(
            outer, slow_out * fast, inner)

    # The stage that drops or adds rows goes where the other then has fewer of them.
    x = along_slow(along_fast(x)) if slow_in < slow or slow_out == slow else along_fast(along_slow(x))
    return x if x.shape[1] == rows_out else x[:, :rows_out].contiguous()


def _butterfly(x: torch.Tensor, size: int, rows_out: int, scale: float) -> torch.Tensor:
    """Radix-2 butterflies between two buffers; the input is read, never written."""
    outer, rows_in, inner = x.shape
    if rows_in < size:
        x = F.pad(x, (0, 0, 0, size - rows_in))
    if size == 1:
        return x * scale
    if stock_only():
        return _stacked_butterfly(x, scale)[:, :rows_out].contiguous()
    source, spare = x, None  # type: torch.Tensor, Optional[torch.Tensor]
    half = 1
    while half < size:
        target = torch.empty_like(x) if spare is None else spare
        shape = (outer, size // (2 * half), 2, half * inner)
        pairs, sums = source.reshape(shape), target.view(shape)
        torch.add(pairs[:, :, 0], pairs[:, :, 1], out=sums[:, :, 0])
        torch.sub(pairs[:, :, 0], pairs[:, :, 1], out=sums[:, :, 1])
        source, spare = target, (None if source is x else source)
        half *= 2
    if scale != 1.0:
        source.mul_(scale)
    return source if rows_out == size else source[:, :rows_out].contiguous()


def _stacked_butterfly(x: torch.Tensor, scale: float) -> torch.Tensor:
    """The same butterflies, each stage a tensor of its own: torch can follow no writing into buffers."""
    shape, half = x.shape, 1
    while half < shape[1]:
        pairs = x.reshape(shape[0], shape[1] // (2 * half), 2, half * shape[2])
        x = torch.stack((pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]), 2)
        half *= 2
    return x.reshape(shape) * scale


def _product(sizes: List[int]) -> int:
    return functools.reduce(lambda left, right: left * right, sizes, 1)
