"""Folders for files that a run needs only while it goes on; those of killed runs are found and removed.

Each holds a file that its owner keeps locked. The kernel lets go of it however the owner ends, and another program
that happens to get the same process id later changes nothing.
"""

import contextlib
import fcntl
import glob
import os
import shutil
import tempfile
from typing import Callable, Iterator, List, Optional

PREFIX = "edge-transform-bench-"

#: A folder has this name until its owner holds the lock, so that nobody takes it for one that was left.
_UNFINISHED = "making-" + PREFIX

_LOCK = "owner.lock"


@contextlib.contextmanager
def scratch_folder() -> Iterator[str]:
    """Yield an empty folder of this process that :func:`end_stale` spares; it is gone afterwards."""
    unfinished = tempfile.mkdtemp(prefix=_UNFINISHED)
    lock = os.open(os.path.join(unfinished, _LOCK), os.O_RDWR | os.O_CREAT, 0o600)
    folder = os.path.join(os.path.dirname(unfinished), PREFIX + os.path.basename(unfinished)[len(_UNFINISHED):])
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.rename(unfinished, folder)
        yield folder
    finally:
        for place in (unfinished, folder):
            shutil.rmtree(place, ignore_errors=True)
        os.close(lock)


def end_stale(before: Callable[[str], None] = lambda folder: None) -> List[str]:
    """Remove the scratch folders whose owners have ended, ``before`` called on each; return them.

    Those of other users are left alone, and so is what only has such a name.
    """
    found = []
    for folder in sorted(glob.glob(os.path.join(glob.escape(tempfile.gettempdir()), PREFIX + "*"))):
        lock = _lock_of_ended(folder)
        if lock is None:
            continue
        try:
            before(folder)
            shutil.rmtree(folder, ignore_errors=True)
            found.append(folder)
        finally:
            os.close(lock)
    return found


def _lock_of_ended(folder: str) -> Optional[int]:
    """Return the lock of the scratch ``folder``, held by this process now; ``None`` where it is not one to remove."""
    try:
        if os.path.islink(folder) or os.stat(folder).st_uid != os.geteuid():
            return None
        lock = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # its owner is at work
        os.close(lock)
        return None
    return lock
