"""Calls a sample, and warm-up until times settle."""

import pytest
from fake_clock import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from harness.timing.calibrate import calibrate, calls_for, target_s
from harness.timing.cpu_timer import CpuSampler
from harness.timing.warmup import WarmUpLimits, warm_up


@given(st.floats(1e-9, 1.0), st.floats(1e-4, 1e-1))
def test_the_number_of_calls_is_the_smallest_that_is_long_enough(per_call_s, least_s):
    calls = calls_for(per_call_s, least_s)
    if calls < 10 ** 6:
        assert calls * per_call_s >= least_s
        assert calls == 1 or (calls - 1) * per_call_s < least_s


def test_a_sample_lasts_a_millisecond_and_a_hundred_timer_steps():
    assert target_s(1e-7, 1e-3, 100) == 1e-3
    assert target_s(1e-4, 1e-3, 100) == pytest.approx(1e-2)


@pytest.mark.parametrize("per_call_s, calls", [(2e-6, 500), (3e-4, 4), (1e-3, 1), (0.5, 1)])
def test_calibration_ignores_a_slow_first_call(per_call_s, calls):
    clock = FakeClock()
    found = calibrate(CpuSampler(clock.now), clock.call("a", 0.05 + per_call_s, per_call_s), 1e-3)
    assert found.calls in (calls, calls + (calls > 100))  # the last digit of the clock may ask for one more
    assert found.stretches[0] == (1, pytest.approx(0.05 + per_call_s))


def test_calibration_copes_with_a_clock_coarser_than_a_call():
    clock = FakeClock(step_s=1e-3)
    found = calibrate(CpuSampler(clock.now), clock.call("a", 1e-5), 100 * 1e-3)
    assert 9000 <= found.calls <= 11000


def test_a_very_slow_call_is_not_repeated_to_calibrate():
    clock = FakeClock()
    assert calibrate(CpuSampler(clock.now), clock.call("a", 2.0), 1e-3).calls == 1
    assert clock.played == ["a"]


def test_warm_up_goes_on_until_times_settle_and_counts_calls_from_the_settled_ones():
    clock = FakeClock()
    ramp = [1e-3 * (1.0 + 3.0 * 0.9 ** i) for i in range(80)] + [1e-3]
    found = warm_up(CpuSampler(clock.now), clock.call("a", *ramp), 1e-3, clock.now, WarmUpLimits(least_s=0.0))
    assert found.settled
    assert len(found.sample_s) > 20
    assert found.per_call_s == pytest.approx(1e-3, rel=0.1)
    assert len(found.calls_per_sample) == len(found.sample_s)


def test_warm_up_lasts_long_enough_for_a_clock_governor():
    clock = FakeClock()
    start = clock.time_s
    assert warm_up(CpuSampler(clock.now), clock.call("a", 1e-3), 1e-3, clock.now).settled
    assert 0.05 <= clock.time_s - start < 0.06


def test_warm_up_is_bounded_and_says_that_times_did_not_settle():
    clock = FakeClock()
    rising = [1e-3 * 1.05 ** i for i in range(200)]
    start = clock.time_s
    found = warm_up(CpuSampler(clock.now), clock.call("a", *rising), 1e-3, clock.now)
    assert not found.settled
    assert clock.time_s - start < 0.6


def test_a_very_slow_call_is_warmed_up_by_two_calls():
    clock = FakeClock()
    found = warm_up(CpuSampler(clock.now), clock.call("a", 3.0, 2.0), 1e-3, clock.now)
    assert (found.calls, found.per_call_s, found.settled) == (1, pytest.approx(2.0), False)
    assert len(clock.played) == 2
