"""Energy of one layer against another's: the rule of the times, on windows that alternated in one worker.

Each round holds two windows of every entrant in tossed and mirrored order, so that the log ratio of a round is as
likely +x as -x between identical layers, whatever the board does meanwhile, and the exact signed-rank interval
holds. The baseline's second copy gives the noise floor. One worker is one launch: the rule's later launches, which
guard against what differs between processes, are not played for energy.
"""

import math
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.energy.schedule import LEAST_ROUNDS
from harness.record.amount_lines import EnergyLine, EnergyWindow
from harness.rule import Rule
from harness.statistics.codes import Why, WhyCode
from harness.statistics.decide import decide_first, first_launch, joint_state
from harness.statistics.signed_rank import Interval, pseudo_median
from harness.words import State

#: Stated uncertainties are this many standard ones.
COVERAGE = 2.0

#: What is faster in time is smaller in energy.
AS_ENERGY = {State.FASTER: State.SMALLER, State.SLOWER: State.LARGER, State.SAME: State.SAME}


class EnergyVerdict(NamedTuple):
    """One rival against its baseline, energy per call with the idle power in it.

    ``state`` is smaller, larger, same or cannot tell, with ``why``. ``ratio`` is the baseline's energy over the
    rival's, above 1 the rival needs less, with its interval, ``None`` where fewer than ``rounds_needed`` rounds were
    played. ``floor`` is the relative difference that two copies of the baseline showed. The interval holds what the
    rounding of the sensor may hide.
    """

    case: str
    baseline: str
    state: State
    ratio: Optional[float]
    low: Optional[float]
    high: Optional[float]
    rounds: int
    rounds_needed: int
    floor: Optional[float]
    why: Optional[Why] = None


def round_ratios(rival: Sequence[EnergyWindow], baseline: Sequence[EnergyWindow]) -> List[float]:
    """Return the log ratio of the energies per call of every round that both have whole, in order."""
    mine, theirs = _by_round(rival), _by_round(baseline)
    return [mine[number] - theirs[number] for number in sorted(set(mine) & set(theirs))]


def _by_round(windows: Sequence[EnergyWindow]) -> Dict[int, float]:
    """Return the mean log energy per call of each round; one with a window that has no energy is left out."""
    logs: Dict[int, List[float]] = {}
    for one in windows:
        positive = one.energy_j is not None and one.energy_j > 0
        logs.setdefault(one.round, []).append(math.log(one.energy_j / one.calls)  # type: ignore[operator]
                                              if positive else float("nan"))
    means = {number: sum(values) / len(values) for number, values in logs.items()}
    return {number: mean for number, mean in means.items() if mean == mean}


def parted(line: EnergyLine) -> Tuple[List[EnergyWindow], List[EnergyWindow]]:
    """Return the windows of the case itself and those of its second copy."""
    return [one for one in line.windows if not one.copy], [one for one in line.windows if one.copy]


def energy_verdict(baseline: EnergyLine, rival: EnergyLine, rule: Rule) -> EnergyVerdict:
    """Return the verdict on ``rival``; a line that says why it holds no energy gives none either."""
    own, copy = parted(baseline)
    theirs = parted(rival)[0]
    apart = baseline.together is None or baseline.together != rival.together
    d = [] if apart else round_ratios(theirs, own)
    aa = [] if apart else round_ratios(copy, own)
    least = rival.looks[0] if rival.looks else LEAST_ROUNDS
    blank = EnergyVerdict(rival.case, baseline.case, State.CANNOT_TELL, None, None, None, len(d), least,
                          math.expm1(abs(pseudo_median(aa))) if aa else None)
    if apart:
        return blank._replace(why=Why(WhyCode.NOT_BY_TURNS))
    if baseline.energy_per_call_j is None or rival.energy_per_call_j is None:
        return blank._replace(why=Why(WhyCode.NO_ENERGY))
    if not d:
        return blank._replace(why=Why(WhyCode.FEW_ROUNDS, recorded=0, wanted=least))
    if len(d) < least or not rival.looks:
        return blank._replace(ratio=math.exp(-pseudo_median(d)),
                              why=Why(WhyCode.FEW_ROUNDS, recorded=len(d), wanted=least))
    d = d[:rival.looks[-1]]  # rounds beyond were played for want of readings: to look at them would be another look
    found = first_launch(d, rival.looks, rule)
    interval = _widened(found.interval, COVERAGE * math.hypot(_hidden(baseline), _hidden(rival)))
    state, why = _state(interval, pseudo_median(aa) if aa else None, rule)
    ends = (None, None) if interval.low is None or interval.high is None else (
        math.exp(-interval.high), math.exp(-interval.low))
    return blank._replace(state=state, ratio=math.exp(-interval.centre), low=ends[0], high=ends[1], why=why)


def _state(interval: Interval, aa: Optional[float], rule: Rule) -> Tuple[State, Optional[Why]]:
    first = decide_first(interval, rule.edge)
    if first is State.UNDECIDED:
        return State.CANNOT_TELL, Why(WhyCode.ACROSS)
    if aa is None:
        return State.CANNOT_TELL, Why(WhyCode.NO_FLOOR)
    state, code = joint_state(first, [interval.centre], [aa], rule)
    return AS_ENERGY.get(state, state), None if code is None else Why(code)


def _hidden(line: EnergyLine) -> float:
    """Return the relative standard uncertainty that every window of a case shares: the rounding of a level power."""
    parts = line.uncertainty_parts_w or {}
    return parts.get("step", 0.0) / line.mean_w if line.mean_w else 0.0


def _widened(interval: Interval, by: float) -> Interval:
    if interval.low is None or interval.high is None:
        return interval
    return Interval(interval.centre, interval.low - by, interval.high + by)


def all_decided(rivals: Sequence[Sequence[float]], looks: Sequence[int], rule: Rule) -> bool:
    """Whether every rival's round ratios so far are decided at one of the ``looks``."""
    return all(first_launch(d[:looks[-1]], looks, rule).state is not State.UNDECIDED for d in rivals)
