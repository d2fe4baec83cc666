"""Ends a process that takes more memory than it was given."""

import contextlib
import os
import signal
from typing import Any

from harness.system.background import Background
from harness.system.tree import Tree

#: Between two looks: at 10 GB/s, more than memory is first touched, 20 MB pass unseen, and the peak is read after it.
PERIOD_S = 0.002


class MemoryGuard:
    """Kills the process group of ``pid`` once the resident memory of ``pid`` is above ``most_bytes``, until left.

    What is judged is the kernel's high-water mark, which the process reads itself at its end; the guard keeps the
    machine from harm meanwhile. ``tripped`` says whether it had to.
    """

    def __init__(self, pid: int, most_bytes: int) -> None:
        self.tripped = False
        self._pid = pid
        self._most_bytes = most_bytes
        self._page, self._tree, self._name = os.sysconf("SC_PAGE_SIZE"), Tree(), "/proc/{}/statm".format(pid)
        self._background = Background(self._look, PERIOD_S)

    def __enter__(self) -> "MemoryGuard":
        self._background.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._background.stop()

    def _look(self) -> bool:
        """End the process if it holds too much; return whether it did."""
        text = self._tree.text(self._name)
        if text and int(text.split()[1]) * self._page > self._most_bytes:
            self.tripped = True
            with contextlib.suppress(OSError):  # it ended between the look and this
                os.killpg(self._pid, signal.SIGKILL)
        return self.tripped
