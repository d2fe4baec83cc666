"""Two runs at different times: launches are the units, and the advantage is what travels."""

import math

import numpy as np
import pytest

from harness.reasons import Code, Reason
from harness.record import LaunchLine, Round, Series
from harness.rule import Rule
from harness.statistics.between_runs import WIDEST, case_levels, compare_levels, unchanged
from harness.statistics.codes import StepCode, WhyCode, step
from harness.words import Role, Status

RULE = Rule()


@pytest.mark.parametrize("launches", [4, 20])
def test_clear_changes_are_named_in_the_direction_of_the_second_run(launches):
    old = np.random.RandomState(1).normal(0.0, 0.002, launches)
    assert compare_levels(old, old + 0.1, RULE).state == "slower"
    assert compare_levels(old, old - 0.1, RULE).state == "faster"
    assert compare_levels(old, old + 0.001, RULE).state == "same"


def test_an_interval_that_holds_1_states_its_width():
    random = np.random.RandomState(1)
    change = compare_levels(random.normal(0, 0.02, 4), random.normal(0, 0.02, 4), RULE)
    assert change.state == "unchanged"
    assert change.low < 1.0 < change.high
    assert change.within == pytest.approx(max(1.0 / change.low, change.high) - 1.0)


def test_a_difference_within_the_factor_is_no_change_however_narrow_its_interval():
    old = np.linspace(-0.001, 0.001, 20)
    assert compare_levels(old, old + 0.9 * RULE.edge, RULE).state == "same"
    assert compare_levels(old, old + 1.0 * RULE.edge - 1e-9, RULE).state == "unchanged"
    assert compare_levels(old, old + 1.2 * RULE.edge, RULE).state == "slower"


def test_an_interval_of_no_use_cannot_tell_and_says_what_to_do():
    wide = [0.0, 0.3, -0.3, 0.1]
    change = compare_levels(wide, wide, RULE)
    assert change.within > WIDEST
    assert (change.state, change.why) == ("cannot tell", WhyCode.WIDE_INTERVAL)
    assert change.next_step is not None
    assert unchanged(change).state == "unchanged"


def test_exchanging_the_runs_mirrors_the_answer():
    random = np.random.RandomState(1)
    old, new = random.normal(0, 0.01, 4), random.normal(0.1, 0.02, 4)
    there, back = compare_levels(old, new, RULE), compare_levels(new, old, RULE)
    assert back.speed == pytest.approx(1.0 / there.speed)
    assert (back.low, back.high) == (pytest.approx(1.0 / there.high), pytest.approx(1.0 / there.low))
    assert back.within == pytest.approx(there.within)


def test_one_launch_each_is_never_enough():
    change = compare_levels([0.0], [1.0], RULE)
    assert (change.state, change.low, change.speed) == ("cannot tell", None, pytest.approx(1 / math.e))
    assert (change.why, change.next_step) == (WhyCode.ONE_LAUNCH, step(StepCode.RUN_FOR_COMPARE))
    assert unchanged(change).state == "same"


def test_a_case_missing_from_one_run_is_said_to_be_missing():
    change = compare_levels([], [1.0], RULE)
    assert (change.state, change.speed, change.why) == ("cannot tell", None, WhyCode.NOT_IN_BOTH)
    assert unchanged(change) == change


@pytest.mark.parametrize("launches", [4, 20])
@pytest.mark.parametrize("effect", [0.005, 0.02, 0.10])
def test_false_alarms_between_unchanged_runs_stay_under_two_in_a_thousand(effect, launches):
    random = np.random.RandomState(7)
    states = [compare_levels(random.normal(0, effect, launches), random.normal(0, effect, launches), RULE).state
              for _ in range(2000)]
    assert sum(state in ("faster", "slower") for state in states) <= 4


ROUNDS = (Round((0, 2, 1), (1.0, 4.0, 9.0, 9.0, 8.0, 3.0)), Round((2, 0, 1), (4.0, 3.0, 9.0, 9.0, 1.0, 8.0)))
SERIES = Series("hot", ("b", "b", "r"), (1, 1, 2), ROUNDS, (12,), Role.FIRST, Reason(Code.MOST_ROUNDS))
LINES = [LaunchLine("c", 1, Status.OK, series=(SERIES,)), LaunchLine("c", 2, Status.FAILED),
         LaunchLine("c", 3, Status.OK, series=(SERIES._replace(cache="cold"),))]


def test_time_levels_are_the_launches_medians_per_call():
    levels = case_levels(LINES, "hot")
    assert levels["r"].times == [pytest.approx(math.log(3.0))]
    assert levels["b"].times == [pytest.approx(math.log(2.0))]
    assert set(levels) == {"b", "r"} and set(case_levels(LINES, "warm")) == set()


def test_advantage_levels_are_the_launches_estimates_of_the_rounds_ratios():
    rounds = [0.5 * math.log(4.0 * 8.0) - math.log(2.0) - 0.5 * math.log(1.0 * 3.0)] * 2
    assert case_levels(LINES, "hot")["r"].advantages == [pytest.approx(np.median(rounds))]
    assert case_levels(LINES, "hot")["b"].advantages == []  # the second copy is no rival
