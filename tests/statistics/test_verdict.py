"""Verdicts from recorded launches: recomputed from raw samples, with floor, flags and next step."""

import copy
import json
import math

import numpy as np
import pytest

from harness.statistics.ratios import round_ratios, samples_per_call_s
from harness.statistics.rule import STANDARD_LOOKS, Rule
from harness.statistics.signed_rank import pseudo_median, signed_rank_interval
from harness.statistics.verdict import aa_checks, case_times, verdicts

RULE = Rule()
IDS = ["c/base", "c/base", "c/rival"]


def line(launch, rival, rounds, spread=0.005, aa=0.0, seed=0, calls=(10, 10, 4), call_s=1e-3, **series):
    """A recorded launch: log ratios ``rival`` and ``aa``, white noise of relative size ``spread``."""
    random = np.random.RandomState(100 * seed + launch)
    logs = [0.0, aa, rival]
    played = []
    for _ in range(rounds):
        order = random.permutation(3).tolist()
        sample_s = [call_s * calls[i] * math.exp(logs[i] + spread * random.standard_normal())
                    for i in order + order[::-1]]
        played.append({"order": order, "sample_s": sample_s, "settle_s": None, "enqueue_s": None, "clock_hz": None})
    role = "first" if launch == 1 else "confirm"
    data = {"cache": "hot", "entrants": IDS, "calls_per_sample": list(calls), "rounds": played,
            "looks": list(STANDARD_LOOKS), "role": role, "decisions": {}, "stopped": "for this test"}
    data.update(series)
    return {"kind": "pass", "pass": "time", "launch": launch, "status": "ok", "series": [data],
            "timer": {"name": "perf_counter", "resolution_s": 1e-7, "overhead_s": 4e-8}}


def four(rival, rounds=12, **options):
    shifts = rival if isinstance(rival, (list, tuple)) else [rival] * 4
    return [line(number, shift, rounds, **options) for number, shift in enumerate(shifts, 1)]


def only(lines, rule=RULE):
    verdict, = verdicts(lines, rule)
    return verdict


def test_calls_per_sample_do_not_enter_the_ratio():
    even = line(1, 0.1, 12, calls=(10, 10, 10), spread=0.0)["series"][0]
    uneven = line(1, 0.1, 12, calls=(10, 10, 3), spread=0.0)["series"][0]
    assert round_ratios(even)[2] == pytest.approx(round_ratios(uneven)[2], abs=1e-12)
    assert samples_per_call_s(uneven, 2) == pytest.approx([1e-3 * math.exp(0.1)] * 24)


def test_scaling_every_time_leaves_the_round_ratios_unchanged():
    series = line(1, 0.1, 12)["series"][0]
    scaled = copy.deepcopy(series)
    for record in scaled["rounds"]:
        record["sample_s"] = [value * 8.0 for value in record["sample_s"]]
    assert round_ratios(scaled)[2] == pytest.approx(round_ratios(series)[2], abs=1e-13)


def test_swapping_baseline_and_rival_mirrors_ratio_and_interval():
    lines = four(0.1, calls=(4, 4, 4))
    swapped = copy.deepcopy(lines)
    for record in (record for one in swapped for record in one["series"][0]["rounds"]):
        record["order"] = [{0: 2, 2: 0, 1: 1}[index] for index in record["order"]]
    there, back = only(lines), only(swapped)
    assert [one.launches[0].decision.state for one in (there, back)] == ["slower", "faster"]
    assert back.launches[0].decision.interval.low == -there.launches[0].decision.interval.high
    assert back.launches[0].decision.interval.high == -there.launches[0].decision.interval.low
    assert back.ratio == pytest.approx(1.0 / there.ratio)


@pytest.mark.parametrize("shift, state", [(0.10, "slower"), (-0.10, "faster"), (0.0, "same")])
def test_four_agreeing_launches_make_a_verdict(shift, state):
    verdict = only(four(shift))
    assert verdict.state == state
    assert verdict.ratio == pytest.approx(math.exp(shift), rel=0.01)
    assert verdict.speed == pytest.approx(1.0 / verdict.ratio)
    assert verdict.speed_low <= verdict.speed <= verdict.speed_high
    assert (verdict.rounds, verdict.samples, len(verdict.launches)) == (48, 96, 4)
    assert verdict.next_step is None
    assert verdict.why is None
    assert not verdict.in_one_launch


def test_the_interval_is_launch_1s_stretched_to_hold_every_launch():
    verdict = only(four([0.10, 0.15, 0.06, 0.10]))
    low, high = verdict.launches[0].decision.interval[1:]
    assert math.exp(low) > verdict.low == min(verdict.estimates)
    assert math.exp(high) < verdict.high == max(verdict.estimates)
    assert verdict.ratio == pytest.approx(math.exp(np.mean(np.log(verdict.estimates))))


def test_recorded_decisions_are_not_trusted():
    lines = four(0.10)
    for one in lines:
        one["series"][0]["decisions"] = {"c/rival": {"state": "faster", "round": 12}}
    assert only(lines).state == "slower"


def test_a_launch_that_contradicts_ends_in_cannot_tell_with_all_ratios():
    verdict = only(four([0.10, -0.05]))
    assert (verdict.state, verdict.why) == ("cannot tell", "launch 2 contradicts")
    assert "launches disagree" in verdict.next_step
    assert "0.90" in verdict.next_step
    assert "1.05" in verdict.next_step
    assert "--launches 8" in verdict.next_step


def test_missing_launches_withhold_the_verdict():
    verdict = only(four([0.10, 0.10]))
    assert (verdict.state, verdict.why) == ("cannot tell", "2 of 4 launches recorded")
    assert "resume" in verdict.next_step


def test_a_failed_launch_withholds_the_verdict_and_its_reason_becomes_the_next_step():
    lines = four([0.10, 0.10, 0.10])
    lines.insert(1, {"kind": "pass", "pass": "time", "launch": 2, "status": "failed", "reason": "killed for memory"})
    assert only(lines).state == "cannot tell"
    assert only(lines).next_step == "launch 2 failed (killed for memory): remove the cause and run again"
    assert verdicts(lines[1:2], RULE) == []


def test_a_failed_launch_that_was_repeated_does_no_harm():
    lines = four(0.10)
    lines.insert(1, {"kind": "pass", "pass": "time", "launch": 2, "status": "failed", "reason": "killed"})
    assert only(lines).state == "slower"


def test_one_launch_is_enough_only_where_one_was_asked_for():
    verdict = only(four([0.10]), RULE._replace(launches=1))
    assert (verdict.state, verdict.in_one_launch) == ("slower", True)


def test_a_difference_below_the_runs_own_floor_is_no_verdict():
    verdict = only(four(0.05, aa=0.08))
    assert (verdict.state, verdict.why) == ("cannot tell", "mean within the A/A floor")
    assert verdict.aa_floor == pytest.approx(math.expm1(0.08), rel=0.05)
    assert "two copies of the baseline differ by" in verdict.next_step
    assert "64 bytes" in verdict.next_step


def test_the_floor_is_checked_per_launch():
    checks = aa_checks(four(0.10, aa=0.08), RULE)
    assert [check.launch for check in checks] == [1, 2, 3, 4]
    assert all(check.beyond_factor and check.low > 1.0 for check in checks)
    assert not any(check.beyond_factor for check in aa_checks(four(0.10), RULE))


def test_a_wide_interval_asks_for_a_stated_number_of_rounds():
    lines = [line(1, 0.05, 60, spread=0.11)]
    verdict = only(lines)
    assert (verdict.state, verdict.why) == ("cannot tell", "launch 1 undecided")
    d = round_ratios(lines[0]["series"][0])[2]
    centre, low, high = signed_rank_interval(d, 0.001)
    wanted = 60 * (0.5 * (high - low) / (centre - math.log(1.02))) ** 2
    assert 60 < wanted < 90  # decisions fall at looks: 90 is the next one
    assert verdict.next_step.startswith("about 30 rounds (")
    assert "s) more would decide" in verdict.next_step


def test_more_rounds_than_the_rule_allows_are_named_as_such():
    step = only([line(1, 0.02, 450, spread=0.06)], RULE._replace(factor=0.01)).next_step
    assert "use --rounds 675 instead of 450" in step
    assert step.startswith("about 225 rounds (")


def test_a_hopelessly_wide_interval_asks_for_a_quieter_machine():
    assert "lock the clocks and close other programs" in only([line(1, math.log(1.021), 18, spread=0.03)]).next_step


def test_a_narrow_interval_across_the_factor_is_to_be_quoted():
    verdict = only([line(1, math.log(1.02), 450, spread=0.01)])
    assert verdict.state == "cannot tell"
    assert "right at the factor" in verdict.next_step
    assert "{:+.1f} to {:+.1f} %".format(100 * (verdict.low - 1), 100 * (verdict.high - 1)) in verdict.next_step


def test_a_moving_clock_is_flagged_and_becomes_the_next_step():
    lines = [line(1, 0.02, 60, spread=0.03)]
    assert only(lines).flags == ()
    for number, record in enumerate(lines[0]["series"][0]["rounds"]):
        record["clock_hz"] = [9e8, 6e8 if number % 2 else 9e8]
    verdict = only(lines)
    assert [flag.word for flag in verdict.flags] == ["clock moved"]
    assert "between 600 and 900 MHz" in verdict.flags[0].sentence
    assert "fan" in verdict.next_step


def test_mirror_samples_that_differ_are_flagged_and_named_where_more_rounds_are_hopeless():
    verdict = only([line(1, math.log(1.022), 60, spread=0.12)])
    assert verdict.next_step.startswith("the two samples of one entrant differ")
    assert [flag.word for flag in verdict.flags] == ["unsteady"]
    assert "differ by more than 10 %" in verdict.flags[0].sentence


def test_a_coarse_clock_refuses_the_verdict():
    lines = four(0.10)
    for one in lines:
        one["timer"]["resolution_s"] = 2e-4
    verdict = only(lines)
    assert (verdict.state, verdict.why) == ("cannot tell", "coarse clock")
    assert "raise the calls per sample" in verdict.next_step


def test_launch_bound_calls_are_flagged_with_their_share():
    lines = four(0.10)
    for record in (record for one in lines for record in one["series"][0]["rounds"]):
        order = record["order"] + record["order"][::-1]
        record["enqueue_s"] = [value * (0.9 if index == 2 else 0.1)
                               for index, value in zip(order, record["sample_s"])]
    verdict = only(lines)
    assert verdict.state == "slower"
    assert [flag.word for flag in verdict.flags] == ["launch-bound"]
    assert "the rival (90 % of its device time)" in verdict.flags[0].sentence


def test_rivals_that_left_early_are_judged_on_their_own_rounds():
    data = line(1, 0.10, 40)["series"][0]
    for record in data["rounds"][12:]:
        place = record["order"].index(2)
        keep = [i for i in range(6) if i not in (place, 5 - place)]
        record["sample_s"] = [record["sample_s"][i] for i in keep]
        record["order"].remove(2)
    verdict = only([dict(line(1, 0.10, 1), series=[data])], RULE._replace(launches=1))
    assert (verdict.state, verdict.rounds, verdict.samples) == ("slower", 12, 24)
    assert verdict.launches[0].aa_estimate == pseudo_median(round_ratios(data)[1])
    assert verdict.baseline_times.samples == 80


def test_too_few_rounds_show_no_interval_and_say_so():
    verdict = only([line(1, 0.10, 5)])
    assert (verdict.state, verdict.low, verdict.high) == ("cannot tell", None, None)
    assert "12 rounds" in verdict.interval_reason
    assert "only 5 rounds were played" in verdict.next_step
    nothing = only([line(1, 0.10, 0)])
    assert (nothing.state, nothing.ratio, nothing.times, nothing.aa_floor) == ("cannot tell", None, None, None)
    assert "no round was played" in nothing.next_step


def test_hot_and_cold_are_judged_apart():
    lines = four(0.10)
    for one, cold in zip(lines, four(-0.10, cache="cold", seed=5)):
        one["series"].extend(cold["series"])
    assert [(v.cache, v.state) for v in verdicts(lines, RULE)] == [("hot", "slower"), ("cold", "faster")]


def test_times_per_call_leave_the_second_copy_out():
    lines = four(0.0, spread=0.0, aa=1.0)
    times = case_times(lines, "hot", "c/base")
    assert (times.median_s, times.p5_s, times.p95_s, times.samples) == (
        pytest.approx(1e-3), pytest.approx(1e-3), pytest.approx(1e-3), 96)
    assert case_times(lines, "cold", "c/base") is None


def test_a_verdict_survives_the_json_of_the_record():
    lines = four(0.10)
    assert only(json.loads(json.dumps(lines))) == only(lines)
