"""Quantiles of Student's t without scipy, which a stock board does not have: for any degrees of freedom, exactly.

Welch's degrees of freedom are no whole numbers, and a comparison of many runs wants a quantile for each case. So few
are computed, as many as tell the whole curve: it is smooth in the reciprocal of the degrees, and a polynomial through
them at the Chebyshev points is as good as the curve itself.
"""

import math
from functools import lru_cache
from typing import Tuple

#: So many quantiles tell those of all degrees of freedom, to one part in 10^10 for probabilities up to 0.99999.
POINTS = 28


def t_quantile(probability: float, degrees: float) -> float:
    """Return the quantile of Student's t for ``probability`` in (0.5, 1) and ``degrees`` >= 1 of freedom.

    Raises ``ValueError`` outside those bounds.
    """
    if not degrees >= 1.0:
        raise ValueError("the quantile needs at least one degree of freedom")
    twice = 4.0 / degrees - 2.0
    last = before = 0.0
    for coefficient in _curve(probability):  # Clenshaw's recurrence
        last, before = twice * last - before + coefficient, last
    return math.exp(last - 0.5 * twice * before)


@lru_cache(maxsize=16)
def _curve(probability: float) -> Tuple[float, ...]:
    """Return the Chebyshev coefficients, the highest first, of the log quantile over 2 / degrees - 1."""
    if not 0.5 < probability < 1.0:
        raise ValueError("the quantile needs 0.5 < probability < 1")
    angles = [math.pi * (number + 0.5) / POINTS for number in range(POINTS)]
    logs = [math.log(_quantile(probability, 2.0 / (1.0 + math.cos(angle)))) for angle in angles]
    return tuple((2.0 if order else 1.0) / POINTS * math.fsum(
        log * math.cos(order * angle) for angle, log in zip(angles, logs)) for order in reversed(range(POINTS)))


def _quantile(probability: float, degrees: float) -> float:
    """Return the quantile by Newton's method: on a concave distribution it nears the quantile from below alone."""
    outside, t = 2.0 * (1.0 - probability), 0.0
    while True:
        further = t + (_outside(t, degrees) - outside) / _density(t, degrees)
        if further <= t * (1.0 + 1e-15):
            return t
        t = further


def _outside(t: float, degrees: float) -> float:
    """Return P(abs(T) > t) by that power series of the incomplete beta function which converges faster.

    The terms of both are positive (NIST Digital Library of Mathematical Functions, 8.17.7 and 8.17.8).
    """
    half = 0.5 * degrees
    sine_2, cosine_2 = t * t / (degrees + t * t), degrees / (degrees + t * t)
    term, number = _constant(half) * cosine_2 ** half, 0
    if sine_2 < cosine_2:
        term *= 2.0 * math.sqrt(sine_2)
        total = term
        while term > 1e-17 * total:
            term *= sine_2 * (half + 0.5 + number) / (1.5 + number)
            total, number = total + term, number + 1
        return 1.0 - total
    total = term / half
    while term > 1e-17 * total:
        term *= cosine_2 * (0.5 + number) / (1.0 + number)
        number += 1
        total += term / (half + number)
    return total


def _density(t: float, degrees: float) -> float:
    """Return the derivative of :func:`_outside` by ``t``, less its sign."""
    half = 0.5 * degrees
    return 2.0 * _constant(half) / math.sqrt(degrees) * (degrees / (degrees + t * t)) ** (half + 0.5)


def _constant(half: float) -> float:
    """Return one over the beta function of a half and ``half``."""
    return math.exp(math.lgamma(half + 0.5) - math.lgamma(half)) / math.sqrt(math.pi)
