"""Which records are being written now, asked without touching them: a run must not notice that it is watched."""

import io
import os
from typing import Optional, Set, Tuple

#: The kernel's list of file locks; the writer of a record holds one for as long as its run goes on.
LOCKS = "/proc/locks"

Inode = Tuple[int, int, int]


def locked_inodes(path: str = LOCKS) -> Set[Inode]:
    """Return device major and minor and inode of every file under an exclusive flock; empty where nothing tells."""
    try:
        with io.open(path, encoding="ascii", errors="replace") as file:
            lines = file.readlines()
    except (IOError, OSError):
        return set()
    return {found for found in map(_inode, lines) if found is not None}


def _inode(line: str) -> Optional[Inode]:
    words = line.split()
    if len(words) < 6 or words[1] != "FLOCK" or words[3] != "WRITE":   # "->" marks one that waits
        return None
    parts = words[5].split(":")
    try:
        return int(parts[0], 16), int(parts[1], 16), int(parts[2])
    except (ValueError, IndexError):
        return None


def inode_of(stat: os.stat_result) -> Inode:
    """Return what :func:`locked_inodes` calls the file of ``stat``."""
    return os.major(stat.st_dev), os.minor(stat.st_dev), stat.st_ino
