"""Identical layers and layers that draw a known share more, on a board that warms up while it is measured."""

import numpy as np
from synthetic_bench import Bench, SimulatedMeter

from harness.passes.energy import Clock, EnergySettings, run_energy_pass
from harness.record import unit_line
from harness.rule import Rule
from harness.statistics.energy import energy_verdict
from harness.words import Pass, State
from reports.findings.amounts import Amount
from reports.findings.energy import CaseEnergy, saving

SEEDS = 300

#: All power grows by 8 % while two layers are measured, here and in the old order.
WARM = {"noise_w": 0.2, "steps": False, "drift_w": 0.0, "call_s": 0.02, "warming": 0.08, "warming_s": 75.0,
        "timeline_s": 200.0}


def lines_of(payloads):
    return {case: unit_line(Pass.ENERGY, {"comparison": "c", "case": case, "status": "ok"}, payload)
            for case, payload in payloads.items()}


def by_turns(seed, load=1.0, bench_options=None, settings=None, meter_options=None):
    """Return the lines of a layer and of a rival that draws ``load`` times its power above idle."""
    bench = Bench(seed, **(bench_options or WARM))
    entrants = [("base", bench.call), ("base", bench.call), ("rival", bench.entrant(load))]
    return lines_of(run_energy_pass(entrants, lambda: None, SimulatedMeter(bench, **(meter_options or {})),
                                    Clock(bench.now, bench.sleep), settings or EnergySettings(), seed=seed))


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


def test_identical_layers_on_a_warming_board_are_called_different_in_at_most_one_percent_of_runs():
    states = [verdict(by_turns(seed)).state for seed in range(SEEDS)]
    assert sum(state in (State.SMALLER, State.LARGER) for state in states) <= SEEDS // 100
    assert states.count(State.SAME) >= 0.9 * SEEDS


def test_one_after_the_other_they_would_be_told_apart():
    apart = [not found.low <= 1.0 <= found.high for found in map(one_after_the_other, range(40))]
    assert np.mean(apart) > 0.9
