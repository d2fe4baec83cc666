"""The same case in two runs made at different times on one device: the launches are the units.

Limits. Rounds of the two runs were never interleaved, so whatever changed in between (temperature, clocks,
software, other load) is part of the difference: the answer says that the times differ, not why. A run made
in one launch gives no spread of its own and is never enough. Few launches make wide intervals: with four
a side the spread of launches counts 5.8-fold over the square root of four.
"""

import math
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from harness.statistics.ratios import samples_per_call_s
from harness.statistics.rule import CANNOT_TELL, FASTER, SAME, SLOWER, Rule

LEAST_LAUNCHES = 2


class Change(NamedTuple):
    """What became of one case from the old run to the new one.

    ``ratio`` is new time over old time (below 1: the new run is faster) with its interval; ``why`` and
    ``next_step`` are set where the state is *cannot tell*.
    """

    state: str
    ratio: Optional[float]
    low: Optional[float]
    high: Optional[float]
    launches: Tuple[int, int]
    why: Optional[str]
    next_step: Optional[str]


def compare_runs(old_lines: Sequence[Dict[str, Any]], new_lines: Sequence[Dict[str, Any]], cache: str, case: str,
                 rule: Rule) -> Change:
    """Compare the recorded launches of ``case`` in two runs; see the limits in the module's text."""
    return compare_levels(launch_levels(old_lines, cache, case), launch_levels(new_lines, cache, case), rule)


def launch_levels(lines: Sequence[Dict[str, Any]], cache: str, case: str) -> List[float]:
    """Return the log of the median time per call (s) of ``case``, one value for each launch that holds it."""
    levels = []
    for line in lines:
        for series in line.get("series") or ():
            if series["cache"] == cache and case in series["entrants"]:
                values = samples_per_call_s(series, series["entrants"].index(case))
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
        return Change(CANNOT_TELL, None, None, None, counts, "not timed in both runs", "time the case in both runs")
    centre = float(np.mean(new) - np.mean(old))
    if min(counts) < LEAST_LAUNCHES:
        return Change(CANNOT_TELL, math.exp(centre), None, None, counts, "a run made in one launch has no spread",
                      "make both runs with {} launches".format(max(rule.launches, 4)))
    spread = math.sqrt(np.var(old, ddof=1) / len(old) + np.var(new, ddof=1) / len(new))
    half_width = student_t_quantile(1.0 - rule.level / 2.0, min(counts) - 1) * spread
    low, high = centre - half_width, centre + half_width
    state, why = _state(old, new, low, high, rule.edge)
    step = None if state != CANNOT_TELL else _next_step(centre, half_width, counts, rule)
    return Change(state, math.exp(centre), math.exp(low), math.exp(high), counts, why, step)


def _state(old: Sequence[float], new: Sequence[float], low: float, high: float,
           edge: float) -> Tuple[str, Optional[str]]:
    if low > -edge and high < edge:
        return SAME, None
    if high < -edge or low > edge:
        apart = max(new) < min(old) or min(new) > max(old)
        if apart:
            return (FASTER if high < -edge else SLOWER), None
        return CANNOT_TELL, "the launches of the two runs overlap"
    return CANNOT_TELL, "the interval reaches across the factor"


def _next_step(centre: float, half_width: float, counts: Tuple[int, int], rule: Rule) -> str:
    distance = abs(abs(centre) - rule.edge)
    if half_width <= 0.25 * rule.edge or distance == 0.0:
        return "the difference is right at the factor: quote the interval"
    wanted = int(math.ceil(min(counts) * (half_width / distance) ** 2))
    if wanted > 16:
        return "the launches of a run differ too much: lock the clocks, close other programs, run both again"
    return "about {} launches in each run would decide, or put both versions into one comparison".format(
        max(wanted, min(counts) + 1))


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
