"""Verdicts from recorded launches: recomputed from raw samples, with floor, flags and next step."""

import math

import numpy as np
import pytest

from harness.reasons import Code, because
from harness.record import LaunchLine, Round, Series, SeriesDecision, TimerFacts
from harness.record.codec import Decoder, to_json
from harness.rule import STANDARD_LOOKS, Rule
from harness.statistics.codes import FlagCode, StepCode, WhyCode
from harness.statistics.ratios import round_ratios
from harness.statistics.signed_rank import pseudo_median, signed_rank_interval
from harness.statistics.verdict import case_times, verdicts
from harness.words import Role, State, Status

RULE = Rule()
IDS = ("c/base", "c/base", "c/rival")


def line(launch, rival, rounds, spread=0.005, aa=0.0, seed=0, calls=(10, 10, 4), call_s=1e-3, **series):
    """A recorded launch: log ratios ``rival`` and ``aa``, white noise of relative size ``spread``."""
    random = np.random.RandomState(100 * seed + launch)
    logs = [0.0, aa, rival]
    played = []
    for _ in range(rounds):
        order = random.permutation(3).tolist()
        sample_s = [call_s * calls[i] * math.exp(logs[i] + spread * random.standard_normal())
                    for i in order + order[::-1]]
        played.append(Round(tuple(order), tuple(sample_s)))
    role = Role.FIRST if launch == 1 else Role.CONFIRM
    data = Series("hot", IDS, tuple(calls), tuple(played), STANDARD_LOOKS, role,
                  because(Code.MOST_ROUNDS, round=rounds))
    return LaunchLine("c", launch, Status.OK, series=(data._replace(**series),),
                      timer=TimerFacts("perf_counter", 1e-7, 4e-8))


def changed(lines, change):
    """The same launches with ``change(round number, round)`` in place of every round."""
    return [one._replace(series=tuple(series._replace(rounds=tuple(
        change(number, played) for number, played in enumerate(series.rounds))) for series in one.series))
        for one in lines]


def failed(launch, reason):
    return LaunchLine("c", launch, Status.FAILED, reason)


def four(rival, rounds=12, **options):
    shifts = rival if isinstance(rival, (list, tuple)) else [rival] * 4
    return [line(number, shift, rounds, **options) for number, shift in enumerate(shifts, 1)]


def only(lines, rule=RULE):
    verdict, = verdicts(lines, rule)
    return verdict


def test_calls_per_sample_do_not_enter_the_ratio():
    even = line(1, 0.1, 12, calls=(10, 10, 10), spread=0.0).series[0]
    uneven = line(1, 0.1, 12, calls=(10, 10, 3), spread=0.0).series[0]
    assert round_ratios(even)[2] == pytest.approx(round_ratios(uneven)[2], abs=1e-12)
    assert uneven.samples_per_call_s(2) == pytest.approx([1e-3 * math.exp(0.1)] * 24)


def test_scaling_every_time_leaves_the_round_ratios_unchanged():
    series = line(1, 0.1, 12).series[0]
    scaled = series._replace(rounds=tuple(
        played._replace(sample_s=tuple(value * 8.0 for value in played.sample_s)) for played in series.rounds))
    assert round_ratios(scaled)[2] == pytest.approx(round_ratios(series)[2], abs=1e-13)


def test_swapping_baseline_and_rival_mirrors_ratio_and_interval():
    lines = four(0.1, calls=(4, 4, 4))
    swapped = changed(lines, lambda _, played: played._replace(
        order=tuple({0: 2, 2: 0, 1: 1}[index] for index in played.order)))
    there, back = only(lines), only(swapped)
    assert [one.launches[0].decision.state for one in (there, back)] == ["slower", "faster"]
    assert back.launches[0].decision.interval.low == -there.launches[0].decision.interval.high
    assert back.launches[0].decision.interval.high == -there.launches[0].decision.interval.low
    assert back.speed == pytest.approx(1.0 / there.speed)


def test_another_case_as_the_baseline_gives_the_mirrored_verdict_with_the_noise_floor_of_the_copies():
    lines = four(0.1, aa=0.004)
    usual, turned = only(lines), [one for one in verdicts(lines, RULE, "c/rival") if one.case == "c/base"][0]
    assert (usual.state, turned.state) == (State.SLOWER, State.FASTER)
    assert (turned.baseline, turned.case) == ("c/rival", "c/base")
    assert turned.speed == pytest.approx(1.0 / usual.speed) and turned.low == pytest.approx(1.0 / usual.high)
    assert turned.floor == pytest.approx(usual.floor)
    assert (turned.times, turned.baseline_times) == (usual.baseline_times, usual.times)


def test_the_usual_baseline_by_name_changes_nothing():
    lines = four(0.1)
    assert verdicts(lines, RULE, "c/base") == verdicts(lines, RULE)
    assert verdicts(lines, RULE, "c/nobody") == []


@pytest.mark.parametrize("shift, state", [(0.10, "slower"), (-0.10, "faster"), (0.0, "same")])
def test_four_agreeing_launches_make_a_verdict(shift, state):
    verdict = only(four(shift))
    assert verdict.state == state
    assert verdict.speed == pytest.approx(math.exp(-shift), rel=0.01)
    assert verdict.low <= verdict.speed <= verdict.high
    assert (verdict.rounds, verdict.samples, len(verdict.launches)) == (48, 96, 4)
    assert verdict.next_step is None
    assert verdict.why is None


def test_the_interval_is_launch_1s_stretched_to_hold_every_launch():
    verdict = only(four([0.10, 0.15, 0.06, 0.10]))
    low, high = verdict.launches[0].decision.interval[1:]
    assert math.exp(-high) > verdict.low == min(verdict.launch_speeds)
    assert math.exp(-low) < verdict.high == max(verdict.launch_speeds)
    assert verdict.speed == pytest.approx(math.exp(np.mean(np.log(verdict.launch_speeds))))


def test_recorded_decisions_are_not_trusted():
    lines = four(0.10, decisions={"c/rival": SeriesDecision(State.FASTER, 12)})
    assert only(lines).state == "slower"


def test_a_launch_that_contradicts_ends_in_cannot_tell_with_all_ratios():
    verdict = only(four([0.10, -0.05]))
    assert (verdict.state, verdict.why.code, verdict.why.launch) == ("cannot tell", WhyCode.LAUNCH_CONTRADICTS, 2)
    assert verdict.next_step.code is StepCode.MORE_LAUNCHES
    assert verdict.next_step.numbers["speeds"] == pytest.approx([0.905, 1.051], abs=0.003)
    assert verdict.next_step.numbers["launches"] == 8


def test_missing_launches_withhold_the_verdict():
    verdict = only(four([0.10, 0.10]))
    assert (verdict.state, verdict.why.code) == ("cannot tell", WhyCode.LAUNCHES_MISSING)
    assert verdict.next_step.code is StepCode.RESUME
    assert verdict.next_step.numbers == {"recorded": 2, "wanted": 4}


def test_a_failed_launch_withholds_the_verdict_and_its_reason_becomes_the_next_step():
    lines = four([0.10, 0.10, 0.10])
    lines.insert(1, failed(2, because(Code.KILLED)))
    assert only(lines).state == "cannot tell"
    assert only(lines).why.code is WhyCode.LAUNCH_FAILED
    assert only(lines).next_step.code is StepCode.RUN_AGAIN
    assert (only(lines).next_step.numbers, only(lines).next_step.cause) == ({"launch": 2}, because(Code.KILLED))
    assert verdicts(lines[1:2], RULE) == []


def test_a_failed_launch_that_was_repeated_does_no_harm():
    lines = four(0.10)
    lines.insert(1, failed(2, because(Code.KILLED)))
    assert only(lines).state == "slower"


def test_one_launch_is_enough_only_where_one_was_asked_for():
    verdict = only(four([0.10]), RULE._replace(launches=1))
    assert verdict.state == "slower"


def test_a_difference_below_the_runs_own_floor_is_no_verdict():
    verdict = only(four(0.05, aa=0.08))
    assert (verdict.state, verdict.why.code) == ("cannot tell", WhyCode.WITHIN_FLOOR)
    assert verdict.floor == pytest.approx(math.expm1(0.08), rel=0.05)
    assert verdict.next_step.code is StepCode.MORE_LAUNCHES_FLOOR
    assert verdict.next_step.numbers == {"floor": verdict.floor, "launches": 8, "align": True}


def test_a_wide_interval_asks_for_a_stated_number_of_rounds():
    lines = [line(1, 0.05, 60, spread=0.11)]
    verdict = only(lines)
    assert (verdict.state, verdict.why.code) == ("cannot tell", WhyCode.FIRST_UNDECIDED)
    d = round_ratios(lines[0].series[0])[2]
    centre, low, high = signed_rank_interval(d, 0.001)
    wanted = 60 * (0.5 * (high - low) / (centre - math.log(1.02))) ** 2
    assert 60 < wanted < 90  # decisions fall at looks: 90 is the next one
    assert verdict.next_step.code is StepCode.MORE_BUDGET
    assert verdict.next_step.numbers["rounds"] == 30 and verdict.next_step.numbers["seconds"] > 0


def test_an_undecided_rival_that_was_played_on_has_the_mean_of_its_launches():
    """Where every launch plays all to the end, launch 1 alone is not what the others gave."""
    lines = [line(1, 0.3, 12, spread=0.5), line(2, -0.1, 12), line(3, -0.1, 12), line(4, -0.1, 12)]
    verdict = only(lines)
    assert (verdict.state, verdict.why.code) == ("cannot tell", WhyCode.FIRST_UNDECIDED)
    logs = [pseudo_median(round_ratios(one.series[0])[2]) for one in lines]
    assert verdict.launch_speeds == pytest.approx([math.exp(-one) for one in logs])
    assert verdict.speed == pytest.approx(math.exp(-sum(logs) / 4))
    assert verdict.low < min(verdict.launch_speeds) and verdict.high >= max(verdict.launch_speeds)
    assert (verdict.rounds, verdict.samples, verdict.times.samples) == (48, 96, 96)
    assert verdict.next_step == only(lines[:1]).next_step


def test_more_rounds_than_the_rule_allows_are_named_as_such():
    step = only([line(1, 0.02, 450, spread=0.06)], RULE._replace(factor=0.01)).next_step
    assert step.code is StepCode.MORE_ROUNDS
    assert (step.numbers["rounds"], step.numbers["wanted"], step.numbers["most"]) == (225, 675, 450)


def test_a_hopelessly_wide_interval_asks_for_a_quieter_machine():
    assert only([line(1, math.log(1.021), 18, spread=0.03)]).next_step.code is StepCode.QUIET_MACHINE


def test_a_narrow_interval_across_the_factor_is_to_be_quoted():
    verdict = only([line(1, math.log(1.02), 450, spread=0.01)])
    assert verdict.state == "cannot tell"
    assert verdict.next_step.code is StepCode.QUOTE_INTERVAL
    ends = verdict.next_step.numbers  # of the rival's time
    assert (1 + ends["low"], 1 + ends["high"]) == pytest.approx((1 / verdict.high, 1 / verdict.low))


def test_a_moving_clock_is_flagged_and_becomes_the_next_step():
    lines = [line(1, 0.02, 60, spread=0.03)]
    assert only(lines).flags == ()
    verdict = only(changed(lines, lambda number, played: played._replace(clock_hz=(9e8, 6e8 if number % 2 else 9e8))))
    assert [flag.code for flag in verdict.flags] == [FlagCode.CLOCK_MOVED]
    assert verdict.flags[0].numbers == {"low_hz": 6e8, "high_hz": 9e8}
    assert verdict.next_step.code is StepCode.STEADY_CLOCK


def test_mirror_samples_that_differ_are_flagged_and_named_where_more_rounds_are_hopeless():
    verdict = only([line(1, math.log(1.022), 60, spread=0.12)])
    assert verdict.next_step.code is StepCode.STEADY_MACHINE
    assert [flag.code for flag in verdict.flags] == [FlagCode.UNSTEADY]
    assert verdict.flags[0].numbers["difference"] == 0.10 and verdict.flags[0].numbers["share"] > 0.20


def test_a_coarse_clock_refuses_the_verdict():
    verdict = only([one._replace(timer=TimerFacts("perf_counter", 2e-4)) for one in four(0.10)])
    assert (verdict.state, verdict.why.code) == ("cannot tell", WhyCode.COARSE_CLOCK)
    assert verdict.next_step.code is StepCode.MORE_CALLS


def test_launch_bound_calls_are_flagged_with_their_share():
    def enqueue(_, played):
        shares = [0.9 if index == 2 else 0.1 for index in played.order + played.order[::-1]]
        return played._replace(enqueue_s=tuple(share * value for share, value in zip(shares, played.sample_s)))

    verdict = only(changed(four(0.10), enqueue))
    assert verdict.state == "slower"
    assert [flag.code for flag in verdict.flags] == [FlagCode.LAUNCH_BOUND]
    assert verdict.flags[0].numbers["rival_share"] == pytest.approx(0.9)
    assert "baseline_share" not in verdict.flags[0].numbers


def test_samples_whose_launches_could_not_be_hidden_are_flagged():
    def hidden(number, played):
        places = played.order + played.order[::-1]
        return played._replace(hidden=tuple(index != 2 or number % 3 == 0 for index in places))

    verdict = only(changed(four(0.10), hidden))
    assert [flag.code for flag in verdict.flags] == [FlagCode.LAUNCHES_TIMED]
    assert verdict.flags[0].numbers == {"who": "rival", "share": pytest.approx(2.0 / 3.0)}
    assert only(changed(four(0.10), lambda _, played: played._replace(hidden=(True,) * 6))).flags == ()


def test_rivals_that_left_early_are_judged_on_their_own_rounds():
    def without_rival(number, played):
        if number < 12:
            return played
        place = played.order.index(2)
        return played._replace(order=tuple(index for index in played.order if index != 2),
                               sample_s=tuple(value for i, value in enumerate(played.sample_s)
                                              if i not in (place, 5 - place)))

    lines = changed([line(1, 0.10, 40)], without_rival)
    data, = lines[0].series
    verdict = only(lines, RULE._replace(launches=1))
    assert (verdict.state, verdict.rounds, verdict.samples) == ("slower", 12, 24)
    assert verdict.launches[0].aa_estimate == pseudo_median(round_ratios(data)[1])
    assert verdict.baseline_times.samples == 80


def test_too_few_rounds_show_no_interval_and_say_so():
    verdict = only([line(1, 0.10, 5)])
    assert (verdict.state, verdict.low, verdict.high) == ("cannot tell", None, None)
    assert verdict.least_rounds == 12
    assert verdict.next_step.code is StepCode.MORE_LIMIT
    assert verdict.next_step.numbers == {"rounds": 5, "least": 12}
    nothing = only([line(1, 0.10, 0)])
    assert (nothing.state, nothing.speed, nothing.times, nothing.floor) == ("cannot tell", None, None, None)
    assert nothing.next_step.numbers["rounds"] == 0


def test_hot_and_cold_are_judged_apart():
    lines = four(0.10)
    lines = [one._replace(series=one.series + cold.series)
             for one, cold in zip(lines, four(-0.10, cache="cold", seed=5))]
    assert [(v.cache, v.state) for v in verdicts(lines, RULE)] == [("hot", "slower"), ("cold", "faster")]


def test_times_per_call_leave_the_second_copy_out():
    lines = four(0.0, spread=0.0, aa=1.0)
    times = case_times(lines, "hot", "c/base")
    assert (times.median_s, times.p5_s, times.p95_s, times.samples) == (
        pytest.approx(1e-3), pytest.approx(1e-3), pytest.approx(1e-3), 96)
    assert case_times(lines, "cold", "c/base") is None


def test_a_verdict_survives_the_json_of_the_record():
    lines = four(0.10)
    assert only([Decoder().decode(LaunchLine, to_json(one)) for one in lines]) == only(lines)
