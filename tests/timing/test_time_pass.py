"""The time pass as a whole, on a fake clock: roles, budgets, limits and the payload."""

import json

import pytest
from fake_clock import FakeClock

from harness.reasons import Code
from harness.record import LaunchLine, SeriesDecision
from harness.record.codec import to_json
from harness.rule import Rule
from harness.statistics.codes import WhyCode
from harness.statistics.verdict import verdicts
from harness.timing.clock_readers import ClockSource
from harness.timing.cpu_timer import CpuTimer
from harness.timing.engine import run_time_pass
from harness.words import Role, State, Status
from harness.work_units import to_confirm

RULE = Rule()


def setting(**seconds):
    """A clock, its timer and entrants: the baseline twice, then one rival for each keyword."""
    clock = FakeClock()
    base = seconds.pop("base", 2e-3)
    names = [("c/base", base), ("c/base", base)] + [("c/" + name, value) for name, value in sorted(seconds.items())]
    return clock, CpuTimer(clock.now, 1e-9, 0.0), [(name, clock.call(name, value)) for name, value in names]


def line(figures, launch=1):
    return LaunchLine("c", launch, Status.OK, series=figures.series, timer=figures.timer)


def test_a_launch_stops_when_every_rival_is_decided():
    clock, timer, entrants = setting(quick=1e-3, same=2e-3, slow=3e-3)
    payload = run_time_pass(entrants, timer, RULE, 1)
    series, = payload.series
    assert series.decisions == {"c/quick": SeriesDecision(State.FASTER, 12),
                                   "c/same": SeriesDecision(State.SAME, 12),
                                   "c/slow": SeriesDecision(State.SLOWER, 12)}
    assert series.stopped.code is Code.ALL_DECIDED and series.stopped.numbers == {"round": 12}
    assert len(series.rounds) == 12
    assert series.entrants == ("c/base", "c/base", "c/quick", "c/same", "c/slow")
    assert series.looks == (12, 18, 27, 40, 60, 90, 135, 200, 300, 450)
    assert (series.level, series.role, series.cache) == (0.01, Role.FIRST, "hot")


def test_a_decided_rival_leaves_while_baseline_and_copy_stay():
    clock, timer, entrants = setting(slow=4e-3)
    entrants.append(("c/edge", clock.noisy(2e-3 * 1.02, 0.03)))
    series, = run_time_pass(entrants, timer, RULE, 1, budget_s=1.5).series
    assert series.decisions["c/slow"] == SeriesDecision(State.SLOWER, 12)
    assert all(sorted(record.order) == [0, 1, 2, 3] for record in series.rounds[:12])
    assert len(series.rounds) > 12
    assert all(sorted(record.order) == [0, 1, 3] for record in series.rounds[12:])


def test_the_looks_are_fixed_from_the_rounds_that_fit_the_budget():
    clock, timer, entrants = setting()
    entrants.append(("c/edge", clock.noisy(2e-3 * 1.02, 0.03)))
    series, = run_time_pass(entrants, timer, RULE, 1, budget_s=50 * 0.0242).series
    assert series.looks == (12, 18, 27, 40)  # six samples and six settling calls of 2 ms a round
    assert series.stopped.code is Code.BUDGET_ENDED and series.stopped.numbers["round"] == 40
    assert series.decisions["c/edge"] == SeriesDecision(State.UNDECIDED, 40)


def test_twelve_rounds_are_played_even_where_they_exceed_the_budget_and_it_says_so():
    clock, timer, entrants = setting(base=1.0, slow=1.5)
    series, = run_time_pass(entrants, timer, RULE, 1, budget_s=2.0).series
    assert len(series.rounds) == 12
    assert series.decisions["c/slow"].state is State.SLOWER
    clock, timer, entrants = setting(base=1.0)
    entrants.append(("c/edge", clock.noisy(1.02, 0.03)))
    series, = run_time_pass(entrants, timer, RULE, 1, budget_s=2.0).series
    assert series.stopped.code is Code.BUDGET_TOO_SHORT


def test_the_hard_limit_ends_a_pass_inside_a_round_and_keeps_what_was_timed():
    clock, timer, entrants = setting(base=1.0, slow=1.5)
    payload = run_time_pass(entrants, timer, RULE, 1, budget_s=2.0, limit_s=30.0)
    series, = payload.series
    assert series.stopped.code is Code.LIMIT_REACHED and series.stopped.numbers["limit_s"] == 30.0
    assert 0 < len(series.rounds) < 12
    assert len(series.unfinished_round.sample_s) < 6
    assert series.decisions["c/slow"].state is State.UNDECIDED
    assert verdicts([line(payload)], RULE)[0].state is State.CANNOT_TELL
    assert clock.time_s - 100.0 < 32.0


def test_the_hard_limit_may_even_fall_into_the_warm_up():
    clock, timer, entrants = setting(base=50.0, slow=60.0)
    payload = run_time_pass(entrants, timer, RULE, 1, limit_s=60.0)
    series, = payload.series
    assert series.rounds == ()
    assert series.stopped.code is Code.LIMIT_IN_WARM_UP
    assert len(payload.warmup) == 1
    assert verdicts([line(payload)], RULE)[0].why.code is WhyCode.FIRST_UNDECIDED


def test_rounds_that_turn_out_longer_than_the_warm_up_said_do_not_run_away():
    clock, timer, entrants = setting()
    entrants.append(("c/wild", clock.noisy(2e-3, 3.0, steady=40)))
    series, = run_time_pass(entrants, timer, RULE, 1, budget_s=3.0).series
    assert 12 <= len(series.rounds) < 60
    assert series.looks[-1] >= 90
    assert series.stopped.code is Code.BUDGET_OVERRUN


def test_short_calls_get_settling_calls_and_long_ones_do_not():
    clock, timer, entrants = setting(long=30e-3)
    record = run_time_pass(entrants, timer, RULE, 1).series[0].rounds[0]
    places = record.order + record.order[::-1]
    assert [value is None for value in record.settle_s] == [index == 2 for index in places]
    clock, timer, entrants = setting(base=20e-3, long=30e-3)
    assert run_time_pass(entrants, timer, RULE, 1).series[0].rounds[0].settle_s is None


def test_the_settling_call_takes_the_cost_of_switching_upon_itself():
    clock = FakeClock()
    last = []

    def call(name, seconds):
        def run():
            clock.time_s += seconds * (1.0 if last == [name] else 1.5)
            last[:] = [name]
        return run

    entrants = [("c/base", call("a", 2e-3)), ("c/base", call("b", 2e-3)), ("c/rival", call("c", 2e-3))]
    series, = run_time_pass(entrants, CpuTimer(clock.now, 1e-9, 0.0), RULE, 1).series
    assert all(value == pytest.approx(2e-3) for record in series.rounds for value in record.sample_s)
    assert max(series.rounds[0].settle_s) == pytest.approx(3e-3)


def test_both_copies_of_the_baseline_get_the_same_number_of_calls():
    clock = FakeClock()
    timer = CpuTimer(clock.now, 1e-9, 0.0)
    entrants = [("c/base", clock.call("a", 1e-5)), ("c/base", clock.call("b", 1.3e-5)),
                ("c/r", clock.call("r", 1e-4))]
    assert run_time_pass(entrants, timer, RULE, 1).series[0].calls_per_sample == (100, 100, 10)


def test_later_launches_confirm_only_what_launch_1_decided():
    clock, timer, entrants = setting(slow=3e-3)
    entrants.append(("c/edge", clock.noisy(2e-3 * 1.02, 0.03)))
    lines = [run_time_pass(entrants, timer, RULE, 1, budget_s=0.5)]
    first = to_confirm([line(lines[0])], 2)
    lines.append(run_time_pass(entrants, timer, RULE, 1, Role.CONFIRM, first, budget_s=0.5, launch=2))
    series, = lines[1].series
    assert series.entrants == ("c/base", "c/base", "c/slow")
    assert series.decisions == {"c/slow": SeriesDecision(State.AGREES, 12)}
    assert (series.role, series.level) == (Role.CONFIRM, 0.005)


def test_a_confirming_launch_reaches_its_first_look_even_if_it_became_slower():
    clock, timer, entrants = setting(slow=3e-3)
    first = {"hot": {"c/slow": SeriesDecision(State.SLOWER, 200)}}
    series, = run_time_pass(entrants, timer, RULE, 1, Role.CONFIRM, first, budget_s=0.6).series
    assert series.looks[-1] == 60
    assert series.decisions == {"c/slow": SeriesDecision(State.AGREES, 60)}


def test_a_launch_that_finds_the_opposite_contradicts():
    clock, timer, entrants = setting(quick=1e-3)
    first = {"hot": {"c/quick": SeriesDecision(State.SLOWER, 12)}}
    series, = run_time_pass(entrants, timer, RULE, 1, Role.CONFIRM, first).series
    assert series.decisions["c/quick"] == SeriesDecision(State.CONTRADICTS, 12)


def test_seed_and_launch_decide_the_orders():
    def orders(seed, launch):
        clock, timer, entrants = setting(slow=3e-3)
        series, = run_time_pass(entrants, timer, RULE, seed, launch=launch).series
        return [record.order for record in series.rounds]

    assert orders(1, 1) == orders(1, 1)
    assert orders(1, 1) != orders(2, 1)
    assert orders(1, 1) != orders(1, 2)


def test_what_is_measured_is_json_with_finite_numbers_and_all_its_fields():
    clock, timer, entrants = setting(slow=3e-3)
    source = ClockSource(lambda: 9.216e8, "devfreq cur_freq", None)
    payload = run_time_pass(entrants, timer, RULE, 1, clock=source)
    assert json.dumps(to_json(payload), allow_nan=False)
    assert payload.series[0].rounds[0].clock_hz == (9.216e8, 9.216e8)
    assert payload.series[0].clock_reason is None
    assert [(warm.case, warm.settled) for warm in payload.warmup] == [
        ("c/base", True), ("c/base", True), ("c/slow", True)]
    assert payload.timer.name == "perf_counter"


def test_an_unreadable_clock_leaves_its_reason():
    clock, timer, entrants = setting(slow=3e-3)
    assert run_time_pass(entrants, timer, RULE, 1).series[0].clock_reason == "no clock reader was given"
    readings = iter([1e9] * 20 + [None] * 1000)
    source = ClockSource(readings.__next__, "flaky", None)
    series, = run_time_pass(entrants, timer, RULE, 1, clock=source).series
    assert series.clock_reason == "the clock could not be read in 2 of 12 rounds"


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
    series, = run_time_pass(entrants, timer, RULE._replace(max_rounds=12), 1).series
    assert len(series.rounds) == 12
    assert series.decisions == {}


def test_wrong_calls_are_refused_in_one_sentence():
    clock, timer, entrants = setting(slow=3e-3)
    with pytest.raises(ValueError, match="baseline twice"):
        run_time_pass(entrants[:1], timer, RULE, 1)
    with pytest.raises(ValueError, match="needs launch 1's decisions"):
        run_time_pass(entrants, timer, RULE, 1, Role.CONFIRM)


def test_a_launch_is_charged_its_warm_up_and_its_sampling_and_nothing_else():
    clock, timer, entrants = setting(slow=3e-3)
    begun = clock.time_s
    figures = run_time_pass(entrants, timer, RULE, 1)
    assert figures.charged_s == pytest.approx(clock.time_s - begun)
    assert figures.charged_s > sum(series.seconds for series in figures.series)


def test_the_budget_is_named_as_the_end_only_where_it_cut_the_looks():
    clock, timer, entrants = setting()
    entrants.append(("c/edge", clock.noisy(2e-3 * 1.02, 0.03)))
    series, = run_time_pass(entrants, timer, RULE._replace(max_rounds=40), 1, budget_s=1e6).series
    assert series.stopped.code is Code.MOST_ROUNDS and len(series.rounds) == 40
