"""How far one set lies above another: against scipy, by symmetry, and its promise kept."""

import math

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.statistics.between_runs import LEVEL
from harness.statistics.shift import rank_sum_rank, shift_interval
from harness.statistics.student_t import t_quantile

#: What is compared with came with these: exact ranks 1.7, confidence intervals 1.11.
SCIPY = tuple(int(part) for part in scipy.__version__.split(".")[:2])

#: scipy's own quantile of 1.5 is off by up to 2e-9.
CLOSE = 1e-9 if SCIPY >= (1, 17) else 5e-9

VALUES = st.lists(st.floats(-10, 10, allow_nan=False), min_size=1, max_size=12)


@pytest.mark.parametrize("probability", [0.501, 0.6, 0.975, 0.995, 1.0 - LEVEL / 2.0, 0.99999])
def test_the_t_quantile_equals_scipys_at_whole_degrees_and_between(probability):
    for degrees in (1, 1.0001, 1.3, 2, 2.5, 3, 3.5, 4.7, 6.0, 7, 25.2, 30, 46, 1234.5, 1e6):
        assert t_quantile(probability, degrees) == pytest.approx(stats.t.ppf(probability, degrees), rel=CLOSE)


def test_the_t_quantile_of_one_and_two_degrees_is_the_closed_form():
    for probability in (0.6, 0.975, 0.99975):
        assert t_quantile(probability, 1) == pytest.approx(math.tan(math.pi * (probability - 0.5)), rel=1e-9)
        of_two = (2.0 * probability - 1.0) / math.sqrt(2.0 * probability * (1.0 - probability))
        assert t_quantile(probability, 2) == pytest.approx(of_two, rel=1e-9)


@pytest.mark.parametrize("probability, degrees", [(0.5, 3), (1.0, 3), (0.9, 0.99), (0.9, float("nan"))])
def test_a_t_quantile_that_there_is_not_is_refused(probability, degrees):
    with pytest.raises(ValueError, match="the quantile needs"):
        t_quantile(probability, degrees)


@pytest.mark.skipif(SCIPY < (1, 7), reason="this scipy knows no exact ranks")
@pytest.mark.parametrize("m, n", [(4, 4), (8, 8), (8, 12), (20, 20)])
@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_the_rank_is_where_scipys_exact_test_turns(m, n, alpha):
    rank = rank_sum_rank(m, n, alpha)

    def p_value(differences_below):
        """The two-sided p of a shift that ``differences_below`` of the m n differences lie below."""
        x = np.arange(m, dtype=float)
        u = float(differences_below)
        # build a sample with exactly that U: put the second set's values among the first's
        y, left = [], int(u)
        for _ in range(n):
            take = min(m, left)
            y.append(take - 0.5)
            left -= take
        y = np.array(y) + np.arange(n) * 1e-6
        return stats.mannwhitneyu(y, x, alternative="two-sided", method="exact").pvalue

    if rank:
        assert p_value(rank - 1) <= alpha
    assert p_value(rank) > alpha


def test_the_interval_is_made_of_the_ranked_differences():
    first, second = np.arange(8.0), np.arange(8.0) ** 2
    apart = np.sort(np.subtract.outer(second, first).ravel())
    rank = rank_sum_rank(8, 8, 0.01)
    assert tuple(shift_interval(first, second, 0.01)) == (np.median(apart), apart[rank - 1], apart[-rank])


@pytest.mark.skipif(SCIPY < (1, 11), reason="this scipy knows no intervals")
def test_few_values_get_welchs_interval():
    first, second = [0.0, 1.0, 2.0, 1.5], [3.0, 3.1, 2.9, 3.0]
    found = shift_interval(first, second, 0.05)
    told = stats.ttest_ind(second, first, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == (pytest.approx(told.low, rel=CLOSE), pytest.approx(told.high, rel=CLOSE))


@given(VALUES, VALUES)
def test_exchanging_the_sets_mirrors_the_interval(first, second):
    there, back = shift_interval(first, second, 0.01), shift_interval(second, first, 0.01)
    assert back.centre == pytest.approx(-there.centre, abs=1e-9)
    if there.low is not None:
        assert (back.low, back.high) == (pytest.approx(-there.high, abs=1e-6), pytest.approx(-there.low, abs=1e-6))
        assert there.low <= there.centre + 1e-9 and there.centre <= there.high + 1e-9


@pytest.mark.parametrize("m, n", [(2, 2), (4, 4), (3, 7), (1, 6), (8, 8), (20, 20)])
def test_the_interval_holds_the_true_shift_as_often_as_it_says(m, n):
    random = np.random.RandomState(3)
    missed = 0
    for _ in range(1000):
        found = shift_interval(random.normal(0, 1, m), random.normal(1.0, 1, n), 0.05)
        missed += not found.low <= 1.0 <= found.high
    assert missed <= 70


def test_one_far_launch_of_twenty_does_not_widen_the_interval_much():
    random = np.random.RandomState(4)
    first, second = random.normal(0, 0.01, 20), random.normal(0, 0.01, 20)
    calm = shift_interval(first, second, 0.001)
    second[3] = 0.5
    shaken = shift_interval(first, second, 0.001)
    assert shaken.high - shaken.low < 1.5 * (calm.high - calm.low)


def test_one_against_one_has_no_ends_and_nothing_against_something_is_refused():
    assert tuple(shift_interval([1.0], [3.0], 0.01)) == (2.0, None, None)
    with pytest.raises(ValueError, match="at least one value"):
        shift_interval([], [1.0], 0.01)
    with pytest.raises(ValueError, match="both sides"):
        rank_sum_rank(0, 3, 0.01)
