"""The energy figure of one case: joules per call, above idle, and how far they can be off."""

import math
from typing import Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from harness.energy.idle import Stretch, judge_idle
from harness.energy.series import Series
from harness.energy.uncertainty import (
    COVERAGE,
    combine,
    delay_u_w,
    ends_u_w,
    jump_w,
    sampling_u_w,
    stamp_u_w,
    step_of,
    step_u_w,
)
from harness.energy.window import WindowError, integrate_counter, integrate_power

Span = Tuple[float, float]


class Marks(NamedTuple):
    """Start and end (monotonic seconds, device synchronised) of the idle stretches and of the windows under load."""

    idle_before: Span
    load: Tuple[Span, ...]
    idle_after: Span

    @property
    def load_s(self) -> float:
        """Seconds under load, all windows together."""
        return sum(end_s - start_s for start_s, end_s in self.load)


class Sensor(NamedTuple):
    """What is known of the sensor beforehand: rounding step, low-pass time constant, refresh period."""

    step_w: Optional[float] = None
    lag_s: Optional[float] = None
    refresh_s: Optional[float] = None


class Figure(NamedTuple):
    """Energies in J per call, powers in W. With ``reason`` set there are no energies, only what was seen.

    Both uncertainties are ``COVERAGE`` standard uncertainties; ``parts_w`` holds the standard ones of the
    mean power by origin. ``windows_j`` are the energies of the windows, in their order.
    """

    energy_per_call_j: Optional[float]
    energy_above_idle_per_call_j: Optional[float]
    uncertainty_j: Optional[float]
    uncertainty_above_idle_j: Optional[float]
    idle_before_w: Optional[float]
    idle_after_w: Optional[float]
    mean_w: Optional[float]
    peak_w: Optional[float]
    fresh: int
    step_w: Optional[float]
    parts_w: Dict[str, float]
    windows_j: Tuple[float, ...] = ()
    reason: Optional[str] = None


def measure(series: Series, marks: Marks, calls: int, sensor: Sensor, least_fresh: int = 50) -> Figure:
    """Return the energy figure of ``calls`` calls in the windows under load, or the reason why there is none."""
    if series.reason:
        return nothing(series.reason)
    load_s = marks.load_s
    inside = [series.between(*span) for span in marks.load]
    power_w = np.concatenate(inside)
    fresh = sum(series.fresh_between(*span) for span in marks.load)
    try:
        windows_j = windows_energy_j(series, marks.load, sensor)
        means = [_integrate(series, *span) / (span[1] - span[0]) for span in (marks.idle_before, marks.idle_after)]
    except WindowError as error:
        reason = "{}: let the meter run longer, or use another".format(error)
        return nothing(_too_few(fresh, least_fresh, load_s, series) if fresh < least_fresh else reason, fresh)
    total_j = sum(windows_j)
    mean_w = total_j / load_s
    peak_w = float(power_w.max()) if len(power_w) else None
    step_w = None if series.counter else sensor.step_w or step_of(series.values)
    idle = judge_idle(Stretch(means[0], series.between(*marks.idle_before)),
                      Stretch(means[1], series.between(*marks.idle_after)), mean_w, step_w)
    parts = _parts(series, inside, mean_w, marks.load, sensor, step_w)
    seen = Figure(None, None, None, None, means[0], means[1], mean_w, peak_w, fresh, step_w, parts, windows_j)
    if fresh < least_fresh:
        return seen._replace(reason=_too_few(fresh, least_fresh, load_s, series))
    if idle.reason:
        return seen._replace(reason=idle.reason)
    u_w = combine(*parts.values())
    parts["idle"] = idle.u_w
    per_call_s = load_s / calls
    return seen._replace(
        energy_per_call_j=total_j / calls, energy_above_idle_per_call_j=(mean_w - idle.level_w) * per_call_s,
        uncertainty_j=COVERAGE * u_w * per_call_s,
        uncertainty_above_idle_j=COVERAGE * combine(u_w, idle.u_w) * per_call_s)


def windows_energy_j(series: Series, spans: Sequence[Span], sensor: Sensor) -> Tuple[float, ...]:
    """Return the joules of each window. Raises ``WindowError`` where the readings do not cover one."""
    return tuple(_integrate(series, start_s, end_s, sensor.lag_s or 0.0) for start_s, end_s in spans)


def _integrate(series: Series, start_s: float, end_s: float, lag_s: float = 0.0) -> float:
    if series.counter:
        return integrate_counter(series.times_s, series.values, start_s, end_s)
    return integrate_power(series.times_s, series.values, start_s, end_s, lag_s)


def _parts(series: Series, inside: Sequence[np.ndarray], mean_w: float, load: Sequence[Span], sensor: Sensor,
           step_w: Optional[float]) -> Dict[str, float]:
    """Return the standard uncertainties of the load's mean power by origin; ``inside`` are each window's readings.

    What happens at the marks is independent from window to window, but readings that come late do so in all alike.
    """
    count = len(load)
    window_s = sum(end_s - start_s for start_s, end_s in load) / count
    # A reading shows a state up to this old: the sensor refreshed at some time since the last question.
    age_s = series.polling_s if series.period.resolved else min(series.polling_s,
                                                                sensor.refresh_s or series.polling_s)
    if series.counter:
        return {"stamp": stamp_u_w(mean_w, age_s, window_s) / math.sqrt(count)}
    period_s = series.period.period_s or series.polling_s
    if sensor.lag_s is None:
        age_s += period_s  # a low-pass nobody told of may delay by about as much again
    ends_w = np.interp(np.array(load).T, series.times_s, series.values).mean(axis=1)
    power_w, jump = np.concatenate(inside), jump_w(*inside)
    return {"step": step_u_w(power_w, step_w), "sampling": sampling_u_w(jump, len(power_w)),
            "ends": ends_u_w(jump, period_s, window_s) / math.sqrt(count),
            "delay": delay_u_w(float(ends_w[0]), float(ends_w[1]), age_s, window_s)}


def _too_few(fresh: int, least: int, window_s: float, series: Series) -> str:
    if series.period.period_s is None:
        return "only {} fresh readings in {:.1f} s ({} are needed), {}: use another meter with --power".format(
            fresh, window_s, least, series.period.reason)
    return "only {} fresh readings in {:.1f} s ({} are needed), the sensor refreshes every {:.3f} s: allow the " \
           "loop about {:.0f} s, or use a faster meter with --power".format(
               fresh, window_s, least, series.period.period_s, 1.1 * least * series.period.period_s + 1.0)


def nothing(reason: str, fresh: int = 0) -> Figure:
    """Return a figure without numbers."""
    return Figure(None, None, None, None, None, None, None, None, fresh, None, {}, (), reason)
