"""The CPU's clock: resolution, overhead and stretches."""

import pytest
from fake_clock import FakeClock

from harness.record.time_lines import TimerFacts
from harness.timing.cpu_timer import CpuTimer, clock_overhead_s, clock_resolution_s


def test_the_resolution_is_the_smallest_step_seen():
    assert clock_resolution_s(FakeClock(step_s=1e-3, reading_s=1e-4).now, 50) == pytest.approx(1e-3)


def test_the_overhead_is_the_cost_of_a_reading():
    assert clock_overhead_s(FakeClock(reading_s=3e-8).now) == pytest.approx(3e-8, rel=1e-3)


def test_a_clock_that_stands_still_is_refused():
    with pytest.raises(ValueError, match="did not advance"):
        clock_resolution_s(lambda: 1.0, 2)


def test_a_sample_is_the_whole_stretch_of_calls():
    clock = FakeClock()
    timer = CpuTimer(clock.now, 1e-9, 0.0)
    assert timer.samplers[0].sample(clock.call("a", 2e-3), 7) == (pytest.approx(14e-3), None, None)
    assert clock.played == ["a"] * 7


def test_the_real_clock_is_fine_and_cheap_enough():
    timer = CpuTimer()
    assert 0.0 < timer.overhead_s < 1e-5
    assert 0.0 < timer.resolution_s < 1e-4
    assert timer.describe() == TimerFacts("perf_counter", timer.resolution_s, timer.overhead_s)
