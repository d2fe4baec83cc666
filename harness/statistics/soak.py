"""What a soak shows: burst against sustained speed, when it throttled, and the verdict on the sustained part."""

import math
from typing import NamedTuple, Optional, Sequence, Tuple

from harness.quantiles import median
from harness.record.amount_lines import SoakBlock, SoakLine, SoakTrace
from harness.rule import Rule
from harness.soak_blocks import LEAST_PAIRS, entrant_of, sustained
from harness.statistics.decide import decide_first
from harness.statistics.signed_rank import Interval, signed_rank_interval
from harness.words import State, Word

#: Down by more than this is throttling.
THROTTLED_BELOW = 0.95

#: One slow reading is no throttling: the median of so many in a row is.
READINGS = 5


class Measure(Word):
    """What told that the device throttled."""

    CLOCK = "clock"
    SPEED = "speed"


class Pace(NamedTuple):
    """Calls per second of one entrant in its first block and in the sustained part (median of its blocks)."""

    case: str
    burst_per_s: float
    sustained_per_s: Optional[float]

    @property
    def kept(self) -> Optional[float]:
        """The share of the burst speed that was sustained."""
        return None if self.sustained_per_s is None else self.sustained_per_s / self.burst_per_s


class SoakVerdict(NamedTuple):
    """``speed`` is the rival's against the baseline's in the sustained part, with its interval's ends.

    ``pairs`` is the number of block pairs in it; under ``pairs_needed`` there is no interval and nothing is decided.
    ``throttled_s`` is when ``measure`` fell by more than 5 % from its first block, ``None`` if it never did.
    """

    baseline: Pace
    rival: Pace
    state: State
    speed: Optional[float]
    low: Optional[float]
    high: Optional[float]
    pairs: int
    pairs_needed: int
    measure: Measure
    throttled_s: Optional[float]


def soak_verdict(line: SoakLine, rule: Rule) -> Optional[SoakVerdict]:
    """Return what ``line`` shows, ``None`` if it holds no pair of blocks."""
    if len(line.blocks) < 2 or line.trace is None:
        return None
    held = sustained(line.blocks)
    ratios = [math.log(_per_s(base) / _per_s(rival)) for base, rival in held]
    interval = signed_rank_interval(ratios, rule.level) if ratios else Interval(0.0, None, None)
    state = decide_first(interval, rule.edge)
    measure, throttled_s = throttled(line.trace)
    ends = (None, None) if interval.low is None or interval.high is None else (
        math.exp(-interval.high), math.exp(-interval.low))
    return SoakVerdict(_pace(line.blocks, 0, [pair[0] for pair in held]),
                       _pace(line.blocks, 1, [pair[1] for pair in held]),
                       State.CANNOT_TELL if state is State.UNDECIDED else state,
                       math.exp(-interval.centre) if ratios else None, ends[0], ends[1], len(held), LEAST_PAIRS,
                       measure, throttled_s)


def _per_s(block: SoakBlock) -> float:
    return block.calls / (block.end_s - block.start_s)


def _pace(blocks: Sequence[SoakBlock], entrant: int, late: Sequence[SoakBlock]) -> Pace:
    first = blocks[entrant]  # the first pair is baseline, rival
    return Pace(first.case, _per_s(first), median([_per_s(block) for block in late]) if late else None)


def throttled(trace: SoakTrace) -> Tuple[Measure, Optional[float]]:
    """Return by what throttling is told here and when it began, seconds from the start of the soak.

    The clock, where every reading has one; else the speed of each entrant against its own first block.
    """
    clocks = [value for value in trace.clock_hz if value is not None]
    if clocks and len(clocks) == len(trace.clock_hz):
        first = median([hertz for hertz, block in zip(clocks, trace.block) if block == 0])
        return Measure.CLOCK, _begin(trace.time_s, [hertz / first for hertz in clocks])
    burst = [median([speed for speed, block in zip(trace.calls_per_s, trace.block) if block == first])
             for first in (0, 1)]
    kept = [speed / burst[entrant_of(block)] for speed, block in zip(trace.calls_per_s, trace.block)]
    return Measure.SPEED, _begin(trace.time_s, kept)


def _begin(time_s: Sequence[float], kept: Sequence[float]) -> Optional[float]:
    """Return when the first of ``READINGS`` readings was taken whose median lies below the threshold."""
    for index in range(len(kept) - READINGS + 1):
        if kept[index] < THROTTLED_BELOW and median(kept[index:index + READINGS]) < THROTTLED_BELOW:
            return time_s[index]
    return None
