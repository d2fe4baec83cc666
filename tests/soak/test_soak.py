"""A soak on a machine that throttles at a known time by a known factor: speeds, time and verdict are known."""

import math

import pytest

from harness.passes.energy import Clock
from harness.passes.soak import Gauges, run_soak
from harness.record import unit_line
from harness.rule import Rule
from harness.soak_blocks import LEAST_PAIRS, block_length_s, sustained
from harness.statistics.soak import Measure, soak_verdict
from harness.words import Pass, State

COOL_HZ, HOT_HZ = 920e6, 640e6


class Machine:
    """Its clock falls from 920 to 640 MHz after ``hot_s`` seconds; calls take cycles, and the rival may not care."""

    def __init__(self, hot_s=200.0, cycles=(9.2e6, 4.6e6), bound=(True, True), jitter=0.0):
        self.now_s, self.hot_s, self.cycles, self.bound = 5.0, hot_s, cycles, bound
        self.jitter, self.calls = jitter, 0

    def hertz(self):
        return HOT_HZ if self.now_s - 5.0 >= self.hot_s else COOL_HZ

    def call(self, entrant):
        def once():
            self.calls += 1
            wobble = 1.0 + self.jitter * math.sin(1e3 * self.calls)
            self.now_s += wobble * self.cycles[entrant] / (self.hertz() if self.bound[entrant] else COOL_HZ)
        return once

    def soak(self, soak_s=600.0, block_s=None, clock=True):
        gauges = Gauges(self.hertz if clock else None, lambda: 40.0 + 0.05 * min(self.now_s, 400.0),
                        lambda start_s, end_s: 10.0 if self.now_s - 5.0 < self.hot_s else 7.0, "fake",
                        None if clock else "no clock here", None, "fake")
        payload = run_soak([("c/base", self.call(0)), ("c/rival", self.call(1))], lambda: None, gauges, soak_s,
                           block_s or block_length_s(soak_s), Clock(lambda: self.now_s, self.sleep))
        return unit_line(Pass.SOAK, {"comparison": "c", "case": "c/rival", "status": "ok"}, payload)

    def sleep(self, seconds):
        self.now_s += seconds


def test_one_at_a_time_is_busy_in_mirrored_turns():
    line = Machine().soak(240.0, 60.0)
    assert [block.case for block in line.blocks] == ["c/base", "c/rival", "c/rival", "c/base"]
    assert all(59.9 < block.end_s - block.start_s < 61.0 for block in line.blocks)
    assert all(later.start_s >= earlier.end_s for earlier, later in zip(line.blocks, line.blocks[1:]))


@pytest.mark.parametrize("clock, measure", [(True, Measure.CLOCK), (False, Measure.SPEED)])
def test_the_time_to_throttle_is_found_by_the_clock_else_by_the_speed(clock, measure):
    found = soak_verdict(Machine(hot_s=200.0).soak(clock=clock), Rule())
    assert found.measure is measure
    assert found.throttled_s == pytest.approx(200.0, abs=2.5)


def test_a_machine_that_keeps_its_clock_never_throttled():
    for clock in (True, False):
        assert soak_verdict(Machine(hot_s=1e9, jitter=0.02).soak(clock=clock), Rule()).throttled_s is None


def test_burst_is_the_first_block_and_sustained_the_last_third():
    found = soak_verdict(Machine(hot_s=200.0).soak(), Rule())
    for pace, cycles in ((found.baseline, 9.2e6), (found.rival, 4.6e6)):
        assert pace.burst_per_s == pytest.approx(COOL_HZ / cycles, rel=1e-3)
        assert pace.sustained_per_s == pytest.approx(HOT_HZ / cycles, rel=1e-3)
        assert pace.kept == pytest.approx(HOT_HZ / COOL_HZ, rel=1e-3)


def test_the_verdict_is_that_of_the_sustained_part_alone():
    # 1.2 times faster while cool; hot, the memory-bound rival keeps its speed and the baseline does not: 1.725 times
    machine = Machine(hot_s=300.0, cycles=(9.2e6, 9.2e6 / 1.2), bound=(True, False), jitter=0.01)
    found = soak_verdict(machine.soak(), Rule())
    assert found.state is State.FASTER
    assert found.speed == pytest.approx(1.2 * COOL_HZ / HOT_HZ, rel=0.01)
    assert found.low <= found.speed <= found.high


def test_identical_layers_are_the_same_though_the_machine_throttles_meanwhile():
    found = soak_verdict(Machine(hot_s=470.0, cycles=(9.2e6, 9.2e6), jitter=0.02).soak(), Rule())
    assert found.state is State.SAME and found.low < 1.0 < found.high


def test_too_few_pairs_decide_nothing():
    found = soak_verdict(Machine().soak(600.0, 60.0), Rule())
    assert found.pairs < found.pairs_needed == LEAST_PAIRS
    assert found.state is State.CANNOT_TELL and found.low is None


@pytest.mark.parametrize("soak_s", [20.0, 60.0, 600.0, 3600.0])
def test_the_default_block_leaves_pairs_enough_for_an_interval_from_a_minute_on(soak_s):
    line = Machine().soak(soak_s)
    assert line.block_s <= 60.0
    assert len(sustained(line.blocks)) >= LEAST_PAIRS or soak_s < 60.0


def test_speed_clock_temperature_and_power_stand_in_the_trace():
    trace = Machine(hot_s=200.0).soak().trace
    assert {len(column) for column in trace} == {len(trace.time_s)}
    assert set(trace.clock_hz) == {COOL_HZ, HOT_HZ} and set(trace.power_w) == {10.0, 7.0}
    assert max(trace.temperature_c) == pytest.approx(60.0)


def test_what_cannot_be_read_has_its_reason():
    line = Machine().soak(60.0, 5.0, clock=False)
    assert set(line.trace.clock_hz) == {None} and line.clock_reason == "no clock here"
