"""Energy between two marks, from readings that do not fall on the marks.

All times are seconds of one monotonic clock, shared by the marks and the readings.
"""

from typing import Sequence, Tuple, Union

import numpy as np

Values = Union[Sequence[float], np.ndarray]
"""Numbers in a row."""


class WindowError(Exception):
    """The readings do not cover the window; one sentence."""


def integrate_power(times_s: Values, power_w: Values, start_s: float, end_s: float,
                    lag_s: float = 0.0) -> float:
    """Return the joules between ``start_s`` and ``end_s``: trapezoids, both ends interpolated.

    ``lag_s`` is the time constant of the sensor's first-order low-pass (0: none or unknown). For such a
    filter the true power is p = m + lag dm/dt of what it shows, so the energy is the integral of m plus
    lag (m(end) - m(start)), exactly.
    Raises :class:`WindowError` unless a reading lies at or before the start and one at or after the end.
    """
    times, values = _covering(times_s, power_w, start_s, end_s)
    inside = (times > start_s) & (times < end_s)
    ends = np.interp([start_s, end_s], times, values)
    grid = np.concatenate([[start_s], times[inside], [end_s]])
    curve = np.concatenate([[ends[0]], values[inside], [ends[1]]])
    area_j = float(np.sum(0.5 * (curve[1:] + curve[:-1]) * np.diff(grid)))
    return area_j + lag_s * float(ends[1] - ends[0])


def integrate_counter(times_s: Values, energy_j: Values, start_s: float, end_s: float) -> float:
    """Return the joules an energy counter gained between the marks, interpolated at both.

    Raises :class:`WindowError` as :func:`integrate_power` does.
    """
    times, values = _covering(times_s, energy_j, start_s, end_s)
    ends = np.interp([start_s, end_s], times, values)
    return float(ends[1] - ends[0])


def counter_power(times_s: Values, energy_j: Values) -> np.ndarray:
    """Return the mean power (W) between neighbouring readings of a counter; one shorter than the input."""
    return np.diff(np.asarray(energy_j, dtype=float)) / np.diff(np.asarray(times_s, dtype=float))


def _covering(times_s: Values, values: Values, start_s: float,
              end_s: float) -> Tuple[np.ndarray, np.ndarray]:
    times = np.asarray(times_s, dtype=float)
    if not end_s > start_s:
        raise WindowError("the window ends before it begins")
    if len(times) < 2 or times[0] > start_s or times[-1] < end_s:
        raise WindowError("the readings do not cover the whole window, so its ends cannot be interpolated")
    if np.any(np.diff(times) <= 0):
        raise WindowError("the readings are not in the order of time")
    return times, np.asarray(values, dtype=float)
