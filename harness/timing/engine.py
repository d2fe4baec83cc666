"""One launch of one comparison, all rivals interleaved: what the time pass does in its worker."""

from random import Random
from typing import Callable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from harness.record.time_lines import BASELINE, COPY, Series, TimerFacts, WarmUpFacts
from harness.rule import Rule
from harness.timing.calibrate import target_s
from harness.timing.clock_readers import ClockSource
from harness.timing.rounds import Entrant, nine_digits, quiet_collector
from harness.timing.sampler import Call, Sampler, Timer
from harness.timing.series import Decisions, Limits, empty_series, plan_series, play_series
from harness.timing.warmup import WarmUp, WarmUpLimits, warm_up
from harness.words import Role, State

Report = Callable[[int, int, float], None]
Named = Tuple[str, Call]
First = Mapping[str, Decisions]  # launch 1's decisions by cache state

NO_CLOCK = ClockSource(None, None, "no clock reader was given")
WARM_UP = WarmUpLimits()


class LaunchFigures(NamedTuple):
    """What a launch measured, as the record's line of it holds it. ``charged_s`` counts warm-up and sampling."""

    series: Tuple[Series, ...]
    timer: TimerFacts
    warmup: Tuple[WarmUpFacts, ...]
    charged_s: float


def run_time_pass(entrants: Sequence[Named], timer: Timer, rule: Rule, seed: int, role: Role = Role.FIRST,
                  first: Optional[First] = None, budget_s: Optional[float] = None,
                  limit_s: Optional[float] = None, report: Optional[Report] = None, launch: int = 1,
                  clock: ClockSource = NO_CLOCK, warm_up_limits: WarmUpLimits = WARM_UP) -> LaunchFigures:
    """Time one launch.

    ``entrants`` are (case id, zero-argument callable): index 0 the baseline, 1 its second copy, then the
    rivals. ``role`` is first for launch 1 and confirm for the later ones (whole for each where all are played to
    their end), which need ``first``: launch
    1's decisions by cache and rival id, as :func:`harness.work_units.to_confirm` gives them;
    rivals without a verdict there are left out. ``seed`` and ``launch`` seed the shuffles. ``budget_s`` bounds
    the sampling (default: the rule's), shared by the timer's samplers; it never cuts a series under the
    rule's 12 rounds, the hard ``limit_s`` on the whole pass does. ``report`` gets (rounds done, rounds
    planned, seconds left at most) a few times a second.

    Raises ``ValueError`` for fewer than two entrants or a confirming launch without ``first``.
    """
    if len(entrants) < 2:
        raise ValueError("a time pass needs the baseline twice (the second copy is the A/A check), then the rivals")
    verdicts = first or {}
    jobs = [(sampler, _chosen(entrants, role, verdicts.get(sampler.cache, {}))) for sampler in timer.samplers]
    jobs = [(sampler, chosen) for sampler, chosen in jobs if role is not Role.CONFIRM or len(chosen) > 2]
    if not jobs:
        raise ValueError("a confirming launch needs launch 1's decisions, and at least one verdict among them")
    hard_s = float("inf") if limit_s is None else limit_s
    begun = timer.now()
    deadline = begun + hard_s
    left_s = rule.budget_s if budget_s is None else budget_s
    series: List[Series] = []
    warmups: List[WarmUpFacts] = []
    with quiet_collector():
        for number, (sampler, chosen) in enumerate(jobs):
            share_s = left_s / (len(jobs) - number)
            limits = Limits(share_s, timer.now, deadline, hard_s)
            ids = [case_id for case_id, _ in chosen]
            warmed = _warm_all(sampler, chosen, timer, rule, limits, warm_up_limits)
            warmups.extend(_warm_up_record(case_id, sampler, warm) for case_id, warm in zip(ids, warmed))
            if len(warmed) < len(chosen):
                series.append(empty_series(sampler, ids, rule, role, limits))
                continue
            plan = plan_series(ids, _places(chosen, warmed, rule), [warm.host_per_call_s for warm in warmed], rule,
                               role, verdicts.get(sampler.cache, {}), share_s, sampler.turn_s)
            random = Random("{}/{}/{}".format(seed, launch, sampler.cache))
            series.append(play_series(sampler, plan, rule, random, limits, clock, report, left_s - share_s))
            left_s = max(left_s - (series[-1].seconds or 0.0), 0.0)
    return LaunchFigures(tuple(series), timer.describe(), tuple(warmups), nine_digits(timer.now() - begun))


def _chosen(entrants: Sequence[Named], role: Role, verdicts: Decisions) -> List[Named]:
    """Return the entrants of one series: all of them, or those whose verdict is to be confirmed."""
    if role is not Role.CONFIRM:
        return list(entrants)
    return list(entrants[:2]) + [pair for pair in entrants[2:]
                                 if pair[0] in verdicts and verdicts[pair[0]].state is not State.UNDECIDED]


def _warm_all(sampler: Sampler, chosen: Sequence[Named], timer: Timer, rule: Rule, limits: Limits,
              bounds: WarmUpLimits) -> List[WarmUp]:
    """Warm each entrant up alone; fewer than ``chosen`` come back when the hard limit passes."""
    least_s = target_s(timer.resolution_s, rule.sample_s, rule.sample_steps)
    warmed: List[WarmUp] = []
    for _, call in chosen:
        if limits.now() > limits.deadline:
            break
        warmed.append(warm_up(sampler, call, least_s, limits.now, bounds))
    return warmed


def _places(chosen: Sequence[Named], warmed: Sequence[WarmUp], rule: Rule) -> List[Entrant]:
    """Return the entrants as the rounds play them; the two copies of the baseline are treated alike."""
    shared = max(warmed[BASELINE].calls, warmed[COPY].calls)
    short = min(warmed[BASELINE].per_call_s, warmed[COPY].per_call_s)
    places = []
    for index, ((_, call), warm) in enumerate(zip(chosen, warmed)):
        calls, per_call_s = (shared, short) if index in (BASELINE, COPY) else (warm.calls, warm.per_call_s)
        places.append(Entrant(call, calls, per_call_s < rule.settle_below_s))
    return places


def _warm_up_record(case_id: str, sampler: Sampler, warm: WarmUp) -> WarmUpFacts:
    return WarmUpFacts(case_id, sampler.cache, tuple(nine_digits(value) for value in warm.sample_s),
                       tuple(warm.calls_per_sample), warm.settled)
