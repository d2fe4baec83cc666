"""Was it reached? The goals recorded with a run, each judged by the interval of its ratio.

A goal's ratio is the time of its case over that of a rival, round by round where both were timed in the same rounds:
the interval is the exact one of the first launch, stretched to hold every launch's estimate, as in a verdict. A goal
speaks of the fastest rival, and which that is is uncertain too: so it must hold against each of them, and its ratio
is the largest. Sides that were timed in comparisons of their own (two numbers of threads) have but the medians of
their launches, and their interval spans all of those.
"""

import math
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from harness.plan import Goal
from harness.reasons import Code, Reason, because
from harness.record import LaunchLine, Run, Series
from harness.rule import Rule, level_per_look
from harness.statistics.ratios import round_logs
from harness.statistics.signed_rank import pseudo_median, signed_rank_interval
from harness.words import Word
from reports.findings.headline import short_titles
from reports.findings.rows import Table

HOT = "hot"


class GoalState(Word):
    """What a run says of a goal."""

    MET = "met"
    MISSED = "missed"
    CANNOT_TELL = "cannot tell"
    NOT_MEASURED = "not measured"


class Ratio(NamedTuple):
    """The time of a goal's case over a rival's, with an interval; ends are ``None`` with a ``reason``."""

    rival: str
    value: float
    low: Optional[float]
    high: Optional[float]
    launches: int
    reason: Optional[Reason] = None


class GoalRow(NamedTuple):
    """A goal and what the run says of it; names are as in the plan, ids where the run left the case out.

    ``fastest`` is the rival with the largest ratio. ``ratio`` is ``None`` where nothing was measured, the ends where
    there is no interval; ``reason`` then says why.
    """

    case: str
    title: str
    name: str
    threads: Optional[int]
    rivals: Tuple[str, ...]
    rival_threads: Optional[int]
    at_most: float
    state: GoalState
    ratio: Optional[float] = None
    low: Optional[float] = None
    high: Optional[float] = None
    fastest: Optional[str] = None
    launches: int = 0
    reason: Optional[Reason] = None


def goal_rows(run: Run, tables: Sequence[Table] = ()) -> Tuple[GoalRow, ...]:
    """Return the goals of ``run`` in the suite's order, each judged; titles are as short as ``tables`` allow."""
    titles = {one.id: one.title for one in run.comparisons}
    short = short_titles([table for table in tables if table.main])
    titles.update((table.id, short[table.key]) for table in tables if table.main)
    places = {place.id: place for place in run.places()}
    found = []
    for goal in run.header.goals:
        own, beside = places.get(goal.case), places.get(goal.rivals[0])
        row = GoalRow(
            goal.case, goal.case.split("/", 1)[0] if own is None else titles[own.comparison.id],
            goal.case.split("/", 1)[-1] if own is None else own.case.name, None if own is None else own.case.threads,
            tuple(places[one].case.name if one in places else one.split("/", 1)[-1] for one in goal.rivals),
            None if beside is None else beside.case.threads, goal.at_most, GoalState.NOT_MEASURED)
        missing = [one for one in (goal.case,) + goal.rivals if one not in places]
        found.append(row._replace(reason=Reason(Code.NOT_PLANNED)) if missing else _judged(run, goal, row))
    return tuple(found)


def _judged(run: Run, goal: Goal, row: GoalRow) -> GoalRow:
    ratios: List[Ratio] = []
    why: Optional[Reason] = None
    for rival in goal.rivals:
        found = _ratio(run, goal.case, rival)
        if isinstance(found, Ratio):
            ratios.append(found)
        else:
            why = why or found
    if not ratios:
        return row._replace(reason=why)
    worst = max(ratios, key=lambda one: one.value)
    lows = [one.low for one in ratios if one.low is not None]
    # whoever lacks an end may be the one that decides
    whole = why is None and all(one.high is not None for one in ratios)
    high = max(one.high for one in ratios if one.high is not None) if whole else None
    low = max(lows) if lows else None
    reason = next((one.reason for one in ratios if one.reason is not None), why)
    return row._replace(state=state_of(goal.at_most, low, high), ratio=worst.value, low=low, high=high, reason=reason,
                        fastest=row.rivals[goal.rivals.index(worst.rival)], launches=worst.launches)


def state_of(at_most: float, low: Optional[float], high: Optional[float]) -> GoalState:
    """Return what an interval says of a goal: met where all of it reaches the goal, missed where none does."""
    if high is not None and high <= at_most:
        return GoalState.MET
    return GoalState.MISSED if low is not None and low > at_most else GoalState.CANNOT_TELL


def _ratio(run: Run, case: str, rival: str) -> Union[Ratio, Reason]:
    own, beside = case.split("/", 1)[0], rival.split("/", 1)[0]
    for comparison, one in ((own, case), (beside, rival)):
        if not any(_seconds(line, one) for line in run.timed(comparison)):
            return run.why_not_timed(comparison, one)
    if own == beside:
        return _in_rounds(run.timed(own), case, rival, run.header.rule)
    return _apart(run, case, rival)


def _in_rounds(lines: Sequence[LaunchLine], case: str, rival: str, rule: Rule) -> Union[Ratio, Reason]:
    """Return the ratio of two cases of one comparison, from the rounds that both took part in."""
    played = [(series, logs) for line in lines for series in line.series if series.cache == HOT
              for logs in [_log_ratios(series, case, rival)] if logs]
    if not played:
        return Reason(Code.LEFT_OUT)
    series, logs = played[0]
    centre, low, high = signed_rank_interval(logs, level_per_look(rule, series.looks))
    estimates = [pseudo_median(values) for _, values in played]
    mean = math.exp(sum(estimates) / len(estimates))
    if low is None or high is None:
        return Ratio(rival, mean, None, None, len(played), because(Code.FEW_ROUNDS, round=len(logs)))
    return Ratio(rival, mean, math.exp(min(estimates + [low])), math.exp(max(estimates + [high])), len(played))


def _log_ratios(series: Series, case: str, rival: str) -> List[float]:
    """Return the log ratio of each round with both; the baseline stands for itself, not its second copy."""
    if case not in series.entrants or rival not in series.entrants:
        return []
    one, other = series.entrants.index(case), series.entrants.index(rival)
    every = (round_logs(played.order, played.sample_s, series.calls_per_sample) for played in series.rounds)
    return [logs[one] - logs[other] for logs in every if one in logs and other in logs]


def _apart(run: Run, case: str, rival: str) -> Ratio:
    """Return the ratio of cases of two comparisons, from the medians of their launches."""
    sides: Dict[str, List[float]] = {one: [seconds for line in run.timed(one.split("/", 1)[0])
                                           for seconds in [_seconds(line, one)] if seconds] for one in (case, rival)}
    means = [math.exp(sum(map(math.log, sides[one])) / len(sides[one])) for one in (case, rival)]
    launches = min(len(sides[case]), len(sides[rival]))
    if launches < 2:
        return Ratio(rival, means[0] / means[1], None, None, launches, Reason(Code.TIMED_APART))
    return Ratio(rival, means[0] / means[1], min(sides[case]) / max(sides[rival]),
                 max(sides[case]) / min(sides[rival]), launches)


def _seconds(line: LaunchLine, case: str) -> Optional[float]:
    """Return the median seconds per call of ``case`` in a launch, caches hot; ``None`` if it took no part."""
    for series in line.series:
        if series.cache == HOT and case in series.entrants:
            samples = sorted(series.samples_per_call_s(series.entrants.index(case)))
            return samples[len(samples) // 2] if samples else None
    return None
