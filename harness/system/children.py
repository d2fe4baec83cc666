"""Ending child processes in order: asked, waited for, killed if need be, always reaped, always by pid."""

import ctypes
import os
import signal
import subprocess
from typing import List, Optional

from harness.system.processes import command_line
from harness.system.tree import Tree

ASK_S = 2.0


def end_process(process: subprocess.Popen, timeout_s: float = ASK_S) -> Optional[int]:
    """End and reap ``process``: SIGTERM, after ``timeout_s`` SIGKILL. Returns its status.

    A child that runs as root through sudo is signalled through sudo.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        _send(process.pid, number)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            continue
    return process.poll()


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
    except PermissionError:
        run_quietly(["sudo", "-n", "kill", "-{}".format(int(number)), str(pid)])


def run_quietly(command: List[str], timeout_s: float = 5.0) -> Optional[int]:
    """Run ``command`` without output; return its status, ``None`` if it cannot be run or hangs."""
    try:
        return subprocess.call(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, timeout=timeout_s)
    except (OSError, subprocess.TimeoutExpired):
        return None


def end_reported_child(pid: int) -> None:
    """End a grandchild whose own parent was killed before it could do so; others of that pid are spared."""
    if any("tegrastats" in word for word in command_line(pid, Tree())):
        _send(pid, signal.SIGTERM)


def die_with_parent() -> None:
    """Ask the kernel, in a child about to start a program, to end it when its parent dies (Linux)."""
    pr_set_pdeathsig = 1
    _libc.prctl(pr_set_pdeathsig, signal.SIGTERM)


_libc = ctypes.CDLL(None)
