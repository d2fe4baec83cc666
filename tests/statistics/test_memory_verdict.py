"""Memory verdicts: repeats, a copy of the baseline, and a floor."""

from hypothesis import given
from hypothesis import strategies as st

from harness.statistics.memory import LEAST_BYTES, compare_memory, level
from harness.words import State

MB = 1e6
BASE = [100 * MB, 100.1 * MB, 100 * MB, 100 * MB, 100.2 * MB, 100 * MB]


def test_a_clear_difference_is_named():
    assert compare_memory(BASE, [80 * MB] * 3).state is State.SMALLER
    assert compare_memory(BASE, [120 * MB] * 3).state is State.LARGER


def test_a_difference_inside_the_spread_is_same():
    assert compare_memory(BASE, [100.5 * MB] * 3).state is State.SAME
    noisy = [100 * MB, 112 * MB, 104 * MB, 100 * MB, 108 * MB, 100 * MB]
    verdict = compare_memory(noisy, [110 * MB, 110 * MB, 109 * MB])
    assert verdict.state is State.SAME and verdict.floor == 12 * MB


def test_what_two_copies_of_the_baseline_differ_by_is_the_floor():
    verdict = compare_memory([100 * MB] * 3 + [106 * MB] * 3, [108 * MB] * 3)
    assert verdict.state is State.SAME and verdict.floor == 6 * MB


def test_a_baseline_measured_as_often_as_its_rival_has_no_copy_and_still_decides():
    assert compare_memory([100 * MB] * 3, [80 * MB] * 3).state is State.SMALLER
    assert compare_memory([100 * MB] * 3, [120 * MB] * 6).state is State.LARGER
    assert compare_memory([100 * MB, 104 * MB, 100 * MB], [103 * MB] * 3).floor == 4 * MB


def test_fewer_than_three_repeats_never_decide():
    assert compare_memory(BASE, [80 * MB, 80 * MB]).state is State.CANNOT_TELL
    assert compare_memory(BASE[:4], [80 * MB] * 3).state is State.CANNOT_TELL


def test_repeats_without_a_figure_are_left_out_and_none_at_all_cannot_tell():
    assert compare_memory(BASE, [None] * 3).state is State.CANNOT_TELL
    assert compare_memory([None] * 6, [1.0] * 3).difference is None
    assert level([None, 3.0]).repeats == 1


@given(st.lists(st.floats(0, 1e9), min_size=9, max_size=9))
def test_identical_sets_are_never_called_different(values):
    spread = max(values) - min(values)
    verdict = compare_memory(values[:6], values[6:])
    if spread <= LEAST_BYTES:
        assert verdict.state is State.SAME
    mirrored = compare_memory([-value for value in values[:6]], [-value for value in values[6:]])
    assert {verdict.state, mirrored.state} in ({State.SAME}, {State.CANNOT_TELL}, {State.SMALLER, State.LARGER})
