"""Masks of the learnable heterogeneous convolution: which taps each group of channels keeps.

Source: arXiv 2301.05440. "Effects" are trained beside the weights; the mask is their step function, with a
straight-through gradient: passed on where the effect is within 1 of its switching point, a tenth of it elsewhere.
"""

from typing import Any

import torch

from suites.batched import one_by_one
from suites.torch_modes import stock_only

LEAK = 0.1


def rigid_shapes() -> torch.Tensor:
    """Return the 15 fixed 3x3 shapes as 0/1, (15, 3, 3).

    Empty; centre; 4 lines of 3 through the centre; 4 corners of 2x2; 4 edges of 2x3; full.
    """
    shapes = torch.zeros(15, 3, 3)
    shapes[1, 1, 1] = 1
    shapes[2, 1, :] = 1
    shapes[3, :, 1] = 1
    for step in range(3):
        shapes[4, step, step] = 1
        shapes[5, step, 2 - step] = 1
    for number, (row, column) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        shapes[6 + number, row:row + 2, column:column + 2] = 1
    shapes[10, :2], shapes[11, 1:], shapes[12, :, :2], shapes[13, :, 1:] = 1, 1, 1, 1
    shapes[14] = 1
    return shapes


def free_mask(effects: torch.Tensor) -> torch.Tensor:
    """Return 1 where ``effects`` > 0, else 0; any shape."""
    if stock_only():
        return _straight_through((effects > 0).to(effects.dtype), effects, effects.abs())
    return _FreeMask.apply(effects)


def rigid_choice(effects: torch.Tensor) -> torch.Tensor:
    """Return the one-hot choice of the largest of the last axis (the first one of equals), same shape."""
    if stock_only():
        distance = (effects - effects.mean(-1, keepdim=True)).abs()
        return _straight_through(_one_hot(effects), effects, distance)
    return _RigidChoice.apply(effects)


def spread(groups: torch.Tensor, group_out: int, group_in: int, out_channels: int,
           in_channels: int) -> torch.Tensor:
    """Return (output groups, input groups, kh, kw) tiled and cropped to (out_channels, in_channels, kh, kw)."""
    tiled = groups.repeat_interleave(group_out, 0)[:out_channels]
    return tiled.repeat_interleave(group_in, 1)[:, :in_channels]


def _straight_through(mask: torch.Tensor, effects: torch.Tensor, distance: torch.Tensor) -> torch.Tensor:
    """Return ``mask`` with the gradient of this module, in operators that every torch transform can follow."""
    passed = torch.where(distance.detach() < 1, effects, LEAK * effects)
    return mask.detach() + (passed - passed.detach())


def _one_hot(effects: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(effects).scatter(-1, effects.argmax(-1, keepdim=True), 1)


class _FreeMask(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, effects: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(effects)
        return (effects > 0).to(effects.dtype)

    @staticmethod
    @one_by_one
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        effects, = ctx.saved_tensors
        return torch.where(effects.abs() < 1, gradient, LEAK * gradient)


class _RigidChoice(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, effects: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(effects)
        return _one_hot(effects)

    @staticmethod
    @one_by_one
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        effects, = ctx.saved_tensors
        distance = (effects - effects.mean(-1, keepdim=True)).abs()
        return torch.where(distance < 1, gradient, LEAK * gradient)
