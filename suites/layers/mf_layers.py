"""Layers that use a multiplication-free operator where others multiply: dense and depthwise."""

from typing import Any, Optional, Tuple

import torch
from torch import nn

from suites.kernels import depthwise as depthwise_kernel
from suites.kernels import mf as dense_kernel
from suites.kernels.prepared import Prepared
from suites.layers.base import TransformLayer
from suites.layers.implementations import STOCK_OR_FUSED, Choice, fused_or_stock
from suites.layers.mf_fused import DENSE, DEPTHWISE, dense_problem, depthwise_problem
from suites.layers.mf_start import output_scale, start
from suites.layers.mf_sums import dense_sum, depthwise_sum
from suites.layers.multiplication_free import check_member
from suites.layers.ready import ReadyCalls, may_be_ready


class MultiplicationFreeLinear(ReadyCalls, TransformLayer):
    """A dense layer y_o = scale sum_i f(x_i, weight_oi) + bias_o; ``member`` picks f (see ``multiplication_free``).

    ``scale`` is a fixed number, by default the one under which the outputs start with unit variance (``mf_start``).

    Input (..., in_features), output (..., out_features). ``implementation`` is ``auto`` (the fused kernel, or stock
    torch operations where there is none), ``stock`` or ``fused``. In stock operations ``sum`` is two matrix products
    with signs; ``min`` and ``match-min`` go over all in * out pairs of each vector, ``mf_sums.PAIRS`` at a time (or
    one output's pairs, if they are more), so that memory beyond input and output stays bounded. All keep only input
    and weight for the backward pass, which stock operations run in every form.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, member: str = "sum",
                 device: Any = None, dtype: Optional[torch.dtype] = None, scale: Optional[float] = None,
                 implementation: str = "auto") -> None:
        super().__init__(implementation, STOCK_OR_FUSED)
        self._prepared = Prepared(("implementation", "member", "scale"))
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
        """Return the layer's output for ``x`` (..., in_features); raises ``ValueError`` for any other shape."""
        call = self._ready(x)
        if call is not None:
            return call(x)
        if x.is_floating_point() is not True:
            return self._step(x)
        if x.dim() < 1 or x.shape[-1] != self.in_features:
            raise ValueError("MultiplicationFreeLinear made for {} features needs them in the last dimension, got "
                             "shape {}".format(self.in_features, tuple(x.shape)))
        if self.form_for(x) == "fused":
            if may_be_ready(x):
                call = dense_kernel.prepare(x, self.weight, self.bias, self.member, self.scale)
                return self._keep(x, (self.weight, self.bias), call)(x)
            return DENSE(x, self.weight, self.bias, self.member, self.scale)
        y = dense_sum(x, self.weight, self.member)
        return y * self.scale if self.bias is None else torch.add(self.bias, y, alpha=self.scale)

    def depends_on(self, x: torch.Tensor) -> Tuple[Any, ...]:
        """Return all that :meth:`choose` goes by beside the kind of ``x`` and whether gradients are recorded."""
        return self.weight_kind()

    def choose(self, x: torch.Tensor) -> Choice:
        """Return the form that runs on ``x`` and why, without running it."""
        return fused_or_stock(self.implementation, lambda: dense_problem(x, self.weight, self.implementation))

    def extra_repr(self) -> str:
        """Return the settings for ``print(layer)``."""
        return "{}, {}, bias={}, member={}, implementation={}".format(
            self.in_features, self.out_features, self.bias is not None, self.member, self.implementation)


class MultiplicationFreeDepthwise2d(ReadyCalls, TransformLayer):
    """A depthwise k x k layer with f in place of the product; ``member`` picks f (see ``multiplication_free``).

    ``scale`` multiplies the sum over the taps, as in :class:`MultiplicationFreeLinear`.

    Input (N, channels, H, W), output (N, channels, ceil(H / stride), ceil(W / stride)) with zero padding k // 2;
    k * k parameters per channel, no bias unless asked for. ``implementation`` is ``auto`` (the fused kernel, or stock
    torch operations where there is none), ``stock`` or ``fused``. In stock operations ``sum`` is two depthwise
    convolutions with signs; ``min`` and ``match-min`` go over the taps one by one with two temporaries of the
    output's size. All keep only input and weight for the backward pass, which stock operations run in every form.

    Raises ``ValueError`` for an even ``kernel_size``, a ``stride`` below 1, and an unknown ``member`` or
    ``implementation``.
    """

    def __init__(self, channels: int, kernel_size: int = 3, stride: int = 1, bias: bool = False,
                 member: str = "sum", device: Any = None, dtype: Optional[torch.dtype] = None,
                 scale: Optional[float] = None, implementation: str = "auto") -> None:
        super().__init__(implementation, STOCK_OR_FUSED)
        self._prepared = Prepared(("implementation", "member", "stride", "scale"))
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
        """Return the layer's output for ``x`` (N, channels, H, W); raises ``ValueError`` for any other shape."""
        call = self._ready(x)
        if call is not None:
            return call(x)
        if x.is_floating_point() is not True:
            return self._step(x)
        if x.dim() != 4 or x.shape[1] != self.channels:
            raise ValueError("MultiplicationFreeDepthwise2d made for {} channels needs an input of shape (N, {}, H, "
                             "W), got {}".format(self.channels, self.channels, tuple(x.shape)))
        if self.form_for(x) == "fused":
            if may_be_ready(x):
                call = depthwise_kernel.prepare(x, self.weight, self.bias, self.stride, self.member, self.scale)
                return self._keep(x, (self.weight, self.bias), call)(x)
            return DEPTHWISE(x, self.weight, self.bias, self.stride, self.member, self.scale)
        y = depthwise_sum(x, self.weight, self.stride, self.member)
        if self.bias is None:
            return y * self.scale
        return torch.add(self.bias.reshape(-1, 1, 1), y, alpha=self.scale)

    def depends_on(self, x: torch.Tensor) -> Tuple[Any, ...]:
        """Return all that :meth:`choose` goes by beside the kind of ``x`` and whether gradients are recorded."""
        return self.weight_kind()

    def choose(self, x: torch.Tensor) -> Choice:
        """Return the form that runs on ``x`` and why, without running it."""
        return fused_or_stock(self.implementation, lambda: depthwise_problem(x, self.weight, self.implementation))

    def extra_repr(self) -> str:
        """Return the settings for ``print(layer)``."""
        return "{}, kernel_size={}, stride={}, bias={}, member={}, implementation={}".format(
            self.channels, self.kernel_size, self.stride, self.bias is not None, self.member, self.implementation)
