"""Two runs at different times: launches are the units."""

import math

import numpy as np
import pytest
from scipy import stats

from harness.reasons import Code, Reason
from harness.record import LaunchLine, Round, Series
from harness.rule import Rule
from harness.statistics.between_runs import compare_levels, compare_runs, launch_levels, student_t_quantile
from harness.statistics.codes import StepCode, WhyCode, step
from harness.words import Role, Status

RULE = Rule()


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 30])
@pytest.mark.parametrize("probability", [0.6, 0.975, 0.995, 0.9999])
def test_the_t_quantile_equals_scipys(degrees, probability):
    assert student_t_quantile(probability, degrees) == pytest.approx(stats.t.ppf(probability, degrees), rel=1e-7)


def test_clear_changes_are_named_in_the_direction_of_the_new_run():
    old = [0.0, 0.001, -0.001, 0.0005]
    assert compare_levels(old, [value + 0.1 for value in old], RULE).state == "slower"
    assert compare_levels(old, [value - 0.1 for value in old], RULE).state == "faster"
    assert compare_levels(old, [value + 0.001 for value in old], RULE).state == "same"


def test_exchanging_the_runs_mirrors_the_interval():
    random = np.random.RandomState(1)
    old, new = random.normal(0, 0.01, 4), random.normal(0.1, 0.02, 4)
    there, back = compare_levels(old, new, RULE), compare_levels(new, old, RULE)
    assert back.speed == pytest.approx(1.0 / there.speed)
    assert (back.low, back.high) == (pytest.approx(1.0 / there.high), pytest.approx(1.0 / there.low))


def test_one_launch_a_side_is_never_enough():
    change = compare_levels([0.0], [1.0], RULE)
    assert (change.state, change.low, change.speed) == ("cannot tell", None, pytest.approx(1 / math.e))
    assert change.next_step == step(StepCode.LAUNCHES_IN_BOTH, launches=4)


def test_a_case_missing_from_one_run_is_said_to_be_missing():
    change = compare_levels([], [1.0], RULE)
    assert (change.state, change.speed, change.why) == ("cannot tell", None, WhyCode.NOT_IN_BOTH)


def test_spread_launches_cannot_tell_and_say_what_to_do():
    change = compare_levels([0.0, 0.05, -0.05, 0.02], [0.1, 0.0, 0.05, 0.02], RULE)
    assert change.state == "cannot tell"
    assert change.why
    assert change.next_step


@pytest.mark.parametrize("effect", [0.005, 0.02, 0.10])
def test_false_alarms_between_unchanged_runs_stay_under_one_percent(effect):
    random = np.random.RandomState(7)
    states = [compare_levels(random.normal(0, effect, 4), random.normal(0, effect, 4), RULE).state
              for _ in range(2000)]
    assert sum(state in ("faster", "slower") for state in states) <= 20


def test_levels_are_the_launches_medians_per_call():
    series = Series("hot", ("b", "b", "r"), (1, 1, 2), (Round((0, 2, 1), (1.0, 4.0, 9.0, 9.0, 8.0, 3.0)),), (12,),
                    Role.FIRST, Reason(Code.MOST_ROUNDS))
    lines = [LaunchLine("c", 1, Status.OK, series=(series,)), LaunchLine("c", 2, Status.FAILED),
             LaunchLine("c", 3, Status.OK, series=(series._replace(cache="cold"),))]
    assert launch_levels(lines, "hot", "r") == [pytest.approx(math.log(3.0))]
    assert launch_levels(lines, "hot", "b") == [pytest.approx(math.log(2.0))]
    assert compare_runs(lines, lines, "hot", "r", RULE).launches == (1, 1)
