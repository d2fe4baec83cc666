"""The same case in two runs made at different times: the launches are the units.

What travels between runs is the *advantage*: a rival's time over its baseline's, round by round inside its own run.
What slows the whole machine down cancels in it. Times by themselves come second.

Limits. Rounds of the two runs were never interleaved, so whatever changed in between (temperature, clocks, software,
other load) is part of the difference: the answer says that the figures differ, not why. Two runs of one launch each
have no spread of their own: nothing can be shown by them, only what they gave and what such runs differ by.

What a pair can tell, simulated with recorded noise where launches move an advantage by 0.4 to 4.6 %
(``tests/statistics/compare_plans.py``): two runs made for comparing tell 5 % in 91 of 100 pairs and say *unchanged
within 3 %* else; four launches each tell 10 % in 43 and 20 % in 80 of 100 and say *unchanged within 14 %* (9 % where
launches differ by 1 %); one launch each tells nothing. None of 300 pairs of unchanged code was called different.
"""

import math
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.record.time_lines import BASELINE, LaunchLine, Series
from harness.rule import Rule
from harness.statistics.codes import NextStep, StepCode, WhyCode, step
from harness.statistics.levels import series_levels
from harness.statistics.shift import shift_interval
from harness.words import State

#: Error probability of one interval between runs. A pair of runs holds dozens of cases, so it is a twentieth of the
#: rule's: in 300 comparisons of unchanged code 0.15 intervals miss it, 0.25 where one run's launches differ three
#: times as much as the other's (simulated), and the factor keeps some of those silent.
LEVEL = 0.0005

#: Wider than this an interval says nothing that anybody wants to know.
WIDEST = 0.25

#: The logarithm of the largest factor that a number holds.
MOST = 700.0

MOST_LAUNCHES = 40  # nobody makes more: the launches differ too much


class Change(NamedTuple):
    """What became of one figure from the first run to the second.

    ``speed`` is above 1 where the second run is faster, with its interval ``low`` to ``high`` (none where each run
    has one launch). ``within`` is the largest relative change that the interval leaves open. The state is *faster* or
    *slower* where the interval excludes 1 and ``speed`` lies beyond the factor; *same* where the interval lies
    inside the factor; *unchanged* for any other; *cannot tell* where there is no interval, or one of no use.
    """

    state: State
    speed: Optional[float]
    low: Optional[float]
    high: Optional[float]
    within: Optional[float]
    launches: Tuple[int, int]
    why: Optional[WhyCode]
    next_step: Optional[NextStep]


class CaseLevels(NamedTuple):
    """One case in one cache state, a value for each launch that holds it.

    ``advantages`` are the estimates of log (time / baseline's time), as in verdicts, and empty for the baseline;
    ``times`` are the logs of the median times per call (s).
    """

    advantages: List[float]
    times: List[float]


class Wanted(NamedTuple):
    """Launches whose cases' levels in the state ``cache`` are wanted.

    ``baseline`` names another case than the series' own that the advantages are over.
    """

    lines: Sequence[LaunchLine]
    cache: str
    baseline: Optional[str] = None


def case_levels(lines: Sequence[LaunchLine], cache: str, baseline: Optional[str] = None) -> Dict[str, CaseLevels]:
    """Return the levels of every case that ``lines`` hold; see :class:`Wanted`."""
    return all_case_levels([Wanted(lines, cache, baseline)])[0]


def all_case_levels(wanted: Sequence[Wanted]) -> List[Dict[str, CaseLevels]]:
    """Return the levels of every case, for each of ``wanted``: those of a whole run cost little more than of one."""
    held = [[(series, _against(series, one.baseline)) for line in one.lines for series in line.series
             if series.cache == one.cache] for one in wanted]
    levels = iter(series_levels([one for own in held for one in own]))
    found: List[Dict[str, CaseLevels]] = []
    for own in held:
        cases: Dict[str, CaseLevels] = {}
        for (series, _), (times, estimates) in zip(own, levels):
            for case, time, estimate in zip(series.entrants, times, estimates):
                if time is not None:
                    known = cases.setdefault(case, CaseLevels([], []))
                    known.times.append(time)
                    known.advantages.extend([] if estimate is None else [estimate])
        found.append(cases)
    return found


def _against(series: Series, baseline: Optional[str]) -> Optional[int]:
    """Return which entrant the others are held against, ``None`` where ``baseline`` took no part."""
    if baseline is None:
        return BASELINE
    return series.entrants.index(baseline) if baseline in series.entrants else None


def factor(log_ratio: float) -> float:
    """Return e to the ``log_ratio``, as far as numbers go: the ends of an interval of two launches may lie beyond."""
    return math.exp(max(-MOST, min(MOST, log_ratio)))


def compare_levels(first: Sequence[float], second: Sequence[float], rule: Rule) -> Change:
    """Compare two sets of log times (or log time ratios), one value a launch: shapes (m,) and (n,)."""
    counts = (len(first), len(second))
    if not min(counts):
        return Change(State.CANNOT_TELL, None, None, None, None, counts, WhyCode.NOT_IN_BOTH,
                      step(StepCode.TIME_BOTH))
    centre, low, high = shift_interval(first, second, LEVEL)
    if low is None or high is None:
        return Change(State.CANNOT_TELL, factor(-centre), None, None, None, counts, WhyCode.ONE_LAUNCH,
                      step(StepCode.RUN_FOR_COMPARE))
    within = math.expm1(min(MOST, max(abs(low), abs(high))))
    state = _state(centre, low, high, rule.edge)
    found = Change(state, factor(-centre), factor(-high), factor(-low), within, counts, None, None)
    if state is State.UNCHANGED and within > WIDEST:
        return found._replace(state=State.CANNOT_TELL, why=WhyCode.WIDE_INTERVAL,
                              next_step=_more(min(counts), 0.5 * (high - low)))
    return found


def unchanged(change: Change) -> Change:
    """Return ``change`` of a run against itself: no other word fits, whatever the launches of the run can show.

    A width of no use is not given.
    """
    if change.state is not State.CANNOT_TELL or change.speed is None:
        return change
    state = State.SAME if change.within is None else State.UNCHANGED
    return change._replace(state=state, within=None, why=None, next_step=None)


def _state(centre: float, low: float, high: float, edge: float) -> State:
    if low > -edge and high < edge:
        return State.SAME
    if low <= 0.0 <= high or abs(centre) <= edge:
        return State.UNCHANGED
    return State.FASTER if centre < 0.0 else State.SLOWER


def _more(launches: int, half_width: float) -> NextStep:
    """Return the next step that would narrow the interval to something of use."""
    wanted = int(math.ceil(launches * (half_width / math.log1p(0.5 * WIDEST)) ** 2))
    if launches < 2 or wanted <= MOST_LAUNCHES:
        return step(StepCode.RUN_FOR_COMPARE)
    return step(StepCode.QUIET_MACHINE, launches=wanted)
