"""The energy pass as a worker's job: real layers, a real meter process on a board whose power never changes.

At one power whatever runs, a layer's energy is its time: the ratio of two is known from their paces.
"""

import itertools
import math
import os
import random
import statistics
import sys
import threading

import pytest
from _pytest.monkeypatch import MonkeyPatch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "meters"))
import fake_boards

from harness import meters
from harness.passes import energy
from harness.plan import Target, comparison_to_dict
from harness.record import unit_line
from harness.rule import Rule, rule_to_dict
from harness.statistics.energy import energy_verdict
from harness.words import Pass, State
from suites.user_file import load_suite_file
from tests.patience import PatientHandle

SUITE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "tiny_suite.py")
BASE, RIVAL = "tiny/conv1x1", "tiny/twice"
POWER_W = 5.0
QUICK = energy.EnergySettings(window_s=0.1, least_fresh=20, looks=(8,), limit_s=200.0, idle_s=0.8, settle_s=0.1,
                              settle_limit_s=1.0, warmup_s=0.2, cost_s=0.05, period_s=0.02, lag_s=0.0)


class SteadyBoard(threading.Thread):
    """A fake Nano whose input rail reads 5 W, give or take what any sensor does."""

    def __init__(self, root):
        super().__init__(daemon=True)
        self.file = os.path.join(fake_boards.nano(root), fake_boards.NANO_INA.lstrip("/"), "in_power0_input")
        self.ended = threading.Event()

    def run(self):
        coin = random.Random(1)
        while not self.ended.wait(0.004):
            with open(self.file, "rb+") as target:
                target.write(str(int(1000 * POWER_W) + coin.randint(-20, 20)).encode("ascii"))


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    comparison, = load_suite_file(SUITE).comparisons(Target("cpu", 1))
    board = SteadyBoard(str(tmp_path_factory.mktemp("board")))
    job = {"comparison": comparison_to_dict(comparison), "cases": [BASE, RIVAL], "seed": 1, "power": None,
           "rule": rule_to_dict(Rule()), "timed_call_s": {BASE: 1e-4, RIVAL: None}, "limit_s": 100.0}
    root = board.file.split("/sys/")[0]
    board.start()
    patch = MonkeyPatch()
    patch.setattr(meters, "choose", lambda *options, **named: meters.Choice(
        PatientHandle(meters.make_meter("ina3221", root)), [], None))
    patch.setattr(energy, "EnergySettings", lambda **named: QUICK)
    try:
        found = energy.run(job, lambda *progress: None)["cases"]
    finally:
        patch.undo()
        board.ended.set()
        board.join()
    return {case: unit_line(Pass.ENERGY, {"comparison": "tiny", "case": case, "status": "ok"}, payload)
            for case, payload in found.items()}


def test_the_energy_of_each_layer_is_the_boards_power_for_as_long_as_it_takes(lines):
    for line in lines.values():
        assert line.reason is None and line.meter == "ina3221" and line.rail == "POM_5V_IN"
        assert line.energy_per_call_j == pytest.approx(POWER_W * line.window_s / line.calls, rel=0.01)


def log_call_s(line, number):
    """Mean log of the seconds per call of a case's own windows of one round, as the verdict means its energies."""
    own = [one for one in line.windows if one.round == number and not one.copy]
    return sum(math.log((one.end_s - one.start_s) / one.calls) for one in own) / len(own)


def test_eight_3x3_convolutions_need_more_energy_than_one_1x1_by_the_ratio_of_their_times(lines):
    base, rival = lines[BASE], lines[RIVAL]
    found = energy_verdict(base, rival, Rule())
    assert found.state is State.LARGER and found.rounds >= 8  # more, where the readings came too slowly
    # the power is constant, so energy is time, whatever else a busy machine does to these rounds
    logs = [log_call_s(base, number) - log_call_s(rival, number) for number in range(1, 9)]
    pairs = itertools.combinations_with_replacement(logs, 2)
    assert found.ratio == pytest.approx(math.exp(statistics.median((one + two) / 2 for one, two in pairs)), rel=0.02)
    assert found.low < found.ratio < found.high < 1.0


def test_the_pace_stands_beside_the_timed_one_where_there_is_one(lines):
    base, rival = lines[BASE], lines[RIVAL]
    assert base.calls_per_s == pytest.approx(base.calls / base.window_s)
    assert base.timed_calls_per_s == pytest.approx(1e4) and rival.timed_calls_per_s is None
    assert rival.calls_per_s is not None


def test_the_baseline_is_measured_twice_and_the_whole_pass_traced_once(lines):
    base, rival = lines[BASE], lines[RIVAL]
    turns = 2 * base.rounds
    assert base.rounds == rival.rounds >= 8
    assert [sum(one.copy for one in line.windows) for line in (base, rival)] == [turns, 0]
    assert [sum(not one.copy for one in line.windows) for line in (base, rival)] == [turns, turns]
    copies = [one for one in base.windows if one.copy]
    assert base.copy_energy_per_call_j == pytest.approx(
        POWER_W * sum(one.end_s - one.start_s for one in copies) / sum(one.calls for one in copies), rel=0.01)
    assert base.together == rival.together
    assert len(base.traces.time_s) > 50 and rival.traces is None


def test_the_sampling_cost_is_known_for_each_case(lines):
    for line in lines.values():
        assert line.sampling_cost.call_s_without > 0 and line.sampling_cost.ratio > 0

