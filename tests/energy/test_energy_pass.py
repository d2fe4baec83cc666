"""The energy pass around the arithmetic: phases, refusals, failing meters and the cost of sampling."""

import json

import pytest
from synthetic_bench import GRID_S, Bench, SimulatedMeter

from harness.meters.rails import InputRail
from harness.passes.energy import Clock, EnergySettings, run_energy_pass

FIGURES = ("energy_per_call_j", "energy_above_idle_per_call_j", "uncertainty_j", "uncertainty_above_idle_j")


def play(bench=None, meter=None, settings=None, synchronize=lambda: None, **options):
    bench = bench or Bench(1)
    meter = meter or SimulatedMeter(bench)
    return run_energy_pass([("one", bench.call)], synchronize, meter, Clock(bench.now, bench.sleep),
                           settings or EnergySettings(), **options)["one"]


def assert_void(payload, *words):
    assert all(payload.get(key) is None for key in FIGURES)
    for word in words:
        assert word in payload["reason"]["said"]


def test_a_good_run_has_every_field_finite_and_ready_for_json():
    payload = play()
    text = json.dumps(payload, allow_nan=False)
    assert '"energy_per_call_j"' in text
    assert payload["reason"] is None and payload["meter"] == "simulated" and payload["rail"] == "IN"
    assert payload["idle_before_w"] == pytest.approx(2.0, abs=0.1)
    assert payload["mean_w"] == pytest.approx(6.0, abs=1.5)
    assert payload["peak_w"] >= payload["mean_w"]


def test_the_load_lies_between_two_idle_phases():
    names = [phase["name"] for phase in play()["phases"] if phase["name"] != "settle"]
    assert names == ["first-call", "idle-before", "warm-up", "load", "idle-after", "unmetered"]


def test_before_each_window_and_past_its_end_the_same_case_is_busy():
    bench = Bench(1)
    loads = {"one": 1.0, "other": 2.0}
    payloads = run_energy_pass([(case, bench.entrant(load)) for case, load in loads.items()], lambda: None,
                               SimulatedMeter(bench), Clock(bench.now, bench.sleep), EnergySettings())
    lead, out = int((1.5 * 0.1 + 5 * 0.054) / GRID_S), int(1.5 * 0.1 / GRID_S)
    for case, load in loads.items():
        for window in payloads[case]["windows"]:
            first, last = (bench.index(bench.start_s + window[end]) for end in ("start_s", "end_s"))
            assert set(bench.loaded[first - lead + 1:last + out - 1]) == {load}


def test_phases_follow_each_other_without_a_gap():
    phases = play()["phases"]
    assert all(one["end_s"] == two["start_s"] for one, two in zip(phases, phases[1:]))


def test_the_device_is_synchronised_before_both_marks():
    bench = Bench(2)
    moments = []
    payload = play(bench, synchronize=lambda: moments.append(bench.now() - bench.start_s))
    for window in payload["windows"]:
        for mark in (window["start_s"], window["end_s"]):
            assert min(abs(moment - mark) for moment in moments) < 1e-3


def test_a_window_covers_whole_calls_only():
    bench = Bench(3, call_s=0.4)
    payload = play(bench)
    assert payload["window_s"] == pytest.approx(payload["calls"] * 0.4)
    assert all(one["end_s"] - one["start_s"] == pytest.approx(0.4 * one["calls"]) for one in payload["windows"])


def test_a_slow_sensor_makes_the_windows_longer_until_there_are_enough_fresh_readings():
    bench = Bench(4, drift_w=0.0)
    payload = play(bench, SimulatedMeter(bench, period_s=0.25, refresh_s=0.5, lag_s=0))
    assert payload["window_s"] / len(payload["windows"]) >= 4 * 0.5
    assert payload["reason"] is None and payload["readings_fresh"] >= 50


def test_no_entrant_is_busy_for_longer_than_the_limit():
    bench = Bench(4, drift_w=0.0)
    payload = play(bench, SimulatedMeter(bench, period_s=0.25, refresh_s=0.5, lag_s=0), EnergySettings(limit_s=30.0))
    load = next(phase for phase in payload["phases"] if phase["name"] == "load")
    assert load["end_s"] - load["start_s"] < 30.0 * 1.05
    assert payload["looks"] == [] and payload["rounds"] < 8


def test_too_few_fresh_readings_at_the_limit_give_no_number_and_say_what_to_change():
    bench = Bench(5)
    payload = play(bench, SimulatedMeter(bench, period_s=0.25, refresh_s=0.5, lag_s=0), EnergySettings(limit_s=10.0))
    assert_void(payload, "fresh readings", "50 are needed", "refreshes every 0.5", "allow the loop about 2",
                "--power")
    assert payload["mean_w"] is not None


def test_a_meter_that_repeats_one_value_counts_as_few_readings_not_as_many():
    bench = Bench(6)
    payload = play(bench, SimulatedMeter(bench, freezes_after_s=0.2), EnergySettings(limit_s=8.0))
    assert_void(payload, "fresh readings", "repeated itself")


def test_a_feed_that_stands_still_ends_the_rounds_at_once():
    bench = Bench(6)
    payload = play(bench, SimulatedMeter(bench, freezes_after_s=0.2))
    assert_void(payload, "fresh readings", "repeated itself")
    assert payload["rounds"] == 2


def test_a_meter_that_freezes_during_the_load_gives_no_number():
    bench = Bench(7)
    payload = play(bench, SimulatedMeter(bench, freezes_after_s=6.0), EnergySettings(limit_s=8.0))
    assert_void(payload)
    assert payload["reason"]


@pytest.mark.parametrize("moment_s", [0.5, 3.0, 7.0, 11.0, 16.0])
def test_a_meter_that_dies_voids_the_figure_and_nothing_else(moment_s):
    bench = Bench(8)
    payload = play(bench, SimulatedMeter(bench, fails_after_s=moment_s))
    assert_void(payload, "died while measuring")
    assert payload["sampling_cost"]["call_s_without"] == pytest.approx(0.004)
    assert payload["sampling_cost"]["ratio"] is None and payload["sampling_cost"]["reason"]


def test_no_meter_gives_the_reason_it_was_handed():
    bench = Bench(9)
    payload = run_energy_pass([("one", bench.call)], lambda: None, None, Clock(bench.now, bench.sleep),
                              meter_reason="no meter on this machine measures power")["one"]
    assert_void(payload, "no meter on this machine")
    assert bench.calls == 0


def test_a_board_without_a_known_input_rail_gives_no_number():
    bench = Bench(10)
    meter = SimulatedMeter(bench)
    meter.input_rail = lambda means: InputRail((), "none of the rails IN is known to be the board's input")
    assert_void(play(bench, meter, EnergySettings(limit_s=6.0)), "board's input")


def test_power_that_falls_slowly_after_a_load_is_awaited():
    bench = Bench(15, noise_w=0.05)
    meter = SimulatedMeter(bench)
    honest = bench.power_w

    def lingering(first=0):
        """After the load the clocks stay up for 6 s at half the extra power."""
        power = honest()
        ends = [index for index in range(1, len(power)) if bench.loaded[index - 1] > bench.loaded[index]]
        for end in ends[1:]:  # not after the single first call
            power[end:end + 3000] += 2.0 * (bench.loaded[end:len(power)][:3000] == 0)
        return power[first:]

    bench.power_w = lingering
    payload = play(bench, meter)
    assert payload["reason"] is None
    assert payload["idle_before_w"] == pytest.approx(2.0, abs=0.05)
    assert payload["idle_after_w"] == pytest.approx(2.0, abs=0.05)
    assert all(one["end_s"] == two["start_s"] for one, two in zip(payload["phases"], payload["phases"][1:]))


def test_an_idle_that_wanders_gives_no_number():
    bench = Bench(11, drift_w=2.0)
    payload = play(bench)
    assert_void(payload, "idle power")
    assert payload["idle_after_w"] > payload["idle_before_w"]


def test_an_error_of_the_subject_is_raised_after_the_meter_was_stopped():
    bench = Bench(12)
    meter = SimulatedMeter(bench)

    def breaks():
        bench.call()
        if meter.started_s is not None:
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        run_energy_pass([("one", breaks)], lambda: None, meter, Clock(bench.now, bench.sleep))
    assert meter.stopped


def test_the_cost_of_sampling_is_the_slow_down_of_the_calls():
    class Disturbing(SimulatedMeter):
        def start(self, period_s=None):
            super().start(period_s)
            self.bench.call_s = 0.0042

        def stop(self):
            self.bench.call_s = 0.004
            return super().stop()

    bench = Bench(13)
    cost = play(bench, Disturbing(bench))["sampling_cost"]
    assert cost["ratio"] == pytest.approx(1.05, rel=1e-3)
    assert cost["call_s_with"] == pytest.approx(0.0042) and cost["call_s_without"] == pytest.approx(0.004)


def test_progress_is_reported_by_phase():
    seen = []
    play(report=lambda what, done_s, total_s: seen.append((what, done_s, total_s)))
    assert [what for what, _, _ in seen][0] == "first-call"
    assert "load" in [what for what, _, _ in seen]
    assert all(0 <= done <= total for _, done, total in seen)


def test_traces_hold_clock_and_temperature_where_they_were_read_lately_and_none_elsewhere():
    class Warm(SimulatedMeter):
        def _readings(self):
            readings = super()._readings()
            return [reading._replace(temperature_c={"CPU": 40.0, "GPU": 45.0}, clock_hz={"gpu": 9e8, "cpu": 1e9})
                    if index % 5 == 0 and index < 40 else reading for index, reading in enumerate(readings)]

    bench = Bench(14)
    traces = play(bench, Warm(bench))["traces"]
    lengths = {len(column) for column in traces.values()}
    assert len(lengths) == 1
    assert traces["temperature_c"][3] == 45.0 and traces["clock_hz"][3] == 9e8
    assert traces["temperature_c"][-1] is None and traces["clock_hz"][-1] is None


def test_a_worker_on_a_machine_without_a_meter_records_why(monkeypatch):
    pytest.importorskip("torch")
    from harness import meters
    from harness.passes import energy
    from harness.plan import Case, Comparison, comparison_to_dict

    case = Case("identity", "plain", "no.such.module:build", (1, 1, 2, 2))
    comparison = Comparison("one", "One", case, ())
    job = {"comparison": comparison_to_dict(comparison), "cases": [comparison.case_id(case)], "seed": 1,
           "power": "rapl", "timed_call_s": {}}
    monkeypatch.setattr(meters, "choose", lambda *options, **named: meters.Choice(
        None, [], "meter rapl was asked for but the kernel shows no RAPL counters"))
    payload = energy.run(job, lambda *progress: None)["cases"]["one/identity-plain"]
    assert_void(payload, "meter rapl was asked for")  # and the layer was not even built
