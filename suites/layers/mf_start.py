"""How multiplication-free layers start: weights, output scale and bias under which signals and gradients flow.

Derivation, for y = s sum_i f(x_i, w_i) over ``fan_in`` pairs with x_i independent, normal, of unit variance (what a
batch norm or a standardised input gives).

Why weights alone cannot do it. Take s = 1 and ask for Var y = 1, so E f^2 = 1 / fan_in. For ``min``,
E min(x^2, w^2) = 1 / fan_in needs |w| of about fan_in^-1/2, and a pair passes a gradient to x only where |x| < |w|,
a share of (2 / pi)^1/2 |w|: 2.5 % at 1,024 inputs, the rest is stuck. For ``sum``, f^2 = (|x| + |w|)^2 >= x^2
whatever the weights, so Var y >= fan_in. Hence a fixed output scale, as the first multiplication-free networks had
one for each neuron; all members are homogeneous, s f(x, w) = f(s x, s w), so it adds no other function.

Weights are drawn from N(0, 1), the scale of the inputs: P(|x| < |w|) = 1/2, so half of all pairs pass a gradient to x
and half to w (a quarter each for ``match-min``, which is 0 where signs differ; all of them for ``sum``). With
E|x| = (2 / pi)^1/2 and, as max(|x|, |w|) = (|x + w| + |x - w|) / 2, E min(|x|, |w|) = (2 - 2^1/2) (2 / pi)^1/2, the
variance of one pair over the inputs, for weights as drawn, is

- ``sum``: E (|x| + |w|)^2 = 1 + 1 + 2 E|x| E|w| = 2 + 4 / pi;
- ``min``: E min(x^2, w^2) = 1 - 2 / pi (in polar coordinates: E r^2 = 2 times the mean of min(sin^2, cos^2) over
  the circle, 1 / 2 - 1 / pi);
- ``match-min``: half of that less the square of its mean. Given w the mean is m(w) / 2, with
  m(w) = E min(|x|, |w|) = (2 / pi)^1/2 (1 - exp(-w^2 / 2)) + |w| erfc(|w| / 2^1/2), so the variance is
  (1 - 2 / pi) / 2 - E m(w)^2 / 4, where E m(w)^2 = 0.27198 (by quadrature).

The scale is s = (fan_in variance)^-1/2. The means of ``sum`` and ``min`` are 0; that of ``match-min`` would grow as
fan_in^1/2, so its bias starts at minus that mean, s sum_i m(w_i) / 2; without a bias let a batch norm follow.
"""

import math
from typing import Optional

import torch
from torch import nn

from suites.layers.multiplication_free import check_member

#: E m(w)^2 of the text above.
MEAN_SQUARED = 0.2719782643
#: Variance of one pair over the inputs, for inputs and weights from N(0, 1).
PAIR_VARIANCE = {"sum": 2 + 4 / math.pi, "min": 1 - 2 / math.pi,
                 "match-min": (1 - 2 / math.pi) / 2 - MEAN_SQUARED / 4}


def output_scale(fan_in: int, member: str) -> float:
    """Return the factor under which a sum over ``fan_in`` pairs starts with unit variance."""
    check_member(member)
    return 1 / math.sqrt(fan_in * PAIR_VARIANCE[member])


def start(weight: torch.Tensor, bias: Optional[torch.Tensor], scale: float, member: str) -> None:
    """Draw ``weight`` (out, ...) and set ``bias`` (out,), where there is one, to cancel the mean of the outputs."""
    with torch.no_grad():
        nn.init.normal_(weight)
        if bias is None:
            return
        if member == "match-min":
            bias.copy_(-scale / 2 * _mean_of_min(weight.double()).flatten(1).sum(1))
        else:
            bias.zero_()


def _mean_of_min(w: torch.Tensor) -> torch.Tensor:
    """Return E min(|x|, |w|) over x from N(0, 1)."""
    w = w.abs()
    return math.sqrt(2 / math.pi) * (1 - torch.exp(-w * w / 2)) + w * torch.erfc(w / math.sqrt(2))
