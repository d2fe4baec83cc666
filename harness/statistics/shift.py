"""How far one set of values lies above another, with an interval: exact by ranks, or Student's t for few values.

By ranks: the interval that inverts the test of Wilcoxon, Mann and Whitney (Hodges and Lehmann, "Estimates of
location based on rank tests", 1963). It needs only that the values of both sets come from one distribution but for
the shift, so one launch far off the others costs little; Student's t would lose most of its power to it.
"""

import math
from functools import lru_cache
from typing import Sequence, Tuple

import numpy as np

from harness.quantiles import mean
from harness.statistics.signed_rank import Interval
from harness.statistics.student_t import t_quantile

#: From so many values a side the ranks are used: fewer have no exact interval at small levels worth its width.
LEAST_FOR_RANKS = 8


def shift_interval(first: Sequence[float], second: Sequence[float], level: float) -> Interval:
    """Return centre and 1 - ``level`` interval of ``second`` minus ``first`` (shapes (m,) and (n,)).

    One value against several: as far as a further value of the larger set may lie. One against one: no ends.
    Raises ``ValueError`` where a set is empty. Exchanging the sets mirrors the interval.
    """
    if not len(first) or not len(second):
        raise ValueError("a shift needs at least one value on each side")
    if min(len(first), len(second)) >= LEAST_FOR_RANKS:
        rank = rank_sum_rank(len(first), len(second), float(level))
        if rank:
            return _by_ranks(first, second, rank)
    return _by_t(first, second, level)


def _by_ranks(first: Sequence[float], second: Sequence[float], rank: int) -> Interval:
    apart = np.sort(np.subtract.outer(np.asarray(second, dtype=np.float64), np.asarray(first)).ravel())
    return Interval(float(np.median(apart)), float(apart[rank - 1]), float(apart[-rank]))


def _by_t(first: Sequence[float], second: Sequence[float], level: float) -> Interval:
    """Welch's interval."""
    (own, own_variance), (other, other_variance) = _mean_and_variance(first), _mean_and_variance(second)
    centre = other - own
    if len(first) == len(second) == 1:
        return Interval(centre, None, None)
    if min(len(first), len(second)) == 1:
        several, variance = (first, own_variance) if len(first) > 1 else (second, other_variance)
        degrees = float(len(several) - 1)
        spread = math.sqrt(variance) * math.sqrt(1.0 + 1.0 / len(several))
    else:
        a, b = own_variance / len(first), other_variance / len(second)
        spread = math.sqrt(a + b)
        degrees = len(first) + len(second) - 2.0 if spread == 0.0 else (a + b) ** 2 / (
            a * a / (len(first) - 1) + b * b / (len(second) - 1))
    half_width = t_quantile(1.0 - level / 2.0, degrees) * spread
    return Interval(centre, centre - half_width, centre + half_width)


def _mean_and_variance(values: Sequence[float]) -> Tuple[float, float]:
    """Return mean and variance of a sample, 0 for one value; a few are summed before numpy has looked at them."""
    centre = mean(values)
    if len(values) == 1:
        return centre, 0.0
    return centre, math.fsum([(value - centre) ** 2 for value in values]) / (len(values) - 1)


@lru_cache(maxsize=256)
def rank_sum_rank(m: int, n: int, alpha: float) -> int:
    """Return k: the k-th smallest and k-th largest of the m n differences bound a 1 - ``alpha`` interval.

    k is the largest rank with P(U <= k - 1) <= alpha / 2, U being the count of Mann and Whitney under equal
    distributions, exactly; 0 means that no such interval exists. Raises ``ValueError`` for m or n < 1.
    """
    if min(m, n) < 1 or not 0.0 < alpha < 1.0:
        raise ValueError("a rank interval needs values on both sides and alpha between 0 and 1")
    # ways[j]: how often each U occurs among orders of i values of one set and j of the other
    ways = [np.ones(1) for _ in range(n + 1)]
    for i in range(1, m + 1):
        for j in range(1, n + 1):
            found = np.zeros(i * j + 1)
            found[j:] += ways[j]           # the largest value is of the first set: it is above all j others
            found[:i * (j - 1) + 1] += ways[j - 1]
            ways[j] = found
    share = np.cumsum(ways[n]) / ways[n].sum()
    return int(np.searchsorted(share, alpha / 2.0, side="right"))

