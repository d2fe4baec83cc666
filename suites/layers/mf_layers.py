"""Layers that use a multiplication-free operator where others multiply: dense and depthwise."""

import functools
from typing import Any, List, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import nn

from suites.layers.choices import check_floating
from suites.layers.mf_start import output_scale, start
from suites.layers.multiplication_free import check_member, followed_min, min_slopes, min_term, surrogate_sign
from suites.torch_modes import stock_only

#: Pairs of input and weight held at once by the dense layer: 1 MB of float32, which stays in a cache.
PAIRS = 2 ** 18


class MultiplicationFreeLinear(nn.Module):
    """A dense layer y_o = scale sum_i f(x_i, weight_oi) + bias_o; ``member`` picks f (see ``multiplication_free``).

    ``scale`` is a fixed number, by default the one under which the outputs start with unit variance (``mf_start``).

    Input (..., in_features), output (..., out_features). Cost: ``sum`` is two matrix products with signs; ``min`` and
    ``match-min`` go over all in * out pairs of each vector, :data:`PAIRS` at a time (or one output's pairs, if they
    are more), so that memory beyond input and output stays bounded, and keep only input and weight for the backward
    pass.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, member: str = "sum",
                 device: Any = None, dtype: Optional[torch.dtype] = None, scale: Optional[float] = None) -> None:
        super().__init__()
        check_member(member)
        self.in_features, self.out_features, self.member = in_features, out_features, member
        self.scale = output_scale(in_features, member) if scale is None else scale
        self.weight = nn.Parameter(torch.empty(out_features, in_features, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(out_features, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights from N(0, 1) and center the outputs (``mf_start`` tells why)."""
        start(self.weight, self.bias, self.scale, self.member)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output for ``x`` (..., in_features)."""
        check_floating(x, "MultiplicationFreeLinear")
        if x.dim() < 1 or x.shape[-1] != self.in_features:
            raise ValueError("MultiplicationFreeLinear made for {} features needs them in the last dimension, got "
                             "shape {}".format(self.in_features, tuple(x.shape)))
        if self.member == "sum":
            y = F.linear(x, surrogate_sign(self.weight)) + F.linear(surrogate_sign(x), self.weight)
        elif stock_only():
            y = followed_min(x.unsqueeze(-2), self.weight, self.member).sum(-1)
        else:
            y = _MinLinear.apply(x.reshape(-1, self.in_features), self.weight, self.member).reshape(
                tuple(x.shape[:-1]) + (self.out_features,))
        return y * self.scale if self.bias is None else torch.add(self.bias, y, alpha=self.scale)

    def extra_repr(self) -> str:
        """Return the settings for ``print(layer)``."""
        return "{}, {}, bias={}, member={}".format(
            self.in_features, self.out_features, self.bias is not None, self.member)


class _MinLinear(torch.autograd.Function):
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
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[Optional[torch.Tensor], ...]:
        x, weight = ctx.saved_tensors
        grad_x, grad_weight = torch.zeros_like(x), torch.empty_like(weight)
        for part in _parts(x, weight):
            slope_x, slope_w = min_slopes(x.unsqueeze(1), weight[part], ctx.member)
            share = gradient[:, part].unsqueeze(2)
            grad_x += slope_x.mul_(share).sum(1)
            grad_weight[part] = slope_w.mul_(share).sum(0)
        return grad_x, grad_weight, None


def _parts(x: torch.Tensor, weight: torch.Tensor) -> List[slice]:
    step = max(1, PAIRS // max(1, x.numel()))
    return [slice(start, start + step) for start in range(0, weight.shape[0], step)]


class MultiplicationFreeDepthwise2d(nn.Module):
    """A depthwise k x k layer with f in place of the product; ``member`` picks f (see ``multiplication_free``).

    ``scale`` multiplies the sum over the taps, as in :class:`MultiplicationFreeLinear`.

    Input (N, channels, H, W), output (N, channels, ceil(H / stride), ceil(W / stride)) with zero padding k // 2;
    k * k parameters per channel, no bias unless asked for. Cost: ``sum`` is two depthwise convolutions with signs;
    ``min`` and ``match-min`` go over the taps one by one with two temporaries of the output's size and keep only
    input and weight for the backward pass (patches gathered at once would take k * k times the input).
    """

    def __init__(self, channels: int, kernel_size: int = 3, stride: int = 1, bias: bool = False,
                 member: str = "sum", device: Any = None, dtype: Optional[torch.dtype] = None,
                 scale: Optional[float] = None) -> None:
        super().__init__()
        check_member(member)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError("kernel_size must be odd to keep the plane's size, got {}: use 3".format(kernel_size))
        if stride < 1:
            raise ValueError("stride must be 1 or more, got {}: 1 keeps every pixel".format(stride))
        self.channels, self.kernel_size, self.stride, self.member = channels, kernel_size, stride, member
        self.scale = output_scale(kernel_size * kernel_size, member) if scale is None else scale
        self.weight = nn.Parameter(torch.empty(channels, 1, kernel_size, kernel_size, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(channels, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights from N(0, 1) and center the outputs (``mf_start`` tells why)."""
        start(self.weight, self.bias, self.scale, self.member)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output for ``x`` (N, channels, H, W)."""
        check_floating(x, "MultiplicationFreeDepthwise2d")
        if x.dim() != 4 or x.shape[1] != self.channels:
            raise ValueError("MultiplicationFreeDepthwise2d made for {} channels needs an input of shape (N, {}, H, "
                             "W), got {}".format(self.channels, self.channels, tuple(x.shape)))
        if self.member == "sum":
            y = self._convolve(x, surrogate_sign(self.weight)) + self._convolve(surrogate_sign(x), self.weight)
        elif stock_only():
            y = _followed_depthwise(x, self.weight, self.stride, self.member)
        else:
            y = _MinDepthwise.apply(x, self.weight, self.stride, self.member)
        if self.bias is None:
            return y * self.scale
        return torch.add(self.bias.reshape(-1, 1, 1), y, alpha=self.scale)

    def _convolve(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, weight, None, self.stride, self.kernel_size // 2, groups=self.channels)

    def extra_repr(self) -> str:
        """Return the settings for ``print(layer)``."""
        return "{}, kernel_size={}, stride={}, bias={}, member={}".format(
            self.channels, self.kernel_size, self.stride, self.bias is not None, self.member)


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
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[Optional[torch.Tensor], ...]:
        x, weight = ctx.saved_tensors
        kernel = weight.shape[-1]
        pad = kernel // 2
        padded = F.pad(x, (pad,) * 4)
        grad_padded, grad_weight = torch.zeros_like(padded), torch.zeros_like(weight)
        for row in range(kernel):
            for column in range(kernel):
                slope_x, slope_w = min_slopes(_tap(padded, row, column, kernel, ctx.stride),
                                              _of(weight, row, column), ctx.member)
                _tap(grad_padded, row, column, kernel, ctx.stride).add_(slope_x.mul_(gradient))
                grad_weight[:, 0, row, column] = slope_w.mul_(gradient).sum((0, 2, 3))
        height, width = x.shape[2:]
        return grad_padded[:, :, pad:pad + height, pad:pad + width], grad_weight, None, None


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
