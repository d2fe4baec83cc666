"""The idle level before and after the load, and whether it can be trusted."""

import math
from typing import NamedTuple, Optional

import numpy as np

from harness.energy.uncertainty import combine, jump_w, sampling_u_w, step_u_w
from harness.energy.window import Values

BLOCKS = 4
LEAST_READINGS = 8
DRIFT_SHARE = 0.10
"""Idle may move by this share of what the load adds ..."""
IDLE_SHARE = 0.02
"""... or by this share of itself, or by two steps of the sensor, whichever is most."""


class Stretch(NamedTuple):
    """One idle phase: its mean power over time, and the power at each fresh reading."""

    mean_w: float
    readings_w: Values


class Idle(NamedTuple):
    """The level to take off and its standard uncertainty.

    ``reason`` is a sentence with the remedy if the level was not steady enough to be taken off.
    """

    level_w: float
    u_w: float
    reason: Optional[str] = None


def judge_idle(before: Stretch, after: Stretch, load_w: float, step_w: Optional[float]) -> Idle:
    """Judge the two idle phases against the mean power of the load between them.

    The level taken off is the mean of both, as if it moved evenly; half the difference, evenly
    distributed, is part of its uncertainty.
    """
    level_w = 0.5 * (before.mean_w + after.mean_w)
    drift_w = abs(after.mean_w - before.mean_w)
    scatter_w = [combine(sampling_u_w(jump_w(values), len(values)), step_u_w(values, step_w))
                 for values in (before.readings_w, after.readings_w)]
    u_w = combine(0.5 * scatter_w[0], 0.5 * scatter_w[1], drift_w / math.sqrt(12.0))
    allowed_w = max(DRIFT_SHARE * abs(load_w - level_w), IDLE_SHARE * abs(level_w), 2.0 * (step_w or 0.0))
    return Idle(level_w, u_w, _doubt(before.readings_w, after.readings_w, drift_w, allowed_w))


def is_steady(readings_w: Values, step_w: Optional[float], level_w: Optional[float] = None) -> bool:
    """Whether an idle phase has come to rest, at ``level_w`` if there is one, whatever the load adds."""
    if len(readings_w) < LEAST_READINGS:
        return False
    mean_w = float(np.mean(readings_w))
    allowed_w = max(IDLE_SHARE * abs(mean_w), 2.0 * (step_w or 0.0))
    return unrest_w(readings_w) <= allowed_w and (level_w is None or abs(mean_w - level_w) <= allowed_w)


def _doubt(before_w: Values, after_w: Values, drift_w: float,
           allowed_w: float) -> Optional[str]:
    remedy = "close other programs, let the board cool down, or lock the clocks, and run the energy pass again"
    for name, values in (("before", before_w), ("after", after_w)):
        if len(values) < LEAST_READINGS:
            return "only {} fresh readings of the idle power {} the load (at least {} are needed): use a faster " \
                   "meter".format(len(values), name, LEAST_READINGS)
        moved_w = unrest_w(values)
        if moved_w > allowed_w:
            return "the idle power {} the load was not steady (it moved by {:.3f} W, {:.3f} W are allowed): " \
                   "{}".format(name, moved_w, allowed_w, remedy)
    if drift_w > allowed_w:
        return "the idle power changed by {:.3f} W between before and after the load ({:.3f} W are allowed): " \
               "{}".format(drift_w, allowed_w, remedy)
    return None


def unrest_w(values: Values) -> float:
    """Return the range of the means of four stretches, less what scatter alone would give (2.1 sigma of four)."""
    blocks = [block for block in np.array_split(np.asarray(values, dtype=float), BLOCKS) if len(block)]
    means = [float(np.mean(block)) for block in blocks]
    expected_w = 2.06 * sampling_u_w(jump_w(values), len(values)) * math.sqrt(BLOCKS)
    return max(0.0, max(means) - min(means) - expected_w)
