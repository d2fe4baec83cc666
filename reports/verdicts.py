"""The verdicts of a run as the reports want them: speeds instead of times, by comparison and cache state."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.plan import Comparison
from harness.record import Run
from harness.rule import Rule, rule_from_dict
from harness.statistics.verdict import Times, Verdict, case_times, verdicts
from reports.parts.record import timed


class RivalVerdict(NamedTuple):
    """One rival against its baseline. Ratios are speed: baseline time / rival time, above 1 is faster."""

    case: str
    state: str                              # faster, slower, same or cannot tell
    ratio: Optional[float]
    low: Optional[float]
    high: Optional[float]
    interval_reason: Optional[str]
    launch_ratios: Sequence[float]
    rounds: int
    floor: Optional[float]                  # what two copies of the baseline differed by, as a ratio >= 1
    next_step: Optional[str]
    why: Optional[str]
    stopped: Optional[str]
    flags: Sequence[Tuple[str, str]]        # (word, sentence)


class View(NamedTuple):
    """One comparison in one state of the caches."""

    comparison: Comparison
    cache: str
    times: Dict[str, Times]                 # seconds per call by case id, baseline included
    rivals: Dict[str, RivalVerdict]         # by case id
    floor: Optional[float]                  # the largest of the rivals' floors
    launches: int


def run_rule(run: Run) -> Rule:
    """Return the rule the run was made under."""
    return rule_from_dict(run.header.get("rule") or {})


def views(run: Run, comparison: Comparison) -> List[View]:
    """Return one view per cache state that was timed, hot first; none if nothing was timed."""
    lines = timed(run, comparison)
    rule = run_rule(run)
    found = verdicts(lines, rule)
    caches: List[str] = []
    for line in lines:
        caches.extend(series["cache"] for series in line["series"] if series["cache"] not in caches)
    result = []
    for cache in sorted(caches, key=lambda name: (name != "hot", name)):
        rivals = {one.case: _rival(one) for one in found if one.cache == cache}
        times = {}
        for case in comparison.cases:
            ident = comparison.case_id(case)
            measured = case_times(lines, cache, ident)
            if measured is not None:
                times[ident] = measured
        floors = [rival.floor for rival in rivals.values() if rival.floor is not None]
        result.append(View(comparison, cache, times, rivals, max(floors) if floors else None, len(lines)))
    return result


def _rival(verdict: Verdict) -> RivalVerdict:
    return RivalVerdict(
        verdict.case, verdict.state, verdict.speed, verdict.speed_low, verdict.speed_high, verdict.interval_reason,
        tuple(1 / estimate for estimate in verdict.estimates), verdict.rounds,
        None if verdict.aa_floor is None else 1 + verdict.aa_floor, verdict.next_step, verdict.why, verdict.stopped,
        tuple((flag.word, flag.sentence) for flag in verdict.flags))


def all_samples(run: Run, comparison: Comparison, cache: str, case: str) -> List[float]:
    """Return every sample of ``case`` in seconds per call, launch after launch (the A/A copy left out)."""
    found: List[float] = []
    for line in timed(run, comparison):
        for series in line["series"]:
            if series["cache"] == cache and case in series["entrants"]:
                found.extend(series.samples_per_call_s(series["entrants"].index(case)))
    return found
