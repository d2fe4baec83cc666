import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.formats.svg.scales import Linear, Log, linear_ticks, log_ticks, ratio_range, ratio_ticks, spread_apart

SPANS = st.tuples(st.floats(min_value=-1e6, max_value=1e6), st.floats(min_value=1e-3, max_value=1e6))


@given(st.floats(min_value=1.01, max_value=1000))
def test_twice_as_fast_and_twice_as_slow_mirror_on_a_log_scale(ratio):
    scale = Log(1 / 1000.0, 1000.0)
    assert math.isclose(scale(ratio) - 50, 50 - scale(1 / ratio), abs_tol=1e-9)


def test_a_value_beyond_the_scale_is_kept_at_its_end():
    assert Linear(-10, 10).clamped(15) == 100
    assert Log(0.5, 2).clamped(0.1) == 0


def test_an_empty_or_impossible_scale_is_refused():
    with pytest.raises(ValueError):
        Linear(1, 1)
    with pytest.raises(ValueError):
        Log(0, 1)


@given(SPANS)
def test_linear_ticks_are_few_even_and_inside(span):
    low, high = span[0], span[0] + span[1]
    ticks = linear_ticks(low, high, 5)
    assert len(ticks) <= 6
    assert all(low - 1e-6 * span[1] <= tick <= high + 1e-6 * span[1] for tick in ticks)
    steps = [b - a for a, b in zip(ticks, ticks[1:])]
    assert all(math.isclose(step, steps[0], rel_tol=1e-3, abs_tol=1e-9) for step in steps)


@given(st.floats(min_value=1e-9, max_value=1e9), st.floats(min_value=1.5, max_value=1e9))
def test_log_ticks_are_few_and_inside(low, factor):
    ticks = log_ticks(low, low * factor, 6)
    assert len(ticks) <= 6
    assert all(low * 0.999 <= tick <= low * factor * 1.001 for tick in ticks)


@given(st.lists(st.floats(min_value=1e-4, max_value=1e4), max_size=12))
def test_the_ratio_axis_holds_every_ratio_and_one_and_twice_on_either_side(ratios):
    low, high = ratio_range(ratios)
    assert low <= 0.5 and high >= 2
    assert all(low <= ratio <= high for ratio in ratios)
    assert 1.0 in ratio_ticks(low, high)


@given(st.lists(st.floats(min_value=0, max_value=300), min_size=1, max_size=12),
       st.floats(min_value=10, max_value=20))
def test_labels_are_pushed_apart_and_stay_in_order(wanted, gap):
    placed = spread_apart(wanted, gap, 0, 300)
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    for above, below in zip(order, order[1:]):
        assert placed[below] - placed[above] >= gap - 1e-6
    assert min(placed) >= -1e-6
    assert max(placed) <= 300 + 1e-6 or len(wanted) > 300 / gap


def test_labels_that_do_not_collide_stay_where_they_are():
    assert spread_apart([10, 100, 50], 15, 0, 200) == [10, 100, 50]
