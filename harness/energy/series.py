"""From a meter's readings to one series: the input's power, or its energy counter, fresh readings only."""

from typing import Any, Callable, List, Mapping, NamedTuple, Optional, Sequence

import numpy as np

from harness.energy.freshness import SensorPeriod, find_period, fresh_indices
from harness.energy.window import counter_power


class Series(NamedTuple):
    """The input's fresh readings. ``values`` are watts, or joules counted up if ``counter``.

    ``rail`` names what was taken; with ``reason`` set there is no series. ``polling_s`` is the time between
    readings as they came, fresh or not.
    """

    counter: bool
    times_s: np.ndarray
    values: np.ndarray
    period: SensorPeriod
    polling_s: float
    rail: Optional[str]
    reason: Optional[str] = None
    warning: Optional[str] = None

    def between(self, start_s: float, end_s: float) -> np.ndarray:
        """Return the power (W) at the fresh readings between two marks; for a counter the power up to each."""
        if self.counter:
            times, power = self.times_s[1:], counter_power(self.times_s, self.values)
        else:
            times, power = self.times_s, self.values
        return power[(times >= start_s) & (times <= end_s)]

    def fresh_between(self, start_s: float, end_s: float) -> int:
        """Return how many fresh readings lie between two marks."""
        return int(np.count_nonzero((self.times_s >= start_s) & (self.times_s <= end_s)))


def build_series(readings: Sequence[Any], input_rail: Callable[[Mapping[str, float]], Any],
                 trusting: bool = False, sensor: Optional[Callable[[Optional[str]], Any]] = None) -> Series:
    """Make the series of the board's input from ``readings`` (objects with ``time_s, power_w, energy_j``).

    ``input_rail(mean watts by rail)`` chooses the rails, once for the whole series, so that one odd
    reading cannot change the choice in the middle. ``trusting`` takes every reading for fresh while the
    refresh period cannot be told yet: at rest a sensor may honestly show one rounded value for seconds.
    ``sensor(rail)`` tells what is known of the sensor: one that refreshes faster than it is read is as fast as it
    is read, however often a level power rounds to one value.
    """
    counter = any(reading.energy_j for reading in readings)
    named = [(reading.time_s, reading.energy_j if counter else reading.power_w) for reading in readings]
    named = [(time_s, values) for time_s, values in named if values]
    choice = input_rail(_mean_power(named, counter))
    kept = [(time_s, choice.power_w(values), tuple(values.values())) for time_s, values in named]
    kept = [row for row in kept if row[1] is not None]
    times = np.array([row[0] for row in kept])
    totals = np.array([row[1] for row in kept], dtype=float)
    shown = [row[2] for row in kept]
    if choice.reason or len(kept) < 2:
        return Series(counter, times, totals, SensorPeriod(None, False), 0.0, choice.name,
                      choice.reason or "the meter gave fewer than two readings of {}".format(choice.name))
    period = find_period(times, shown)
    polling_s = float(np.median(np.diff(times)))
    known_s = None if sensor is None else sensor(choice.name).refresh_s
    if known_s is not None and known_s < polling_s and period.period_s is not None:
        period = SensorPeriod(polling_s, False)
    if counter:
        fresh = _changes(shown)
    elif period.period_s is None and trusting:
        fresh = list(range(len(kept)))
    else:
        fresh = fresh_indices(times, shown, period)
    return Series(counter, times[fresh], totals[fresh], period, polling_s, choice.name,
                  None, choice.warning)


def _mean_power(named: Sequence[Any], counter: bool) -> Mapping[str, float]:
    rails: List[str] = sorted({rail for _, values in named for rail in values})
    if counter:
        elapsed_s = named[-1][0] - named[0][0] if named else 0.0
        return {rail: (named[-1][1].get(rail, 0.0) - named[0][1].get(rail, 0.0)) / elapsed_s if elapsed_s else 0.0
                for rail in rails}
    return {rail: float(np.mean([values[rail] for _, values in named if rail in values])) for rail in rails}


def _changes(shown: Sequence[Any]) -> List[int]:
    """Return the readings of a counter that are new: one that stands still has only not been updated yet."""
    return [0] + [index for index in range(1, len(shown)) if shown[index] != shown[index - 1]]
