"""Pass 4: joules per call, by keeping the layers busy by turns while a meter in another process reads power.

Marks and readings share ``time.monotonic``; the device is synchronised at every mark. The order is: one call of each
(lazy set-up ends here), idle, warm-up, windows of all entrants in tossed and mirrored turns, idle, and calls without
the meter to know what sampling costs. Idle means: everything loaded, nothing running.
"""

import functools
import os
from random import Random
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.energy.figure import Marks, Sensor, Span, measure, nothing, windows_energy_j
from harness.energy.loop import Clock, Loop
from harness.energy.play import Bench, Phases, Played, Report, Window, play, read_series
from harness.energy.schedule import EnergySettings, Schedule
from harness.energy.series import Series, build_series
from harness.energy.traces import traces
from harness.energy.window import WindowError
from harness.meters.base import MeterError
from harness.reasons import Code, because
from harness.record.amount_lines import EnergyWindow
from harness.record.codec import to_json
from harness.rule import Rule, rule_from_dict
from harness.statistics.energy import all_decided, round_ratios

Payload = Dict[str, Any]

#: Places of the baseline and of its second copy among the entrants, as in the time pass.
BASELINE, COPY = 0, 1

ONLY_THE_BASELINE = "only the baseline is measured twice"


class Entrant(NamedTuple):
    """A case and its call; a baseline stands first and its second copy, by the same id, second."""

    case: str
    call: Callable[[], Any]


class Reading(NamedTuple):
    """What came of the meter: the readings, the input's series, and why there is none or nothing to make of it."""

    meter: Any
    readings: List[Any]
    series: Optional[Series]
    reason: Optional[str]


def run_energy_pass(entrants: Sequence[Tuple[str, Callable[[], Any]]], synchronize: Callable[[], Any],
                    meter: Optional[Any], clock: Clock = Clock(), settings: EnergySettings = EnergySettings(),  # noqa: B008
                    rule: Rule = Rule(), seed: int = 1, report: Optional[Report] = None,  # noqa: B008
                    meter_reason: Optional[str] = None,
                    busy: Callable[[str], None] = lambda case: None) -> Dict[str, Payload]:
    """Measure the energy of one call of each; return the payloads of their ``energy`` lines by case id.

    ``entrants`` are ids and calls, the baseline twice. ``meter`` follows :class:`harness.meters.base.Meter`
    (``None``: no meter, ``meter_reason`` says why). ``report(phase, seconds done, seconds expected)`` is told of each
    phase. A meter that fails voids the figures: every number is ``None`` and ``reason`` says why. Errors of a subject
    itself are raised.
    ``busy(case)`` is told who is about to be called.
    """
    cases = [Entrant(*one) for one in entrants]
    if meter is None:
        nothing = to_json(because(Code.NO_NUMBER, meter_reason or "no power meter was chosen"))
        return {one.case: {"meter": None, "reason": nothing} for one in cases}
    told = Phases(clock, settings.warmup_s + 2 * (settings.idle_s + settings.settle_s)
                  + len(cases) * settings.cost_s, report)
    loops = [Loop(one.call, synchronize, clock, min(settings.batch_s, settings.window_s / 5.0),
                  functools.partial(busy, one.case)) for one in cases]
    bench = Bench(loops, synchronize, meter, clock, settings, told)
    told.begin("first-call")
    for loop in loops:
        loop.run(0.0)
    played, reading = _metered(bench, cases, Random(seed), rule)
    told.begin("unmetered")
    plain_s = {}
    for place, loop in enumerate(loops):
        if place != _copy(cases):
            loop.run(0.5 * settings.cost_s)
            loop.run(settings.cost_s)
            plain_s[cases[place].case] = loop.call_s
    told.end()
    found = {}
    together = "{}-{}".format(os.getpid(), int(1000 * told.start_s))
    for place, one in enumerate(cases):
        if place != _copy(cases):
            found[one.case] = dict(_payload(place, cases, played, reading, settings, told),
                                   sampling_cost=_cost(played, place, plain_s[one.case]), together=together)
    first = found[cases[0].case]
    first["traces"] = traces(reading.series, reading.readings, told.start_s)
    first["phases"] = to_json(told.spans)
    return found


def run(job: Dict[str, Any], progress: Callable[..., None]) -> Dict[str, Any]:
    """Measure the cases the job names; return ``{"cases": {case id: payload of an energy line}}``.

    ``job["power"]`` names a meter or is ``None`` for the best that answers; ``job["timed_call_s"]`` holds the seconds
    per call by the time pass.
    """
    import torch

    from harness.meters import choose
    from harness.passes.entrants import build_entrants
    from harness.subjects import cases_of, prepare, synchronizer
    from harness.witness import marker

    comparison, cases = cases_of(job)
    choice = choose("power", job.get("power"), device=cases[0].device, thorough=False)
    if choice.meter is None:
        ids = [(comparison.case_id(case), lambda: None) for case in cases]
        return {"cases": run_energy_pass(ids, lambda: None, None, meter_reason=choice.reason)}
    prepare(cases)
    mark = marker(job)
    entrants = build_entrants(job, comparison, cases, mark, twice=cases[0].name == comparison.baseline.name)

    def report(phase: str, done_s: float, expected_s: float) -> None:
        progress(int(done_s), int(expected_s), "energy, {}".format(phase), max(0.0, expected_s - done_s))

    limit_s = job.get("limit_s")
    settings = EnergySettings() if limit_s is None else EnergySettings(total_s=max(1.0, limit_s - 60.0))
    with torch.inference_mode(cases[0].mode == "inference"):  # as in the time pass, so that the pace is the same
        found = run_energy_pass(entrants.calls, synchronizer(cases[0].device), choice.meter, settings=settings,
                                rule=rule_from_dict(job["rule"]), seed=job["seed"], report=report,
                                busy=lambda case: mark(job["cases"].index(case)))
    for case, payload in found.items():
        timed_call_s = job["timed_call_s"].get(case)
        if payload["window_s"]:
            payload["calls_per_s"] = payload["calls"] / payload["window_s"]
            payload["timed_calls_per_s"] = 1.0 / timed_call_s if timed_call_s else None
    return {"cases": found}


def _copy(cases: Sequence[Entrant]) -> Optional[int]:
    """Return the place of the baseline's second copy, ``None`` where there is no baseline."""
    return COPY if len(cases) > COPY and cases[COPY].case == cases[BASELINE].case else None


def _metered(bench: Bench, cases: Sequence[Entrant], random: Random, rule: Rule) -> Tuple[Optional[Played], Reading]:
    """Play with the meter running; a meter that fails leaves its readings and its reason."""
    meter, settings = bench.meter, bench.settings
    readings: List[Any] = []
    played, reason = None, None
    rivals = [place for place in range(1, len(cases)) if place != _copy(cases)]

    def decided(windows: Sequence[Window], plan: Schedule) -> bool:
        if not rivals or _copy(cases) is None:
            return True  # there is nothing to tell apart
        series = read_series(meter)
        energies = [_energies(series, windows, place, _sensor(meter, series, settings), 0.0)
                    for place in range(len(cases))]
        return all_decided([round_ratios(energies[place], energies[BASELINE]) for place in rivals], plan.looks, rule)

    try:
        meter.start(settings.period_s)
        try:
            played = play(bench, random, decided)
        finally:
            readings = list(meter.stop())
    except MeterError as error:
        reason, played = str(error), None
    series = build_series(readings, meter.input_rail, sensor=meter.sensor) if readings else None
    return played, Reading(meter, readings, series, reason)


def _energies(series: Series, windows: Sequence[Window], place: int, sensor: Sensor, zero_s: float,
              copy: bool = False) -> List[EnergyWindow]:
    """Return the windows of the entrant at ``place`` with their energies, ``None`` where the readings give none."""
    own = [one for one in windows if one.entrant == place]
    found = []
    for one in own:
        try:
            joules: Optional[float] = None if series.reason else windows_energy_j(
                series, [(one.start_s, one.end_s)], sensor)[0]
        except WindowError:
            joules = None
        found.append(EnergyWindow(one.round, round(one.start_s - zero_s, 4), round(one.end_s - zero_s, 4), one.calls,
                                  joules, copy))
    return found


def _payload(place: int, cases: Sequence[Entrant], played: Optional[Played], reading: Reading,
             settings: EnergySettings, told: Phases) -> Payload:
    series, meter = reading.series, reading.meter
    sensor = _sensor(meter, series, settings)
    figure, reason, calls = None, reading.reason, 0
    windows: List[EnergyWindow] = []
    load: Tuple[Span, ...] = ()
    copy_j = None
    if played is not None:
        own = [one for one in played.windows if one.entrant == place]
        load = tuple((one.start_s, one.end_s) for one in own)
        calls = sum(one.calls for one in own)
    if played is not None and series is not None:
        figure = measure(series, Marks(played.idle_before, load, played.idle_after), calls, sensor,
                         settings.least_fresh)
        reason = figure.reason
        windows = _energies(series, played.windows, place, sensor, told.start_s)
        if place == BASELINE and _copy(cases) is not None:
            again = _energies(series, played.windows, COPY, sensor, told.start_s, copy=True)
            windows += again
            if figure.energy_per_call_j is not None:
                copy_j = sum(one.energy_j or 0.0 for one in again) / sum(one.calls for one in again)
    seen = nothing(reason or "the meter gave nothing") if figure is None else figure
    return {
        "meter": meter.name,
        "rail": series.rail if series is not None else None,
        "rail_reason": (series.reason or series.warning) if series is not None else None,
        "sensor_period_s": series.period.period_s if series is not None else None,
        "sensor_period_reason": _period_reason(series),
        "sensor_step_w": seen.step_w if figure is not None else sensor.step_w,
        "sensor_lag_s": sensor.lag_s,
        "readings_fresh": seen.fresh if figure is not None else None,
        "calls": calls,
        "window_s": sum(end_s - start_s for start_s, end_s in load) if load else None,
        "energy_per_call_j": seen.energy_per_call_j,
        "energy_above_idle_per_call_j": seen.energy_above_idle_per_call_j,
        "uncertainty_j": seen.uncertainty_j,
        "uncertainty_above_idle_j": seen.uncertainty_above_idle_j,
        "uncertainty_parts_w": seen.parts_w if figure is not None else None,
        "idle_before_w": seen.idle_before_w,
        "idle_after_w": seen.idle_after_w,
        "mean_w": seen.mean_w,
        "peak_w": seen.peak_w,
        "rounds": None if played is None else played.windows[-1].round,
        "looks": [] if played is None else list(played.plan.looks),
        "windows": to_json(windows),
        "copy_energy_per_call_j": copy_j,
        "copy_energy_per_call_j_reason": None if place == BASELINE and copy_j is None and reason is not None
        else None if copy_j is not None else ONLY_THE_BASELINE,
        "reason": None if reason is None else to_json(because(Code.NO_NUMBER, reason)),
    }


def _cost(played: Optional[Played], place: int, plain_s: float) -> Dict[str, Any]:
    """Return the time per call with the meter reading and without, and their ratio."""
    own = [] if played is None else [one for one in played.windows if one.entrant == place]
    if not own:
        return {"call_s_with": None, "call_s_without": plain_s, "ratio": None,
                "reason": "the meter failed before the load ended"}
    with_s = sum(one.end_s - one.start_s for one in own) / sum(one.calls for one in own)
    return {"call_s_with": with_s, "call_s_without": plain_s, "ratio": with_s / plain_s if plain_s > 0 else None}


def _sensor(meter: Any, series: Optional[Series], settings: EnergySettings) -> Sensor:
    known = meter.sensor(series.rail if series is not None else None)
    return Sensor(known.step_w, known.lag_s if settings.lag_s is None else settings.lag_s, known.refresh_s)


def _period_reason(series: Optional[Series]) -> Optional[str]:
    if series is None or series.reason or series.period.resolved:
        return None
    return series.period.reason or "the sensor is at least as fast as it was read: this is an upper bound"
