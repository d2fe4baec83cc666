"""The parts of the uncertainty, each against what it stands for, and the judgement of the idle level."""

import math

import numpy as np
import pytest

from harness.energy.idle import Stretch, judge_idle
from harness.energy.uncertainty import (
    combine,
    delay_u_w,
    ends_u_w,
    jump_w,
    sampling_u_w,
    stamp_u_w,
    step_of,
    step_u_w,
)


def test_a_level_that_never_leaves_its_step_stays_uncertain_however_long_one_looks():
    assert step_u_w([2.0] * 10, 0.04) == step_u_w([2.0] * 10000, 0.04) == pytest.approx(0.04 / math.sqrt(12))


def test_rounding_averages_out_once_the_power_moves_across_steps():
    values = np.random.RandomState(1).normal(2.0, 0.1, 400)
    assert step_u_w(values, 0.04) == pytest.approx(0.04 / math.sqrt(12) / 20)


def test_an_unknown_step_is_read_off_the_values():
    assert step_of([2.04, 2.00, 2.12, 2.00]) == pytest.approx(0.04)
    assert step_of([2.0, 2.0]) is None


def test_sampling_uncertainty_is_the_spread_of_the_mean_for_white_noise():
    random = np.random.RandomState(2)
    means = [random.normal(5, 0.5, 64).mean() for _ in range(2000)]
    typical = np.median([sampling_u_w(jump_w(random.normal(5, 0.5, 64)), 64) for _ in range(200)])
    assert typical == pytest.approx(np.std(means), rel=0.1)


def test_a_slow_drift_is_not_taken_for_noise():
    drift = np.linspace(5, 6, 100)
    assert jump_w(drift) < jump_w(np.random.RandomState(0).permutation(drift)) / 10


def test_what_happens_between_two_windows_is_no_scatter():
    assert jump_w([5.0, 5.1], [9.0, 9.1]) == pytest.approx(0.1)


@pytest.mark.parametrize("part", [ends_u_w(1.0, 0.1, 5.0), stamp_u_w(5.0, 0.05, 5.0),
                                  delay_u_w(5.0, 6.0, 0.1, 5.0)])
def test_what_happens_at_the_ends_matters_less_in_a_longer_window(part):
    assert 0 < part < 0.05


def test_a_level_load_makes_a_delay_harmless():
    assert delay_u_w(5.0, 5.0, 1.0, 5.0) == 0.0


def test_independent_parts_add_as_squares():
    assert combine(3.0, 4.0) == 5.0


def steady(level, seed, count=60, noise=0.02):
    values = level + np.random.RandomState(seed).normal(0, noise, count)
    return Stretch(float(values.mean()), values)


def test_a_steady_idle_is_taken_off():
    idle = judge_idle(steady(2.0, 1), steady(2.01, 2), 6.0, 0.04)
    assert idle.reason is None
    assert idle.level_w == pytest.approx(2.005, abs=0.01)


def test_drift_widens_the_uncertainty():
    calm = judge_idle(steady(2.0, 1), steady(2.0, 2), 6.0, 0.04)
    drifting = judge_idle(steady(2.0, 1), steady(2.3, 2), 6.0, 0.04)
    assert drifting.reason is None and drifting.u_w > 3 * calm.u_w


def test_an_idle_that_moved_by_much_of_what_the_load_adds_gives_no_level():
    idle = judge_idle(steady(2.0, 1), steady(2.6, 2), 6.0, 0.04)
    assert "changed by 0.598 W" in idle.reason and "cool down" in idle.reason


def test_the_same_drift_is_too_much_under_a_small_load():
    assert judge_idle(steady(2.0, 1), steady(2.3, 2), 6.0, 0.04).reason is None
    assert judge_idle(steady(2.0, 1), steady(2.3, 2), 2.5, 0.04).reason is not None


def test_something_running_in_the_middle_of_the_idle_phase_is_noticed():
    restless = steady(2.0, 1)
    restless.readings_w[15:30] += 1.5
    idle = judge_idle(restless, steady(2.0, 2), 6.0, 0.04)
    assert "before the load was not steady" in idle.reason and "close other programs" in idle.reason


def test_scatter_alone_is_no_unrest():
    doubts = [judge_idle(steady(2.0, seed, noise=0.3), steady(2.0, seed + 1000, noise=0.3), 4.0, 0.04).reason
              for seed in range(50)]
    assert doubts.count(None) >= 48


def test_too_few_idle_readings_are_said_so():
    assert "only 3 fresh readings" in judge_idle(steady(2.0, 1, count=3), steady(2.0, 2), 6.0, None).reason
