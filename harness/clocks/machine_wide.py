"""One lock for all users of a machine: whoever changes its clocks or power mode holds it until they are back.

Each user's state file stays in that user's own folder, since who puts clocks back believes what it says. What all can
reach is a lock file, which holds no more than whose state file there is: another user's run that finds one leaves the
clocks alone, for it would take changed ones for the machine's own. A machine without a folder that everybody may
write to and nobody may clear (``/run/lock`` or ``/tmp``), and containers with such folders of their own, keep users
apart only by their state files.
"""

import contextlib
import errno
import fcntl
import json
import os
import pwd
import stat
import time
from typing import List, NamedTuple, Optional

from harness.system.processes import boot_id
from harness.system.tree import Tree

#: Where such files lie, the first that is open to all; the variable names another one.
FOLDERS = ("/run/lock", "/var/lock", "/tmp")
VARIABLE = "EDGE_BENCH_LOCK_DIR"

#: Who has just ended its run may still have to let go.
WAIT_S = 2.0

_MOST_BYTES = 4096


class Holder(NamedTuple):
    """Whose state file tells what to put back: user and process, the file, and the boot that it was in."""

    user: int
    pid: int
    state: str
    boot: Optional[str]


class MachineLock:
    """The lock of the machine below ``root`` on what the state file ``state_path`` tells how to put back."""

    def __init__(self, state_path: str, root: str = "/") -> None:
        self._state = os.path.abspath(state_path)
        self._tree = Tree(root)
        self._descriptor: Optional[int] = None

    def take(self, messages: List[str], wait_s: float = WAIT_S) -> bool:
        """Take the lock and return whether no other user is in the way; ``messages`` gets what is to be said.

        Where no lock is to be had nobody is known to be in the way.
        """
        path = self._path()
        if path is None or self._descriptor is not None:
            return True
        try:
            descriptor = _open(path)
        except OSError as error:
            messages.append("runs of other users are not kept off: {} cannot be used ({})".format(
                path, error.strerror or error))
            return True
        try:
            taken, holder = _locked(descriptor, wait_s), _holder(descriptor)
            if not taken:
                messages.append("a run of {} is at work on them: wait for it, or end it first".format(
                    "another user" if holder is None else "user {} (process {})".format(
                        user_name(holder.user), holder.pid)))
                return False
            if holder is not None and self._is_pending(holder):
                messages.append("a run of user {0} was killed before it had put them back: './run_bench.sh clocks "
                                "restore' by {0} does so".format(user_name(holder.user)))
                return False
            _write(descriptor, Holder(os.geteuid(), os.getpid(), self._state, boot_id(self._tree)))
            self._descriptor, descriptor = descriptor, -1
            return True
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def release(self) -> None:
        """Let go of the lock. While the state file is there, others see that something is to be put back."""
        if self._descriptor is None:
            return
        if not os.path.lexists(self._state):
            _write(self._descriptor, None)
        os.close(self._descriptor)
        self._descriptor = None

    def forget(self) -> None:
        """Say that the state file is gone and everything back, where the lock names it."""
        path = self._path()
        with contextlib.suppress(OSError):
            if path is None or self._descriptor is not None or not os.path.exists(path):
                return
            descriptor = _open(path)
            try:
                holder = _holder(descriptor)
                if holder is not None and holder.state == self._state:
                    _write(descriptor, None)
            finally:
                os.close(descriptor)

    def _path(self) -> Optional[str]:
        folder = os.environ.get(VARIABLE) or next((self._tree.path(name) for name in FOLDERS if is_open_to_all(
            self._tree.path(name))), None)
        name = os.path.splitext(os.path.basename(self._state))[0]
        return None if folder is None else os.path.join(folder, "edge-transform-bench-{}.lock".format(name))

    def _is_pending(self, holder: Holder) -> bool:
        """Whether another's state file may still be there; one of an earlier boot is the business of its owner."""
        if holder.state == self._state or holder.boot != boot_id(self._tree):
            return False
        try:
            os.lstat(holder.state)
        except OSError as error:
            return error.errno not in (errno.ENOENT, errno.ENOTDIR)
        return True


def is_open_to_all(folder: str) -> bool:
    """Whether everybody may make files in ``folder`` and nobody may remove another's."""
    try:
        mode = os.stat(folder).st_mode
    except OSError:
        return False
    return stat.S_ISDIR(mode) and mode & 0o1002 == 0o1002


def user_name(number: int) -> str:
    """Return the name of the user ``number``, or the number where it has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except (KeyError, OverflowError):
        return "#{}".format(number)


def _open(path: str) -> int:
    """Return a descriptor of the lock file, which is made for all users where it is not there. Raises ``OSError``."""
    end_s = time.monotonic() + WAIT_S
    # Not O_CREAT on a file that is there: the kernel refuses that for another user's in such a folder.
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
    while True:
        try:
            descriptor = os.open(path, flags)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):
                made = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
                os.fchmod(made, 0o666)
                os.close(made)
            continue
        except PermissionError:  # it is being made
            if time.monotonic() > end_s:
                raise
            time.sleep(0.02)
            continue
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
            return descriptor
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no file of its own", path)


def _locked(descriptor: int, wait_s: float) -> bool:
    end_s = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
        if time.monotonic() > end_s:
            return False
        time.sleep(0.02)


def _holder(descriptor: int) -> Optional[Holder]:
    """Return what the file says; anybody may write there, so that what is no holder is nothing."""
    try:
        data = json.loads(os.pread(descriptor, _MOST_BYTES, 0).decode("ascii"))
        holder = Holder(*[data[name] for name in Holder._fields])
    except (ValueError, KeyError, TypeError):
        return None
    right = type(holder.user) is int and type(holder.pid) is int and isinstance(holder.state, str) and isinstance(
        holder.boot, (str, type(None)))
    return holder if right and "\0" not in holder.state else None


def _write(descriptor: int, holder: Optional[Holder]) -> None:
    os.ftruncate(descriptor, 0)
    if holder is not None:
        os.pwrite(descriptor, json.dumps(holder._asdict()).encode("ascii"), 0)
