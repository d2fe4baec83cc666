"""Running under several power modes: the first is put back on every way out, also after a kill and a restart."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from fake_nvpmodel import NANO, XAVIER_NX, asked, fake_sudo, install, mode_of

from harness.clocks import (
    PowerModeError,
    PowerModes,
    choose_modes,
    held_power_modes,
    known_modes,
    pending,
    restore_from_state,
)
from harness.clocks.nvpmodel import PowerMode, parse_modes
from harness.signals import Ended
from tests.patience import HANG_S

REPOSITORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
MAXN, FIVE = PowerMode(0, "MAXN"), PowerMode(1, "5W")


@pytest.fixture(autouse=True)
def sudo(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", fake_sudo(tmp_path) + os.pathsep + os.environ["PATH"])


@pytest.fixture
def board(tmp_path):
    return install(tmp_path / "root")


@pytest.fixture
def state(tmp_path):
    return str(tmp_path / "state" / "power_mode.json")


def quiet(text):
    pass


@pytest.mark.parametrize("text, expected", [
    (NANO, ["MAXN", "5W"]), (XAVIER_NX, None), ("NVPM ERROR: no", []), ("", []),
    ("# < POWER_MODEL ID=7 NAME=GONE >\n< POWER_MODEL ID=1 NAME=5W >", ["5W"]),
])
def test_modes_are_found_in_the_file_and_in_what_the_tool_lists(text, expected):
    names = [mode.name for mode in parse_modes(text)]
    assert len(names) == 9 and names[4] == "MODE_10W_4CORE" if expected is None else names == expected


def test_modes_are_chosen_by_name_or_number_in_the_order_asked_for(board):
    modes = known_modes(board)
    assert modes == [MAXN, FIVE]
    assert choose_modes("5w, 0,MAXN", modes) == [FIVE, MAXN]


@pytest.mark.parametrize("wanted, words", [("7W", "no power mode '7W'"), ("5W,2", "no power mode '2'"),
                                           (" , ", "MAXN (0), 5W (1)")])
def test_a_mode_that_is_not_there_is_refused_with_those_that_are(board, wanted, words):
    with pytest.raises(PowerModeError) as refused:
        choose_modes(wanted, known_modes(board))
    assert words in str(refused.value)


def test_a_machine_without_nvpmodel_refuses_in_one_sentence(tmp_path):
    with pytest.raises(PowerModeError) as refused:
        known_modes(str(tmp_path))
    assert "only a Jetson has power modes" in str(refused.value) and str(refused.value).count(".") == 1


def test_each_mode_is_set_and_the_first_put_back(board, state):
    with held_power_modes(quiet, board, state) as modes:
        for mode in (FIVE, MAXN, FIVE):
            modes.set(mode)
            assert mode_of(board) == mode.number
            assert pending(state).changes[0].old == 0
    assert mode_of(board) == 0 and pending(state) is None


def test_what_to_put_back_is_on_the_disk_before_the_first_change(board, state):
    with held_power_modes(quiet, board, state):
        assert pending(state) is not None
        assert not [line for line in asked(board) if line.startswith("-m")]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_the_first_mode_is_put_back_when_the_run_is_broken_off(board, state, error):
    with pytest.raises(error):
        with held_power_modes(quiet, board, state) as modes:
            modes.set(FIVE)
            raise error()
    assert mode_of(board) == 0 and pending(state) is None


def test_a_signal_to_end_puts_the_first_mode_back(board, state):
    with pytest.raises(Ended):
        with held_power_modes(quiet, board, state) as modes:
            modes.set(FIVE)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(HANG_S)
    assert mode_of(board) == 0 and pending(state) is None


def test_a_run_killed_half_way_is_undone_by_restore(board, state):
    script = textwrap.dedent("""
        import sys, time
        from harness.clocks import held_power_modes
        from harness.clocks.nvpmodel import PowerMode
        with held_power_modes(print, {!r}, {!r}) as modes:
            modes.set(PowerMode(1, "5W"))
            print("ready", flush=True)
            time.sleep(600)
    """).format(board, state)
    run = subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE)
    assert run.stdout.readline() == b"ready\n"
    assert not restore_from_state(state, board).restored  # it is still going
    run.kill()
    run.wait()
    run.stdout.close()
    assert mode_of(board) == 1
    result = restore_from_state(state, board)
    assert result.restored and "MAXN again" in result.messages[0]
    assert mode_of(board) == 0 and pending(state) is None


def test_a_restart_of_the_board_keeps_the_mode_and_so_it_is_still_put_back(board, state, tmp_path):
    boot = os.path.join(board, "proc/sys/kernel/random")
    os.makedirs(boot)
    with open(os.path.join(boot, "boot_id"), "w") as file:
        file.write("first-boot")
    modes = PowerModes(board, state)
    modes.hold()
    modes.set(FIVE)
    with open(os.path.join(boot, "boot_id"), "w") as file:
        file.write("second-boot")
    assert restore_from_state(state, board).restored
    assert mode_of(board) == 0


def test_what_an_earlier_run_left_is_put_back_before_the_mode_is_written_down(board, state):
    left = PowerModes(board, state)
    left.hold()
    left.set(FIVE)
    told = []
    with held_power_modes(told.append, board, state) as modes:
        modes.set(FIVE)
    assert mode_of(board) == 0 and "MAXN again" in told[0]


def test_a_mode_that_needs_a_restart_is_refused_and_no_restart_granted(tmp_path, state):
    board = install(tmp_path / "root", restarting=[1])
    with pytest.raises(PowerModeError) as refused:
        with held_power_modes(quiet, board, state) as modes:
            modes.set(FIVE)
    assert "needs a restart of the board" in str(refused.value)
    assert mode_of(board) == 0 and pending(state) is None


def test_without_the_rights_the_mode_stays_and_the_remedy_is_said(tmp_path, state):
    board = install(tmp_path / "root", denied=True)
    with pytest.raises(PowerModeError, match="run as root"):
        with held_power_modes(quiet, board, state) as modes:
            modes.set(FIVE)
    assert mode_of(board) == 0 and pending(state) is None


def test_a_state_folder_that_cannot_be_written_leaves_the_mode_alone(board, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(PowerModeError, match="cannot be kept"):
        with held_power_modes(quiet, board, str(tmp_path / "file" / "power_mode.json")):
            raise AssertionError("it began")
    assert mode_of(board) == 0


def one_run(root, state, begin, refused, results):
    begin.wait()
    try:
        with held_power_modes(quiet, root, state) as modes:
            modes.set(FIVE)
            refused.wait(HANG_S)  # at work until the other was told so
            results.put(mode_of(root))
    except PowerModeError as error:
        refused.set()
        results.put(str(error))


def test_of_two_started_together_one_runs_and_the_other_says_so(tmp_path, state):
    board = install(tmp_path / "root", slow_s=0.05)
    fork = multiprocessing.get_context("fork")
    begin, refused, results = fork.Barrier(2), fork.Event(), fork.Queue()
    runs = [fork.Process(target=one_run, args=(board, state, begin, refused, results)) for _ in range(2)]
    for run in runs:
        run.start()
    said = [results.get(timeout=2 * HANG_S) for _ in runs]
    for run in runs:
        run.join(HANG_S)
    assert 1 in said and ["at work on the power mode" in text for text in said if text != 1] == [True]
    assert mode_of(board) == 0 and pending(state) is None
