"""Pass 4: energy. A fresh worker loops the case for seconds while a meter in another process reads power.

Marks and readings share ``time.monotonic``; the device is synchronised at every mark. The order is: one
call (lazy set-up ends here), idle, warm-up, load, run-out, idle, and calls without the meter to know what
sampling costs. Idle means: everything loaded, nothing running.
"""

import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from harness.energy.figure import Figure, Marks, Sensor, measure
from harness.energy.idle import LEAST_READINGS, is_steady
from harness.energy.series import Series, build_series
from harness.energy.traces import traces
from harness.meters.base import MeterError
from harness.reasons import Code, because
from harness.record.codec import to_json

Report = Callable[[str, float, float], None]


class Clock(NamedTuple):
    """The monotonic clock that stamps the readings, and a way to wait; tests pass their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class EnergySettings(NamedTuple):
    """Durations in seconds. ``lag_s`` corrects the sensor's low-pass: ``None`` as known, 0 not at all.

    The loop lasts ``load_s``, and on until ``least_fresh`` fresh readings, but at most ``limit_s``; it ends at once
    where fewer than half of them would have come by then.
    ``settle_s`` at least and ``settle_limit_s`` at most pass before idle counts; the device is synchronised
    every ``batch_s``.
    """

    load_s: float = 5.0
    least_fresh: int = 50
    limit_s: float = 60.0
    idle_s: float = 3.0
    settle_s: float = 1.0
    settle_limit_s: float = 10.0
    warmup_s: float = 1.0
    cost_s: float = 2.0
    batch_s: float = 0.25
    period_s: Optional[float] = None
    lag_s: Optional[float] = None


class Loop:
    """Calls the subject in batches that end with the device synchronised."""

    def __init__(self, call: Callable[[], Any], synchronize: Callable[[], Any], clock: Clock, batch_s: float) -> None:
        self._call = call
        self._synchronize = synchronize
        self._clock = clock
        self._batch_s = batch_s
        self._batch = 1

    def run(self, seconds: float, more: Optional[Callable[[float, float], bool]] = None) -> Tuple[float, float, int]:
        """Call for ``seconds`` and then while ``more(start_s, now_s)``; return start, end and count."""
        self._synchronize()
        start_s = now_s = self._clock.now()
        calls = 0
        while calls == 0 or now_s - start_s < seconds or (more is not None and more(start_s, now_s)):
            for _ in range(self._batch):
                self._call()
            self._synchronize()
            calls += self._batch
            now_s = self._clock.now()
            per_call_s = max((now_s - start_s) / calls, 1e-9)
            self._batch = max(1, min(2 * self._batch, int(self._batch_s / per_call_s)))
        return start_s, now_s, calls


def run_energy_pass(subject_call: Callable[[], Any], synchronize: Callable[[], Any], meter: Optional[Any],
                    clock: Clock = Clock(), settings: EnergySettings = EnergySettings(),  # noqa: B008
                    report: Optional[Report] = None, meter_reason: Optional[str] = None) -> Dict[str, Any]:
    """Measure the energy of one call; return the payload of an ``energy`` line.

    ``meter`` follows :class:`harness.meters.base.Meter` (``None``: no meter, ``meter_reason`` says why).
    ``report(phase, seconds done, seconds expected)`` is told of each phase. A meter that fails voids the
    figure: every number is ``None`` and ``reason`` says why. Errors of the subject itself are raised.
    """
    if meter is None:
        return _payload(None, None, None, 0, meter_reason or "no power meter was chosen", [], [], None, Sensor(), 0.0)
    told = _Phases(clock, settings, report)
    loop = Loop(subject_call, synchronize, clock, settings.batch_s)
    told.begin("first-call")
    loop.run(0.0)
    readings: List[Any] = []
    marks, calls, reason = None, 0, None
    try:
        meter.start(settings.period_s)
        try:
            marks, calls = _metered(loop, meter, clock, settings, told, synchronize)
        finally:
            readings = list(meter.stop())
    except MeterError as error:
        reason, marks = str(error), None
    told.begin("unmetered")
    loop.run(settings.warmup_s)
    start_s, end_s, count = loop.run(settings.cost_s)
    told.end()
    series = build_series(readings, meter.input_rail) if readings else None
    sensor = _sensor(meter, series, settings)
    figure = None
    if marks is not None and series is not None:
        figure = measure(series, marks, calls, sensor, settings.least_fresh)
        reason = figure.reason
    payload = _payload(meter.name, series, figure, calls, reason, readings, told.spans, marks, sensor, told.start_s)
    payload["sampling_cost"] = _cost(marks, calls, (end_s - start_s) / count)
    return payload


def run(job: Dict[str, Any], progress: Callable[..., None]) -> Dict[str, Any]:
    """Measure the one case the job names; return the payload of an ``energy`` line.

    ``job["power"]`` names a meter or is ``None`` for the best that answers.
    """
    import torch

    from harness.meters import choose
    from harness.subjects import Inputs, build, cases_of, prepare, synchronizer

    case = cases_of(job)[1][0]
    choice = choose("power", job.get("power"), device=case.device, thorough=False)
    if choice.meter is None:
        return run_energy_pass(lambda: None, lambda: None, None, meter_reason=choice.reason)
    prepare([case])
    subject = build(case, Inputs(job["seed"]))

    def report(phase: str, done_s: float, expected_s: float) -> None:
        progress(int(done_s), int(expected_s), "energy, {}".format(phase), max(0.0, expected_s - done_s))

    with torch.inference_mode(case.mode == "inference"):  # as in the time pass, so that the pace is the same
        payload = run_energy_pass(subject.call, synchronizer(case.device), choice.meter, report=report)
    timed_call_s = job.get("timed_call_s")
    if payload["window_s"]:
        payload["calls_per_s"] = payload["calls"] / payload["window_s"]
        payload["timed_calls_per_s"] = 1.0 / timed_call_s if timed_call_s else None
    return payload


def _metered(loop: Loop, meter: Any, clock: Clock, settings: EnergySettings, told: "_Phases",
             synchronize: Callable[[], Any]) -> Tuple[Marks, int]:
    """Play idle, warm-up, load, idle with the meter running. Raises :class:`MeterError` if it fails."""
    period_s = meter.period_s if settings.period_s is None else settings.period_s
    before, level_w = _idle("idle-before", period_s, meter, clock, settings, told, synchronize)
    told.begin("warm-up")
    loop.run(settings.warmup_s)
    told.begin("load")
    next_check_s = [float("-inf")]

    def more(start_s: float, now_s: float) -> bool:
        if now_s - start_s >= settings.limit_s:
            return False
        if now_s < next_check_s[0]:
            return True
        told.tick()
        fresh = build_series(meter.poll(), meter.input_rail).fresh_between(start_s, now_s)
        # Two more than needed: the estimate of the period may still move a little.
        if fresh * settings.limit_s < 0.5 * settings.least_fresh * (now_s - start_s):
            return False  # a feed that stands still: no loop that may be would be long enough
        missing = settings.least_fresh + 2 - fresh
        next_check_s[0] = now_s + 0.5 * missing * (now_s - start_s) / max(fresh, 1)  # counting costs power too
        return missing > 0

    start_s, end_s, calls = loop.run(settings.load_s, more)
    # The load goes on past the mark: the end is interpolated between two readings, and one taken after the
    # power had dropped would pull it down (0.25 % of 5 s at ten readings per second).
    told.begin("run-out")
    slowest_s = max(period_s, build_series(meter.poll(), meter.input_rail).period.period_s or 0.0)
    loop.run(2.5 * slowest_s)
    after, _ = _idle("idle-after", slowest_s, meter, clock, settings, told, synchronize, level_w)
    return Marks(before, (start_s, end_s), after), calls


def _idle(name: str, period_s: float, meter: Any, clock: Clock, settings: EnergySettings, told: "_Phases",
          synchronize: Callable[[], Any], level_w: Optional[float] = None) -> Tuple[Tuple[float, float], float]:
    """Do nothing until the power has settled, then for ``idle_s`` and enough readings; return marks and mean.

    A GPU lowers its clocks in steps after a load, so a steady power, near ``level_w`` if there is one, is
    awaited for up to ``settle_limit_s``. What is not steady then is judged against the load later.
    """
    synchronize()
    told.begin("settle")
    clock.sleep(settings.settle_s)
    told.begin(name)
    start_s = end_s = clock.now()
    latest_s = start_s + settings.settle_limit_s
    while True:
        clock.sleep(max(0.25, min(1.0, settings.idle_s - (end_s - start_s))))
        end_s = clock.now()
        if end_s - start_s < settings.idle_s:
            meter.poll()
            continue
        series = build_series(meter.poll(), meter.input_rail, trusting=True)
        if end_s >= latest_s + settings.idle_s:
            break
        power_w = series.between(start_s, end_s)
        if len(power_w) < LEAST_READINGS + 2:
            continue
        if is_steady(power_w, meter.sensor(series.rail).step_w, level_w):
            break
        start_s += 0.25 * settings.idle_s  # still coming to rest: look at a later stretch
        told.shift(start_s)
    told.begin("settle")
    clock.sleep(2.5 * period_s)  # a reading after the mark, to interpolate its end
    power_w = series.between(start_s, end_s)
    return (start_s, end_s), float(power_w.mean()) if len(power_w) else 0.0


class _Phases:
    """Keeps the start and end of each phase and tells the caller about them."""

    def __init__(self, clock: Clock, settings: EnergySettings, report: Optional[Report]) -> None:
        self._clock = clock
        self._report = report
        self._expected_s = (settings.cost_s + 2 * settings.warmup_s + 2 * (settings.idle_s + settings.settle_s)
                            + settings.load_s)
        self.start_s = clock.now()
        self.spans: List[Dict[str, Any]] = []

    def begin(self, name: str) -> None:
        """End the phase under way and begin ``name``."""
        self.end()
        self.spans.append({"name": name, "start_s": self._clock.now() - self.start_s, "end_s": None})
        self.tick()

    def shift(self, start_s: float) -> None:
        """Let the phase under way begin later, at ``start_s``; the one before it lasts till then."""
        self.spans[-2]["end_s"] = self.spans[-1]["start_s"] = start_s - self.start_s

    def end(self) -> None:
        """End the phase under way."""
        if self.spans and self.spans[-1]["end_s"] is None:
            self.spans[-1]["end_s"] = self._clock.now() - self.start_s

    def tick(self) -> None:
        """Tell the caller how far it is."""
        if self._report is not None and self.spans:
            done_s = self._clock.now() - self.start_s
            self._report(self.spans[-1]["name"], done_s, max(done_s, self._expected_s))


def _cost(marks: Optional[Marks], calls: int, plain_s: float) -> Dict[str, Any]:
    """Return the time per call with the meter reading and without, and their ratio."""
    if marks is None:
        return {"call_s_with": None, "call_s_without": plain_s, "ratio": None,
                "reason": "the meter failed before the load ended"}
    with_s = (marks.load[1] - marks.load[0]) / calls
    return {"call_s_with": with_s, "call_s_without": plain_s, "ratio": with_s / plain_s if plain_s > 0 else None}


def _sensor(meter: Any, series: Optional[Series], settings: EnergySettings) -> Sensor:
    known = meter.sensor(series.rail if series is not None else None)
    return Sensor(known.step_w, known.lag_s if settings.lag_s is None else settings.lag_s, known.refresh_s)


def _payload(name: Optional[str], series: Optional[Series], figure: Optional[Figure], calls: int,
             reason: Optional[str], readings: List[Any], spans: List[Dict[str, Any]], marks: Optional[Marks],
             sensor: Sensor, start_s: float) -> Dict[str, Any]:
    return {
        "meter": name,
        "rail": series.rail if series is not None else None,
        "rail_reason": (series.reason or series.warning) if series is not None else None,
        "sensor_period_s": series.period.period_s if series is not None else None,
        "sensor_period_reason": _period_reason(series),
        "sensor_step_w": figure.step_w if figure is not None else sensor.step_w,
        "sensor_lag_s": sensor.lag_s,
        "readings_fresh": figure.fresh if figure is not None else None,
        "calls": calls,
        "window_s": marks.load[1] - marks.load[0] if marks is not None else None,
        "energy_per_call_j": figure.energy_per_call_j if figure is not None else None,
        "energy_above_idle_per_call_j": figure.energy_above_idle_per_call_j if figure is not None else None,
        "uncertainty_j": figure.uncertainty_j if figure is not None else None,
        "uncertainty_above_idle_j": figure.uncertainty_above_idle_j if figure is not None else None,
        "uncertainty_parts_w": figure.parts_w if figure is not None else None,
        "idle_before_w": figure.idle_before_w if figure is not None else None,
        "idle_after_w": figure.idle_after_w if figure is not None else None,
        "mean_w": figure.mean_w if figure is not None else None,
        "peak_w": figure.peak_w if figure is not None else None,
        "reason": None if reason is None else to_json(because(Code.NO_NUMBER, reason)),
        "traces": traces(series, readings, start_s),
        "phases": spans,
        "sampling_cost": None,
    }


def _period_reason(series: Optional[Series]) -> Optional[str]:
    if series is None or series.reason or series.period.resolved:
        return None
    return series.period.reason or "the sensor is at least as fast as it was read: this is an upper bound"
