"""The refresh period is found from the readings, and repeats do not count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.energy.freshness import SensorPeriod, find_period, fresh_indices


def poll(refresh_s, period_s, seconds=6.0, seed=0, repeat=0.0):
    """Return the stamps and values of a sensor that measures every ``refresh_s``, asked every ``period_s``."""
    random = np.random.RandomState(seed)
    times = np.arange(0, seconds, period_s) + random.uniform(0, 0.1 * period_s, len(np.arange(0, seconds, period_s)))
    states = np.cumsum(random.uniform(size=int(seconds / refresh_s) + 2) >= repeat)
    return list(times), [int(states[int(time / refresh_s)]) for time in times]


@settings(max_examples=40, deadline=None)
@given(st.floats(0.04, 0.4), st.floats(2.5, 20.0), st.integers(0, 10 ** 6))
def test_the_period_of_a_slow_sensor_is_found_whatever_the_polling(refresh_s, times_faster, seed):
    times, values = poll(refresh_s, refresh_s / times_faster, seconds=60 * refresh_s, seed=seed)
    period = find_period(times, values)
    assert period.resolved
    assert period.period_s == pytest.approx(refresh_s, rel=0.1)


def test_a_sensor_faster_than_the_polling_gives_only_an_upper_bound():
    period = find_period(*poll(0.005, 0.05))
    assert not period.resolved
    assert period.period_s == pytest.approx(0.05, rel=0.02)


def test_values_that_come_twice_by_rounding_do_not_stretch_the_period():
    period = find_period(*poll(0.1, 0.02, seconds=20.0, repeat=0.4))
    assert period.period_s == pytest.approx(0.1, rel=0.1)


def test_a_sensor_that_only_repeats_itself_has_no_period_and_the_reason_says_so():
    period = find_period([0.1 * index for index in range(50)], [7] * 50)
    assert period.period_s is None
    assert "repeated itself: 0 changes of value in 50 readings" in period.reason


def test_polling_ten_times_too_fast_does_not_multiply_the_fresh_readings():
    times, values = poll(0.1, 0.01, seconds=5.0)
    fresh = fresh_indices(times, values, find_period(times, values))
    assert 48 <= len(fresh) <= 51


def test_an_honest_repeat_after_a_whole_period_is_fresh():
    times = [0.1 * index for index in range(6)]
    assert fresh_indices(times, [1, 1, 1, 2, 2, 3], SensorPeriod(0.1, False)) == [0, 1, 2, 3, 4, 5]


def test_without_a_known_period_only_changes_are_fresh():
    times = [0.1 * index for index in range(6)]
    assert fresh_indices(times, [1, 1, 1, 2, 2, 3], SensorPeriod(None, False)) == [0, 3, 5]


def test_no_readings_hold_nothing_fresh():
    assert fresh_indices([], [], SensorPeriod(0.1, True)) == []
