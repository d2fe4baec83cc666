"""The comparison rule as pure functions on arrays of round ratios ``d``.

d = mean log time of the rival's two samples in a round minus that of the baseline's two, so d < 0 means
that the rival is faster. Because the shuffle alone decides which of a round's places an entrant gets, d is
symmetric about the true log ratio whatever the noise does, and the exact signed-rank interval holds.
"""

from typing import Callable, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple, TypeVar

from harness.rule import Rule, confirm_from, level_per_look
from harness.statistics.codes import WhyCode
from harness.statistics.signed_rank import Interval, signed_rank_interval, signed_rank_intervals
from harness.words import State

#: What tells the rivals of a launch apart.
Rival = TypeVar("Rival")


def decide_first(interval: Interval, edge: float) -> State:
    """Return launch 1's decision at one look: faster, slower, same or undecided.

    ``interval`` is that of d at the look's level, ``edge`` the factor on the log scale.
    """
    if interval.low is None or interval.high is None:
        return State.UNDECIDED
    if interval.high < -edge:
        return State.FASTER
    if interval.low > edge:
        return State.SLOWER
    if interval.low > -edge and interval.high < edge:
        return State.SAME
    return State.UNDECIDED


def decide_confirm(interval: Interval, verdict: State, edge: float) -> State:
    """Return a later launch's decision at one look on launch 1's ``verdict``: agrees, contradicts or undecided.

    It agrees when the interval excludes 0 on the verdict's side (for *same*: lies within two factors) and
    contradicts when it excludes the verdict. Raises ``ValueError`` if ``verdict`` is none of the three.
    """
    if verdict not in (State.FASTER, State.SLOWER, State.SAME):
        raise ValueError("only faster, slower or same can be confirmed, not '{}'".format(verdict))
    low, high = interval.low, interval.high
    if low is None or high is None:
        return State.UNDECIDED
    if verdict == State.SLOWER:  # mirror to the case of a faster rival
        low, high = -high, -low
    if verdict == State.SAME:
        if low > -2.0 * edge and high < 2.0 * edge:
            return State.AGREES
        return State.CONTRADICTS if low > edge or high < -edge else State.UNDECIDED
    if high < 0.0:
        return State.AGREES
    return State.CONTRADICTS if low > -edge else State.UNDECIDED


class Decision(NamedTuple):
    """What one launch said of one rival: the state, the round it fell at and the interval there."""

    state: State
    round: int
    interval: Interval


class Asked(NamedTuple):
    """What one launch is asked of one rival: its round ratios, the looks that may decide, and how they do."""

    d: Sequence[float]
    looks: Sequence[int]
    decide: Callable[[Interval], State]


def first_launch(d: Sequence[float], looks: Sequence[int], rule: Rule) -> Decision:
    """Return launch 1's decision from its round ratios ``d`` (shape (rounds,)) and its fixed ``looks``.

    Undecided at the end: the interval of all rounds, at the level of one look.
    """
    return first_launches({0: d}, looks, rule)[0]


def first_launches(ratios: Mapping[Rival, Sequence[float]], looks: Sequence[int],
                   rule: Rule) -> Dict[Rival, Decision]:
    """Return :func:`first_launch` of each rival of one launch: together they cost little more than one."""
    edge = rule.edge
    return _decisions({rival: Asked(d, looks, lambda interval: decide_first(interval, edge))
                       for rival, d in ratios.items()}, level_per_look(rule, looks))


def confirming_launch(d: Sequence[float], looks: Sequence[int], verdict: State, first_rounds: int,
                      rule: Rule) -> Decision:
    """Return a later launch's decision on ``verdict``, which launch 1 reached after ``first_rounds``."""
    first = Decision(verdict, first_rounds, Interval(0.0, None, None))
    return confirming_launches({0: d}, looks, {0: first}, rule)[0]


def confirming_launches(ratios: Mapping[Rival, Sequence[float]], looks: Sequence[int],
                        firsts: Mapping[Rival, Decision], rule: Rule) -> Dict[Rival, Decision]:
    """Return :func:`confirming_launch` of each rival of one launch; ``firsts`` are launch 1's decisions."""
    edge = rule.edge

    def asked(d: Sequence[float], first: Decision) -> Asked:
        start = confirm_from(rule, first.round)
        return Asked(d, [look for look in looks if look >= start],
                     lambda interval: decide_confirm(interval, first.state, edge))

    return _decisions({rival: asked(d, firsts[rival]) for rival, d in ratios.items()}, rule.confirm_level)


def _decisions(asked: Mapping[Rival, Asked], level: float) -> Dict[Rival, Decision]:
    found: Dict[Rival, Decision] = {}
    waiting = dict(asked)
    for look in sorted({look for one in asked.values() for look in one.looks}):
        due = [rival for rival, one in waiting.items() if look <= len(one.d) and look in one.looks]
        for rival, interval in zip(due, signed_rank_intervals([waiting[rival].d[:look] for rival in due], level)):
            state = waiting[rival].decide(interval)
            if state != State.UNDECIDED:
                found[rival] = Decision(state, look, interval)
                del waiting[rival]
    for rounds in sorted({len(one.d) for one in waiting.values()}):
        ended = [rival for rival, one in waiting.items() if len(one.d) == rounds]
        intervals = signed_rank_intervals([waiting[rival].d for rival in ended], level) if rounds else [
            Interval(0.0, None, None)] * len(ended)
        found.update((rival, Decision(State.UNDECIDED, rounds, interval))
                     for rival, interval in zip(ended, intervals))
    return found


def first_look_decision(d: Sequence[float], looks: Sequence[int], rule: Rule) -> State:
    """Return launch 1's decision at the look that ``d`` (shape (rounds,)) has just reached."""
    return decide_first(signed_rank_interval(d, level_per_look(rule, looks)), rule.edge)


def confirm_look_decision(d: Sequence[float], verdict: State, rule: Rule) -> State:
    """Return a later launch's decision at the look that ``d`` (shape (rounds,)) has just reached."""
    return decide_confirm(signed_rank_interval(d, rule.confirm_level), verdict, rule.edge)


def joint_state(verdict: State, estimates: Sequence[float], aa_estimates: Sequence[float],
                rule: Rule) -> Tuple[State, Optional[WhyCode]]:
    """Return the state after all launches agreed, and why it fell to *cannot tell* (else ``None``).

    ``estimates`` and ``aa_estimates`` (log ratios, one a launch) are the rival's and those of the
    baseline's second copy. Faster and slower need their mean beyond the factor and beyond the largest
    |A/A estimate|; same needs it within half the factor and no launch beyond one and a half.
    """
    mean = sum(estimates) / len(estimates)
    if verdict == State.SAME:
        if abs(mean) > rule.edge / 2.0:
            return State.CANNOT_TELL, WhyCode.BEYOND_HALF_FACTOR
        if max(abs(value) for value in estimates) > 1.5 * rule.edge:
            return State.CANNOT_TELL, WhyCode.LAUNCH_BEYOND_FACTOR
        return State.SAME, None
    signed = -mean if verdict == State.FASTER else mean
    if signed <= rule.edge:
        return State.CANNOT_TELL, WhyCode.WITHIN_FACTOR
    if signed <= max(abs(value) for value in aa_estimates):
        return State.CANNOT_TELL, WhyCode.WITHIN_FLOOR
    return verdict, None
