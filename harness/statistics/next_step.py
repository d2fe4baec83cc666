"""One next step after *cannot tell*, with the numbers of the case."""

import math
from typing import List, NamedTuple, Optional, Sequence

from harness.statistics.flags import CLOCK_MOVED, COARSE, UNSTEADY, Flag
from harness.statistics.rule import CANNOT_TELL, SAME, UNDECIDED, Decision, Rule, plan_looks

NARROW = 0.25  # an interval whose half-width is below this share of the factor will not move off the edge
HOPELESS = 10.0  # more than this many times the rounds: quieten the machine instead
STILL = "lock the clocks and close other programs"
FIXES = "lock the clocks, check the fan and the power mode"


class Evidence(NamedTuple):
    """What a verdict rests on; log ratios, seconds. ``decisions`` is one a launch, launch 1 first."""

    state: str
    why: Optional[str]
    decisions: Sequence[Decision]
    rounds: int
    mean: Optional[float]
    floor: Optional[float]
    aa_is_real: bool
    round_s: Optional[float]
    flags: Sequence[Flag]
    timer: str
    rule: Rule


def next_step(evidence: Evidence) -> Optional[str]:
    """Return what to do next as one sentence, ``None`` where there is a verdict."""
    if evidence.state != CANNOT_TELL:
        return None
    words = {flag.word: flag.sentence for flag in evidence.flags}
    if COARSE in words:
        return "{}: raise the calls per sample".format(words[COARSE])
    if not evidence.decisions or evidence.mean is None:
        return "no round was played: raise the time limit"
    first = evidence.decisions[0]
    if first.interval.low is None:
        return "only {} rounds were played: raise the time limit to hold {}".format(
            evidence.rounds, evidence.rule.min_rounds)
    if evidence.why and evidence.why.endswith("launches recorded"):
        return "only {}: resume the run, or raise the budget to hold every launch".format(evidence.why)
    if evidence.why and "failed (" in evidence.why:
        return "{}: remove the cause and run again".format(evidence.why)
    if first.state == UNDECIDED:
        return _after_launch_1(evidence, first, words.get(CLOCK_MOVED))
    return _after_confirming(evidence, first)


def _after_launch_1(evidence: Evidence, first: Decision, moved: Optional[str]) -> str:
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
        return "{}; {}".format(moved, FIXES)
    distance = abs(abs(first.interval.centre) - edge)
    return _more_rounds(evidence, evidence.rounds, half_width, distance)


def _after_confirming(evidence: Evidence, first: Decision) -> str:
    if evidence.aa_is_real or evidence.why == "mean within the A/A floor":
        return _floor(evidence)
    last = evidence.decisions[-1]
    if last.state == UNDECIDED and len(evidence.decisions) > 1 and last.interval.low is not None:
        low, high = last.interval.low, last.interval.high
        assert high is not None
        goal = 2.0 * evidence.rule.edge if first.state == SAME else 0.0
        return _more_rounds(evidence, last.round, 0.5 * (high - low), abs(goal - abs(last.interval.centre)))
    centres = [decision.interval.centre for decision in evidence.decisions]
    edge = evidence.rule.edge
    if len(centres) > 1 and max(centres) - min(centres) > 0.5 * edge:
        return "{}: {}".format(_ratios(centres), _depends(evidence.rule))
    return _at_the_factor(min(centres + [first.interval.low or 0.0]), max(centres + [first.interval.high or 0.0]))


def _floor(evidence: Evidence) -> str:
    text = "two copies of the baseline differ by {:.1f} % here: {}".format(
        100.0 * math.expm1(evidence.floor or 0.0), _depends(evidence.rule))
    return text + "; align CPU arrays to 64 bytes" if evidence.timer == "perf_counter" else text


def _depends(rule: Rule) -> str:
    return ("the time depends on the launch (memory addresses, chosen algorithm): use --launches {} or pin the "
            "algorithm".format(2 * max(rule.launches, 2)))


def _more_rounds(evidence: Evidence, rounds: int, half_width: float, distance: float) -> str:
    times = (half_width / distance) ** 2 if distance > 0.0 else float("inf")
    if times > HOPELESS:
        unsteady = [flag.sentence for flag in evidence.flags if flag.word == UNSTEADY]
        if unsteady:
            return "{}; {}, close other programs".format(unsteady[0], FIXES)
        return "more than {:.0f} times the {} rounds would be needed: {}".format(HOPELESS, rounds, STILL)
    wanted = max(int(math.ceil(rounds * times)), rounds + 1)
    # Decisions fall at looks only, so the next look that reaches the wanted number counts.
    looks = plan_looks(evidence.rule._replace(max_rounds=2 * wanted + 1), 2 * wanted + 1)
    more = next(look for look in looks if look >= wanted) - rounds
    seconds = "" if evidence.round_s is None else " ({} s)".format(_two_digits(more * evidence.round_s))
    most = evidence.rule.max_rounds
    remedy = "raise the budget"
    if rounds + more > most:
        remedy = "use --rounds {} instead of {}, and a --budget for them".format(rounds + more, most)
    return "about {} rounds{} more would decide: {}".format(more, seconds, remedy)


def _two_digits(value: float) -> str:
    return "{:.0f}".format(value) if value >= 10.0 else "{:.2g}".format(value)


def _at_the_factor(low: float, high: float) -> str:
    ends = sorted((100.0 * math.expm1(low), 100.0 * math.expm1(high)))
    return ("the rival's time differs by {:+.1f} to {:+.1f} %: right at the factor, so more rounds will not help; "
            "quote the interval".format(*ends))


def _ratios(centres: List[float]) -> str:
    return "the launches disagree (speed ratios {})".format(
        ", ".join("{:.3f}".format(math.exp(-centre)) for centre in centres))
