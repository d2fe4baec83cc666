"""The rule's error rates under every kind of noise, through the real engine on the fake machine."""

import random

import numpy as np
import pytest
from fake_machine import KINDS, FakeMachine, ThrottleInStep
from recorded_noise import STREAMS, line, processes, recorded, stream
from simulation import RULE, outcomes, play, rule_for, share

from harness.statistics.decide import first_launch
from harness.statistics.ratios import round_ratios
from harness.statistics.verdict import verdicts
from harness.timing.engine import NO_CLOCK
from harness.timing.rounds import Entrant
from harness.timing.series import Limits, plan_series, play_series
from harness.words import Role

pytestmark = pytest.mark.sampled

# The design's own figure for this kind is 1.4 %: five launches would be needed for 1 %. All others promise 1 %.
ALLOWED = {"launch effect, sd 10 %": 0.014}
# Power (%) at a true 5 % after four launches, from the design's simulations; below 95 only where listed.
LOW_POWER = {"throttling in step with the round": 90, "launch effect, sd 2 %": 77, "launch effect, sd 4 %": 24,
             "launch effect, sd 10 %": 4, "two modes per launch, 4 % apart": 47,
             "two modes per launch, 10 % apart": 12}

#: Simulated runs of each kind of noise: enough to tell a rule that fails. Five to ten times as many under -m slow.
RUNS, POWER_RUNS = 100, 60


def margin(runs):
    """Points on those: their noise models leave room for 12, and few runs need two standard deviations."""
    return max(12.0, 2.0 * 50.0 / runs ** 0.5)


def false_alarms(found, field="state"):
    return sum(getattr(item, field) in ("faster", "slower") for item in found)


def most_alarms(name, runs):
    """1 % of the runs; for the kind with a larger promise, that and two standard deviations."""
    if name not in ALLOWED:
        return runs // 100
    expected = ALLOWED[name] * runs
    return int(expected + 2.0 * expected ** 0.5)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_identical_code_is_called_different_in_at_most_one_percent(name):
    found = outcomes(KINDS[name], 1.0, RUNS, 1, rule_for(name))
    assert false_alarms(found) <= most_alarms(name, RUNS)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_true_five_percent_is_called_as_often_as_the_design_says(name):
    found = outcomes(KINDS[name], 1.05, POWER_RUNS, 3, rule_for(name))
    power = 100.0 * share(found, "slower")
    if name in LOW_POWER:
        assert abs(power - LOW_POWER[name]) <= margin(POWER_RUNS)
    else:
        assert power >= 95.0
    assert share(found, "faster") == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(KINDS))
def test_the_rates_hold_over_many_runs(name):
    rule = rule_for(name)
    runs = 1000 if "launch" in name else 500
    alarms = false_alarms(outcomes(KINDS[name], 1.0, runs, 11, rule))
    if "launch" in name:  # the promised rate and two standard deviations of the count
        expected = runs * ALLOWED.get(name, 0.01)
        assert alarms <= expected + 2.0 * expected ** 0.5
    else:  # exact symmetry: only the peeking is paid for, and the factor lies in between
        assert alarms <= runs // 500
    power = 100.0 * share(outcomes(KINDS[name], 1.05, 300, 13, rule), "slower")
    if name in LOW_POWER:
        assert abs(power - LOW_POWER[name]) <= margin(300)
    else:  # 95 % less two standard deviations of 300 runs
        assert power >= 92.5


def test_one_launch_alone_cries_wolf_where_launches_differ():
    found = outcomes(KINDS["launch effect, sd 4 %"], 1.0, 100, 5)
    assert share(found, "faster", "first") + share(found, "slower", "first") > 0.35
    assert false_alarms(found) <= 2


def test_a_true_ten_percent_at_three_percent_noise_needs_twelve_rounds_a_launch():
    assert all(item.samples == 96 for item in outcomes(KINDS["white, 3 %"], 1.10, 20, 7))


def test_a_true_ratio_at_the_factor_is_rarely_called():
    found = outcomes(KINDS["white, 3 %"], 1.02, 150, 9)
    assert share(found, "slower") + share(found, "same") <= 0.02


class NoToss(random.Random):
    def shuffle(self, x, *_):
        x.sort()


def in_step_alarms(coin_type, runs):
    """One launch each, identical code, on a machine that throttles in step with the round."""
    alarms = 0
    for run in range(runs):
        machine = FakeMachine(ThrottleInStep, [1.0, 1.0, 1.0], np.random.RandomState(run))
        entrants = [Entrant(call, 1, False) for call in machine.calls]
        plan = plan_series(["b", "b", "r"], entrants, [0.012] * 3, RULE, Role.FIRST, {}, 1e9)
        sampler = machine.timer().samplers[0]
        series = play_series(sampler, plan, RULE, coin_type(run), Limits(1e9, machine.now), NO_CLOCK)
        alarms += series.decisions["r"].state in ("faster", "slower")
    return alarms


def test_a_fixed_order_cries_wolf_under_throttling_in_step_and_a_tossed_one_does_not():
    assert in_step_alarms(NoToss, 40) >= 24
    assert in_step_alarms(random.Random, 40) == 0


@pytest.mark.parametrize("name", STREAMS)
def test_recorded_noise_replayed_as_identical_code_raises_no_alarm(name):
    found = outcomes(recorded(stream(name)), 1.0, 60, 21)
    assert false_alarms(found) == 0


@pytest.mark.parametrize("name", ["seq_5us_t1", "seq_100us_t1", "seq_5ms_t1", "load_100us_t1"])
def test_a_true_five_percent_under_recorded_noise_is_called_and_never_misnamed(name):
    found = outcomes(recorded(stream(name)), 1.05, 40, 23)
    assert share(found, "slower") >= 0.9
    assert share(found, "faster") == 0.0


@pytest.mark.parametrize("name", ["seq_5ms_t2", "load_5ms_t2"])
def test_under_the_wildest_recorded_noise_the_answer_may_be_cannot_tell_but_never_the_wrong_name(name):
    assert share(outcomes(recorded(stream(name)), 1.05, 40, 23), "faster") == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("name", STREAMS)
def test_recorded_noise_raises_no_alarm_over_many_windows(name):
    assert false_alarms(outcomes(recorded(stream(name)), 1.0, 300, 31)) <= 3


def test_real_separate_instances_fool_one_launch_but_not_four():
    recorded_processes = processes()
    draws = np.random.RandomState(1)
    one = [first_launch(round_ratios(line(1, rounds).series[0])[2], (12, 18), RULE).state
           for rounds in recorded_processes]
    assert sum(state in ("faster", "slower") for state in one) >= 2
    alarms = 0
    for _ in range(400):
        chosen = draws.choice(len(recorded_processes), 4, replace=False)
        lines = [line(number, recorded_processes[index]) for number, index in enumerate(chosen, 1)]
        alarms += verdicts(lines, RULE)[0].state in ("faster", "slower")
    assert alarms == 0


def test_the_recorded_decisions_of_the_engine_are_those_the_verdict_recomputes():
    for seed in range(4):
        lines = play(KINDS["white, 3 %"], 1.03, seed)
        verdict, = verdicts(lines, RULE)
        recorded_states = [one.series[0].decisions["c/rival"] for one in lines]
        assert [(launch.decision.state, launch.decision.round) for launch in verdict.launches] == [
            (decision.state, decision.round) for decision in recorded_states]
