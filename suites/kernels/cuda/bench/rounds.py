"""Interleaved rounds of timed calls and what they say about ratios. Pure; the timer is passed in."""

import math
import random
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

TIMES_A_SAMPLE_S = 2e-3
LEVEL = 0.01


class Ratio(NamedTuple):
    """How much faster one entrant is than another, with its interval; ``None`` where there are too few rounds."""

    middle: float
    low: Optional[float]
    high: Optional[float]


def calls_of_a_sample(seconds_a_call: float, least_s: float = TIMES_A_SAMPLE_S) -> int:
    """Return how many calls make a sample long against the timer's resolution."""
    return max(1, int(math.ceil(least_s / max(seconds_a_call, 1e-9))))


def interleave(samplers: Dict[str, Callable[[], float]], rounds: int, seed: int) -> Dict[str, List[float]]:
    """Return for each entrant its seconds a call, one for each round; every round has an order of its own."""
    source = random.Random(seed)
    found = {name: [] for name in samplers}  # type: Dict[str, List[float]]
    for _ in range(rounds):
        order = sorted(samplers)
        source.shuffle(order)
        for name in order:
            found[name].append(samplers[name]())
    return found


def median(values: Sequence[float]) -> float:
    """Return the median."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def median_interval(values: Sequence[float], level: float = LEVEL) -> Optional[Tuple[float, float]]:
    """Return the exact interval of the median by order statistics, ``None`` if there are too few values.

    The chance that it misses the median is at most ``level`` whatever the distribution (Conover, Practical
    Nonparametric Statistics, section 3.2).
    """
    count, ordered = len(values), sorted(values)
    tail, outside = 0.0, -1
    for k in range(count // 2):
        tail += _choose(count, k) / 2.0 ** count
        if tail > level / 2:
            break
        outside = k
    return (ordered[outside], ordered[count - 1 - outside]) if outside >= 0 else None


def _choose(count: int, k: int) -> float:
    value = 1.0
    for i in range(k):
        value = value * (count - i) / (i + 1)
    return value


def speed_ratio(slower: Sequence[float], faster: Sequence[float]) -> Ratio:
    """Return how many times faster the second entrant is, from the ratios within each round."""
    ratios = [math.log(one / other) for one, other in zip(slower, faster)]
    interval = median_interval(ratios)
    low, high = (None, None) if interval is None else (math.exp(interval[0]), math.exp(interval[1]))
    return Ratio(math.exp(median(ratios)), low, high)
