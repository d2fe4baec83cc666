"""Verdicts from the recorded launches of one comparison, recomputed from the raw samples.

Recorded decisions are never trusted: only orders, samples, calls a sample and the looks (fixed before the
first sample) are read. Signs: log ratios are rival over baseline, so negative means the rival is faster.
"""

import math
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.quantiles import quantile
from harness.reasons import Reason
from harness.record.time_lines import COPY, LaunchLine, TimerFacts
from harness.rule import Rule
from harness.statistics.codes import Flag, FlagCode, NextStep, Why, WhyCode
from harness.statistics.decide import Decision, confirming_launches, first_launches, joint_state
from harness.statistics.flags import Held, find_flags
from harness.statistics.next_step import Evidence, next_step
from harness.statistics.signed_rank import Interval, pseudo_median
from harness.statistics.timed import Timed, timed
from harness.words import Role, State, Status

#: The timer whose samples are taken of arrays in main memory.
HOST_TIMER = "perf_counter"


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
    role: Role
    decision: Decision
    aa_estimate: float
    rounds: int
    stopped: Reason

    @property
    def estimate(self) -> float:
        """The launch's estimate of the log ratio: the median of all pairwise means."""
        return self.decision.interval.centre


class Verdict(NamedTuple):
    """One rival against its baseline in one cache state.

    ``state`` is faster, slower, same or cannot tell. ``speed`` is the baseline's time over the rival's, above 1 is
    faster, with its interval ``low`` to ``high`` (launch 1's, stretched to hold every launch's estimate); the ends
    are ``None`` where fewer than ``least_rounds`` were played. ``launch_speeds`` are the launches' estimates.
    ``floor`` is the largest difference (relative) that two copies of the baseline showed in these launches. ``why``
    tells why the state fell short of a verdict, ``stopped`` why launch 1 stopped. ``samples`` counts the rival's
    samples in all launches.
    """

    case: str
    baseline: str
    cache: str
    state: State
    speed: Optional[float]
    low: Optional[float]
    high: Optional[float]
    least_rounds: int
    launch_speeds: Tuple[float, ...]
    launches: Tuple[Launch, ...]
    rounds: int
    samples: int
    floor: Optional[float]
    stopped: Reason
    why: Optional[Why]
    next_step: Optional[NextStep]
    flags: Tuple[Flag, ...]
    times: Optional[Times]
    baseline_times: Optional[Times]


class Shared(NamedTuple):
    """What all rivals of one cache state share; ``real_aa`` are launches whose A/A check shows a real difference."""

    failed: Tuple[LaunchLine, ...]
    real_aa: Tuple[int, ...]
    baseline_times: Optional[Times]
    timer: Optional[TimerFacts]


def verdicts(lines: Sequence[LaunchLine], rule: Rule, baseline: Optional[str] = None) -> List[Verdict]:
    """Return a verdict for every rival and cache state that launch 1 timed, in the recorded order.

    ``lines`` are the launches of one comparison in order (failed ones are passed over); ``rule`` is the run's.
    ``baseline`` names another case than the comparison's own that all others are held against; the noise floor stays
    that of the copies of the comparison's own. Empty if no launch holds samples.
    """
    done = [line for line in lines if line.series]
    if not done:
        return []
    failed = [line for line in lines if line.status is Status.FAILED or line.left_out]
    found: List[Verdict] = []
    for series in done[0].series:
        # what all rivals of a cache state share is computed once
        against = series.entrants[0] if baseline is None else baseline
        if against not in series.entrants:
            continue
        played = [one for line in done for one in [timed(line, series.cache, against)] if one is not None]
        shared = Shared(tuple(failed), tuple(one.line.launch for one in played if one.aa_is_real(rule)),
                        _times([one.samples_per_call_s(against) for one in played]), done[0].timer)
        rivals = [case for number, case in enumerate(series.entrants) if number != COPY and case != against]
        launches = _launches(played, rivals, rule)
        found.extend(_verdict([one for one in played if rival in one.number_of], launches[rival], shared, rival, rule)
                     for rival in rivals)
    return found


def case_times(lines: Sequence[LaunchLine], cache: str, case: str) -> Optional[Times]:
    """Return median, P5 and P95 (s per call) of ``case`` over all launches, the A/A copy left out."""
    return _times([series.samples_per_call_s(series.entrants.index(case)) for line in lines for series in line.series
                   if series.cache == cache and case in series.entrants])


def _times(samples: Sequence[Sequence[float]]) -> Optional[Times]:
    values = sorted([value for some in samples for value in some])
    if not values:
        return None
    return Times(quantile(values, 0.5), quantile(values, 0.05), quantile(values, 0.95), len(values))


def _verdict(held: Held, launches: Sequence[Launch], shared: Shared, rival: str, rule: Rule) -> Verdict:
    """Return the verdict on ``rival``, which took part in ``held``; ``launches`` is what was said of it there."""
    flags = find_flags(held, rival, rule)
    lost = [(line.launch, line.left_out.get(rival, line.reason)) for line in shared.failed
            if line.status is Status.FAILED or rival in line.left_out]
    state, why = _state(launches, lost, flags, rule)
    played = [launch for launch in launches if launch.rounds]
    mean = sum(launch.estimate for launch in played) / len(played) if played else None
    interval = _shown(played)
    floor = max(abs(launch.aa_estimate) for launch in played) if played else None
    rounds = sum(launch.rounds for launch in launches)
    first, timer = held[0], shared.timer
    evidence = Evidence(state, why, [launch.decision for launch in played], played[0].rounds if played else 0,
                        mean, floor, any(one.line.launch in shared.real_aa for one in held), _round_s(first, rival),
                        flags, timer is not None and timer.name == HOST_TIMER, rule)
    return Verdict(
        rival, first.series.entrants[first.baseline], first.series.cache, state, _speed(mean), _speed(interval.high),
        _speed(interval.low), rule.min_rounds, tuple(math.exp(-launch.estimate) for launch in played),
        tuple(launches), rounds, 2 * rounds, None if floor is None else math.expm1(floor), launches[0].stopped, why,
        next_step(evidence), flags, _times([one.samples_per_call_s(rival) for one in held]), shared.baseline_times)


def _launches(played: Sequence[Timed], rivals: Sequence[str], rule: Rule) -> Dict[str, List[Launch]]:
    """Return what the launches ``played`` said of each rival that took part in any of them."""
    found: Dict[str, List[Launch]] = {rival: [] for rival in rivals}
    for one in played:
        series, ratios = one.series, {rival: one.ratios[one.number_of[rival]] for rival in rivals
                                      if rival in one.number_of}
        firsts = {rival: found[rival][0].decision for rival in ratios if found[rival]}
        decisions = first_launches({rival: d for rival, d in ratios.items() if rival not in firsts}, series.looks,
                                   rule)
        decisions.update(confirming_launches(
            {rival: ratios[rival] for rival, first in firsts.items() if first.state is not State.UNDECIDED},
            series.looks, firsts, rule))
        # of an undecided one there is nothing to confirm; what it played all the same counts in its estimate
        decisions.update((rival, Decision(State.UNDECIDED, len(ratios[rival]), Interval(
            pseudo_median(ratios[rival]), None, None))) for rival, first in firsts.items()
            if first.state is State.UNDECIDED and ratios[rival])
        for rival, decision in decisions.items():
            found[rival].append(Launch(one.line.launch, series.role, decision, one.aa_estimate, len(ratios[rival]),
                                       series.stopped))
    return found


def _state(launches: Sequence[Launch], lost: Sequence[Tuple[int, Optional[Reason]]], flags: Sequence[Flag],
           rule: Rule) -> Tuple[State, Optional[Why]]:
    """Return the verdict of all launches, and why it is *cannot tell*."""
    first = launches[0].decision.state
    if any(flag.code is FlagCode.COARSE_CLOCK for flag in flags):
        return State.CANNOT_TELL, Why(WhyCode.COARSE_CLOCK)
    if first is State.UNDECIDED:
        return State.CANNOT_TELL, Why(WhyCode.FIRST_UNDECIDED)
    for launch in launches[1:]:
        if launch.decision.state is not State.AGREES:
            return State.CANNOT_TELL, Why(WhyCode.LAUNCH_UNDECIDED if launch.decision.state is State.UNDECIDED
                                          else WhyCode.LAUNCH_CONTRADICTS, launch.number)
    if len(launches) < rule.launches and lost:
        return State.CANNOT_TELL, Why(WhyCode.LAUNCH_FAILED, lost[0][0], cause=lost[0][1])
    if len(launches) < rule.launches:
        return State.CANNOT_TELL, Why(WhyCode.LAUNCHES_MISSING, recorded=len(launches), wanted=rule.launches)
    state, code = joint_state(first, [launch.estimate for launch in launches],
                              [launch.aa_estimate for launch in launches], rule)
    return state, None if code is None else Why(code)


def _shown(launches: Sequence[Launch]) -> Interval:
    """Launch 1's interval, stretched to hold every launch's estimate."""
    if not launches:
        return Interval(0.0, None, None)
    centre, low, high = launches[0].decision.interval
    if low is None or high is None:
        return Interval(centre, None, None)
    estimates = [launch.estimate for launch in launches]
    return Interval(centre, min(estimates + [low]), max(estimates + [high]))


def _round_s(one: Timed, rival: str) -> Optional[float]:
    """Mean length (s) of the rounds the rival took part in, settling calls counted."""
    lengths = [one.round_s[number] for number, _ in one.places[one.number_of[rival]]]
    return sum(lengths) / len(lengths) if lengths else None


def _speed(log_time_ratio: Optional[float]) -> Optional[float]:
    return None if log_time_ratio is None else math.exp(-log_time_ratio)
