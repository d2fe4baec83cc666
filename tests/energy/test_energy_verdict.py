"""Identical layers and layers that draw a known share more, on a board that warms up while it is measured."""

import numpy as np
import pytest
from synthetic_bench import Bench, SimulatedMeter

from harness.passes.energy import Clock, EnergySettings, run_energy_pass
from harness.record import EnergyLine, EnergyWindow, unit_line
from harness.rule import Rule
from harness.statistics.codes import WhyCode
from harness.statistics.energy import energy_verdict, round_ratios
from harness.words import Pass, State, Status
from reports.findings.amounts import Amount
from reports.findings.energy import CaseEnergy, saving

SEEDS = 300

#: The idle after is not awaited for long: it never comes back to a cold level on a warm board.
BRIEF = EnergySettings(settle_limit_s=1.0)

#: All power grows by 8 % while two layers are measured, here and in the old order.
WARM = {"noise_w": 0.2, "steps": False, "drift_w": 0.0, "call_s": 0.05, "warming": 0.08, "warming_s": 75.0,
        "timeline_s": 180.0}


def lines_of(payloads):
    return {case: unit_line(Pass.ENERGY, {"comparison": "c", "case": case, "status": "ok"}, payload)
            for case, payload in payloads.items()}


def by_turns(seed, load=1.0, bench_options=None, settings=None, meter_options=None):
    """Return the lines of a layer and of a rival that draws ``load`` times its power above idle."""
    bench = Bench(seed, **(bench_options or WARM))
    entrants = [("base", bench.call), ("base", bench.call), ("rival", bench.entrant(load))]
    return lines_of(run_energy_pass(entrants, lambda: None, SimulatedMeter(bench, **(meter_options or {})),
                                    Clock(bench.now, bench.sleep), settings or BRIEF, seed=seed))


def verdict(lines):
    return energy_verdict(lines["base"], lines["rival"], Rule())


def one_after_the_other(seed):
    """The order of old: two identical layers on the same warming board, each measured alone."""
    bench = Bench(seed, **WARM)
    alone = EnergySettings(looks=(9,))
    found = []
    for case in ("base", "rival"):
        payload = run_energy_pass([(case, bench.call)], lambda: None, SimulatedMeter(bench),
                                  Clock(bench.now, bench.sleep), alone)[case]
        found.append(CaseEnergy(case, case, False, 1, True, Amount(payload["energy_per_call_j"]),
                                uncertainty_j=payload["uncertainty_j"]))
    return saving(*found)


def larger_by(share, seeds):
    """Return how often a layer that needs ``share`` more energy (of the whole, idle included) was called larger."""
    load = 1.0 + share * (2.0 + 4.0) / 4.0
    return np.mean([verdict(by_turns(seed, load)).state is State.LARGER for seed in range(seeds)])


@pytest.mark.parametrize("seeds", [30, pytest.param(SEEDS, marks=pytest.mark.slow)])
def test_identical_layers_on_a_warming_board_are_called_different_in_at_most_one_percent_of_runs(seeds):
    states = [verdict(by_turns(seed)).state for seed in range(seeds)]
    assert sum(state in (State.SMALLER, State.LARGER) for state in states) <= seeds // 100
    assert states.count(State.SAME) >= 0.9 * seeds


def test_one_after_the_other_they_would_be_told_apart():
    apart = [not found.low <= 1.0 <= found.high for found in map(one_after_the_other, range(10))]
    assert np.mean(apart) > 0.9


@pytest.mark.parametrize("share", [0.05, 0.10])
def test_a_layer_that_needs_5_or_10_percent_more_energy_is_found_in_every_pair(share):
    assert larger_by(share, 15) == 1.0
    assert all(verdict(by_turns(seed, 1.0 - 1.5 * share)).state is State.SMALLER for seed in range(3))


def test_the_interval_holds_the_true_ratio():
    load = 1.15
    found = [verdict(by_turns(seed, load)) for seed in range(20)]
    true = (2.0 + 4.0) / (2.0 + 4.0 * load)
    assert np.mean([one.low <= true <= one.high for one in found]) >= 0.95
    assert all(one.high / one.low < 1.05 for one in found)


def test_turns_are_tossed_and_mirrored_and_every_entrant_leads_sometimes():
    lines = by_turns(3)
    windows = sorted([(one.start_s, one.round, (case, one.copy)) for case, line in lines.items()
                      for one in line.windows])
    for number in range(1, lines["base"].rounds + 1):
        turn = [who for _, played, who in windows if played == number]
        assert len(turn) == 6 and turn == turn[::-1]
    assert len({next(who for _, played, who in windows if played == number) for number in range(1, 10)}) > 1


def test_a_clear_difference_ends_after_nine_rounds_and_a_noisy_board_plays_eighteen():
    assert by_turns(1, 1.3)["rival"].rounds == 9
    noisy = dict(WARM, steps=True, noise_w=1.0, timeline_s=300.0)
    assert by_turns(1, 1.0, noisy)["rival"].rounds == 18


def test_too_few_rounds_give_the_ratio_and_why_there_is_no_verdict():
    lines = by_turns(1, 1.15, settings=BRIEF._replace(limit_s=10.0, least_fresh=20))
    found = verdict(lines)
    assert (found.state, found.why.code) == (State.CANNOT_TELL, WhyCode.FEW_ROUNDS)
    assert found.ratio == pytest.approx(0.91, rel=0.05) and found.low is None
    assert (found.why.recorded, found.why.wanted) == (lines["rival"].rounds, 8)


def test_windows_of_two_workers_are_never_compared():
    one, other = by_turns(1), by_turns(2)
    found = energy_verdict(one["base"], other["rival"]._replace(together="another"), Rule())
    assert (found.state, found.why.code, found.ratio) == (State.CANNOT_TELL, WhyCode.NOT_BY_TURNS, None)


def test_a_difference_within_what_two_copies_of_the_baseline_show_is_not_told():
    lines = by_turns(1, 1.06)
    assert verdict(lines).state is State.LARGER
    worse = [one._replace(energy_j=1.05 * one.energy_j) if one.copy else one for one in lines["base"].windows]
    found = energy_verdict(lines["base"]._replace(windows=tuple(worse)), lines["rival"], Rule())
    assert (found.state, found.why.code) == (State.CANNOT_TELL, WhyCode.WITHIN_FLOOR)
    assert found.floor == pytest.approx(0.05, abs=0.01)


def test_without_a_second_copy_of_the_baseline_there_is_no_verdict():
    lines = by_turns(1, 1.3)
    alone = tuple(one for one in lines["base"].windows if not one.copy)
    found = energy_verdict(lines["base"]._replace(windows=alone), lines["rival"], Rule())
    assert (found.state, found.why.code, found.floor) == (State.CANNOT_TELL, WhyCode.NO_FLOOR, None)


def test_what_the_rounding_of_a_coarse_sensor_may_hide_is_not_called_the_same():
    calm = dict(WARM, noise_w=0.0, warming=0.0)
    found = verdict(by_turns(1, 1.0, calm, meter_options={"step_w": 0.25}))
    assert (found.state, found.why.code) == (State.CANNOT_TELL, WhyCode.ACROSS)
    assert found.ratio == pytest.approx(1.0, abs=0.001) and found.low < 0.97 and found.high > 1.03
    assert verdict(by_turns(1, 1.0, calm)).state is State.SAME


def test_rounds_played_for_want_of_readings_are_not_one_more_look():
    def line(case, joules, copy=()):
        windows = [EnergyWindow(number, 0.0, 1.0, 1, one, False) for number, one in enumerate(joules, 1)]
        windows += [EnergyWindow(number, 0.0, 1.0, 1, one, True) for number, one in enumerate(copy, 1)]
        return EnergyLine("c", case, Status.OK, together="w", energy_per_call_j=1.0, looks=(9,),
                          windows=tuple(windows))

    undecided = [1.0, 1.1, 0.9, 1.05, 0.95, 1.1, 0.9, 1.0, 1.05]
    base = line("c/base", [1.0] * 60, [1.0] * 60)
    found = energy_verdict(base, line("c/rival", undecided + [0.8] * 51), Rule())
    assert (found.state, found.why.code, found.rounds) == (State.CANNOT_TELL, WhyCode.ACROSS, 60)
    assert energy_verdict(base, line("c/rival", [0.8] * 60), Rule()).state is State.SMALLER


def test_changing_the_labels_mirrors_the_verdict():
    lines = by_turns(4, 1.15)
    base = [one for one in lines["base"].windows if not one.copy]
    assert round_ratios(base, lines["rival"].windows) == [-d for d in round_ratios(lines["rival"].windows, base)]
