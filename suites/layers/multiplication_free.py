"""Multiplication-free operators from the 2x2 Hadamard transform, in place of products in a layer.

Three members f(x, w) take the place of the product x w. With the two outputs x + w and x - w of the 2x2 transform:

==============  ============================================  =========================================
``sum``         x sgn(w) + sgn(x) w = sgn(x w) (|x| + |w|)    signs only
``min``         sgn(x w) min(|x|, |w|)                        (|x + w| - |x - w|) / 2
``match-min``   min(|x|, |w|) if the signs agree, else 0      the positive part of ``min``
==============  ============================================  =========================================

Gradients. ``sum`` jumps at zero, so its sign has the derivative of tanh in the backward pass:
df/dx = sgn(w) + (1 - tanh(x)^2) w and the same with x and w exchanged. ``min`` and ``match-min`` are
continuous and take their own derivative: df/dx of ``min`` is (sgn(x + w) - sgn(x - w)) / 2, that is sgn(w) where
|x| < |w|, 0 where |x| > |w| and half at a tie; ``match-min`` keeps it where x w > 0.

Source: paper 2104.07085 names the family; ``sum`` is in its co-author's code, the other two follow from the
algebra above. Which member gave which published accuracy is not known.
"""

from typing import Any, Optional, Tuple

import torch

from suites.batched import one_by_one
from suites.layers.choices import check_choice, check_floating
from suites.torch_modes import stock_only

MEMBERS = ("sum", "min", "match-min")


def check_member(member: str) -> None:
    """Raise ``ValueError`` unless ``member`` is one of :data:`MEMBERS`."""
    check_choice("member", member, MEMBERS)


def multiplication_free(x: torch.Tensor, w: torch.Tensor, member: str) -> torch.Tensor:
    """Return f(x, w) elementwise for ``x`` and ``w`` that broadcast, with the gradients of this module."""
    check_member(member)
    check_floating(x, "multiplication_free")
    if member == "sum":
        return x * surrogate_sign(w) + surrogate_sign(x) * w
    if stock_only():
        return followed_min(x, w, member)
    result: torch.Tensor = _Min.apply(x, w, member)
    return result


def surrogate_sign(x: torch.Tensor) -> torch.Tensor:
    """Return the sign of ``x``; its derivative in the backward pass is that of tanh."""
    if stock_only():
        return with_slope_of(torch.sign(x), torch.tanh(x))
    if torch.is_grad_enabled() and x.requires_grad:
        sign: torch.Tensor = _Sign.apply(x)
        return sign
    return torch.sign(x)


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return torch.sign(x)

    @staticmethod
    @one_by_one
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        x, = ctx.saved_tensors
        return gradient * (1 - torch.tanh(x) ** 2)


class _Min(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, w: torch.Tensor, member: str) -> torch.Tensor:
        ctx.save_for_backward(x, w)
        ctx.member = member
        return min_term(x, w, member)

    @staticmethod
    @one_by_one
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[Optional[torch.Tensor], ...]:
        x, w = ctx.saved_tensors
        slope_x, slope_w = min_slopes(x, w, ctx.member)
        return (gradient * slope_x).sum_to_size(x.shape), (gradient * slope_w).sum_to_size(w.shape), None


def min_term(x: torch.Tensor, w: torch.Tensor, member: str) -> torch.Tensor:
    """Return ``min`` or ``match-min`` of ``x`` and ``w``, no gradient, one temporary of the result's size.

    It is ``x`` clamped to [-|w|, |w|] times sgn(w), exact where |x + w| - |x - w| would lose a small w to rounding.
    """
    size = w.abs()
    term = torch.min(x, size)
    term = torch.max(term, -size, out=term).mul_(torch.sign(w))
    return term if member == "min" else term.clamp_(min=0)


def with_slope_of(value: torch.Tensor, smooth: torch.Tensor) -> torch.Tensor:
    """Return ``value`` with the derivatives of ``smooth``, in operators that every torch transform can follow."""
    return value.detach() + (smooth - smooth.detach())


def followed_min(x: torch.Tensor, w: torch.Tensor, member: str) -> torch.Tensor:
    """Return :func:`min_term` with the gradients of this module, in operators that every transform can follow."""
    size = w.abs()
    term = torch.max(torch.min(x, size), -size) * torch.sign(w)
    # Its own derivatives in w vanish at w = 0; those of the other way to write it do not.
    other = (torch.abs(x + w) - torch.abs(x - w)) / 2
    return with_slope_of(term, other) if member == "min" else with_slope_of(
        torch.relu(term), other * (torch.sign(x) * torch.sign(w) > 0).to(x.dtype))


def min_slopes(x: torch.Tensor, w: torch.Tensor, member: str) -> Tuple[torch.Tensor, torch.Tensor]:
    """Return df/dx and df/dw of ``min`` or ``match-min``."""
    up, down = torch.sign(x + w), torch.sign(x - w)
    slope_x, slope_w = (up - down) / 2, (up + down) / 2
    if member == "match-min":
        agree = (torch.sign(x) * torch.sign(w) > 0).to(x.dtype)
        slope_x, slope_w = slope_x * agree, slope_w * agree
    return slope_x, slope_w
