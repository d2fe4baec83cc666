"""Tossed mirrored rounds."""

import gc
import random
from collections import Counter

import pytest
from fake_clock import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from harness.statistics.ratios import round_logs
from harness.timing.cpu_timer import CpuSampler
from harness.timing.rounds import Entrant, OutOfTimeError, nine_digits, play_round, quiet_collector, shuffled


def entrants(clock, settle=False):
    return [Entrant(clock.call(name, seconds), calls, settle)
            for name, seconds, calls in (("a", 1e-3, 2), ("b", 2e-3, 1), ("c", 4e-3, 1))]


def test_a_round_plays_the_shuffled_order_and_then_its_mirror_image():
    clock = FakeClock()
    record = play_round(CpuSampler(clock.now), entrants(clock), [2, 0, 1])
    assert clock.played == ["c", "a", "a", "b", "b", "a", "a", "c"]
    assert record.order == (2, 0, 1)
    assert record.sample_s == pytest.approx([4e-3, 2e-3, 2e-3, 2e-3, 2e-3, 4e-3])
    assert (record.settle_s, record.enqueue_s, record.clock_hz) == (None, None, None)


def test_a_settling_call_of_the_same_entrant_precedes_each_sample_and_is_recorded_apart():
    clock = FakeClock()
    record = play_round(CpuSampler(clock.now), entrants(clock, settle=True), [1, 0, 2])
    assert clock.played == list("bb" + "aaa" + "cc" + "cc" + "aaa" + "bb")
    assert record.settle_s == pytest.approx([2e-3, 1e-3, 4e-3, 4e-3, 1e-3, 2e-3])
    assert record.sample_s == pytest.approx([2e-3, 2e-3, 4e-3, 4e-3, 2e-3, 2e-3])


def test_the_clock_is_read_before_and_after_and_a_failed_reading_leaves_none():
    clock = FakeClock()
    readings = iter([9e8, 8e8, 9e8, None])
    sampler = CpuSampler(clock.now)
    assert play_round(sampler, entrants(clock), [0], readings.__next__).clock_hz == (9e8, 8e8)
    assert play_round(sampler, entrants(clock), [0], readings.__next__).clock_hz is None


def test_the_deadline_cuts_between_places_and_hands_over_what_was_timed():
    clock = FakeClock()
    with pytest.raises(OutOfTimeError) as cut:
        play_round(CpuSampler(clock.now), entrants(clock), [2, 1, 0], None, clock.now, clock.time_s + 5e-3)
    assert cut.value.partial.sample_s == pytest.approx([4e-3, 2e-3])


def test_over_a_thousand_rounds_each_entrant_leads_a_fair_share():
    coin = random.Random(1)
    leaders = Counter(shuffled(range(4), coin)[0] for _ in range(1000))
    assert sorted(leaders) == [0, 1, 2, 3]
    assert all(200 < count < 300 for count in leaders.values())


def test_any_two_entrants_precede_each_other_equally_often():
    coin = random.Random(2)
    ahead = sum(order.index(0) < order.index(2) for order in (shuffled(range(3), coin) for _ in range(1000)))
    assert 430 < ahead < 570


def test_the_same_seed_shuffles_the_same_orders():
    def orders():
        return [shuffled(range(5), random.Random("7/1/hot")) for _ in range(3)]

    assert orders() == orders()


@given(st.permutations([0, 1, 2]), st.lists(st.floats(1e-6, 10.0), min_size=6, max_size=6),
       st.floats(1e-3, 1e3))
def test_scaling_a_round_moves_all_logs_alike(order, sample_s, scale):
    plain = round_logs(order, sample_s, [1, 2, 3])
    scaled = round_logs(order, [value * scale for value in sample_s], [1, 2, 3])
    for index in (1, 2):
        assert scaled[index] - scaled[0] == pytest.approx(plain[index] - plain[0], abs=1e-9)


@given(st.floats(1e-9, 1e3))
def test_nine_digits_are_kept(value):
    assert nine_digits(value) == pytest.approx(value, rel=1e-8)
    assert len("%r" % nine_digits(value)) <= 16


def test_the_collector_is_off_meanwhile_and_on_again_even_after_an_error():
    with pytest.raises(KeyError), quiet_collector():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off():
    gc.disable()
    try:
        with quiet_collector():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
