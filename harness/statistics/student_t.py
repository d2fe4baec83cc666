"""Quantiles of Student's t without scipy, which a stock board does not have."""

import math
from functools import lru_cache


@lru_cache(maxsize=1024)
def student_t_quantile(probability: float, degrees: int) -> float:
    """Return the quantile of Student's t for ``probability`` in (0.5, 1) and ``degrees`` >= 1 of freedom.

    By bisection on the finite sums for whole degrees (Abramowitz and Stegun, 26.7.3 and 26.7.4). Raises
    ``ValueError`` outside those bounds.
    """
    if not 0.5 < probability < 1.0 or degrees < 1:
        raise ValueError("the quantile needs 0.5 < probability < 1 and at least one degree of freedom")
    inside = 2.0 * probability - 1.0
    low, high = 0.0, 1.0
    while _t_inside(high, degrees) < inside:
        high *= 2.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        if _t_inside(middle, degrees) < inside:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def t_quantile(probability: float, degrees: float) -> float:
    """Return the quantile for any ``degrees`` >= 1: between whole ones it is interpolated in their reciprocal."""
    below = max(1, int(degrees))
    low = student_t_quantile(probability, below)
    if degrees <= below:
        return low
    share = (1.0 / below - 1.0 / degrees) / (1.0 / below - 1.0 / (below + 1))
    return low + share * (student_t_quantile(probability, below + 1) - low)


def _t_inside(t: float, degrees: int) -> float:
    """Return P(-t < T < t)."""
    theta = math.atan2(t, math.sqrt(degrees))
    cosine_2 = math.cos(theta) ** 2
    odd = degrees % 2
    term = math.cos(theta) if odd else 1.0
    total = 0.0
    for k in range(1 if not odd else 2, degrees, 2):
        total += term
        term *= cosine_2 * k / (k + 1.0)
    if odd:
        return 2.0 / math.pi * (theta + math.sin(theta) * total)
    return math.sin(theta) * total
