"""How often a sensor really refreshes, found from its readings, and which readings are fresh.

A sensor that is asked more often than it measures repeats itself. Counting repeats as readings would
claim a precision that is not there.
"""

from typing import Hashable, List, NamedTuple, Optional, Sequence

import numpy as np

from harness.energy.window import Values

LEAST_CHANGES = 5


class SensorPeriod(NamedTuple):
    """``period_s`` between refreshes, ``None`` with a reason if it cannot be told.

    ``resolved`` is false where the sensor is as fast as it was asked: the period is then an upper bound.
    """

    period_s: Optional[float]
    resolved: bool
    reason: Optional[str] = None


def find_period(times_s: Values, values: Sequence[Hashable]) -> SensorPeriod:
    """Find the refresh period from the moments at which the shown value changes.

    ``values`` may be tuples of several rails: any of them changing marks a refresh. A sensor that shows
    the same rounded value twice leaves a gap of several periods, so the short gaps count: the mean of all
    gaps below 1.75 times the lower quartile. If repeats are the rule the estimate is too long and fewer
    readings count as fresh, which errs on the safe side.
    """
    times = np.asarray(times_s, dtype=float)
    changes = [index for index in range(1, len(values)) if values[index] != values[index - 1]]
    if len(changes) < LEAST_CHANGES:
        return SensorPeriod(None, False, "the meter repeated itself: {} change{} of value in {} readings".format(
            len(changes), "" if len(changes) == 1 else "s", len(values)))
    polling_s = float(np.median(np.diff(times)))
    gaps = np.diff(times[changes])
    short = gaps[gaps < 1.75 * np.percentile(gaps, 25)]
    period_s = max(float(np.mean(short)), polling_s)
    return SensorPeriod(period_s, period_s > 1.5 * polling_s)


def fresh_indices(times_s: Values, values: Sequence[Hashable], period: SensorPeriod) -> List[int]:
    """Return the indices of the readings that hold a new measurement.

    Fresh is a reading whose value differs from the one before, or one by which the sensor must have
    measured again and found the same: one and a half periods after the last fresh reading, so that a
    change that is merely late is not counted twice; at the next reading for a sensor faster than the
    readings. Without a known period only changes count.
    """
    if not len(times_s):
        return []
    overdue_s = float("inf")
    if period.period_s is not None:
        overdue_s = (1.5 if period.resolved else 0.8) * period.period_s
    fresh = [0]
    for index in range(1, len(times_s)):
        elapsed_s = times_s[index] - times_s[fresh[-1]]
        if values[index] != values[index - 1] or elapsed_s >= overdue_s:
            fresh.append(index)
    return fresh
