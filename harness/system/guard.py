"""Ends a process that takes more memory than it was given."""

import contextlib
import os
import signal
import threading
from typing import Any

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
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "MemoryGuard":
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        page, tree, name = os.sysconf("SC_PAGE_SIZE"), Tree(), "/proc/{}/statm".format(self._pid)
        while not self._stop.wait(PERIOD_S):
            text = tree.text(name)
            if text and int(text.split()[1]) * page > self._most_bytes:
                self.tripped = True
                with contextlib.suppress(OSError):  # it ended between the look and this
                    os.killpg(self._pid, signal.SIGKILL)
                return
