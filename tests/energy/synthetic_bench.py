"""A simulated board: a virtual clock, a load with a known power curve, and a meter with a real one's faults."""

import numpy as np
from scipy.signal import lfilter

from harness.meters.base import MeterError
from harness.meters.rails import InputRail, RailSensor
from harness.meters.reading import Reading

GRID_S = 0.002
TIMELINE_S = 300.0


class Bench:
    """Time moves only through calls (a load runs) and ``sleep`` (none does).

    ``drift_w`` is added to the idle power in 20 s. ``warming`` is the share by which all power has grown after
    ``warming_s``, as a chip leaks more the hotter it is.
    """

    def __init__(self, seed, idle_w=2.0, extra_w=4.0, noise_w=0.3, steps=True, drift_w=0.02, call_s=0.004,
                 warming=0.0, warming_s=60.0, timeline_s=TIMELINE_S):
        random = np.random.RandomState(seed)
        self.time_s = 100.0 + random.uniform()
        self.start_s = self.time_s
        self.call_s = call_s
        self.calls = 0
        count = int(timeline_s / GRID_S)
        grid_s = np.arange(count) * GRID_S
        self.idle_w = idle_w + drift_w * grid_s / 20.0 + 0.1 * noise_w * random.standard_normal(count)
        extra = np.full(count, extra_w)
        if steps:
            for _ in range(12):  # steps up and down, and a ramp
                extra[random.randint(count // 2):] += random.uniform(-0.1, 0.1) * extra_w
            extra += 0.2 * extra_w * np.sin(2 * np.pi * grid_s / random.uniform(4.0, 12.0))
        self.extra_w = extra + noise_w * random.standard_normal(count)
        self.warmth = 1.0 + warming * np.minimum(1.0, grid_s / warming_s)
        self.loaded = np.zeros(count)
        self.phase_s = random.uniform()

    def index(self, time_s):
        return int(round((time_s - self.start_s) / GRID_S))

    def now(self):
        return self.time_s

    def sleep(self, seconds):
        self.time_s += seconds

    def call(self, load=1.0):
        self.calls += 1
        begin = self.index(self.time_s)
        self.time_s += self.call_s
        self.loaded[begin:max(begin + 1, self.index(self.time_s))] = load

    def entrant(self, load=1.0):
        """Return the call of a layer that draws ``load`` times the extra power."""
        return lambda: self.call(load)

    def power_w(self, first=0):
        """The power on the grid from ``first`` up to now."""
        end = self.index(self.time_s) + 1
        return (self.idle_w[first:end] + self.loaded[first:end] * self.extra_w[first:end]) * self.warmth[first:end]

    def true_j(self, start_s, end_s, above_idle=False):
        """The energy between two moments after the start."""
        first, last = int(round(start_s / GRID_S)), int(round(end_s / GRID_S))
        power = self.power_w()
        power = power - (self.idle_w * self.warmth)[:len(power)] if above_idle else power
        return float(np.sum(power[first:last])) * GRID_S


class SimulatedMeter:
    """Low-pass, rounding and a refresh period of its own; on demand it fails at a given moment."""

    name = "simulated"

    def __init__(self, bench, period_s=0.1, refresh_s=None, lag_s=0.054, step_w=0.040, told_lag=True,
                 fails_after_s=None, freezes_after_s=None, counter=False):
        self.bench = bench
        self.period_s = period_s
        self.refresh_s = refresh_s  # None: it measures all the time, like a running average
        self.lag_s = lag_s
        self.step_w = step_w
        self.told_lag = told_lag
        self.fails_after_s = fails_after_s
        self.freezes_after_s = freezes_after_s
        self.counter = counter
        self.started_s = None
        self.stopped = False
        self._shown, self._taken, self._state, self._total_j = np.zeros(0), [], None, 0.0

    def start(self, period_s=None):
        self.started_s = self.bench.now()

    def poll(self):
        if self.fails_after_s is not None and self.bench.now() - self.started_s > self.fails_after_s:
            raise MeterError("meter simulated died while measuring")
        return self._readings()

    def stop(self):
        self.stopped = True
        return self.poll()

    def _readings(self):
        """Extend what was shown so far to now; the low-pass goes on where it was."""
        bench = self.bench
        now = bench.index(bench.now())
        fresh = bench.power_w(len(self._shown))[:now - len(self._shown)]
        if len(fresh):
            if self.counter:
                fresh = self._total_j + np.cumsum(fresh) * GRID_S
                self._total_j = fresh[-1]
            elif self.lag_s:
                keep = np.exp(-GRID_S / self.lag_s)
                if self._state is None:
                    self._state = [fresh[0] * keep]
                fresh, self._state = lfilter([1 - keep], [1, -keep], fresh, zi=self._state)
            self._shown = np.concatenate([self._shown, fresh])
        first_s = self.started_s + self.period_s * bench.phase_s
        times = first_s + self.period_s * np.arange(len(self._taken), max(0, int((bench.now() - first_s)
                                                                                 / self.period_s) + 1))
        seen = times[times < bench.now() - GRID_S] - bench.start_s
        times = times[:len(seen)]
        if self.refresh_s is not None:
            seen = np.floor(seen / self.refresh_s + 1e-6) * self.refresh_s
        if self.freezes_after_s is not None:
            seen = np.minimum(seen, self.started_s - bench.start_s + self.freezes_after_s)
        values = self._shown[np.clip((seen / GRID_S).astype(int), 0, len(self._shown) - 1)] if len(seen) else seen
        if self.step_w:
            values = np.round(values / self.step_w) * self.step_w
        field = "energy_j" if self.counter else "power_w"
        self._taken += [Reading(float(time_s), **{field: {"IN": float(value)}})
                        for time_s, value in zip(times, values)]
        return list(self._taken)

    def input_rail(self, mean_power_w):
        return InputRail(("IN",))

    def sensor(self, rail):
        if self.counter:
            return RailSensor()
        return RailSensor(self.step_w or None, self.lag_s if self.told_lag else None,
                          None if self.refresh_s or not self.told_lag else 0.001)
