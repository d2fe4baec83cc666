"""One next step after *cannot tell*, with the numbers of the case."""

import math
from typing import NamedTuple, Optional, Sequence

from harness.rule import Rule, plan_looks
from harness.statistics.codes import Flag, FlagCode, NextStep, StepCode, Why, WhyCode, step
from harness.statistics.decide import Decision
from harness.words import State

NARROW = 0.25  # an interval whose half-width is below this share of the factor will not move off the edge
HOPELESS = 10.0  # more than this many times the rounds: quieten the machine instead


class Evidence(NamedTuple):
    """What a verdict rests on; log ratios, seconds. ``decisions`` is one a launch, launch 1 first.

    ``on_cpu`` says that arrays in main memory were timed, whose alignment matters.
    """

    state: State
    why: Optional[Why]
    decisions: Sequence[Decision]
    rounds: int
    mean: Optional[float]
    floor: Optional[float]
    aa_is_real: bool
    round_s: Optional[float]
    flags: Sequence[Flag]
    on_cpu: bool
    rule: Rule


def next_step(evidence: Evidence) -> Optional[NextStep]:
    """Return what to do next, ``None`` where there is a verdict."""
    if evidence.state is not State.CANNOT_TELL:
        return None
    flags = {flag.code: flag for flag in evidence.flags}
    if FlagCode.COARSE_CLOCK in flags:
        return NextStep(StepCode.MORE_CALLS, flags[FlagCode.COARSE_CLOCK].numbers)
    if not evidence.decisions or evidence.mean is None:
        return step(StepCode.MORE_LIMIT, rounds=0, least=evidence.rule.min_rounds)
    first = evidence.decisions[0]
    if first.interval.low is None:
        return step(StepCode.MORE_LIMIT, rounds=evidence.rounds, least=evidence.rule.min_rounds)
    why = evidence.why
    if why is not None and why.code is WhyCode.LAUNCHES_MISSING:
        return step(StepCode.RESUME, recorded=why.recorded, wanted=why.wanted)
    if why is not None and why.code is WhyCode.LAUNCH_FAILED:
        return step(StepCode.RUN_AGAIN, why.cause, launch=why.launch)
    if first.state is State.UNDECIDED:
        return _after_launch_1(evidence, first, flags.get(FlagCode.CLOCK_MOVED))
    return _after_confirming(evidence, first)


def _after_launch_1(evidence: Evidence, first: Decision, moved: Optional[Flag]) -> NextStep:
    low, high = first.interval.low, first.interval.high
    assert low is not None and high is not None
    edge = evidence.rule.edge
    half_width = 0.5 * (high - low)
    crosses = any(low <= side <= high for side in (-edge, edge))
    if crosses and half_width <= NARROW * edge:
        return _at_the_factor(low, high)
    if evidence.aa_is_real:
        return _floor(evidence)
    if moved is not None:
        return NextStep(StepCode.STEADY_CLOCK, moved.numbers)
    distance = abs(abs(first.interval.centre) - edge)
    return _more_rounds(evidence, evidence.rounds, half_width, distance)


def _after_confirming(evidence: Evidence, first: Decision) -> NextStep:
    if evidence.aa_is_real or (evidence.why is not None and evidence.why.code is WhyCode.WITHIN_FLOOR):
        return _floor(evidence)
    last = evidence.decisions[-1]
    if last.state is State.UNDECIDED and len(evidence.decisions) > 1 and last.interval.low is not None:
        low, high = last.interval.low, last.interval.high
        assert high is not None
        goal = 2.0 * evidence.rule.edge if first.state is State.SAME else 0.0
        return _more_rounds(evidence, last.round, 0.5 * (high - low), abs(goal - abs(last.interval.centre)))
    centres = [decision.interval.centre for decision in evidence.decisions]
    if len(centres) > 1 and max(centres) - min(centres) > 0.5 * evidence.rule.edge:
        return step(StepCode.MORE_LAUNCHES, speeds=[math.exp(-centre) for centre in centres],
                    launches=_twice(evidence.rule))
    return _at_the_factor(min(centres + [first.interval.low or 0.0]), max(centres + [first.interval.high or 0.0]))


def _floor(evidence: Evidence) -> NextStep:
    return step(StepCode.MORE_LAUNCHES_FLOOR, floor=math.expm1(evidence.floor or 0.0), launches=_twice(evidence.rule),
                align=evidence.on_cpu)


def _twice(rule: Rule) -> int:
    return 2 * max(rule.launches, 2)


def _more_rounds(evidence: Evidence, rounds: int, half_width: float, distance: float) -> NextStep:
    times = (half_width / distance) ** 2 if distance > 0.0 else float("inf")
    if times > HOPELESS:
        unsteady = [flag for flag in evidence.flags if flag.code is FlagCode.UNSTEADY]
        if unsteady:
            return NextStep(StepCode.STEADY_MACHINE, unsteady[0].numbers)
        return step(StepCode.QUIET_MACHINE, times=HOPELESS, rounds=rounds)
    wanted = max(int(math.ceil(rounds * times)), rounds + 1)
    # Decisions fall at looks only, so the next look that reaches the wanted number counts.
    looks = plan_looks(evidence.rule._replace(max_rounds=2 * wanted + 1), 2 * wanted + 1)
    more = next(look for look in looks if look >= wanted) - rounds
    seconds = None if evidence.round_s is None else more * evidence.round_s
    if rounds + more > evidence.rule.max_rounds:
        return step(StepCode.MORE_ROUNDS, rounds=more, seconds=seconds, wanted=rounds + more,
                    most=evidence.rule.max_rounds)
    return step(StepCode.MORE_BUDGET, rounds=more, seconds=seconds)


def _at_the_factor(low: float, high: float) -> NextStep:
    ends = sorted((math.expm1(low), math.expm1(high)))
    return step(StepCode.QUOTE_INTERVAL, low=ends[0], high=ends[1])
