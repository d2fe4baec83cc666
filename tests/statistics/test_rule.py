"""Looks, decisions at a look and the joint verdict of the launches."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.rule import STANDARD_LOOKS, Rule, confirm_from, level_per_look, plan_looks, rule_from_dict, rule_to_dict
from harness.statistics.decide import confirming_launch, decide_confirm, decide_first, first_launch, joint_state
from harness.statistics.signed_rank import Interval, signed_rank_interval

RULE = Rule()
EDGE = math.log(1.02)


def interval(low, high):
    return Interval(0.5 * (low + high), low, high)


def test_the_looks_of_a_full_budget_are_the_published_list():
    assert plan_looks(RULE, 1e6) == (12, 18, 27, 40, 60, 90, 135, 200, 300, 450)
    assert level_per_look(RULE, plan_looks(RULE, 1e6)) == pytest.approx(0.001)


def test_a_small_budget_has_fewer_looks_but_never_under_twelve_rounds():
    assert plan_looks(RULE, 59.9) == (12, 18, 27, 40)
    assert plan_looks(RULE, 3) == (12,)
    assert plan_looks(RULE, 0) == (12,)


def test_a_bigger_budget_adds_looks_by_half_and_divides_the_level_by_their_number():
    looks = plan_looks(RULE._replace(max_rounds=1100), 1e6)
    assert looks == STANDARD_LOOKS + (675, 1012)
    assert level_per_look(RULE, looks) == pytest.approx(0.01 / 12)


@given(st.floats(0, 1e5), st.integers(12, 5000))
def test_looks_rise_and_stay_within_the_rounds_that_fit(fit, most):
    looks = plan_looks(RULE._replace(max_rounds=most), fit)
    assert list(looks) == sorted(set(looks))
    assert looks[0] == 12
    assert looks[-1] <= max(12, min(fit, most))


@pytest.mark.parametrize("low, high, state", [
    (-0.10, -0.03, "faster"), (0.03, 0.10, "slower"), (-0.01, 0.019, "same"),
    (-0.10, -0.01, "undecided"), (0.01, 0.03, "undecided"), (-0.5, 0.5, "undecided"),
    (-0.10, -EDGE, "undecided"), (EDGE, 0.10, "undecided"),
])
def test_the_first_launch_decides_only_wholly_beyond_or_wholly_within_the_factor(low, high, state):
    assert decide_first(interval(low, high), EDGE) == state


def test_no_interval_is_no_decision():
    assert decide_first(Interval(0.5, None, None), EDGE) == "undecided"
    assert decide_confirm(Interval(0.5, None, None), "slower", EDGE) == "undecided"


@pytest.mark.parametrize("verdict, low, high, state", [
    ("slower", 0.001, 0.10, "agrees"),  # excludes 0 on the verdict's side
    ("slower", -0.01, 0.10, "undecided"),
    ("slower", -0.01, 0.01, "contradicts"),  # excludes the verdict
    ("slower", -0.10, -0.01, "contradicts"),
    ("faster", -0.10, -0.001, "agrees"),
    ("faster", -0.10, 0.01, "undecided"),
    ("faster", -0.01, 0.01, "contradicts"),
    ("same", -0.03, 0.03, "agrees"),  # within two factors
    ("same", -0.05, 0.01, "undecided"),
    ("same", 0.021, 0.10, "contradicts"),
    ("same", -0.10, -0.021, "contradicts"),
])
def test_a_later_launch_agrees_contradicts_or_goes_on(verdict, low, high, state):
    assert decide_confirm(interval(low, high), verdict, EDGE) == state


def test_only_a_verdict_can_be_confirmed():
    with pytest.raises(ValueError, match="undecided"):
        decide_confirm(interval(0, 1), "undecided", EDGE)


def test_confirming_starts_at_a_quarter_of_launch_1_and_never_under_twelve():
    assert [confirm_from(RULE, rounds) for rounds in (12, 48, 49, 450)] == [12, 12, 13, 113]


def test_a_confirming_launch_does_not_look_before_its_start():
    d = [0.05 + 0.001 * (i % 3) for i in range(40)]
    assert confirming_launch(d, STANDARD_LOOKS, "slower", 12, RULE).round == 12
    assert confirming_launch(d, STANDARD_LOOKS, "slower", 90, RULE).round == 27


def test_the_first_launch_is_decided_at_the_first_look_that_allows_it():
    noise = np.random.RandomState(3).standard_normal(450)
    assert first_launch(0.10 + 0.01 * noise, STANDARD_LOOKS, RULE)[:2] == ("slower", 12)
    later = first_launch(0.04 + 0.02 * noise, STANDARD_LOOKS, RULE)
    looks = STANDARD_LOOKS[:STANDARD_LOOKS.index(later.round) + 1]
    states = [decide_first(signed_rank_interval(0.04 + 0.02 * noise[:look], 0.001), EDGE) for look in looks]
    assert len(states) > 1
    assert states == ["undecided"] * (len(states) - 1) + ["slower"]
    undecided = first_launch(EDGE + 0.02 * noise, STANDARD_LOOKS, RULE)
    assert undecided[:2] == ("undecided", 450)
    assert undecided.interval.low < EDGE < undecided.interval.high


def test_looks_beyond_the_rounds_played_are_not_taken():
    assert first_launch([0.5 + 0.01 * i for i in range(11)], STANDARD_LOOKS, RULE)[:2] == ("undecided", 11)
    assert first_launch([], STANDARD_LOOKS, RULE)[:2] == ("undecided", 0)


@pytest.mark.parametrize("verdict, estimates, aa, state, why", [
    ("slower", [0.03, 0.03, 0.03, 0.03], [0.001] * 4, "slower", None),
    ("slower", [0.03, 0.01, 0.02, 0.015], [0.001] * 4, "cannot tell", "within-factor"),
    ("slower", [0.03] * 4, [0.0, -0.04, 0.0, 0.0], "cannot tell", "within-floor"),
    ("faster", [-0.03] * 4, [0.001] * 4, "faster", None),
    ("faster", [0.03] * 4, [0.001] * 4, "cannot tell", "within-factor"),
    ("same", [0.005, -0.005, 0.02, 0.0], [0.1] * 4, "same", None),
    ("same", [0.012] * 4, [0.0] * 4, "cannot tell", "beyond-half-factor"),
    ("same", [-0.02, 0.031, 0.0, 0.0], [0.0] * 4, "cannot tell", "launch-beyond-factor"),
])
def test_the_verdict_stands_only_beyond_the_factor_and_the_floor(verdict, estimates, aa, state, why):
    assert joint_state(verdict, estimates, aa, RULE) == (state, why)


def test_a_rule_survives_the_record_and_fields_of_later_versions():
    rule = Rule(factor=0.05, launches=1)
    assert rule_from_dict(dict(rule_to_dict(rule), invented=1)) == rule
    assert rule_from_dict({"factor": 0.05}).max_rounds == 450
