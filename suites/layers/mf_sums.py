"""The sums over pairs and over taps that multiplication-free layers are made of, in stock torch operations.

Each with its gradient as a function of its own, which a kernel that has only a forward takes too.
"""

import functools
from typing import Any, List, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F

from suites.batched import one_by_one
from suites.layers.multiplication_free import followed_min, min_slopes, min_term, surrogate_sign
from suites.torch_modes import stock_only

#: Pairs of input and weight held at once by the dense sum: 1 MB of float32, which stays in a cache.
PAIRS = 2 ** 18


def _operator(name: str) -> Any:
    """Return torch's own operator, or ``None`` where this torch has none of that name."""
    try:
        return getattr(torch.ops.aten, name)
    except (AttributeError, RuntimeError):
        return None


#: Both gradients of a convolution at once: of any, since torch 1.11, and before that of oneDNN's alone.
_BACKWARD = _operator("convolution_backward")
_ONEDNN_BACKWARD = _operator("mkldnn_convolution_backward") if torch.backends.mkldnn.is_available() else None

Gradients = Tuple[Optional[torch.Tensor], Optional[torch.Tensor]]


def dense_sum(x: torch.Tensor, weight: torch.Tensor, member: str) -> torch.Tensor:
    """Return sum_i f(x_i, weight_oi) for ``x`` (..., in) and ``weight`` (out, in), differentiable in both."""
    if member == "sum":
        return F.linear(x, surrogate_sign(weight)) + F.linear(surrogate_sign(x), weight)
    if stock_only():
        return followed_min(x.unsqueeze(-2), weight, member).sum(-1)
    y: torch.Tensor = _MinDense.apply(x.reshape(-1, x.shape[-1]), weight, member)
    return y.reshape(tuple(x.shape[:-1]) + (weight.shape[0],))


def depthwise_sum(x: torch.Tensor, weight: torch.Tensor, stride: int, member: str) -> torch.Tensor:
    """Return the sum over the taps of ``weight`` (C, 1, k, k) for ``x`` (N, C, H, W) padded by k // 2 zeros."""
    if member == "sum":
        return (_convolve(x, surrogate_sign(weight), stride) + _convolve(surrogate_sign(x), weight, stride))
    if stock_only():
        return _followed_depthwise(x, weight, stride, member)
    y: torch.Tensor = _MinDepthwise.apply(x, weight, stride, member)
    return y


def dense_gradient(gradient: torch.Tensor, needed: Sequence[bool], x: torch.Tensor, weight: torch.Tensor,
                   member: str) -> Gradients:
    """Return the gradients of :func:`dense_sum`, those of ``x`` and of ``weight``, where ``needed``."""
    rows, given = x.reshape(-1, x.shape[-1]), gradient.reshape(-1, weight.shape[0])
    if member != "sum":
        by_x, by_weight = _min_dense_gradient(given, rows, weight, member)
        return by_x.reshape(x.shape), by_weight
    of_x = of_weight = None
    if needed[0]:
        of_x = (given @ torch.sign(weight) + _slope(rows) * (given @ weight)).reshape(x.shape)
    if needed[1]:
        of_weight = given.t() @ torch.sign(rows) + _slope(weight) * (given.t() @ rows)
    return of_x, of_weight


def depthwise_gradient(gradient: torch.Tensor, needed: Sequence[bool], x: torch.Tensor, weight: torch.Tensor,
                       stride: int, member: str) -> Gradients:
    """Return the gradients of :func:`depthwise_sum`, those of ``x`` and of ``weight``, where ``needed``."""
    if x.numel() == 0:  # of which torch 1.10 dies
        return torch.zeros_like(x), torch.zeros_like(weight)
    if member != "sum":
        return _min_depthwise_gradient(gradient, x, weight, stride, member)
    if not (needed[0] or needed[1]):
        return None, None
    x_by_sign, weight_by_x = _convolution_gradient(gradient, needed, x, torch.sign(weight), stride)
    x_by_weight, weight_by_sign = _convolution_gradient(gradient, needed, torch.sign(x), weight, stride)
    return (x_by_sign + _slope(x) * x_by_weight if needed[0] else None,
            weight_by_sign + _slope(weight) * weight_by_x if needed[1] else None)


def _convolution_gradient(gradient: torch.Tensor, needed: Sequence[bool], x: torch.Tensor, weight: torch.Tensor,
                          stride: int) -> Any:
    """Return the gradients of a depthwise convolution in input and weight; what is not needed may be anything."""
    padding, channels = weight.shape[-1] // 2, weight.shape[0]
    if _BACKWARD is not None:
        return _BACKWARD(gradient, x, weight, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], channels,
                         [bool(needed[0]), bool(needed[1]), False])[:2]
    # torch.nn.grad writes the input's as a transposed convolution, twice as slow as all that autograd does.
    if _ONEDNN_BACKWARD is not None and x.dtype is torch.float32 and x.device.type == "cpu":
        return _ONEDNN_BACKWARD(x, gradient.contiguous(), weight, [padding] * 2, [stride] * 2, [1, 1], channels,
                                [bool(needed[0]), bool(needed[1]), False])[:2]
    leaves = [one.detach().requires_grad_(bool(wanted)) for one, wanted in zip((x, weight), needed)]
    with torch.enable_grad():
        y = F.conv2d(leaves[0], leaves[1], None, stride, padding, groups=channels)
    found = iter(torch.autograd.grad(y, [leaf for leaf in leaves if leaf.requires_grad], gradient))
    return [next(found) if leaf.requires_grad else None for leaf in leaves]


def _slope(x: torch.Tensor) -> torch.Tensor:
    """Return the derivative that the sign takes in the backward pass."""
    return 1 - torch.tanh(x) ** 2


def _convolve(x: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
    # torch 1.10 traces sizes as tensors, which its convolution does not take.
    return F.conv2d(x, weight, None, stride, int(weight.shape[-1]) // 2, groups=int(weight.shape[0]))


class _MinDense(torch.autograd.Function):
    """``min`` and ``match-min`` over all pairs of (rows, in) and (out, in), some outputs at a time."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, member: str) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.member = member
        y = x.new_empty(x.shape[0], weight.shape[0])
        for part in _parts(x, weight):
            torch.sum(min_term(x.unsqueeze(1), weight[part], member), 2, out=y[:, part])
        return y

    @staticmethod
    @one_by_one
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[Optional[torch.Tensor], ...]:
        x, weight = ctx.saved_tensors
        return _min_dense_gradient(gradient, x, weight, ctx.member) + (None,)


def _min_dense_gradient(gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor,
                        member: str) -> Tuple[torch.Tensor, torch.Tensor]:
    grad_x, grad_weight = torch.zeros_like(x), torch.empty_like(weight)
    for part in _parts(x, weight):
        slope_x, slope_w = min_slopes(x.unsqueeze(1), weight[part], member)
        share = gradient[:, part].unsqueeze(2)
        grad_x += slope_x.mul_(share).sum(1)
        grad_weight[part] = slope_w.mul_(share).sum(0)
    return grad_x, grad_weight


def _parts(x: torch.Tensor, weight: torch.Tensor) -> List[slice]:
    step = max(1, PAIRS // max(1, x.numel()))
    return [slice(start, start + step) for start in range(0, weight.shape[0], step)]


class _MinDepthwise(torch.autograd.Function):
    """``min`` and ``match-min`` tap by tap."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, stride: int, member: str) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.member = stride, member
        kernel = weight.shape[-1]
        padded = F.pad(x, (kernel // 2,) * 4)
        total = None  # type: Optional[torch.Tensor]
        for row in range(kernel):
            for column in range(kernel):
                term = min_term(_tap(padded, row, column, kernel, stride), _of(weight, row, column), member)
                total = term if total is None else total.add_(term)
        assert total is not None
        return total

    @staticmethod
    @one_by_one
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[Optional[torch.Tensor], ...]:
        x, weight = ctx.saved_tensors
        return _min_depthwise_gradient(gradient, x, weight, ctx.stride, ctx.member) + (None, None)


def _min_depthwise_gradient(gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: int,
                            member: str) -> Tuple[torch.Tensor, torch.Tensor]:
    kernel = weight.shape[-1]
    pad = kernel // 2
    padded = F.pad(x, (pad,) * 4)
    grad_padded, grad_weight = torch.zeros_like(padded), torch.zeros_like(weight)
    for row in range(kernel):
        for column in range(kernel):
            slope_x, slope_w = min_slopes(_tap(padded, row, column, kernel, stride), _of(weight, row, column), member)
            _tap(grad_padded, row, column, kernel, stride).add_(slope_x.mul_(gradient))
            grad_weight[:, 0, row, column] = slope_w.mul_(gradient).sum((0, 2, 3))
    height, width = x.shape[2:]
    return grad_padded[:, :, pad:pad + height, pad:pad + width], grad_weight


def _followed_depthwise(x: torch.Tensor, weight: torch.Tensor, stride: int, member: str) -> torch.Tensor:
    kernel = weight.shape[-1]
    padded = F.pad(x, (kernel // 2,) * 4)
    terms = [followed_min(_tap(padded, row, column, kernel, stride), _of(weight, row, column), member)
             for row in range(kernel) for column in range(kernel)]
    return functools.reduce(torch.add, terms)


def _of(weight: torch.Tensor, row: int, column: int) -> torch.Tensor:
    return weight[:, 0, row, column].reshape(-1, 1, 1)


def _tap(padded: torch.Tensor, row: int, column: int, kernel: int, stride: int) -> torch.Tensor:
    """Return the view of ``padded`` that one tap of the kernel sees, one element for each output pixel."""
    height, width = padded.shape[2:]
    return padded[:, :, row:height - kernel + 1 + row:stride, column:width - kernel + 1 + column:stride]
