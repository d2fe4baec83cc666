"""Users with state folders of their own: one locks the clocks, and none takes locked ones for the machine's own."""

import json
import multiprocessing
import os
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "meters"))
import fake_boards
from fake_nvpmodel import install, mode_of

from harness.clocks import Lock, PowerModeError, PowerModes, locked_clocks, pending, restore_from_state
from harness.clocks.machine_wide import MachineLock, is_open_to_all, user_name
from harness.clocks.nvpmodel import PowerMode
from tests.patience import HANG_S

NOBODY = 65534


def plain_write(tree, name, text):
    tree.write(name, text)


def open_folder(path):
    os.makedirs(path, exist_ok=True)
    os.chmod(path, 0o1777)
    return path


@pytest.fixture
def board(tmp_path):
    root = fake_boards.nano(tmp_path / "root")
    open_folder(os.path.join(root, "run", "lock"))
    fake_boards.write(root, "/proc/sys/kernel/random/boot_id", "this-boot")
    return root


def frequencies(board):
    return {name: text for name, text in fake_boards.snapshot(board).items() if "freq" in name}


def state_of(tmp_path, user):
    return str(tmp_path / user / "clocks.json")


def lock_of(board, tmp_path, user):
    return Lock("cpu", board, state_of(tmp_path, user), plain_write)


def killed_while_locked(board, state):
    """Lock the clocks in a process that ends without another word."""
    def work():
        Lock("cpu", board, state, plain_write).lock()
        os._exit(9)

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(HANG_S)
    return process.pid


def test_of_two_users_one_locks_and_the_clocks_are_as_they_were_in_whatever_order_they_end(board, tmp_path):
    before = frequencies(board)
    ada, bob = lock_of(board, tmp_path, "ada"), lock_of(board, tmp_path, "bob")
    assert ada.lock().locked
    refused = bob.lock()
    assert not refused.locked and len(refused.messages) == 1
    assert "a run of user {} (process {})".format(user_name(os.geteuid()), os.getpid()) in refused.messages[0]
    assert ada.restore() == [] and bob.restore() == []
    assert frequencies(board) == before
    assert bob.lock().locked and bob.restore() == [] and frequencies(board) == before


def test_what_a_killed_run_of_another_user_left_is_never_taken_for_the_machines_own(board, tmp_path):
    before = frequencies(board)
    killed_while_locked(board, state_of(tmp_path, "ada"))
    assert frequencies(board) != before
    bob = lock_of(board, tmp_path, "bob")
    refused = bob.lock()
    assert not refused.locked and "'./run_bench.sh clocks restore' by " in refused.messages[0]
    assert pending(state_of(tmp_path, "bob")) is None
    assert restore_from_state(state_of(tmp_path, "ada"), board, write=plain_write).restored
    assert frequencies(board) == before
    # bob, who may not look into ada's folder, learns it from the lock
    assert os.path.getsize(os.path.join(board, "run", "lock", "edge-transform-bench-clocks.lock")) == 0
    assert bob.lock().locked and bob.restore() == [] and frequencies(board) == before


def test_the_next_run_of_the_user_whose_run_was_killed_locks_and_puts_back(board, tmp_path):
    before = frequencies(board)
    killed_while_locked(board, state_of(tmp_path, "ada"))
    ada = lock_of(board, tmp_path, "ada")
    assert ada.lock().locked and ada.restore() == [] and frequencies(board) == before
    assert lock_of(board, tmp_path, "bob").lock().locked


def test_a_killed_run_of_an_earlier_boot_keeps_nobody_off(board, tmp_path):
    killed_while_locked(board, state_of(tmp_path, "ada"))
    fake_boards.nano(board)  # which has its own clocks again
    fake_boards.write(board, "/proc/sys/kernel/random/boot_id", "next-boot")
    assert lock_of(board, tmp_path, "bob").lock().locked


def test_power_modes_are_kept_apart_in_the_same_way(tmp_path, monkeypatch):
    board = install(tmp_path / "root")
    open_folder(os.path.join(board, "run", "lock"))
    ada, bob = (PowerModes(board, str(tmp_path / user / "power_mode.json")) for user in ("ada", "bob"))
    ada.hold()
    ada.set(PowerMode(1, "5W"))
    with pytest.raises(PowerModeError, match="--power-modes: .*a run of user .*process {}".format(os.getpid())):
        bob.hold()
    assert bob.restore() == [] and mode_of(board) == 1
    assert ada.restore() == [] and mode_of(board) == 0
    bob.hold()
    bob.restore()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"user": 1}', '{"user":"0","pid":1,"state":"/","boot":null}',
                                  '{"user":0,"pid":1,"state":"/\\u0000","boot":null}', "\xff" * 5000])
def test_what_anybody_may_have_written_into_the_lock_harms_nobody(board, tmp_path, text):
    path = os.path.join(board, "run", "lock", "edge-transform-bench-clocks.lock")
    with open(path, "wb") as file:
        file.write(text.encode("latin-1"))
    assert lock_of(board, tmp_path, "ada").lock().locked


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/etc/passwd", path)])
def test_what_is_no_file_in_its_place_is_said_and_the_clocks_are_locked_all_the_same(board, tmp_path, make):
    make(os.path.join(board, "run", "lock", "edge-transform-bench-clocks.lock"))
    found = lock_of(board, tmp_path, "ada").lock()
    assert found.locked and "runs of other users are not kept off" in found.messages[0]


def test_a_folder_that_not_everybody_can_write_to_is_no_place_for_it(tmp_path):
    assert is_open_to_all(open_folder(str(tmp_path / "all")))
    for mode in (0o755, 0o777, 0o1770):
        os.chmod(str(tmp_path / "all"), mode)
        assert not is_open_to_all(str(tmp_path / "all"))
    assert not is_open_to_all(str(tmp_path / "nowhere"))


def as_nobody(board, state, results):
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    with locked_clocks(True, "cpu", board, state, lambda text: None, plain_write) as found:
        results.put((found.locked, found.messages))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
@pytest.mark.parametrize("root_made_it", [True, False])
def test_two_real_users_keep_off_each_other_whoever_made_the_lock(root_made_it):
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folder is closed to others
        os.chmod(folder, 0o755)
        root = fake_boards.nano(os.path.join(folder, "root"))
        open_folder(os.path.join(root, "run", "lock"))
        for name in frequencies(root):
            os.chmod(os.path.join(root, name), 0o666)
        states = [os.path.join(open_folder(os.path.join(folder, user)), "clocks.json") for user in ("root", "nobody")]
        before = frequencies(root)
        fork = multiprocessing.get_context("fork")
        results = fork.Queue()

        def nobodys():
            process = fork.Process(target=as_nobody, args=(root, states[1], results))
            process.start()
            found = results.get(timeout=HANG_S)
            process.join(HANG_S)
            return found

        if not root_made_it:
            assert nobodys()[0]
        mine = Lock("cpu", root, states[0], plain_write)
        assert mine.lock().locked
        locked, messages = nobodys()
        assert not locked and "a run of user root (process {})".format(os.getpid()) in messages[0]
        assert mine.restore() == [] and frequencies(root) == before
        assert nobodys()[0] and frequencies(root) == before
        assert mine.lock().locked and mine.restore() == [] and frequencies(root) == before


def test_the_lock_names_the_state_file_while_there_is_one(board, tmp_path):
    path = os.path.join(board, "run", "lock", "edge-transform-bench-clocks.lock")
    ada = lock_of(board, tmp_path, "ada")
    ada.lock()
    with open(path) as file:
        assert json.load(file)["state"] == state_of(tmp_path, "ada")
    ada.restore()
    assert os.path.getsize(path) == 0
    other = MachineLock(state_of(tmp_path, "bob"), board)
    assert other.take([]) and os.path.getsize(path) > 0
    other.release()
    assert os.path.getsize(path) == 0
