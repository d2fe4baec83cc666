"""Mean, median and quantiles of a few values without numpy, which the controller and small boards do without."""

import math
from typing import Sequence


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the ``share`` quantile of sorted values by linear interpolation between them."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def mean(values: Sequence[float]) -> float:
    """Return the mean of ``values`` (at least one)."""
    return math.fsum(values) / len(values)


def median(values: Sequence[float]) -> float:
    """Return the median of ``values`` (any order, at least one)."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else 0.5 * (ordered[half - 1] + ordered[half])
