"""Workers load side by side and are measured one by one; whatever ends one, the next has its turn."""

import contextlib
import functools
import os
import signal
import sys

import pytest

from harness import process, standby
from harness.process import Outcome
from harness.reasons import Code, because
from harness.standby import Start, how_many, in_turns, wait_until_still
from harness.system.processes import start_ticks
from harness.system.tree import Tree
from tests.patience import HANG_S, wait_for

sys.path.insert(0, os.path.dirname(__file__))

GOOD = Outcome({}, None, 1.0)
KILLED = Outcome(None, because(Code.KILLED), 1.0)


@pytest.fixture
def side_by_side(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    return functools.partial(standby.side_by_side, module="stub_worker")


def turns(*dos):
    return [Start({"do": do}, {}) for do in dos]


def gone(pid):
    return start_ticks(pid, Tree()) is None


def measure(starts, side_by_side, limit_s=HANG_S, together=2):
    """Return the outcomes, and of each place whether a worker stood by."""
    stood_by = []

    def play(place, worker):
        stood_by.append((place, worker is not None))
        return process.run_worker(starts[place].job, limit_s, module="stub_worker", worker=worker)

    return list(in_turns(starts, play, side_by_side, limit_s, lambda: together)), stood_by


def test_nobody_is_let_in_before_all_have_loaded_nor_before_the_one_ahead_has_ended(side_by_side):
    starts, ended = turns("take a turn", "take a turn", "take a turn"), []

    def play(place, worker):
        ended.append([gone(one) for one in pids])
        outcome = process.run_worker(starts[place].job, HANG_S, module="stub_worker", worker=worker)
        pids.append(outcome.payload["pid"])
        return outcome

    pids = []
    first, second, third = [outcome.payload for outcome in in_turns(starts, play, side_by_side, HANG_S, lambda: 3)]
    assert max(one["reached"] for one in (first, second, third)) <= first["let_in"]
    assert first["left"] <= second["let_in"] and second["left"] <= third["let_in"]
    assert ended == [[], [True], [True, True]]


def test_a_worker_without_a_gate_does_not_wait(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    assert process.run_worker({"do": "take a turn"}, HANG_S, module="stub_worker").ok


def test_one_that_dies_while_it_loads_says_so_in_its_turn_and_holds_nobody_up(side_by_side):
    (first, second), stood_by = measure(turns("take a turn", "segfault"), side_by_side)
    assert first.ok and second.reason.code is Code.CRASHED
    assert stood_by == [(0, True), (1, True)]


def test_one_that_fails_while_others_wait_is_measured_again_alone():
    failed, said = [], []

    def play(place, worker):
        said.append((place, worker))
        if worker == "B" or place == 3:
            failed.append(place)
            return KILLED
        return GOOD

    @contextlib.contextmanager
    def stand_by(batch, limit_s):
        said.append(len(batch))
        yield ["A", "B", "C"][:len(batch)]

    outcomes = list(in_turns(turns(*"abcd"), play, stand_by, 1.0, lambda: 3))
    assert said == [3, (0, "A"), (1, "B"), (1, None), 2, (2, "A"), (3, "B")]
    assert [outcome.ok for outcome in outcomes] == [True, True, True, False] and failed == [1, 3]


def test_one_that_does_not_reach_its_gate_is_ended_and_starts_anew_in_its_turn(side_by_side):
    starts = turns("take a turn", "hang")
    with side_by_side(starts, 2.0) as workers:
        assert workers[1] is None
        if workers[0] is not None:  # on a machine so busy that it was not there in time either
            assert process.run_worker(starts[0].job, HANG_S, module="stub_worker", worker=workers[0]).ok


def test_no_process_and_no_descriptor_is_left_on_any_way_out(side_by_side):
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(KeyboardInterrupt), side_by_side(turns("take a turn", "take a turn"), HANG_S) as workers:
        pids = [worker.process.pid for worker in workers]
        assert not any(map(gone, pids))
        raise KeyboardInterrupt
    assert wait_for(lambda: all(gone(pid) for pid in pids))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_worker_that_cannot_be_started_ahead_is_started_in_its_turn(side_by_side, monkeypatch):
    def refuse():
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(standby, "Gate", refuse)
    outcomes, stood_by = measure(turns("take a turn", "take a turn"), side_by_side)
    assert [outcome.ok for outcome in outcomes] == [True, True] and stood_by == [(0, False), (1, False)]


def test_the_time_to_load_is_told_once(side_by_side):
    """The sum over the units is what the user waited for."""
    @contextlib.contextmanager
    def stand_by(batch, limit_s):
        yield [None] * len(batch)

    outcomes = list(in_turns(turns(*"ab"), lambda place, worker: GOOD, stand_by, 1.0, lambda: 2))
    assert outcomes[0].seconds >= 1.0 and outcomes[1].seconds == 1.0


class Moving:
    """A clock, and a system whose used memory changes at given times."""

    def __init__(self, *steps):
        self.now_s, self.steps = 0.0, steps

    def clock(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds

    def used_bytes(self):
        return sum(size for at_s, size in self.steps if self.now_s >= at_s)


@pytest.mark.parametrize("steps, waited_s", [
    ((), 0.06), (((0.0, 10 ** 9), (0.021, -800000), (0.055, -130000)), 0.12), (((0.03, 4096),), 0.06),
    (tuple((0.02 * number, 10 ** 6) for number in range(100)), 1.0)])
def test_the_next_one_begins_when_the_memory_of_the_one_before_has_come_back(steps, waited_s):
    system = Moving(*steps)
    wait_until_still(system.used_bytes, system.clock, system.sleep)
    assert system.now_s == pytest.approx(waited_s, abs=0.015)


def test_those_that_load_side_by_side_wait_for_that_between_two_of_them(monkeypatch):
    said = []
    monkeypatch.setattr(standby, "wait_until_still", lambda: said.append("still"))

    @contextlib.contextmanager
    def stand_by(batch, limit_s):
        yield [None] * len(batch)

    list(in_turns(turns(*"abc"), lambda place, worker: said.append(place) or GOOD, stand_by, 1.0, lambda: 3))
    assert said == [0, "still", 1, "still", 2]


@pytest.mark.parametrize("cores, available, expected", [(2, 0.9, 2), (64, 0.9, 2), (1, 0.9, 1), (4, 0.4, 1)])
def test_workers_load_at_once_where_there_are_cores_and_memory_for_them(cores, available, expected):
    assert how_many(cores, {"MemTotal": 1000, "MemAvailable": int(1000 * available)}) == expected


def test_a_machine_that_does_not_tell_its_available_memory_has_them_one_by_one():
    assert how_many(4, {"MemTotal": 1000}) == 1


def test_without_anybody_to_stand_by_each_starts_in_its_turn():
    played = []
    assert len(list(in_turns(turns(*"abc"), lambda *told: played.append(told) or GOOD, None, 1.0))) == 3
    assert played == [(0, None), (1, None), (2, None)]


def test_one_that_is_killed_while_it_waits_says_so_in_its_turn(side_by_side):
    with side_by_side(turns("take a turn"), HANG_S) as (worker,):
        os.kill(worker.process.pid, signal.SIGKILL)
        outcome = process.run_worker({"do": "take a turn"}, HANG_S, module="stub_worker", worker=worker)
    assert outcome.reason.code is Code.KILLED
