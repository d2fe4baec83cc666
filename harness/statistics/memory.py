"""Memory of one layer against another's, from a few fresh processes each, with a noise floor of its own.

Repeats of one layer differ by pages and allocator moods, not by sampling error, so a difference counts only where the
two sets of repeats do not overlap and their medians lie further apart than anything that two copies of the baseline,
or the repeats of one layer, showed.
"""

from typing import List, NamedTuple, Optional, Sequence, Tuple

from harness.quantiles import median
from harness.words import State

#: Below this nobody's question is decided, and page tables and stacks move by as much (bytes).
LEAST_BYTES = 2 ** 20

LEAST_REPEATS = 3


class Level(NamedTuple):
    """One layer's repeats of one kind of memory: median, least and most, in bytes."""

    median: float
    low: float
    high: float
    repeats: int


class MemoryVerdict(NamedTuple):
    """A rival against its baseline. ``difference`` is the rival's median less the baseline's (bytes).

    ``floor`` is the largest difference that identical things showed, at least :data:`LEAST_BYTES`.
    """

    state: State
    difference: Optional[float]
    floor: Optional[float]
    baseline: Optional[Level]
    rival: Optional[Level]


def level(values: Sequence[Optional[float]]) -> Optional[Level]:
    """Return the level of the repeats that have a figure, ``None`` if none has."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    return Level(median(known), known[0], known[-1], len(known))


def halves(values: Sequence[Optional[float]]) -> Tuple[List[Optional[float]], List[Optional[float]]]:
    """Return the baseline's repeats and those of its second copy."""
    half = (len(values) + 1) // 2
    return list(values[:half]), list(values[half:])


def compare_memory(baseline: Sequence[Optional[float]], rival: Sequence[Optional[float]]) -> MemoryVerdict:
    """Return smaller, larger, same or cannot tell of ``rival``; ``baseline`` holds its own repeats and its copy's.

    One that was measured no oftener than its rival has no copy: the fastest of several engines, known afterwards.
    """
    first, second = halves(baseline) if len(baseline) > len(rival) else (list(baseline), [])
    mine, copy, theirs = level(first), level(second), level(rival)
    whole = level(baseline)
    if mine is None or theirs is None or whole is None:
        return MemoryVerdict(State.CANNOT_TELL, None, None, whole, theirs)
    apart = abs(copy.median - mine.median) if copy is not None else 0.0
    floor = max(float(LEAST_BYTES), apart, whole.high - whole.low, theirs.high - theirs.low)
    difference = theirs.median - whole.median
    if theirs.repeats < LEAST_REPEATS or mine.repeats < LEAST_REPEATS:
        return MemoryVerdict(State.CANNOT_TELL, difference, floor, whole, theirs)
    if abs(difference) <= floor:
        return MemoryVerdict(State.SAME, difference, floor, whole, theirs)
    if theirs.low > whole.high:
        return MemoryVerdict(State.LARGER, difference, floor, whole, theirs)
    if theirs.high < whole.low:
        return MemoryVerdict(State.SMALLER, difference, floor, whole, theirs)
    return MemoryVerdict(State.CANNOT_TELL, difference, floor, whole, theirs)
