"""How far an energy figure can be off. Standard uncertainties in watts, combined as independent.

What is covered: the sensor's step, the readings' scatter and the power between them, the marks falling
between readings, the idle level and its drift. What is not: an error of the sensor's calibration (shunt
tolerance, offset), which no reading can show and which is common to all cases on one board.
"""

import math
from typing import Optional

import numpy as np

from harness.energy.window import Values

COVERAGE = 2.0
"""Stated uncertainties are this many standard uncertainties (about 95 %)."""


def step_of(values: Values) -> Optional[float]:
    """Return the smallest difference between two values shown, ``None`` if there is none: a lower bound."""
    gaps = np.diff(np.unique(np.asarray(values, dtype=float)))
    gaps = gaps[gaps > 1e-9]
    return float(gaps.min()) if len(gaps) else None


def step_u_w(power_w: Values, step_w: Optional[float]) -> float:
    """Return the mean's uncertainty from rounding to ``step_w``.

    Rounding errors average out only if the power moves across steps; a level between two steps that never
    moves is off by up to half a step however long one looks.
    """
    values = np.asarray(power_w, dtype=float)
    if not step_w or not len(values):
        return 0.0
    one = step_w / math.sqrt(12.0)
    return one / math.sqrt(len(values)) if float(np.std(values)) >= 0.5 * step_w else one


def jump_w(*stretches: Values) -> float:
    """Return the root mean square of the differences of neighbouring readings; each stretch has its own."""
    jumps = np.concatenate([np.diff(np.asarray(stretch, dtype=float)) for stretch in stretches])
    return math.sqrt(float(np.mean(jumps ** 2))) if len(jumps) else 0.0


def sampling_u_w(jump: float, readings: int) -> float:
    """Return the mean's uncertainty from what was not seen between the readings.

    From the successive differences (:func:`jump_w`): slow changes, which the trapezoids follow, count little;
    scatter and jumps count fully (von Neumann 1941).
    """
    return jump / math.sqrt(2.0 * readings) if readings else 0.0


def ends_u_w(jump: float, period_s: float, window_s: float) -> float:
    """Return the mean's uncertainty from marks that fall between two readings.

    At each end the power over a part of one period is interpolated; it scatters around the line by the
    readings' own successive differences.
    """
    return math.sqrt(2.0) * jump * period_s / math.sqrt(12.0) / window_s


def stamp_u_w(mean_w: float, age_s: float, window_s: float) -> float:
    """Return a counter's uncertainty from not knowing when it was updated.

    Each end is read up to ``age_s`` after the update it shows; both ends are independent.
    """
    return math.sqrt(2.0) * mean_w * age_s / math.sqrt(12.0) / window_s


def delay_u_w(start_w: float, end_w: float, delay_s: float, window_s: float) -> float:
    """Return the mean's uncertainty from readings that show the past, by anything up to ``delay_s``.

    A curve shown late by d loses d (p(end) - p(start)) of its area; the root mean square of d is
    delay / sqrt(3). At a level load this vanishes.
    """
    return abs(end_w - start_w) * delay_s / math.sqrt(3.0) / window_s


def combine(*parts: float) -> float:
    """Return the root of the sum of squares."""
    return math.sqrt(sum(part * part for part in parts))
