"""Processes that workers left behind: found by a mark in the environment that every child inherits.

Ending a process group misses what made itself a group of its own (``setsid``), as daemons do.
"""

import contextlib
import os
import signal
import time
from typing import Dict, List, NamedTuple, Optional, Tuple

from harness.system.processes import start_ticks
from harness.system.tree import Tree

#: Holds ``<pid of the controller>:<when that started>:<chance>``.
VARIABLE = "EDGE_BENCH_WORKER"

#: So long may a killed process take to be gone; one that waits for a broken disk or driver takes for ever.
GONE_S = 2.0


class Stray(NamedTuple):
    """A process that bears a mark; ``group`` is its process group."""

    pid: int
    name: str
    group: int
    mark: str


def new_mark(tree: Optional[Tree] = None) -> str:
    """Return a mark for one worker of this process."""
    return "{}:{}:{}".format(os.getpid(), start_ticks(os.getpid(), tree or Tree()) or 0, os.urandom(4).hex())


def marked(tree: Optional[Tree] = None) -> List[Stray]:
    """Return every process but this one that bears a mark and may be looked at."""
    tree = tree or Tree()
    found = []
    prefix = (VARIABLE + "=").encode("ascii")
    for entry in os.listdir(tree.path("/proc")) if tree.exists("/proc") else []:
        if not entry.isdecimal() or int(entry) == os.getpid():
            continue
        try:
            with open(tree.path("/proc/{}/environ".format(entry)), "rb") as file:
                words = file.read().split(b"\0")
            group = os.getpgid(int(entry))
        except OSError:  # it has ended, or is another user's
            continue
        marks = [word[len(prefix):].decode("ascii", "replace") for word in words if word.startswith(prefix)]
        if marks:
            name = tree.text("/proc/{}/comm".format(entry)) or "?"
            found.append(Stray(int(entry), name, group, marks[-1]))
    return found


def end_strays(mark: str, group: int, wait_s: float = GONE_S) -> Tuple[str, ...]:
    """End every process that bears ``mark``; return in words those that had left the process ``group``, or stay."""
    named: Dict[int, str] = {}
    deadline = time.monotonic() + wait_s
    while True:
        found = [stray for stray in marked() if stray.mark == mark]
        late = time.monotonic() > deadline
        for stray in found:
            if late or stray.group != group:
                named[stray.pid] = stray.name
            with contextlib.suppress(OSError):
                os.kill(stray.pid, signal.SIGKILL)
        if late or not found:
            left = {stray.pid for stray in found}
            return tuple("{} (process {}{})".format(name, pid, ", which cannot be ended" if pid in left else "")
                         for pid, name in sorted(named.items()))
        time.sleep(0.01)


def _counts_alike(pid: int) -> bool:
    """Whether ``pid`` counts processes as we do: in a container its controller has another number."""
    try:
        return os.readlink("/proc/{}/ns/pid".format(pid)) == os.readlink("/proc/self/ns/pid")
    except OSError:
        return False


def orphans(tree: Optional[Tree] = None) -> List[Stray]:
    """Return what is left of workers whose controller has ended, by a kill say."""
    tree = tree or Tree()
    found = []
    for stray in marked(tree):
        pid, _, rest = stray.mark.partition(":")
        ticks = rest.partition(":")[0]
        if pid.isdecimal() and _counts_alike(stray.pid) and str(start_ticks(int(pid), tree) or "gone") != ticks:
            found.append(stray)
    return found


def end_orphans() -> List[str]:
    """End what is left of killed runs, which would be measured beside; return in words what that was."""
    found = orphans()
    for stray in found:
        with contextlib.suppress(OSError):
            os.kill(stray.pid, signal.SIGKILL)
    return ["{} (process {}), which was ended".format(stray.name, stray.pid) for stray in found]
