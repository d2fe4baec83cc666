"""Locking the clocks against fake boards: cut off at every step, put back every time."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "meters"))
import fake_boards
import fake_nvml

from harness.clocks import Lock, locked_clocks, pending, restore_from_state
from harness.clocks.changes import SysfsChange
from harness.clocks.state import write_state
from harness.system.processes import boot_id, start_ticks
from harness.system.tree import Tree

REPOSITORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


class PowerCut(BaseException):
    """The end of a process that cannot do anything about it."""


def plain_write(tree, name, text):
    tree.write(name, text)


def cut_at(step, before):
    """Return a writer that dies at its ``step``-th write, before or after the write itself."""
    done = [0]

    def write(tree, name, text):
        done[0] += 1
        if done[0] == step and before:
            raise PowerCut()
        plain_write(tree, name, text)
        if done[0] == step:
            raise PowerCut()

    return write


def denied(tree, name, text):
    raise PermissionError(13, "Permission denied")


BOARDS = [fake_boards.nano, fake_boards.orin_nano, fake_boards.desktop]


@pytest.fixture(params=BOARDS, ids=lambda board: board.__name__)
def board(request, tmp_path):
    root = request.param(tmp_path / "root")
    fake_boards.write(root, "/proc/sys/kernel/random/boot_id", "first-boot")
    return root


@pytest.fixture
def state(tmp_path):
    return str(tmp_path / "state" / "clocks.json")


def test_locking_raises_every_lower_limit_and_leaves_the_upper_ones(board, state):
    before = fake_boards.snapshot(board)
    result = Lock("cpu", board, state, plain_write).lock()
    assert result.locked
    after = fake_boards.snapshot(board)
    lower = [name for name in after if name.endswith(("scaling_min_freq", "min_freq"))]
    assert lower and all(after[name] == after[name.replace("min_freq", "max_freq")] for name in lower)
    assert {name for name in before if before[name] != after[name]} <= set(lower) | {
        name for name in before if name.endswith("scaling_governor")}


def test_the_context_manager_puts_everything_back_at_the_end(board, state):
    before = fake_boards.snapshot(board)
    with locked_clocks(True, "cpu", board, state, tell=lambda text: None, write=plain_write) as result:
        assert result.locked and fake_boards.snapshot(board) != before
        assert pending(state) is not None
    assert fake_boards.snapshot(board) == before
    assert pending(state) is None


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_everything_is_put_back_when_the_run_is_broken_off(board, state, error):
    before = fake_boards.snapshot(board)
    with pytest.raises(error):
        with locked_clocks(True, "cpu", board, state, tell=lambda text: None, write=plain_write):
            raise error()
    assert fake_boards.snapshot(board) == before and pending(state) is None


@pytest.mark.parametrize("before_write", [True, False])
def test_cut_off_at_any_step_of_locking_the_state_file_puts_everything_back(board, state, before_write):
    before = fake_boards.snapshot(board)
    for step in range(1, 40):
        lock = Lock("cpu", board, state, cut_at(step, before_write))
        try:
            lock.lock()
        except PowerCut:
            assert restore_from_state(state, board, write=plain_write).restored
            assert fake_boards.snapshot(board) == before and pending(state) is None
        else:
            assert step > 1  # every step was tried
            assert restore_from_state(state, board, write=plain_write).restored
            return
    raise AssertionError("locking never came to an end")


def test_cut_off_at_any_step_of_restoring_a_second_try_finishes(board, state):
    before = fake_boards.snapshot(board)
    for step in range(1, 40):
        Lock("cpu", board, state, plain_write).lock()
        try:
            restore_from_state(state, board, write=cut_at(step, True))
        except PowerCut:
            assert restore_from_state(state, board, write=plain_write).restored
        assert fake_boards.snapshot(board) == before
        if step > len(before):
            return


def test_the_state_file_is_on_the_disk_before_the_first_change(board, state):
    seen = []

    def write(tree, name, text):
        if not seen:
            with open(state) as file:
                seen.extend(json.load(file)["changes"])
        plain_write(tree, name, text)

    before = fake_boards.snapshot(board)
    Lock("cpu", board, state, write).lock()
    assert seen
    for change in seen:
        assert before[change["name"].lstrip("/")] == change["old"]


KILLED = """
import os, signal, sys
from harness.clocks import Lock
steps = [0]
def write(tree, name, text):
    tree.write(name, text)
    steps[0] += 1
    if steps[0] == {step}:
        os.kill(os.getpid(), signal.{signal})
        signal.pause()
Lock("cpu", {root!r}, {state!r}, write).lock()
"""


@pytest.mark.parametrize("step", [1, 3])
def test_a_killed_process_leaves_a_state_file_that_restores(tmp_path, state, step):
    root = fake_boards.nano(tmp_path / "root")
    before = fake_boards.snapshot(root)
    code = KILLED.format(step=step, signal="SIGKILL", root=root, state=state)
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY)
    assert done.returncode == -signal.SIGKILL
    assert fake_boards.snapshot(root) != before
    result = restore_from_state(state, root, write=plain_write)
    assert result.restored and fake_boards.snapshot(root) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_process_that_is_told_to_end_restores_by_itself(tmp_path, state, number):
    root = fake_boards.nano(tmp_path / "root")
    before = fake_boards.snapshot(root)
    code = textwrap.dedent("""
        import os, signal
        from harness.clocks import locked_clocks
        with locked_clocks(True, "cpu", {root!r}, {state!r}, tell=lambda text: None,
                           write=lambda tree, name, text: tree.write(name, text)) as result:
            assert result.locked
            os.kill(os.getpid(), {number})
            signal.pause()
        """).format(root=root, state=state, number=int(number))
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    assert done.returncode != 0
    assert fake_boards.snapshot(root) == before and pending(state) is None


def test_without_the_rights_it_says_so_changes_nothing_and_goes_on(board, state):
    before = fake_boards.snapshot(board)
    told = []
    with locked_clocks(True, "cpu", board, state, tell=told.append, write=denied) as result:
        assert not result.locked
    assert fake_boards.snapshot(board) == before and pending(state) is None
    assert any("run as root" in text for text in told)


def test_rights_that_end_half_way_undo_the_first_half(board, state):
    before = fake_boards.snapshot(board)
    done = [0]

    def write(tree, name, text):
        done[0] += 1
        if done[0] == 2:
            raise PermissionError(13, "Permission denied")
        plain_write(tree, name, text)

    result = Lock("cpu", board, state, write).lock()
    assert not result.locked
    assert fake_boards.snapshot(board) == before and pending(state) is None


def test_nothing_is_locked_unasked(board, state):
    before = fake_boards.snapshot(board)
    with locked_clocks(False, "cpu", board, state, write=plain_write) as result:
        assert not result.locked
        assert fake_boards.snapshot(board) == before and not os.path.exists(state)


def test_a_machine_without_clocks_to_set_is_told_apart_from_missing_rights(tmp_path, state):
    result = Lock("cpu", fake_boards.any_linux(tmp_path), state, denied).lock()
    assert not result.locked and "nothing to lock" in result.messages[0]


def test_a_lock_left_by_a_killed_run_is_undone_before_locking_again(board, state):
    before = fake_boards.snapshot(board)
    Lock("cpu", board, state, plain_write).lock()
    _pretend_writer_is_gone(state)
    second = Lock("cpu", board, state, plain_write)
    result = second.lock()
    assert result.locked and "earlier run had left" in result.messages[0]
    assert second.restore() == []
    assert fake_boards.snapshot(board) == before


def test_a_running_locker_is_respected(board, state):
    Lock("cpu", board, state, plain_write).lock()
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        _set_writer(state, child.pid)
        locked = fake_boards.snapshot(board)
        result = restore_from_state(state, board, write=plain_write)
        assert not result.restored and "still going (process {})".format(child.pid) in result.messages[0]
        assert "another run" in Lock("cpu", board, state, plain_write).lock().messages[0]
        assert fake_boards.snapshot(board) == locked
    finally:
        child.stdin.close()
        child.wait()
    assert restore_from_state(state, board, write=plain_write).restored


def test_a_locker_that_ended_but_was_not_yet_buried_counts_as_gone(board, state):
    before = fake_boards.snapshot(board)
    Lock("cpu", board, state, plain_write).lock()
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    _set_writer(state, child.pid)
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie from here on
    try:
        assert restore_from_state(state, board, write=plain_write).restored
    finally:
        child.wait()
    assert fake_boards.snapshot(board) == before


def _set_writer(state, pid, ticks=None):
    with open(state) as file:
        data = json.load(file)
    data.update(pid=pid, start_ticks=start_ticks(pid, Tree()) if ticks is None else ticks)
    with open(state, "w") as file:
        json.dump(data, file)


def _pretend_writer_is_gone(state):
    _set_writer(state, os.getpid() + 1, ticks=-1)


def test_after_a_restart_of_the_machine_old_values_are_not_written(board, state):
    Lock("cpu", board, state, plain_write).lock()
    fake_boards.write(board, "/proc/sys/kernel/random/boot_id", "second-boot")
    assert boot_id(Tree(board)) == "second-boot"
    locked = fake_boards.snapshot(board)
    result = restore_from_state(state, board, write=plain_write)
    assert result.restored and "restarted" in result.messages[0]
    assert fake_boards.snapshot(board) == locked and pending(state) is None


def test_restoring_without_the_rights_keeps_the_state_file_for_a_second_try(board, state):
    before = fake_boards.snapshot(board)
    Lock("cpu", board, state, plain_write).lock()
    refused = restore_from_state(state, board, write=denied)
    assert not refused.restored and "run as root" in refused.messages[0]
    assert restore_from_state(state, board, write=plain_write).restored
    assert fake_boards.snapshot(board) == before


def test_restoring_twice_or_for_nothing_is_no_error(tmp_path, state):
    result = restore_from_state(state, str(tmp_path))
    assert result.restored and "nothing to restore" in result.messages[0]


def test_a_torn_state_file_gives_a_sentence_not_a_traceback(tmp_path, state):
    os.makedirs(os.path.dirname(state))
    with open(state, "w") as file:
        file.write('{"format": 1, "chan')
    result = restore_from_state(state, str(tmp_path))
    assert not result.restored and "restart the machine" in result.messages[0]


def test_a_state_file_cannot_be_used_to_write_elsewhere(tmp_path, state):
    root = fake_boards.nano(tmp_path / "root")
    fake_boards.write(root, "/etc/passwd", "root")
    write_state(state, [SysfsChange("/etc/passwd", "gotcha", "x")], root)
    assert not restore_from_state(state, root, write=plain_write).restored
    assert fake_boards.read(root, "/etc/passwd") == "root"


@pytest.mark.parametrize("step", [
    {"kind": "sysfs", "name": 5, "old": "x", "new": "y"}, {"kind": "sysfs", "old": "x"}, {"kind": "magic"}, [], 7])
def test_a_step_that_no_version_wrote_is_told_and_does_not_keep_the_others(tmp_path, state, step):
    root = fake_boards.nano(tmp_path / "root")
    name = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_min_freq"
    before = fake_boards.read(root, name)
    write_state(state, [SysfsChange(name, before, "1")], root)
    with open(state) as file:
        data = json.load(file)
    with open(state, "w") as file:
        json.dump(dict(data, changes=data["changes"] + [step]), file)
    fake_boards.write(root, name, "1")
    result = restore_from_state(state, root, write=plain_write)
    assert not result.restored and ["cannot be read" in told for told in result.messages] == [True]
    assert fake_boards.read(root, name) == before


JETSON_CLOCKS = """#!/bin/sh
# A stand-in for jetson_clocks: stores, locks and restores one file of the fake board.
FREQ="{root}/emc"
case "$1" in
  --store) [ "$FAKE_DENY" ] && {{ echo "Error: Run this script($0) as a root user"; exit 1; }}; cp "$FREQ" "$2" ;;
  --restore) cp "$2" "$FREQ" ;;
  "") [ "$FAKE_DIE" ] && {{ echo 1600000000 > "$FREQ"; exit 1; }}; echo 1600000000 > "$FREQ" ;;
esac
"""


@pytest.fixture
def jetson(tmp_path):
    root = fake_boards.nano(tmp_path / "root")
    fake_boards.write(root, "/emc", "204000000")
    script = fake_boards.write(root, "/usr/bin/jetson_clocks", JETSON_CLOCKS.format(root=root))
    os.chmod(script, 0o755)
    return root


def test_a_jetson_is_locked_by_its_own_tool_where_it_has_it(jetson, state):
    before = fake_boards.snapshot(jetson)
    with locked_clocks(True, "cuda", jetson, state, tell=lambda text: None, write=denied) as result:
        assert result.messages[0] == "CPU, GPU and memory clocks locked by jetson_clocks"
        assert fake_boards.read(jetson, "/emc") == "1600000000"
    assert fake_boards.snapshot(jetson) == before
    assert os.listdir(os.path.dirname(state)) == []


def test_a_tool_that_refuses_gives_way_to_sysfs(jetson, state, monkeypatch):
    monkeypatch.setenv("FAKE_DENY", "1")
    before = fake_boards.snapshot(jetson)
    with locked_clocks(True, "cuda", jetson, state, tell=lambda text: None, write=plain_write) as result:
        assert "not locked: jetson_clocks --store failed" in result.messages[0]
        assert result.messages[1] == "CPU and GPU clocks locked at their upper limit"
    assert fake_boards.snapshot(jetson) == before


def test_a_kernel_that_does_not_take_the_lock_is_found_out(tmp_path, state):
    root = fake_boards.nano(tmp_path / "root")
    told = []
    with locked_clocks(True, "cpu", root, state, told.append,
                       lambda tree, name, text: None if "cpu0" in name else plain_write(tree, name, text)):
        pass
    assert told == ["CPU and GPU clocks locked at their upper limit",
                    "the CPU clock may still move between 102 and 1479 MHz: the kernel did not take the lock"]


def test_a_tool_that_fails_half_way_is_undone(jetson, state, monkeypatch):
    monkeypatch.setenv("FAKE_DIE", "1")
    before = fake_boards.snapshot(jetson)
    Lock("cuda", jetson, state, denied).lock()
    assert fake_boards.snapshot(jetson) == before and pending(state) is None


def test_a_desktop_gpu_is_locked_through_nvml_and_given_back(tmp_path, state):
    root = fake_boards.desktop(tmp_path / "root")
    library = fake_nvml.FakeNvml()
    make_gpu = fake_nvml.fake_gpu(library)
    with locked_clocks(True, "cuda", root, state, lambda text: None, plain_write, make_gpu) as result:
        assert library.locked == (1410, 1410)
        assert "GPU clock locked at 1410 MHz" in result.messages
    assert library.locked is None


def test_a_killed_run_gives_the_gpu_back_through_the_state_file(tmp_path, state):
    root = fake_boards.desktop(tmp_path / "root")
    library = fake_nvml.FakeNvml()
    Lock("cuda", root, state, plain_write, fake_nvml.fake_gpu(library)).lock()
    assert library.locked is not None
    assert restore_from_state(state, root, write=plain_write, make_gpu=fake_nvml.fake_gpu(library)).restored
    assert library.locked is None


def test_nvml_without_the_rights_gives_the_command_and_touches_nothing(tmp_path, state):
    root = fake_boards.desktop(tmp_path / "root")
    library = fake_nvml.FakeNvml(may_lock=False)
    told = []
    with locked_clocks(True, "cuda", root, state, tell=told.append, write=denied,
                       make_gpu=fake_nvml.fake_gpu(library)) as result:
        assert not result.locked
    assert "sudo nvidia-smi -lgc 1410,1410" in told[0]
    assert pending(state) is None and not any("still locked" in text for text in told)


def test_files_of_the_tree_are_never_created_by_writing(tmp_path):
    with pytest.raises(FileNotFoundError):
        Tree(str(tmp_path)).write("/sys/nothing", "1")
