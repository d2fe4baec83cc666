"""A folder of small files under names that say what they were made of; it holds what can be made again.

Whatever cannot be read or written is not there: a full disk, a folder of somebody else's, a file that was cut short.
"""

import contextlib
import hashlib
import io
import os
import stat
import tempfile
import time
from typing import List, Mapping, Optional, Tuple

#: So much is kept; what was not used for longest goes first.
MOST_BYTES = 256 << 20

#: No file that is kept is larger: one of ten thousand cases has some megabytes.
LARGEST = 64 << 20

#: When a file was last used is written down once a day, as file systems do.
USED_S = 86400.0

#: What begins the name of a file that is being written, and how long that can take.
PART, PART_S = "part-", 3600.0


class Store:
    """The files in ``folder``, ``most_bytes`` of them."""

    def __init__(self, folder: str, most_bytes: int = MOST_BYTES) -> None:
        self.folder = folder
        self._most_bytes = most_bytes

    def get(self, name: str) -> Optional[str]:
        """Return the text that was put under ``name``, ``None`` where it is not there as it was put."""
        path = os.path.join(self.folder, name)
        try:
            with io.open(path, "rb") as file:
                held = file.read(LARGEST + 1)
                age_s = time.time() - os.fstat(file.fileno()).st_mtime
            if age_s > USED_S:
                os.utime(path)
        except OSError:
            return None
        digest, _, text = held.partition(b"\n")
        return text.decode("ascii", "replace") if digest == _digest(name, text) else None

    def put(self, name: str, text: str) -> None:
        """Keep ``text`` (ASCII) under ``name``: the whole of it, or nothing."""
        held = text.encode("ascii")
        written: Optional[str] = None
        try:
            descriptor, written = tempfile.mkstemp(prefix=PART, dir=self.folder)
            with io.open(descriptor, "wb") as file:
                file.write(_digest(name, held) + b"\n" + held)
            os.replace(written, os.path.join(self.folder, name))
        except OSError:
            if written is not None:
                with contextlib.suppress(OSError):
                    os.remove(written)

    def prune(self) -> None:
        """Remove what was not used for longest where there is too much, and what writers that were killed left."""
        files: List[Tuple[float, int, str]] = []
        now = time.time()
        with contextlib.suppress(OSError):
            for entry in os.scandir(self.folder):
                found = entry.stat(follow_symlinks=False)
                if not entry.name.startswith(PART):
                    files.append((found.st_mtime, found.st_size, entry.path))
                elif now - found.st_mtime > PART_S:
                    os.remove(entry.path)
            left = sum(size for _, size, _ in files) - self._most_bytes
            for _, size, path in sorted(files):
                if left <= 0:
                    break
                os.remove(path)
                left -= size


def _digest(name: str, text: bytes) -> bytes:
    return hashlib.sha256(name.encode("ascii") + b"\n" + text).hexdigest().encode("ascii")


def own_store(environment: Mapping[str, str] = os.environ) -> Optional[Store]:
    """Return the store in the user's cache folder, ``None`` where there can be none that only this user writes to.

    ``EDGE_BENCH_SUMMARIES=off`` keeps none.
    """
    if environment.get("EDGE_BENCH_SUMMARIES") == "off":
        return None
    base = environment.get("XDG_CACHE_HOME") or os.path.join(environment.get("HOME") or "~", ".cache")
    if not os.path.isabs(base):
        return None
    folder = os.path.join(base, "edge-transform-bench", "summaries")
    try:
        if not os.path.isdir(folder):
            if os.stat(_nearest(folder)).st_uid != os.getuid():  # as root in a user's home: the user could not go on
                return None
            os.makedirs(folder, mode=0o700, exist_ok=True)
        found = os.lstat(folder)
    except OSError:
        return None
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
    return Store(folder) if own else None


def _nearest(folder: str) -> str:
    """Return the nearest folder above ``folder`` that there is."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder
