"""Runs that lock the clocks at the same time: one does, the others say so, and the board is as it was afterwards."""

import json
import multiprocessing
import os
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "meters"))
import fake_boards

from harness.clocks import Lock, locked_clocks, pending, restore_from_state
from harness.clocks.changes import SysfsChange
from harness.clocks.state import exclusive, write_state
from tests.patience import HANG_S

RUNS = 3
TRIES = 30


def slow_write(tree, name, text):
    time.sleep(0.0005)  # a kernel file takes its time too
    tree.write(name, text)


def one_run(root, state, begin, end, results):
    for number in range(TRIES):
        begin.wait()
        with locked_clocks(True, "cpu", root, state, lambda text: None, slow_write) as result:
            time.sleep(0.02 * ((os.getpid() + number) % 3))
        results.put((number, result.locked, result.messages))
        end.wait()


def test_runs_started_together_leave_the_board_as_it_was(tmp_path):
    root, state = fake_boards.nano(tmp_path / "root"), str(tmp_path / "state" / "clocks.json")
    before = fake_boards.snapshot(root)
    fork = multiprocessing.get_context("fork")
    begin, end, results = fork.Barrier(RUNS + 1), fork.Barrier(RUNS + 1), fork.Queue()
    runs = [fork.Process(target=one_run, args=(root, state, begin, end, results)) for _ in range(RUNS)]
    for run in runs:
        run.start()
    lost = []
    for number in range(TRIES):
        begin.wait(HANG_S)
        end.wait(HANG_S)
        if fake_boards.snapshot(root) != before or pending(state) is not None:
            lost.append(number)
    said = [results.get(timeout=HANG_S) for _ in range(RUNS * TRIES)]
    for run in runs:
        run.join(HANG_S)
    assert lost == []
    assert {number for number, locked, _ in said if locked} == set(range(TRIES))  # somebody always got it
    refused = [messages for _, locked, messages in said if not locked]
    assert refused and all("another run" in messages[-1] for messages in refused)


def test_an_older_state_is_never_replaced_by_the_first_write_of_a_run(tmp_path):
    state = str(tmp_path / "clocks.json")
    write_state(state, [SysfsChange("f", "first", "x")])
    with pytest.raises(FileExistsError):
        write_state(state, [SysfsChange("f", "second", "x")])
    with open(state) as file:
        assert json.load(file)["changes"][0]["old"] == "first"
    assert os.listdir(str(tmp_path)) == ["clocks.json"]


def test_a_state_folder_that_cannot_be_written_means_unlocked_and_said(tmp_path):
    root = fake_boards.nano(tmp_path / "root")
    before = fake_boards.snapshot(root)
    (tmp_path / "file").write_text("no folder")
    told = []
    with locked_clocks(True, "cpu", root, str(tmp_path / "file" / "clocks.json"), told.append, slow_write) as result:
        assert not result.locked
        assert fake_boards.snapshot(root) == before
    assert len(told) == 1 and "what to put back cannot be kept" in told[0] and "XDG_STATE_HOME" in told[0]


def test_a_disk_that_is_full_when_the_state_is_written_means_unlocked_and_said(tmp_path, monkeypatch):
    root = fake_boards.nano(tmp_path / "root")
    before = fake_boards.snapshot(root)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = Lock("cpu", root, str(tmp_path / "state" / "clocks.json"), slow_write).lock()
    assert not result.locked and "No space left on device" in result.messages[0]
    assert fake_boards.snapshot(root) == before and os.listdir(str(tmp_path / "state")) == []


def test_who_waits_too_long_for_another_run_says_so(tmp_path):
    state = str(tmp_path / "clocks.json")
    with exclusive(state):
        begun = time.monotonic()
        with pytest.raises(OSError):
            with exclusive(state, wait_s=0.1):
                raise AssertionError("two at once")
        assert time.monotonic() - begun < 50.0  # and not for the minute that is usual
    with exclusive(state, wait_s=0.0):
        pass


def test_restoring_where_nothing_was_locked_makes_no_folder(tmp_path):
    assert restore_from_state(str(tmp_path / "no" / "clocks.json")).restored
    assert not (tmp_path / "no").exists()
