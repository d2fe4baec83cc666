"""A known power curve through the whole energy pass: how near are the joules, and is the stated doubt honest?"""

import numpy as np
import pytest
from synthetic_bench import Bench, SimulatedMeter

from harness.passes.energy import Clock, EnergySettings, run_energy_pass

pytestmark = pytest.mark.sampled

SEEDS = 200


def measured(seed, bench_options=None, meter_options=None, settings=None):
    """Return the payload, and per-call (found, true, stated) in total and above idle."""
    bench = Bench(seed, **(bench_options or {}))
    meter = SimulatedMeter(bench, **(meter_options or {}))
    payload = run_energy_pass([("one", bench.call)], lambda: None, meter, Clock(bench.now, bench.sleep),
                              settings or EnergySettings())["one"]
    assert payload["reason"] is None, payload["reason"]
    truth = [sum(bench.true_j(one["start_s"], one["end_s"], above) for one in payload["windows"]) / payload["calls"]
             for above in (False, True)]
    return payload, (payload["energy_per_call_j"], truth[0], payload["uncertainty_j"]), (
        payload["energy_above_idle_per_call_j"], truth[1], payload["uncertainty_above_idle_j"])


def relative_errors(rows):
    return np.array([abs(found - true) / true for found, true, _ in rows])


def covered(rows):
    return np.mean([abs(found - true) <= stated for found, true, stated in rows])


def test_nano_like_sensor_steps_ramps_noise_within_one_percent_over_200_seeds():
    results = [measured(seed) for seed in range(SEEDS)]
    totals, above = [row[1] for row in results], [row[2] for row in results]
    assert all(2 * 9 * 0.5 <= row[0]["window_s"] < 2 * 9 * 0.6 for row in results)
    assert relative_errors(totals).max() < 0.01
    assert relative_errors(above).max() < 0.01
    assert covered(totals) >= 0.90
    assert covered(above) >= 0.90
    # honest is not the same as boundless
    assert np.median([stated / true for _, true, stated in totals]) < 0.01


@pytest.mark.parametrize("bench_options, meter_options, bound", [
    ({}, {"refresh_s": 0.1}, 0.01),                                              # holds each value
    ({}, {"period_s": 0.02, "refresh_s": 0.1}, 0.01),                            # asked five times too often
    ({}, {"told_lag": False}, 0.01),                                             # nobody knows its low-pass
    ({"noise_w": 0.0, "steps": False, "drift_w": 0.0}, {}, 0.01),                # never leaves its step
    ({"extra_w": 0.4, "noise_w": 0.05}, {}, 0.01),                               # a light load
    ({}, {"counter": True, "step_w": 0.001, "period_s": 0.05, "refresh_s": 0.1, "lag_s": 0}, 0.01),
    ({}, {"period_s": 0.02, "refresh_s": 0.1, "lag_s": 0}, 0.03),                # samples the noise as it is
], ids=["hold", "overpolled", "unknown-lag", "within-a-step", "light", "counter", "no-filter"])
def test_other_sensors_stay_within_bounds_and_their_doubt_covers_the_truth(bench_options, meter_options, bound):
    results = [measured(seed, bench_options, meter_options) for seed in range(40)]
    totals, above = [row[1] for row in results], [row[2] for row in results]
    assert relative_errors(totals).max() < bound
    assert covered(totals) >= 0.85 and covered(above) >= 0.85


def test_the_sensors_period_is_found_not_assumed():
    payload = measured(3, None, {"period_s": 0.02, "refresh_s": 0.1})[0]
    assert payload["sensor_period_s"] == pytest.approx(0.1, rel=0.05)
    assert payload["sensor_period_reason"] is None
    assert payload["readings_fresh"] == pytest.approx(10 * payload["window_s"], abs=2)


def test_a_coarser_step_means_more_doubt():
    calm = {"noise_w": 0.0, "steps": False, "drift_w": 0.0}
    fine = measured(5, calm, {"step_w": 0.04})[0]["uncertainty_j"]
    coarse = measured(5, calm, {"step_w": 0.2})[0]["uncertainty_j"]
    assert coarse == pytest.approx(5 * fine, rel=0.02)


def test_switching_the_lag_correction_off_is_an_option_and_is_recorded():
    payload = measured(7, None, None, EnergySettings(lag_s=0.0))[0]
    assert payload["sensor_lag_s"] == 0.0
    assert measured(7)[0]["sensor_lag_s"] == 0.054
