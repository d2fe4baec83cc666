"""Elementwise thresholds, with gradients that keep only their two inputs."""

from typing import Any, Callable, Optional, Tuple, Union

import torch

from suites.batched import one_by_one
from suites.layers.choices import check_floating
from suites.torch_modes import stock_only

Threshold = Union[torch.Tensor, float]


def smooth_threshold(x: torch.Tensor, threshold: Threshold) -> torch.Tensor:
    """Return ``tanh(x) * relu(|x| - threshold)`` (smooth-thresholding, papers 2104.07085 and 2201.02711).

    ``threshold`` is a number or broadcasts against ``x``; one thresholds channels of (N, C, H, W) with
    shape (C, 1, 1). Negative thresholds are taken as they are.
    """
    return _apply(_SmoothThreshold, _smooth, torch.tanh, x, threshold)


def soft_threshold(x: torch.Tensor, threshold: Threshold) -> torch.Tensor:
    """Return ``sign(x) * relu(|x| - threshold)``; arguments as in :func:`smooth_threshold`."""
    return _apply(_SoftThreshold, _soft, torch.sign, x, threshold)


def _apply(function: Any, plain: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
           factor: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, threshold: Threshold) -> torch.Tensor:
    check_floating(x, "a threshold")
    if not isinstance(threshold, torch.Tensor):
        threshold = torch.as_tensor(threshold, dtype=x.dtype, device=x.device)
    try:
        wide = torch.broadcast_tensors(x, threshold)[0].shape
    except RuntimeError:
        raise ValueError("a threshold of shape {} does not broadcast against x of shape {}: for channels of "
                         "(N, C, H, W) give it the shape (C, 1, 1)".format(
                             tuple(threshold.shape), tuple(x.shape))) from None
    if wide != x.shape:
        raise ValueError("a threshold of shape {} would enlarge x of shape {}: give it at most the dimensions "
                         "of x".format(tuple(threshold.shape), tuple(x.shape)))
    if stock_only():
        return factor(x) * torch.relu(x.abs() - threshold)
    if torch.is_grad_enabled() and (x.requires_grad or threshold.requires_grad):
        return function.apply(x, threshold)
    return plain(x, threshold)


def smooth_threshold_inplace(x: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    """Return the smooth threshold of ``x``, whose memory it uses up; for inference only, no gradient."""
    if stock_only():
        return smooth_threshold(x, threshold)
    return _excess(x, threshold).mul_(x.tanh_())


def _excess(x: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    return x.abs().sub_(threshold).clamp_(min=0)


def _smooth(x: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    return _excess(x, threshold).mul_(torch.tanh(x))


def _soft(x: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    return _excess(x, threshold).mul_(torch.sign(x))


class _SmoothThreshold(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, threshold)
        return _smooth(x, threshold)

    @staticmethod
    @one_by_one
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[Optional[torch.Tensor], ...]:
        x, threshold = ctx.saved_tensors
        tanh = torch.tanh(x)
        margin = x.abs() - threshold
        passed = (margin > 0).to(x.dtype)
        grad_x = gradient * ((1 - tanh * tanh) * margin.clamp(min=0) + tanh.abs() * passed)
        if not ctx.needs_input_grad[1]:
            return grad_x, None
        return grad_x, -(gradient * tanh * passed).sum_to_size(threshold.shape)


class _SoftThreshold(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, threshold)
        return _soft(x, threshold)

    @staticmethod
    @one_by_one
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[Optional[torch.Tensor], ...]:
        x, threshold = ctx.saved_tensors
        grad_x = gradient * (x.abs() > threshold).to(x.dtype)
        if not ctx.needs_input_grad[1]:
            return grad_x, None
        return grad_x, -(grad_x * torch.sign(x)).sum_to_size(threshold.shape)
