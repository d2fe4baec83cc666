"""Facts about other processes and about this boot, from /proc."""

import os
from typing import List, Optional

from harness.system.tree import Tree


def boot_id(tree: Tree) -> Optional[str]:
    """Return the kernel's name of this boot, ``None`` if it does not tell."""
    return tree.text("/proc/sys/kernel/random/boot_id")


def _stat(pid: int, tree: Tree) -> List[str]:
    """Return the fields after the process's name (which may hold blanks); empty if it has ended."""
    return (tree.text("/proc/{}/stat".format(pid)) or "").rpartition(")")[2].split()


def start_ticks(pid: int, tree: Tree) -> Optional[int]:
    """Return when process ``pid`` started; with the pid it names a process for good. ``None``: it has ended."""
    fields = _stat(pid, tree)  # the state comes first, the start is the 20th
    return None if not fields or fields[0] == "Z" else int(fields[19])


def cpu_seconds(pid: int, tree: Tree) -> float:
    """Return the CPU time process ``pid`` and its ended children have used. Raises ``OSError``.

    The scheduler's own count in nanoseconds where the kernel has it; clock ticks (10 ms) else.
    """
    try:
        total_ns = 0
        for task in os.listdir(tree.path("/proc/{}/task".format(pid))):
            total_ns += int(tree.read("/proc/{}/task/{}/schedstat".format(pid, task)).split()[0])
        return total_ns / 1e9
    except OSError:
        fields = tree.read("/proc/{}/stat".format(pid)).rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / float(os.sysconf("SC_CLK_TCK"))
