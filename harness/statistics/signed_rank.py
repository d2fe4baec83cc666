"""The exact signed-rank interval: the only thing it needs is that each value is as likely +x as -x.

The interval is the one that inverts Wilcoxon's signed-rank test (Hodges and Lehmann, "Estimates of
location based on rank tests", 1963): all pairwise means, sorted, and the k-th from each end.
"""

from functools import lru_cache
from typing import Iterator, List, NamedTuple, Optional, Sequence

import numpy as np

#: So many pairwise means are held at once: eight megabytes.
MOST_MEANS = 1 << 20


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


def pairwise_means(values: Sequence[Sequence[float]]) -> np.ndarray:
    """Return the n (n + 1) / 2 means (v_i + v_j) / 2, i <= j, of each row of ``values`` (shape (k, n)), unsorted.

    Raises ``ValueError`` for any other shape and for k or n = 0.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError("pairwise means need rows of at least one value")
    rows, columns = _upper_triangle(array.shape[1])
    means: np.ndarray = (array.take(rows, axis=1) + array.take(columns, axis=1)) * 0.5
    return means


@lru_cache(maxsize=32)
def _upper_triangle(n: int) -> tuple:
    return np.triu_indices(n)


def signed_rank_interval(values: Sequence[float], alpha: float) -> Interval:
    """Return the exact 1 - ``alpha`` interval for the centre of symmetry of ``values`` (shape (n,)).

    Changing the sign of every value mirrors the interval exactly, bit for bit.
    """
    return signed_rank_intervals([values], alpha)[0]


def signed_rank_intervals(values: Sequence[Sequence[float]], alpha: float) -> List[Interval]:
    """Return :func:`signed_rank_interval` of each row of ``values`` (shape (k, n)): many cost about as one."""
    found: List[Interval] = []
    for rows in _blocks(values):
        rank = signed_rank_rank(len(rows[0]), float(alpha))
        means = pairwise_means(rows)
        last = means.shape[1] - rank
        centres = _middles(means, (rank - 1, last) if rank else ())
        found.extend(map(Interval, centres, means[:, rank - 1].tolist(), means[:, last].tolist()) if rank else
                     [Interval(centre, None, None) for centre in centres])
    return found


def pseudo_median(values: Sequence[float]) -> float:
    """Return the median of all pairwise means of ``values`` (shape (n,)): one launch's estimate."""
    return pseudo_medians([values])[0]


def pseudo_medians(values: Sequence[Sequence[float]]) -> List[float]:
    """Return :func:`pseudo_median` of each of ``values`` (shapes (n,), which may differ)."""
    if isinstance(values, np.ndarray):
        return _alike_pseudo_medians(values)
    found = [0.0] * len(values)
    for length in set(map(len, values)):
        places = [place for place, one in enumerate(values) if len(one) == length]
        for place, centre in zip(places, _alike_pseudo_medians([values[place] for place in places])):
            found[place] = centre
    return found


def _alike_pseudo_medians(values: Sequence[Sequence[float]]) -> List[float]:
    return [centre for rows in _blocks(values) for centre in _middles(pairwise_means(rows), ())]


def _blocks(values: Sequence[Sequence[float]]) -> Iterator[Sequence[Sequence[float]]]:
    """Yield ``values`` in blocks of :data:`MOST_MEANS` pairwise means, at least one row each."""
    n = len(values[0]) if len(values) else 0
    rows = max(1, 2 * MOST_MEANS // max(1, n * (n + 1)))
    for start in range(0, len(values), rows):
        yield values[start:start + rows]


def _middles(means: np.ndarray, ranks: Sequence[int]) -> List[float]:
    """Return the median of each row of ``means``, which are put in order as far as that and ``ranks`` need it."""
    half = means.shape[1] // 2
    below = half - 1 + means.shape[1] % 2
    means.partition(sorted({half, below}.union(ranks)), axis=1)
    middles = means[:, half] if below == half else (means[:, below] + means[:, half]) * 0.5
    found: List[float] = middles.tolist()
    return found
