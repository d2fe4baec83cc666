"""What weakens a verdict, found in the raw samples: a coarse clock, launch-bound calls, a moving clock."""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from harness.statistics.ratios import BASELINE
from harness.statistics.rule import Rule

COARSE = "coarse clock"
LAUNCH_BOUND = "launch-bound"
CLOCK_MOVED = "clock moved"  # by its readings
UNSTEADY = "unsteady"  # by samples of one entrant in one round

ENQUEUE_SHARE = 0.8
MIRROR_DIFFERENCE = 0.10  # two samples of one entrant in one round
MIRROR_ROUNDS = 0.20  # share of rounds in which they differ by more
CLOCK_SPREAD = 0.05  # between the 5th and the 95th percentile of the readings


class Flag(NamedTuple):
    """A word the reports can key on and a sentence with the numbers."""

    word: str
    sentence: str


Held = Sequence[Tuple[Dict[str, Any], Dict[str, Any]]]  # (record line, its series) of each launch


def find_flags(held: Held, rival: str, rule: Rule) -> Tuple[Flag, ...]:
    """Return the flags of ``rival`` and its baseline over all launches in ``held``."""
    return tuple(flag for flag in (_coarse(held, rival, rule), _launch_bound(held, rival), _moved(held),
                                    _unsteady(held, rival))
                 if flag is not None)


def _indices(series: Dict[str, Any], rival: str) -> List[Tuple[str, int]]:
    return [("the baseline", BASELINE), ("the rival", series["entrants"].index(rival))]


def _values(series: Dict[str, Any], column: str, index: int) -> List[Tuple[float, float]]:
    """Return (first, mirrored) values of one entrant in every round that has them."""
    found = []
    for record in series["rounds"]:
        values = record[column]
        if values is not None and index in record["order"]:
            place = record["order"].index(index)
            pair = (values[place], values[len(values) - 1 - place])
            if None not in pair:
                found.append(pair)
    return found


def _coarse(held: Held, rival: str, rule: Rule) -> Optional[Flag]:
    for line, series in held:
        resolution_s = line.get("timer", {}).get("resolution_s")
        if not resolution_s:
            continue
        for name, index in _indices(series, rival):
            pairs = _values(series, "sample_s", index)
            steps = float(np.median(pairs)) / resolution_s if pairs else float("inf")
            if steps < rule.sample_steps:
                return Flag(COARSE, "half of the samples of {} last under {:.0f} timer steps, fewer than {}".format(
                    name, steps + 0.5, rule.sample_steps))
    return None


def _launch_bound(held: Held, rival: str) -> Optional[Flag]:
    bound = []
    for name, place in (("the baseline", 0), ("the rival", 1)):
        shares = []  # type: List[float]
        for _, series in held:
            index = _indices(series, rival)[place][1]
            for enqueue, sample in zip(_values(series, "enqueue_s", index), _values(series, "sample_s", index)):
                shares.extend((enqueue[0] / sample[0], enqueue[1] / sample[1]))
        if shares and float(np.median(shares)) > ENQUEUE_SHARE:
            bound.append("{} ({:.0f} % of its device time)".format(name, 100.0 * float(np.median(shares))))
    if not bound:
        return None
    return Flag(LAUNCH_BOUND, "enqueuing the calls costs the host more than {:.0f} % of the device time for {}: "
                              "a fused kernel or fewer launches would show".format(100 * ENQUEUE_SHARE,
                                                                                  " and ".join(bound)))


def _moved(held: Held) -> Optional[Flag]:
    readings = [value for _, series in held for record in series["rounds"] for value in record["clock_hz"] or ()]
    if readings:
        low, high = np.percentile(readings, [5.0, 95.0])
        if high > low * (1.0 + CLOCK_SPREAD):
            return Flag(CLOCK_MOVED, "the clock moved between {:.0f} and {:.0f} MHz".format(low / 1e6, high / 1e6))
    return None


def _unsteady(held: Held, rival: str) -> Optional[Flag]:
    for place in (0, 1):
        pairs = []  # type: List[Tuple[float, float]]
        for _, series in held:
            pairs.extend(_values(series, "sample_s", _indices(series, rival)[place][1]))
        apart = sum(1 for first, last in pairs if max(first, last) > (1.0 + MIRROR_DIFFERENCE) * min(first, last))
        if pairs and apart > MIRROR_ROUNDS * len(pairs):
            return Flag(UNSTEADY, "the two samples of one entrant differ by more than {:.0f} % in {:.0f} % of the "
                                  "rounds: the clock or the load moved".format(100 * MIRROR_DIFFERENCE,
                                                                               100.0 * apart / len(pairs)))
    return None
