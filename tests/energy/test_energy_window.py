"""Integrating readings between marks that fall between them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.energy.window import WindowError, counter_power, integrate_counter, integrate_power

times_strategy = st.lists(st.floats(0.01, 1.0), min_size=4, max_size=30).map(lambda gaps: list(np.cumsum(gaps)))


def test_both_ends_are_interpolated():
    assert integrate_power([0, 1, 2], [0, 10, 20], 0.5, 1.5) == pytest.approx(10.0)


def test_a_window_between_two_readings_is_enough():
    assert integrate_power([0, 1], [4, 6], 0.4, 0.6) == pytest.approx(1.0)


@settings(max_examples=60, deadline=None)
@given(times_strategy, st.floats(-5, 5), st.floats(0, 50), st.floats(0.0, 0.4), st.floats(0.6, 1.0))
def test_power_on_a_straight_line_is_integrated_exactly(times, slope, level, first, last):
    start = times[0] + first * (times[-1] - times[0])
    end = times[0] + last * (times[-1] - times[0])
    power = [level + slope * time for time in times]
    expected = level * (end - start) + slope * (end ** 2 - start ** 2) / 2
    assert integrate_power(times, power, start, end) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(times_strategy, st.integers(0, 10 ** 6), st.floats(0.2, 0.8))
def test_two_halves_add_up_to_the_whole(times, seed, cut):
    power = np.random.RandomState(seed).uniform(0, 20, len(times))
    middle = times[0] + cut * (times[-1] - times[0])
    whole = integrate_power(times, power, times[0], times[-1])
    parts = integrate_power(times, power, times[0], middle) + integrate_power(times, power, middle, times[-1])
    assert parts == pytest.approx(whole)


def test_the_lag_correction_recovers_a_step_that_the_sensor_smears():
    times = np.arange(0, 2, 0.001)
    shown = np.where(times < 1.0, 2.0, 8.0 - 6.0 * np.exp(-(times - 1.0) / 0.054))
    exact = 0.5 * 2.0 + 0.02 * 8.0
    assert integrate_power(times, shown, 0.5, 1.02, lag_s=0.054) == pytest.approx(exact, rel=2e-3)
    assert integrate_power(times, shown, 0.5, 1.02) < 0.95 * exact


@pytest.mark.parametrize("start, end", [(-0.1, 1.0), (0.5, 2.1)])
def test_a_window_outside_the_readings_is_refused_not_extrapolated(start, end):
    with pytest.raises(WindowError, match="do not cover"):
        integrate_power([0, 1, 2], [1, 1, 1], start, end)


def test_a_window_that_ends_before_it_begins_is_refused():
    with pytest.raises(WindowError, match="ends before"):
        integrate_power([0, 1, 2], [1, 1, 1], 1.5, 1.5)


def test_readings_out_of_order_are_refused():
    with pytest.raises(WindowError, match="order"):
        integrate_counter([0, 2, 1, 3], [0, 1, 2, 3], 0.5, 1.5)


def test_a_counter_gives_the_difference_interpolated_at_both_marks():
    assert integrate_counter([0, 1, 2], [100, 110, 130], 0.5, 1.5) == pytest.approx(15.0)


def test_the_power_of_a_counter_is_its_slope():
    assert list(counter_power([0, 1, 3], [0, 5, 25])) == [5.0, 10.0]
