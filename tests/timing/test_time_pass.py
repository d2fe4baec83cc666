"""The time pass as a whole, on a fake clock: roles, budgets, limits and the payload."""

import json

import pytest
from fake_clock import FakeClock

from harness.timing.engine import run_time_pass
from harness.statistics.rule import Rule
from harness.statistics.verdict import verdicts
from harness.timing.clock_readers import ClockSource
from harness.timing.cpu_timer import CpuTimer
from harness.units import to_confirm

RULE = Rule()


def setting(**seconds):
    """A clock, its timer and entrants: the baseline twice, then one rival for each keyword."""
    clock = FakeClock()
    base = seconds.pop("base", 2e-3)
    names = [("c/base", base), ("c/base", base)] + [("c/" + name, value) for name, value in sorted(seconds.items())]
    return clock, CpuTimer(clock.now, 1e-9, 0.0), [(name, clock.call(name, value)) for name, value in names]


def test_a_launch_stops_when_every_rival_is_decided():
    clock, timer, entrants = setting(quick=1e-3, same=2e-3, slow=3e-3)
    payload = run_time_pass(entrants, timer, RULE, 1)
    series, = payload["series"]
    assert series["decisions"] == {"c/quick": {"state": "faster", "round": 12},
                                   "c/same": {"state": "same", "round": 12},
                                   "c/slow": {"state": "slower", "round": 12}}
    assert series["stopped"] == "every rival was decided by round 12"
    assert len(series["rounds"]) == 12
    assert series["entrants"] == ["c/base", "c/base", "c/quick", "c/same", "c/slow"]
    assert series["looks"] == [12, 18, 27, 40, 60, 90, 135, 200, 300, 450]
    assert (series["level"], series["role"], series["cache"]) == (0.01, "first", "hot")


def test_a_decided_rival_leaves_while_baseline_and_copy_stay():
    clock, timer, entrants = setting(slow=4e-3)
    entrants.append(("c/edge", clock.noisy(2e-3 * 1.02, 0.03)))
    series, = run_time_pass(entrants, timer, RULE, 1, budget_s=1.5)["series"]
    assert series["decisions"]["c/slow"] == {"state": "slower", "round": 12}
    assert all(sorted(record["order"]) == [0, 1, 2, 3] for record in series["rounds"][:12])
    assert len(series["rounds"]) > 12
    assert all(sorted(record["order"]) == [0, 1, 3] for record in series["rounds"][12:])


def test_the_looks_are_fixed_from_the_rounds_that_fit_the_budget():
    clock, timer, entrants = setting()
    entrants.append(("c/edge", clock.noisy(2e-3 * 1.02, 0.03)))
    series, = run_time_pass(entrants, timer, RULE, 1, budget_s=50 * 0.0242)["series"]
    assert series["looks"] == [12, 18, 27, 40]  # six samples and six settling calls of 2 ms a round
    assert series["stopped"] == "the time budget of 1.21 s ended at round 40"
    assert series["decisions"]["c/edge"] == {"state": "undecided", "round": 40}


def test_twelve_rounds_are_played_even_where_they_exceed_the_budget_and_it_says_so():
    clock, timer, entrants = setting(base=1.0, slow=1.5)
    series, = run_time_pass(entrants, timer, RULE, 1, budget_s=2.0)["series"]
    assert len(series["rounds"]) == 12
    assert series["decisions"]["c/slow"]["state"] == "slower"
    clock, timer, entrants = setting(base=1.0)
    entrants.append(("c/edge", clock.noisy(1.02, 0.03)))
    series, = run_time_pass(entrants, timer, RULE, 1, budget_s=2.0)["series"]
    assert series["stopped"] == "the 12 rounds that the rule needs at least took longer than the time budget of 2 s"


def test_the_hard_limit_ends_a_pass_inside_a_round_and_keeps_what_was_timed():
    clock, timer, entrants = setting(base=1.0, slow=1.5)
    payload = run_time_pass(entrants, timer, RULE, 1, budget_s=2.0, limit_s=30.0)
    series, = payload["series"]
    assert series["stopped"].startswith("the limit of 30 s ended it inside round")
    assert 0 < len(series["rounds"]) < 12
    assert len(series["unfinished_round"]["sample_s"]) < 6
    assert series["decisions"]["c/slow"]["state"] == "undecided"
    assert verdicts([payload], RULE)[0].state == "cannot tell"
    assert clock.time_s - 100.0 < 32.0


def test_the_hard_limit_may_even_fall_into_the_warm_up():
    clock, timer, entrants = setting(base=50.0, slow=60.0)
    payload = run_time_pass(entrants, timer, RULE, 1, limit_s=60.0)
    series, = payload["series"]
    assert series["rounds"] == []
    assert series["stopped"] == "the limit of 60 s ended it in the warm-up"
    assert len(payload["warmup"]) == 1
    assert verdicts([payload], RULE)[0].why == "launch 1 undecided"


def test_rounds_that_turn_out_longer_than_the_warm_up_foretold_do_not_run_away():
    clock, timer, entrants = setting()
    entrants.append(("c/wild", clock.noisy(2e-3, 3.0, steady=40)))
    series, = run_time_pass(entrants, timer, RULE, 1, budget_s=3.0)["series"]
    assert 12 <= len(series["rounds"]) < 60
    assert series["looks"][-1] >= 90
    assert "longer than the warm-up foretold" in series["stopped"]


def test_short_calls_get_settling_calls_and_long_ones_do_not():
    clock, timer, entrants = setting(long=30e-3)
    record = run_time_pass(entrants, timer, RULE, 1)["series"][0]["rounds"][0]
    places = record["order"] + record["order"][::-1]
    assert [value is None for value in record["settle_s"]] == [index == 2 for index in places]
    clock, timer, entrants = setting(base=20e-3, long=30e-3)
    assert run_time_pass(entrants, timer, RULE, 1)["series"][0]["rounds"][0]["settle_s"] is None


def test_the_settling_call_takes_the_cost_of_switching_upon_itself():
    clock = FakeClock()
    last = []

    def call(name, seconds):
        def run():
            clock.time_s += seconds * (1.0 if last == [name] else 1.5)
            last[:] = [name]
        return run

    entrants = [("c/base", call("a", 2e-3)), ("c/base", call("b", 2e-3)), ("c/rival", call("c", 2e-3))]
    series, = run_time_pass(entrants, CpuTimer(clock.now, 1e-9, 0.0), RULE, 1)["series"]
    assert all(value == pytest.approx(2e-3) for record in series["rounds"] for value in record["sample_s"])
    assert max(series["rounds"][0]["settle_s"]) == pytest.approx(3e-3)


def test_both_copies_of_the_baseline_get_the_same_number_of_calls():
    clock = FakeClock()
    timer = CpuTimer(clock.now, 1e-9, 0.0)
    entrants = [("c/base", clock.call("a", 1e-5)), ("c/base", clock.call("b", 1.3e-5)),
                ("c/r", clock.call("r", 1e-4))]
    assert run_time_pass(entrants, timer, RULE, 1)["series"][0]["calls_per_sample"] == [100, 100, 10]


def test_later_launches_confirm_only_what_launch_1_decided():
    clock, timer, entrants = setting(slow=3e-3)
    entrants.append(("c/edge", clock.noisy(2e-3 * 1.02, 0.03)))
    lines = [run_time_pass(entrants, timer, RULE, 1, budget_s=0.5)]
    first = to_confirm([dict(lines[0], launch=1)], 2)
    lines.append(run_time_pass(entrants, timer, RULE, 1, "confirm", first, budget_s=0.5, launch=2))
    series, = lines[1]["series"]
    assert series["entrants"] == ["c/base", "c/base", "c/slow"]
    assert series["decisions"] == {"c/slow": {"state": "agrees", "round": 12}}
    assert (series["role"], series["level"]) == ("confirm", 0.005)


def test_a_confirming_launch_reaches_its_first_look_even_if_it_became_slower():
    clock, timer, entrants = setting(slow=3e-3)
    first = {"hot": {"c/slow": {"state": "slower", "round": 200}}}
    series, = run_time_pass(entrants, timer, RULE, 1, "confirm", first, budget_s=0.6)["series"]
    assert series["looks"][-1] == 60
    assert series["decisions"] == {"c/slow": {"state": "agrees", "round": 60}}


def test_a_launch_that_finds_the_opposite_contradicts():
    clock, timer, entrants = setting(quick=1e-3)
    first = {"hot": {"c/quick": {"state": "slower", "round": 12}}}
    series, = run_time_pass(entrants, timer, RULE, 1, "confirm", first)["series"]
    assert series["decisions"]["c/quick"] == {"state": "contradicts", "round": 12}


def test_seed_and_launch_decide_the_orders():
    def orders(seed, launch):
        clock, timer, entrants = setting(slow=3e-3)
        series, = run_time_pass(entrants, timer, RULE, seed, launch=launch)["series"]
        return [record["order"] for record in series["rounds"]]

    assert orders(1, 1) == orders(1, 1)
    assert orders(1, 1) != orders(2, 1)
    assert orders(1, 1) != orders(1, 2)


def test_the_payload_is_json_with_finite_numbers_and_all_its_fields():
    clock, timer, entrants = setting(slow=3e-3)
    source = ClockSource(lambda: 9.216e8, "devfreq cur_freq", None)
    payload = run_time_pass(entrants, timer, RULE, 1, clock=source)
    assert json.loads(json.dumps(payload, allow_nan=False)) == payload
    assert payload["series"][0]["rounds"][0]["clock_hz"] == [9.216e8, 9.216e8]
    assert payload["series"][0]["clock_reason"] is None
    assert [(warm["case"], warm["settled"]) for warm in payload["warmup"]] == [
        ("c/base", True), ("c/base", True), ("c/slow", True)]
    assert payload["timer"]["name"] == "perf_counter"


def test_an_unreadable_clock_leaves_its_reason():
    clock, timer, entrants = setting(slow=3e-3)
    assert run_time_pass(entrants, timer, RULE, 1)["series"][0]["clock_reason"] == "no clock reader was given"
    readings = iter([1e9] * 20 + [None] * 1000)
    source = ClockSource(readings.__next__, "flaky", None)
    series, = run_time_pass(entrants, timer, RULE, 1, clock=source)["series"]
    assert series["clock_reason"] == "the clock could not be read in 2 of 12 rounds"


def test_progress_is_reported_with_the_time_left_and_ends_at_none():
    clock, timer, entrants = setting(base=0.1)
    entrants.append(("c/edge", clock.noisy(0.102, 0.03)))
    seen = []
    run_time_pass(entrants, timer, RULE, 1, budget_s=20.0, report=lambda *values: seen.append(values))
    assert [done for done, _, _ in seen] == list(range(1, 28))
    assert {planned for _, planned, _ in seen} == {27}
    assert seen[0][2] == pytest.approx(26 * 0.604, rel=0.05)
    assert seen[-1][2] == 0.0


def test_a_comparison_without_rivals_still_plays_its_a_a_check():
    clock, timer, entrants = setting()
    series, = run_time_pass(entrants, timer, RULE._replace(max_rounds=12), 1)["series"]
    assert len(series["rounds"]) == 12
    assert series["decisions"] == {}


def test_wrong_calls_are_refused_in_one_sentence():
    clock, timer, entrants = setting(slow=3e-3)
    with pytest.raises(ValueError, match="baseline twice"):
        run_time_pass(entrants[:1], timer, RULE, 1)
    with pytest.raises(ValueError, match="'first' or 'confirm'"):
        run_time_pass(entrants, timer, RULE, 1, "second")
    with pytest.raises(ValueError, match="needs launch 1's decisions"):
        run_time_pass(entrants, timer, RULE, 1, "confirm")
