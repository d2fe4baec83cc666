"""Verdicts from the recorded launches of one comparison, recomputed from the raw samples.

Recorded decisions are never trusted: only orders, samples, calls a sample and the looks (fixed before the
first sample) are read. Signs: log ratios are rival over baseline, so negative means the rival is faster.
"""

import math
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from harness.statistics.flags import Flag, find_flags
from harness.statistics.next_step import Evidence, next_step
from harness.statistics.ratios import COPY, round_ratios, samples_per_call_s
from harness.statistics.rule import (
    AGREES,
    CANNOT_TELL,
    UNDECIDED,
    Decision,
    Rule,
    confirming_launch,
    first_launch,
    joint_state,
    level_per_look,
)
from harness.statistics.signed_rank import Interval, pseudo_median, signed_rank_interval


class Times(NamedTuple):
    """Seconds per call over every sample of every launch."""

    median_s: float
    p5_s: float
    p95_s: float
    samples: int


class Launch(NamedTuple):
    """What one launch said of one rival: its decision, and the A/A check's estimate beside it.

    ``decision.interval`` and ``aa_estimate`` are log ratios; ``rounds`` counts those the rival took part in.
    """

    number: int
    role: str
    decision: Decision
    aa_estimate: float
    rounds: int
    stopped: Optional[str]

    @property
    def estimate(self) -> float:
        """The launch's estimate of the log ratio: the median of all pairwise means."""
        return self.decision.interval.centre


class Verdict(NamedTuple):
    """One rival against its baseline in one cache state.

    ``state`` is faster, slower, same or cannot tell. ``ratio`` is the rival's time over the baseline's with
    its interval ``low`` to ``high`` (launch 1's, stretched to hold every launch's estimate); they are
    ``None`` with ``interval_reason`` where too few rounds were played. ``estimates`` are the launches'
    ratios of times. ``aa_floor`` is the largest difference (relative) that two copies of the baseline
    showed in these launches. ``why`` tells why the state fell short of a verdict, ``stopped`` why launch 1
    stopped. ``samples`` counts the rival's samples in all launches.
    """

    case: str
    baseline: str
    cache: str
    state: str
    ratio: Optional[float]
    low: Optional[float]
    high: Optional[float]
    interval_reason: Optional[str]
    estimates: Tuple[float, ...]
    launches: Tuple[Launch, ...]
    rounds: int
    samples: int
    aa_floor: Optional[float]
    stopped: Optional[str]
    why: Optional[str]
    next_step: Optional[str]
    flags: Tuple[Flag, ...]
    times: Optional[Times]
    baseline_times: Optional[Times]
    in_one_launch: bool

    @property
    def speed(self) -> Optional[float]:
        """Baseline time over rival time: above 1 the rival is faster."""
        return None if self.ratio is None else 1.0 / self.ratio

    @property
    def speed_low(self) -> Optional[float]:
        """Lower end of the interval of :attr:`speed`."""
        return None if self.high is None else 1.0 / self.high

    @property
    def speed_high(self) -> Optional[float]:
        """Upper end of the interval of :attr:`speed`."""
        return None if self.low is None else 1.0 / self.low


class AACheck(NamedTuple):
    """The baseline against its own second copy in one launch; ratios of times (1 is no difference)."""

    launch: int
    cache: str
    ratio: float
    low: Optional[float]
    high: Optional[float]
    rounds: int
    beyond_factor: bool


def verdicts(lines: Sequence[Dict[str, Any]], rule: Rule) -> List[Verdict]:
    """Return a verdict for every rival and cache state that launch 1 timed, in the recorded order.

    ``lines`` are the time pass's records of one comparison in launch order (failed ones are passed over);
    ``rule`` is the run's. Empty if no launch was recorded.
    """
    done = [line for line in lines if line.get("series")]
    if not done:
        return []
    failed = [line for line in lines if line.get("status") == "failed"]
    return [_verdict(done, failed, series["cache"], rival, rule)
            for series in done[0]["series"] for rival in series["entrants"][COPY + 1:]]


def aa_checks(lines: Sequence[Dict[str, Any]], rule: Rule) -> List[AACheck]:
    """Return the A/A check of every launch and cache state: 99 % intervals of all its rounds."""
    found = []
    for number, line in enumerate((line for line in lines if line.get("series")), 1):
        for series in line["series"]:
            d = round_ratios(series)[COPY]
            if d:
                centre, low, high = signed_rank_interval(d, rule.level)
                found.append(AACheck(line.get("launch", number), series["cache"], math.exp(centre), _exp(low),
                                     _exp(high), len(d), abs(centre) > rule.edge))
    return found


def case_times(lines: Sequence[Dict[str, Any]], cache: str, case: str) -> Optional[Times]:
    """Return median, P5 and P95 (s per call) of ``case`` over all launches, the A/A copy left out."""
    values = []  # type: List[float]
    for line in lines:
        series = _series_of(line, cache)
        if series is not None and case in series["entrants"]:
            values.extend(samples_per_call_s(series, series["entrants"].index(case)))
    if not values:
        return None
    p5, median, p95 = np.percentile(values, [5.0, 50.0, 95.0])
    return Times(float(median), float(p5), float(p95), len(values))


def _verdict(lines: Sequence[Dict[str, Any]], failed: Sequence[Dict[str, Any]], cache: str, rival: str,
             rule: Rule) -> Verdict:
    launches = _launches(lines, cache, rival, rule)
    held = [(line, series) for line in lines for series in [_series_of(line, cache)]
            if series is not None and rival in series["entrants"]]
    flags = find_flags(held, rival, rule)
    state, why = _state(launches, failed, flags, rule)
    played = [launch for launch in launches if launch.rounds]
    mean = sum(launch.estimate for launch in played) / len(played) if played else None
    interval = _shown(played)
    floor = max(abs(launch.aa_estimate) for launch in played) if played else None
    rounds = sum(launch.rounds for launch in launches)
    series = held[0][1]
    evidence = Evidence(state, why, [launch.decision for launch in played], played[0].rounds if played else 0,
                        mean, floor, _aa_is_real(held, rule), _round_s(series, rival), flags,
                        lines[0].get("timer", {}).get("name", ""), rule)
    return Verdict(
        rival, series["entrants"][0], cache, state, _exp(mean), _exp(interval.low), _exp(interval.high),
        None if interval.low is not None else "fewer than {} rounds give no interval".format(rule.min_rounds),
        tuple(math.exp(launch.estimate) for launch in played), tuple(launches), rounds, 2 * rounds,
        None if floor is None else math.expm1(floor), launches[0].stopped, why, next_step(evidence), flags,
        case_times(lines, cache, rival), case_times(lines, cache, series["entrants"][0]), rule.launches == 1)


def _launches(lines: Sequence[Dict[str, Any]], cache: str, rival: str, rule: Rule) -> List[Launch]:
    found = []  # type: List[Launch]
    for number, line in enumerate(lines, 1):
        series = _series_of(line, cache)
        if series is None or rival not in series["entrants"]:
            continue
        ratios = round_ratios(series)
        d = ratios[series["entrants"].index(rival)]
        if not found:
            decision = first_launch(d, series["looks"], rule)
        elif found[0].decision.state == UNDECIDED:
            break  # nothing to confirm
        else:
            decision = confirming_launch(d, series["looks"], found[0].decision.state, found[0].decision.round, rule)
        aa = pseudo_median(ratios[COPY]) if ratios[COPY] else 0.0
        found.append(Launch(line.get("launch", number), series["role"], decision, aa, len(d), series["stopped"]))
    return found


def _state(launches: Sequence[Launch], failed: Sequence[Dict[str, Any]], flags: Sequence[Flag],
           rule: Rule) -> Tuple[str, Optional[str]]:
    """Return the verdict of all launches, and why it is *cannot tell*."""
    first = launches[0].decision.state
    if any(flag.word == "coarse clock" for flag in flags):
        return CANNOT_TELL, "coarse clock"
    if first == UNDECIDED:
        return CANNOT_TELL, "launch 1 undecided"
    for launch in launches[1:]:
        if launch.decision.state != AGREES:
            return CANNOT_TELL, "launch {} {}".format(
                launch.number, "undecided" if launch.decision.state == UNDECIDED else "contradicts")
    if len(launches) < rule.launches and failed:
        return CANNOT_TELL, "launch {} failed ({})".format(failed[0].get("launch"), failed[0].get("reason"))
    if len(launches) < rule.launches:
        return CANNOT_TELL, "{} of {} launches recorded".format(len(launches), rule.launches)
    return joint_state(first, [launch.estimate for launch in launches],
                       [launch.aa_estimate for launch in launches], rule)


def _shown(launches: Sequence[Launch]) -> Interval:
    """Launch 1's interval, stretched to hold every launch's estimate."""
    if not launches:
        return Interval(0.0, None, None)
    centre, low, high = launches[0].decision.interval
    if low is None or high is None:
        return Interval(centre, None, None)
    estimates = [launch.estimate for launch in launches]
    return Interval(centre, min(estimates + [low]), max(estimates + [high]))


def _aa_is_real(held: Sequence[Tuple[Dict[str, Any], Dict[str, Any]]], rule: Rule) -> bool:
    """Whether some launch's A/A interval excludes 0 while its estimate lies beyond the factor."""
    for _, series in held:
        d = round_ratios(series)[COPY]
        if not d:
            continue
        centre, low, high = signed_rank_interval(d, level_per_look(rule, series["looks"]))
        if low is not None and high is not None and abs(centre) > rule.edge and (low > 0.0 or high < 0.0):
            return True
    return False


def _round_s(series: Dict[str, Any], rival: str) -> Optional[float]:
    """Mean length (s) of the rounds the rival took part in, settling calls counted."""
    index = series["entrants"].index(rival)
    lengths = [sum(record["sample_s"]) + sum(value or 0.0 for value in record["settle_s"] or ())
               for record in series["rounds"] if index in record["order"]]
    return sum(lengths) / len(lengths) if lengths else None


def _series_of(line: Dict[str, Any], cache: str) -> Optional[Dict[str, Any]]:
    return next((series for series in line.get("series") or () if series["cache"] == cache), None)


def _exp(value: Optional[float]) -> Optional[float]:
    return None if value is None else math.exp(value)
