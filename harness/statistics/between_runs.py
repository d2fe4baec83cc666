"""The same case in two runs made at different times on one device: the launches are the units.

Limits. Rounds of the two runs were never interleaved, so whatever changed in between (temperature, clocks,
software, other load) is part of the difference: the answer says that the times differ, not why. A run made
in one launch gives no spread of its own and is never enough. Few launches make wide intervals: with four
a side the spread of launches counts 5.8-fold over the square root of four.
"""

import math
from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from harness.record.lines import LaunchLine
from harness.rule import Rule
from harness.statistics.codes import NextStep, StepCode, WhyCode, step
from harness.words import State

LEAST_LAUNCHES = 2
MOST_LAUNCHES = 16  # nobody makes more: the launches differ too much


class Change(NamedTuple):
    """What became of one case from the old run to the new one.

    ``speed`` is old time over new time (above 1: the new run is faster) with its interval; ``why`` and
    ``next_step`` are set where the state is *cannot tell*.
    """

    state: State
    speed: Optional[float]
    low: Optional[float]
    high: Optional[float]
    launches: Tuple[int, int]
    why: Optional[WhyCode]
    next_step: Optional[NextStep]


def compare_runs(old_lines: Sequence[LaunchLine], new_lines: Sequence[LaunchLine], cache: str, case: str,
                 rule: Rule) -> Change:
    """Compare the recorded launches of ``case`` in two runs; see the limits in the module's text."""
    return compare_levels(launch_levels(old_lines, cache, case), launch_levels(new_lines, cache, case), rule)


def launch_levels(lines: Sequence[LaunchLine], cache: str, case: str) -> List[float]:
    """Return the log of the median time per call (s) of ``case``, one value for each launch that holds it."""
    levels = []
    for line in lines:
        for series in line.series:
            if series.cache == cache and case in series.entrants:
                values = series.samples_per_call_s(series.entrants.index(case))
                if values:
                    levels.append(math.log(float(np.median(values))))
    return levels


def compare_levels(old: Sequence[float], new: Sequence[float], rule: Rule) -> Change:
    """Compare two sets of log times, one value a launch: shapes (m,) and (n,).

    Welch's interval for the difference at ``rule.level``, with the degrees of freedom of the smaller set
    alone (the conservative choice), and for faster or slower also no overlap between the two sets.
    """
    counts = (len(old), len(new))
    if not min(counts):
        return Change(State.CANNOT_TELL, None, None, None, counts, WhyCode.NOT_IN_BOTH, step(StepCode.TIME_BOTH))
    centre = float(np.mean(new) - np.mean(old))
    if min(counts) < LEAST_LAUNCHES:
        return Change(State.CANNOT_TELL, math.exp(-centre), None, None, counts, WhyCode.ONE_LAUNCH,
                      step(StepCode.LAUNCHES_IN_BOTH, launches=max(rule.launches, 4)))
    spread = math.sqrt(np.var(old, ddof=1) / len(old) + np.var(new, ddof=1) / len(new))
    half_width = student_t_quantile(1.0 - rule.level / 2.0, min(counts) - 1) * spread
    low, high = centre - half_width, centre + half_width
    state, why = _state(old, new, low, high, rule.edge)
    remedy = None if state is not State.CANNOT_TELL else _next_step(low, high, half_width, centre, counts, rule)
    return Change(state, math.exp(-centre), math.exp(-high), math.exp(-low), counts, why, remedy)


def _state(old: Sequence[float], new: Sequence[float], low: float, high: float,
           edge: float) -> Tuple[State, Optional[WhyCode]]:
    if low > -edge and high < edge:
        return State.SAME, None
    if high < -edge or low > edge:
        apart = max(new) < min(old) or min(new) > max(old)
        if apart:
            return (State.FASTER if high < -edge else State.SLOWER), None
        return State.CANNOT_TELL, WhyCode.LAUNCHES_OVERLAP
    return State.CANNOT_TELL, WhyCode.ACROSS_FACTOR


def _next_step(low: float, high: float, half_width: float, centre: float, counts: Tuple[int, int],
               rule: Rule) -> NextStep:
    distance = abs(abs(centre) - rule.edge)
    if half_width <= 0.25 * rule.edge or distance == 0.0:
        ends = sorted((math.expm1(low), math.expm1(high)))
        return step(StepCode.QUOTE_INTERVAL, low=ends[0], high=ends[1])
    wanted = int(math.ceil(min(counts) * (half_width / distance) ** 2))
    if wanted > MOST_LAUNCHES:
        return step(StepCode.QUIET_MACHINE, launches=wanted)
    return step(StepCode.LAUNCHES_EACH, launches=max(wanted, min(counts) + 1))


def student_t_quantile(probability: float, degrees: int) -> float:
    """Return the quantile of Student's t for ``probability`` in (0.5, 1) and ``degrees`` >= 1 of freedom.

    By bisection on the finite sums for whole degrees (Abramowitz and Stegun, 26.7.3 and 26.7.4).
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
