"""What weakens a verdict, found in the raw samples: a coarse clock, launch-bound calls, a moving clock."""

from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from harness.rule import Rule
from harness.statistics.codes import Flag, FlagCode
from harness.statistics.timed import Timed

ENQUEUE_SHARE = 0.8
NOT_HIDDEN_SHARE = 0.5  # of the samples: beyond it the median is one of launches too
MIRROR_DIFFERENCE = 0.10  # two samples of one entrant in one round
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
    found = []
    for number, place in one.places[index]:
        values = getattr(one.series.rounds[number], column)
        if values is not None:
            pair = (values[place], values[len(values) - 1 - place])
            if None not in pair:
                found.append(pair)
    return found


def _coarse(held: Held, rival: str, rule: Rule) -> Optional[Flag]:
    for one in held:
        resolution_s = one.line.timer.resolution_s if one.line.timer is not None else None
        if not resolution_s:
            continue
        for who, index in zip(WHO, _indices(one, rival)):
            pairs = _values(one, "sample_s", index)
            steps = float(np.median(pairs)) / resolution_s if pairs else float("inf")
            if steps < rule.sample_steps:
                return Flag(FlagCode.COARSE_CLOCK, {"who": who, "steps": steps, "least": rule.sample_steps})
    return None


def _launch_bound(held: Held, rival: str) -> Optional[Flag]:
    bound: Dict[str, float] = {}
    for place, who in enumerate(WHO):
        shares: List[float] = []
        for one in held:
            index = _indices(one, rival)[place]
            for enqueue, sample in zip(_values(one, "enqueue_s", index), _values(one, "sample_s", index)):
                shares.extend((enqueue[0] / sample[0], enqueue[1] / sample[1]))
        if shares and float(np.median(shares)) > ENQUEUE_SHARE:
            bound[who + "_share"] = float(np.median(shares))
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
    readings = [value for one in held for played in one.series.rounds for value in played.clock_hz or ()
                if value is not None]
    if readings:
        low, high = np.percentile(readings, [5.0, 95.0])
        if high > low * (1.0 + CLOCK_SPREAD):
            return Flag(FlagCode.CLOCK_MOVED, {"low_hz": float(low), "high_hz": float(high)})
    return None


def _unsteady(held: Held, rival: str) -> Optional[Flag]:
    for place in (0, 1):
        pairs: List[Tuple[float, float]] = []
        for one in held:
            pairs.extend(_values(one, "sample_s", _indices(one, rival)[place]))
        apart = sum(1 for first, last in pairs if max(first, last) > (1.0 + MIRROR_DIFFERENCE) * min(first, last))
        if pairs and apart > MIRROR_ROUNDS * len(pairs):
            return Flag(FlagCode.UNSTEADY, {"who": WHO[place], "difference": MIRROR_DIFFERENCE,
                                            "share": apart / float(len(pairs))})
    return None
