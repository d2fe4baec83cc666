"""What weakens a verdict, found in the raw samples: a coarse clock, launch-bound calls, a moving clock."""

from typing import Dict, List, Optional, Sequence, Tuple

from harness.quantiles import median, quantile
from harness.rule import Rule
from harness.statistics.codes import Flag, FlagCode
from harness.statistics.timed import MIRROR_DIFFERENCE, Timed

ENQUEUE_SHARE = 0.8
NOT_HIDDEN_SHARE = 0.5  # of the samples: beyond it the median is one of launches too
MIRROR_ROUNDS = 0.20  # share of rounds in which they differ by more
WHO = ("baseline", "rival")
CLOCK_SPREAD = 0.05  # between the 5th and the 95th percentile of the readings


Held = Sequence[Timed]  # of each launch


def find_flags(held: Held, rival: str, rule: Rule) -> Tuple[Flag, ...]:
    """Return the flags of ``rival`` and its baseline over all launches in ``held``."""
    return tuple(flag for flag in (_coarse(held, rival, rule), _launch_bound(held, rival),
                                   _launches_timed(held, rival), _moved(held), _unsteady(held, rival))
                 if flag is not None)


def _indices(one: Timed, rival: str) -> Tuple[int, int]:
    """Return the entrant indices of the baseline and of ``rival``."""
    return one.baseline, one.number_of[rival]


def _values(one: Timed, column: str, index: int) -> List[Tuple[float, float]]:
    """Return (first, mirrored) values of one entrant in every round that has them."""
    if column not in one.kept:
        return []
    found = []
    for number, place in one.places[index]:
        values = getattr(one.series.rounds[number], column)
        if values is not None:
            pair = (values[place], values[-1 - place])
            if None not in pair:
                found.append(pair)
    return found


def _coarse(held: Held, rival: str, rule: Rule) -> Optional[Flag]:
    for one in held:
        resolution_s = one.line.timer.resolution_s if one.line.timer is not None else None
        if not resolution_s:
            continue
        for who, index in zip(WHO, _indices(one, rival)):
            stretch_s = one.median_s[index]
            steps = float("inf") if stretch_s is None else stretch_s / resolution_s
            if steps < rule.sample_steps:
                return Flag(FlagCode.COARSE_CLOCK, {"who": who, "steps": steps, "least": rule.sample_steps})
    return None


def _launch_bound(held: Held, rival: str) -> Optional[Flag]:
    bound: Dict[str, float] = {}
    for place, who in enumerate(WHO):
        shares: List[float] = []
        for one in held:
            index = _indices(one, rival)[place]
            for enqueue, sample in zip(_values(one, "enqueue_s", index), one.pairs[index]):
                shares.extend((enqueue[0] / sample[0], enqueue[1] / sample[1]))
        if shares and median(shares) > ENQUEUE_SHARE:
            bound[who + "_share"] = median(shares)
    return Flag(FlagCode.LAUNCH_BOUND, dict(bound, limit=ENQUEUE_SHARE)) if bound else None


def _launches_timed(held: Held, rival: str) -> Optional[Flag]:
    for place, who in enumerate(WHO):
        told = [value for one in held for pair in _values(one, "hidden", _indices(one, rival)[place])
                for value in pair]
        seen = sum(1 for hidden in told if not hidden)
        if seen > NOT_HIDDEN_SHARE * len(told):
            return Flag(FlagCode.LAUNCHES_TIMED, {"who": who, "share": seen / float(len(told))})
    return None


def _moved(held: Held) -> Optional[Flag]:
    readings = sorted([value for one in held if "clock_hz" in one.kept for played in one.series.rounds
                       for value in played.clock_hz or () if value is not None])
    if readings:
        low, high = quantile(readings, 0.05), quantile(readings, 0.95)
        if high > low * (1.0 + CLOCK_SPREAD):
            return Flag(FlagCode.CLOCK_MOVED, {"low_hz": low, "high_hz": high})
    return None


def _unsteady(held: Held, rival: str) -> Optional[Flag]:
    for place in (0, 1):
        own = [(one, _indices(one, rival)[place]) for one in held]
        pairs, apart = sum(len(one.pairs[index]) for one, index in own), sum(one.apart[index] for one, index in own)
        if pairs and apart > MIRROR_ROUNDS * pairs:
            return Flag(FlagCode.UNSTEADY, {"who": WHO[place], "difference": MIRROR_DIFFERENCE,
                                            "share": apart / float(pairs)})
    return None
