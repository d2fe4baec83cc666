"""Ending child processes in order: asked, waited for, killed if need be, always reaped, always by pid."""

import ctypes
import fcntl
import os
import signal
import subprocess
import termios
from typing import Any, List, Optional

ASK_S = 2.0


def end_process(process: subprocess.Popen, timeout_s: float = ASK_S) -> Optional[int]:
    """End and reap ``process``: SIGTERM, after ``timeout_s`` SIGKILL.

    Returns its status, ``None`` if it runs on: it may be another user's, whom we may not signal.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        try:
            os.kill(process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # gone already, or root's: waiting for it is all that is left
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            continue
    return process.poll()


class TerminalChild:
    """A program that ends with us whoever it runs as: it has a pseudo-terminal of its own, which we hold.

    A program started through sudo belongs to root, so it cannot be signalled, and the kernel forgets for it the wish
    to end with its parent. But closing our end hangs its terminal up, and the kernel sends SIGHUP to sudo and the
    program whatever our rights; that happens too when this process is killed. ``output`` is a pipe with what the
    program prints.

    Raises ``OSError`` if it cannot be started.
    """

    def __init__(self, command: List[str]) -> None:
        self._held, terminal = os.openpty()
        try:
            process: Any = subprocess.Popen(
                command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
                preexec_fn=_take_terminal)
        except OSError:
            os.close(self._held)
            raise
        finally:
            os.close(terminal)  # its copy is the program's alone
        self.process = process
        self.output: int = process.stdout.fileno()

    def end(self, timeout_s: float = ASK_S) -> Optional[int]:
        """Hang up, and kill it if it stays and may be killed; reap it. Returns its status, ``None`` if it runs on."""
        os.close(self._held)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            end_process(self.process, timeout_s)
        self.process.stdout.close()
        return self.process.poll()


def _take_terminal() -> None:
    """Make standard input the controlling terminal of this new session, in a child about to start a program."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would be ignored, and hanging up do nothing
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Ask the kernel, in a child, to send it ``number`` when its parent dies (Linux)."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, int(number))
