"""The comparison rule as pure functions on arrays of round ratios ``d``.

d = mean log time of the rival's two samples in a round minus that of the baseline's two, so d < 0 means
that the rival is faster. Because the coin alone decides which of a round's places an entrant gets, d is
symmetric about the true log ratio whatever the noise does, and the exact signed-rank interval holds.
"""

import math
from typing import Callable, Dict, NamedTuple, Optional, Sequence, Tuple

from harness.statistics.signed_rank import Interval, signed_rank_interval

FASTER = "faster"
SLOWER = "slower"
SAME = "same"
CANNOT_TELL = "cannot tell"
UNDECIDED = "undecided"
AGREES = "agrees"
CONTRADICTS = "contradicts"

FIRST = "first"
CONFIRM = "confirm"

STANDARD_LOOKS = (12, 18, 27, 40, 60, 90, 135, 200, 300, 450)


class Rule(NamedTuple):
    """The numbers of the rule; the defaults are those whose error rates were simulated.

    ``factor`` is the smallest relative difference worth a verdict, ``level`` the error probability of the
    first launch shared by its looks, ``confirm_level`` the one of each look of a later launch.
    A *sample* is one timed stretch of calls, at least ``sample_s`` and ``sample_steps`` timer steps long;
    entrants whose call lasts less than ``settle_below_s`` get one untimed-for-the-statistic call before it.
    ``budget_s`` bounds the sampling of one launch, but never under ``min_rounds`` rounds.
    """

    factor: float = 0.02
    level: float = 0.01
    confirm_level: float = 0.005
    launches: int = 4
    min_rounds: int = 12
    max_rounds: int = 450
    budget_s: float = 120.0
    look_growth: float = 1.5
    sample_s: float = 1e-3
    sample_steps: int = 100
    settle_below_s: float = 10e-3

    @property
    def edge(self) -> float:
        """The factor on the log scale."""
        return math.log1p(self.factor)


def rule_to_dict(rule: Rule) -> Dict[str, float]:
    """Return ``rule`` as JSON-ready data."""
    return dict(rule._asdict())


def rule_from_dict(data: Dict[str, float]) -> Rule:
    """Read back what :func:`rule_to_dict` wrote; missing fields take the defaults, unknown ones are ignored."""
    return Rule(**{key: value for key, value in data.items() if key in Rule._fields})  # type: ignore[arg-type]


def plan_looks(rule: Rule, rounds_that_fit: float) -> Tuple[int, ...]:
    """Return the rounds after which the data are looked at, fixed before the first sample.

    The standard looks that fit both ``rule.max_rounds`` and ``rounds_that_fit`` (the budget divided by the
    length of a round, from the warm-up), continued by a factor of ``rule.look_growth``; never under
    ``rule.min_rounds``. The last look is the last round.
    """
    most = max(rule.min_rounds, int(min(rounds_that_fit, rule.max_rounds)))
    looks = [look for look in STANDARD_LOOKS if rule.min_rounds <= look <= most] or [rule.min_rounds]
    while looks[-1] >= STANDARD_LOOKS[-1] and int(looks[-1] * rule.look_growth) <= most:
        looks.append(int(looks[-1] * rule.look_growth))
    return tuple(looks)


def confirm_from(rule: Rule, first_rounds: int) -> int:
    """Return the round from which a later launch may decide: a quarter of launch 1's rounds, at least 12."""
    return max(rule.min_rounds, -(-first_rounds // 4))


def level_per_look(rule: Rule, looks: Sequence[int]) -> float:
    """Return launch 1's error probability at each look: the family level shared equally."""
    return rule.level / max(len(looks), 1)


def decide_first(interval: Interval, edge: float) -> str:
    """Return launch 1's decision at one look: faster, slower, same or undecided.

    ``interval`` is that of d at the look's level, ``edge`` the factor on the log scale.
    """
    if interval.low is None or interval.high is None:
        return UNDECIDED
    if interval.high < -edge:
        return FASTER
    if interval.low > edge:
        return SLOWER
    if interval.low > -edge and interval.high < edge:
        return SAME
    return UNDECIDED


def decide_confirm(interval: Interval, verdict: str, edge: float) -> str:
    """Return a later launch's decision at one look on launch 1's ``verdict``: agrees, contradicts or undecided.

    It agrees when the interval excludes 0 on the verdict's side (for *same*: lies within two factors) and
    contradicts when it excludes the verdict. Raises ``ValueError`` if ``verdict`` is none of the three.
    """
    if verdict not in (FASTER, SLOWER, SAME):
        raise ValueError("only faster, slower or same can be confirmed, not '{}'".format(verdict))
    low, high = interval.low, interval.high
    if low is None or high is None:
        return UNDECIDED
    if verdict == SLOWER:  # mirror to the case of a faster rival
        low, high = -high, -low
    if verdict == SAME:
        if low > -2.0 * edge and high < 2.0 * edge:
            return AGREES
        return CONTRADICTS if low > edge or high < -edge else UNDECIDED
    if high < 0.0:
        return AGREES
    return CONTRADICTS if low > -edge else UNDECIDED


class Decision(NamedTuple):
    """What one launch said of one rival: the state, the round it fell at and the interval there."""

    state: str
    round: int
    interval: Interval


def first_launch(d: Sequence[float], looks: Sequence[int], rule: Rule) -> Decision:
    """Return launch 1's decision from its round ratios ``d`` (shape (rounds,)) and its fixed ``looks``.

    Undecided at the end: the interval of all rounds, at the level of one look.
    """
    return _launch(d, looks, level_per_look(rule, looks), lambda interval: decide_first(interval, rule.edge))


def confirming_launch(d: Sequence[float], looks: Sequence[int], verdict: str, first_rounds: int,
                      rule: Rule) -> Decision:
    """Return a later launch's decision on ``verdict``, which launch 1 reached after ``first_rounds``."""
    start = confirm_from(rule, first_rounds)
    return _launch(d, [look for look in looks if look >= start], rule.confirm_level,
                   lambda interval: decide_confirm(interval, verdict, rule.edge))


def _launch(d: Sequence[float], looks: Sequence[int], level: float,
            decide: Callable[[Interval], str]) -> Decision:
    for look in looks:
        if look > len(d):
            break
        interval = signed_rank_interval(d[:look], level)
        state = decide(interval)
        if state != UNDECIDED:
            return Decision(state, look, interval)
    if not len(d):
        return Decision(UNDECIDED, 0, Interval(0.0, None, None))
    return Decision(UNDECIDED, len(d), signed_rank_interval(d, level))


def first_look_decision(d: Sequence[float], looks: Sequence[int], rule: Rule) -> str:
    """Return launch 1's decision at the look that ``d`` (shape (rounds,)) has just reached."""
    return decide_first(signed_rank_interval(d, level_per_look(rule, looks)), rule.edge)


def confirm_look_decision(d: Sequence[float], verdict: str, rule: Rule) -> str:
    """Return a later launch's decision at the look that ``d`` (shape (rounds,)) has just reached."""
    return decide_confirm(signed_rank_interval(d, rule.confirm_level), verdict, rule.edge)


def joint_state(verdict: str, estimates: Sequence[float], aa_estimates: Sequence[float],
                rule: Rule) -> Tuple[str, Optional[str]]:
    """Return the state after all launches agreed, and why it fell to *cannot tell* (else ``None``).

    ``estimates`` and ``aa_estimates`` (log ratios, one a launch) are the rival's and those of the
    baseline's second copy. Faster and slower need their mean beyond the factor and beyond the largest
    |A/A estimate|; same needs it within half the factor and no launch beyond one and a half.
    """
    mean = sum(estimates) / len(estimates)
    if verdict == SAME:
        if abs(mean) > rule.edge / 2.0:
            return CANNOT_TELL, "mean beyond half the factor"
        if max(abs(value) for value in estimates) > 1.5 * rule.edge:
            return CANNOT_TELL, "a launch beyond one and a half factors"
        return SAME, None
    signed = -mean if verdict == FASTER else mean
    if signed <= rule.edge:
        return CANNOT_TELL, "mean within the factor"
    if signed <= max(abs(value) for value in aa_estimates):
        return CANNOT_TELL, "mean within the A/A floor"
    return verdict, None
