"""The exact signed-rank interval: the only thing it needs is that each value is as likely +x as -x.

The interval is the one that inverts Wilcoxon's signed-rank test (Hodges and Lehmann, "Estimates of
location based on rank tests", 1963): all pairwise means, sorted, and the k-th from each end.
"""

from functools import lru_cache
from typing import NamedTuple, Optional, Sequence

import numpy as np


class Interval(NamedTuple):
    """Centre (the median of all pairwise means) and ends of an interval.

    ``low`` and ``high`` are ``None`` where no interval of that level exists for so few values.
    """

    centre: float
    low: Optional[float]
    high: Optional[float]


@lru_cache(maxsize=4096)
def signed_rank_rank(n: int, alpha: float) -> int:
    """Return k: the k-th smallest and k-th largest pairwise mean of ``n`` values bound a 1 - alpha interval.

    k is the largest rank with P(signed-rank sum <= k - 1) <= alpha / 2 under symmetry, from the exact
    distribution; 0 means that no such interval exists for this ``n``. Raises ``ValueError`` for n < 1 or
    alpha outside (0, 1).
    """
    if n < 1:
        raise ValueError("a signed-rank interval needs at least one value, got n = {}".format(n))
    if not 0.0 < alpha < 1.0:
        raise ValueError("alpha must lie between 0 and 1, got {}".format(alpha))
    # The distribution is symmetric about n (n + 1) / 4 and alpha / 2 < 1 / 2: the lower half is enough.
    size = n * (n + 1) // 4 + 1
    lower = np.zeros(size)
    lower[0] = 1.0
    reach = 0  # the largest sum the first i ranks can have, cut at the part that is kept
    for i in range(1, n + 1):
        reach = min(reach + i, size - 1)
        shifted = lower[:max(reach + 1 - i, 0)].copy()
        lower[i:reach + 1] += shifted
        lower[:reach + 1] *= 0.5
    return int(np.searchsorted(np.cumsum(lower), alpha / 2.0, side="right"))


def pairwise_means(values: Sequence[float]) -> np.ndarray:
    """Return the n (n + 1) / 2 means (v_i + v_j) / 2, i <= j, of ``values`` (shape (n,)), unsorted.

    Raises ``ValueError`` for any other shape and for n = 0.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError("pairwise means need a one-dimensional array with at least one value")
    rows, columns = _upper_triangle(array.size)
    return (array[rows] + array[columns]) * 0.5


@lru_cache(maxsize=32)
def _upper_triangle(n: int) -> tuple:
    return np.triu_indices(n)


def signed_rank_interval(values: Sequence[float], alpha: float) -> Interval:
    """Return the exact 1 - ``alpha`` interval for the centre of symmetry of ``values`` (shape (n,)).

    Changing the sign of every value mirrors the interval exactly, bit for bit.
    """
    means = pairwise_means(values)
    rank = signed_rank_rank(len(values), float(alpha))
    centre = _middle(means, (rank - 1, means.size - rank) if rank else ())
    if not rank:
        return Interval(centre, None, None)
    return Interval(centre, float(means[rank - 1]), float(means[means.size - rank]))


def pseudo_median(values: Sequence[float]) -> float:
    """Return the median of all pairwise means of ``values`` (shape (n,)): one launch's estimate."""
    return _middle(pairwise_means(values), ())


def _middle(means: np.ndarray, ranks: Sequence[int]) -> float:
    """Return the median of ``means``, which are put in order as far as that and ``ranks`` need it."""
    half = means.size // 2
    below = half - 1 + means.size % 2
    means.partition(sorted({half, below}.union(ranks)))
    return float(means[half]) if below == half else float((means[below] + means[half]) * 0.5)
