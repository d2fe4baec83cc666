"""Does a claim hold? Decided on numbers and codes, the direction and the size of an advantage apart.

An advantage above 0 is one for the claim's layer. What is measured stands as the natural logarithm of its factor (how
many times faster or smaller), so that twice and half lie equally far from none; what is counted stands as the number
or the share that is saved. The direction is the run's own verdict, with its noise
floor and all launches. The size compares the advantage's interval with the published one:

* ``AS_PUBLISHED``: all of the interval reaches the published advantage, less the tolerance;
* ``MORE``: it lies wholly beyond it, plus the tolerance; ``LESS``: wholly short of it, less the tolerance;
* ``CANNOT_TELL``: a part of it falls short and a part does not;
* ``NOT_GIVEN``: the source gives a direction and no size.

The tolerance of what is measured is 10 % of the factor (the published ones have two digits, "about"); of what is
counted one step of the last printed digit.
"""

import math
from typing import NamedTuple, Optional, Sequence

from harness.words import Word
from reports.findings.claims import Cannot

#: Measured factors within this of a published one are taken as the same.
TOLERANCE = math.log(1.1)


#: Why one row could not be tested in one run, the least lacking first.
LACKING = (Cannot.CANNOT_TELL, Cannot.NO_INTERVAL, Cannot.NOT_MEASURED, Cannot.ON_A_CPU, Cannot.NOT_IN_RUNS,
           Cannot.NO_RIVAL)


class Direction(Word):
    """Which way a measured advantage goes, by the rule of the run."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    CANNOT_TELL = "cannot tell"


class Size(Word):
    """A measured advantage beside the published one."""

    AS_PUBLISHED = "as published"
    MORE = "more"
    LESS = "less"
    CANNOT_TELL = "cannot tell"
    NOT_GIVEN = "not given"


class Holds(Word):
    """The verdict on a claim."""

    HOLDS = "holds"
    IN_PART = "holds in part"
    DOES_NOT = "does not hold here"
    CANNOT_TEST = "cannot be tested"


class Judged(NamedTuple):
    """A verdict; ``cannot`` says why there is none."""

    holds: Holds
    direction: Optional[Direction] = None
    size: Optional[Size] = None
    cannot: Optional[Cannot] = None


def size_of(published: Optional[float], low: float, high: float, tolerance: float) -> Size:
    """Return how the interval ``low`` to ``high`` of an advantage lies to the ``published`` one.

    All are in one unit. The published sign is the direction of the claim: with a published disadvantage *more* means
    that it is larger.
    """
    if published is None:
        return Size.NOT_GIVEN
    if published < 0:
        published, low, high = -published, -high, -low
    if high < published - tolerance:
        return Size.LESS
    if low < published - tolerance:
        return Size.CANNOT_TELL
    return Size.MORE if low > published + tolerance else Size.AS_PUBLISHED


def judge(direction: Direction, published: Optional[float], low: float, high: float, tolerance: float) -> Judged:
    """Return the verdict on one measured advantage.

    It holds where the direction is the published one and the size is at least as published (or no size is given); in
    part where the direction is and the size is less or cannot be told; not where the direction is the other one, or
    where there is no difference and the published size is ruled out. Else nothing can be told.
    """
    size = size_of(published, low, high, tolerance)
    if direction is Direction.CANNOT_TELL or direction is Direction.SAME:
        if size is Size.LESS or direction is Direction.SAME and size is Size.NOT_GIVEN:
            return Judged(Holds.DOES_NOT, direction, size)
        return Judged(Holds.CANNOT_TEST, direction, size, Cannot.CANNOT_TELL)
    wanted = Direction.WORSE if published is not None and published < 0 else Direction.BETTER
    if direction is not wanted:
        return Judged(Holds.DOES_NOT, direction, size)
    if size in (Size.LESS, Size.CANNOT_TELL):
        return Judged(Holds.IN_PART, direction, size)
    return Judged(Holds.HOLDS, direction, size)


def _lacking(one: Judged) -> int:
    """Return how much lacked for a verdict; what stands before any measurement holds for all rows alike."""
    return LACKING.index(one.cannot) if one.cannot is not None and one.cannot in LACKING else 0


def together(verdicts: Sequence[Judged]) -> Judged:
    """Return the verdict on a claim from those on its rows, in all runs.

    What could not be tested says nothing beside what could. All that were tested must hold for the claim to hold;
    it holds in part where one holds or holds in part. Where nothing could be, the verdict that came furthest stands
    for all: a run without the case takes nothing from one that measured it.
    """
    tested = [one for one in verdicts if one.holds is not Holds.CANNOT_TEST]
    if not tested:
        return min(verdicts, key=_lacking) if verdicts else Judged(Holds.CANNOT_TEST, cannot=Cannot.NOT_IN_RUNS)
    found = {one.holds for one in tested}
    if len(found) == 1:
        return tested[0]
    return Judged(Holds.IN_PART)
