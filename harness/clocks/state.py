"""The state file: what is about to be changed, on the disk before the first change, until all is undone."""

import contextlib
import errno
import fcntl
import io
import json
import os
import time
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from harness.clocks.changes import (
    Change,
    ChangeError,
    PowerModeChange,
    Write,
    change_from_json,
    change_to_json,
    undo,
)
from harness.clocks.machine_wide import MachineLock
from harness.system.nvml import Gpu, MakeGpu, NvmlError
from harness.system.processes import boot_id, start_ticks
from harness.system.programs import write_as_root
from harness.system.tree import Tree

FORMAT = 1
WAIT_S = 60.0  # the longest that another run may take to lock or restore: two programs of 20 s each


class State(NamedTuple):
    """What a run changed, and which run that was: its process, when that started, and the start of the machine."""

    changes: Tuple[Change, ...]
    pid: Optional[int] = None
    start_ticks: Optional[int] = None
    boot_id: Optional[str] = None


class RestoreResult(NamedTuple):
    """``restored``: nothing of ours is left. ``messages``: what was done or could not be done, with remedies."""

    restored: bool
    messages: List[str]


def default_state_path() -> str:
    """Return where the state file is kept: the user's state folder, also when called through sudo."""
    user = os.environ.get("SUDO_USER") if os.geteuid() == 0 else None
    home = os.path.expanduser("~" + (user or ""))
    base = os.path.join(home, ".local", "state") if user else os.environ.get(
        "XDG_STATE_HOME") or os.path.join(home, ".local", "state")
    return os.path.join(base, "edge-transform-bench", "clocks.json")


@contextlib.contextmanager
def exclusive(path: str, wait_s: float = WAIT_S) -> Iterator[None]:
    """Keep other runs from looking at or changing the state file meanwhile; its folder is what is locked.

    Raises ``OSError`` if the folder cannot be made, or if another run has held it for ``wait_s`` seconds.
    """
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        end_s = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EACCES) or time.monotonic() > end_s:
                    raise
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def write_state(path: str, changes: Sequence[Change], root: str = "/", first: bool = True) -> None:
    """Write the state file and sync it, and its folder, to the disk.

    The ``first`` write of a run never replaces the file of another: the older one knows how the clocks were before
    anybody's change. Raises ``OSError``.
    """
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    state = {"format": FORMAT, "pid": os.getpid(), "start_ticks": start_ticks(os.getpid(), Tree()),
             "boot_id": boot_id(Tree(root)), "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
             "changes": [change_to_json(change) for change in changes]}
    beside = "{}.{}".format(path, os.getpid())
    try:
        with io.open(beside, "w", encoding="ascii") as file:
            file.write(json.dumps(state, indent=1, sort_keys=True) + "\n")
            file.flush()
            os.fsync(file.fileno())
        if first:
            os.link(beside, path)
        else:
            os.replace(beside, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(beside)
    _sync_folder(folder)


def remove_state(path: str) -> None:
    """Remove the state file for good."""
    os.remove(path)
    _sync_folder(os.path.dirname(os.path.abspath(path)))


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def pending(path: Optional[str] = None) -> Optional[State]:
    """Return the state an earlier run left behind, ``None`` if there is none.

    Raises :class:`ChangeError` if the file cannot be read.
    """
    path = path or default_state_path()
    try:
        with io.open(path, "r", encoding="ascii") as file:
            state = json.load(file)
        if state["format"] > FORMAT or not isinstance(state["changes"], list):
            raise ValueError("format {}".format(state["format"]))
        return State(tuple(change_from_json(one) for one in state["changes"]), state.get("pid"),
                     state.get("start_ticks"), state.get("boot_id"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ChangeError("the state file {} cannot be used ({}): restart the machine to get its own clocks back, "
                          "then delete the file".format(path, error)) from error


def is_running(state: State) -> bool:
    """Whether the run that wrote ``state`` is still there (another process than this one)."""
    if not isinstance(state.pid, int) or state.pid == os.getpid():
        return False
    started = start_ticks(state.pid, Tree())
    return started is not None and started == state.start_ticks


def restore_from_state(path: Optional[str] = None, root: str = "/", force: bool = False, write: Write = write_as_root,
                       make_gpu: MakeGpu = Gpu) -> RestoreResult:
    """Put the clocks back as the state file says they were, and remove it. For ``clocks restore``.

    Refuses while the run that locked them is alive, unless ``force``. After a restart of the machine there
    is nothing to put back. What cannot be undone stays in the file for a second try with more rights.
    """
    path = path or default_state_path()
    if not os.path.lexists(path):
        MachineLock(path, root).forget()
        return RestoreResult(True, [_NOTHING])
    try:
        with exclusive(path):
            return restore_held(path, root, force, write, make_gpu)
    except OSError as error:
        return RestoreResult(False, ["the state file {} cannot be used ({}): try again as the user who locked the "
                                     "clocks".format(path, error.strerror or error)])


_NOTHING = "no run has left its clocks locked: there is nothing to restore"


def restore_held(path: str, root: str = "/", force: bool = False, write: Write = write_as_root,
                 make_gpu: MakeGpu = Gpu) -> RestoreResult:
    """Do what :func:`restore_from_state` does, for who holds the state file already. Raises ``OSError``."""
    try:
        state = pending(path)
    except ChangeError as error:
        return RestoreResult(False, [str(error)])
    if state is None:
        return RestoreResult(True, [_NOTHING])
    # What outlives a restart of the machine: nvpmodel sets its mode again at every start.
    lasting = [change for change in state.changes if isinstance(change, PowerModeChange)]
    if is_running(state) and not force:
        what = "changed the power mode" if lasting else "locked the clocks"
        return RestoreResult(False, ["the run that {} is still going (process {}): wait for it, or end it "
                                     "first".format(what, state.pid)])
    restarted = state.boot_id is not None and state.boot_id != boot_id(Tree(root))
    if restarted and not lasting:
        _forget(path, root)
        return RestoreResult(True, ["the machine was restarted since, which has put the clocks back"])
    messages = undo_all(lasting if restarted else state.changes, Tree(root), write, make_gpu)
    if messages:
        return RestoreResult(False, messages)
    _forget(path, root)
    return RestoreResult(True, ["the power mode is {} again".format(lasting[0].name) if lasting else
                                "the clocks are back as they were"])


def _forget(path: str, root: str) -> None:
    remove_state(path)
    MachineLock(path, root).forget()


def undo_all(changes: Sequence[Change], tree: Tree, write: Write = write_as_root,
             make_gpu: MakeGpu = Gpu) -> List[str]:
    """Undo every step, last first; one that fails does not keep the others. Returns what went wrong."""
    messages = []
    for change in reversed(changes):
        try:
            undo(change, tree, write, make_gpu)
        except (ChangeError, NvmlError) as error:
            messages.append(str(error))
    return messages
