"""Watches memory from a thread while a layer runs, and keeps the peaks."""

import threading
import time
from typing import Any, List, Optional, Tuple

from harness.record.amount_lines import Stage
from harness.system import memory as procfs
from harness.system.background import Background

#: Seconds between two looks at the whole system; the process has an exact peak of its own.
PERIOD_S = 0.005

#: A look at every mapping may cost this share of the period at most; else only the thorough looks take it.
CHEAP_SHARE = 0.5


def stage() -> Stage:
    """Return this process's and the system's memory now."""
    own = procfs.process_memory("self")
    return _of_the_system()._replace(rss_bytes=own.rss_bytes, uss_bytes=own.uss_bytes)


def _of_the_system() -> Stage:
    meminfo, free = procfs.read_meminfo(), procfs.free_bytes()
    return Stage(ram_used_bytes=procfs.ram_used_bytes(meminfo), swap_used_bytes=procfs.swap_used_bytes(meminfo),
                 nvmap_used_bytes=procfs.nvmap_used_bytes(meminfo),
                 ram_settled_bytes=None if free is None else procfs.ram_used_bytes(meminfo, free))


class Watcher:
    """Looks at the memory of the system and of this process until it is left; ``peak`` holds the largest of each."""

    def __init__(self, period_s: float = PERIOD_S) -> None:
        self.period_s = period_s
        self.peak = Stage()
        self.least_shared_bytes: Optional[int] = None
        self.samples = 0
        self.trace: List[Tuple[float, int]] = []
        self._lock = threading.Lock()
        self._cheap = True
        self._background = Background(lambda: self.look(thorough=self._cheap), period_s)

    def __enter__(self) -> "Watcher":
        started = time.monotonic()
        self.look(thorough=True)
        self._cheap = time.monotonic() - started < CHEAP_SHARE * self.period_s
        self._background.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._background.stop()

    def look(self, thorough: bool) -> None:
        """Take one reading; a ``thorough`` one goes through every mapping of the process."""
        now = stage() if thorough else _of_the_system()._replace(rss_bytes=procfs.current_rss_bytes())
        with self._lock:
            self.peak = Stage(*[_larger(*pair) for pair in zip(self.peak, now)])
            self.samples += 1
            if now.rss_bytes is not None and now.uss_bytes is not None:
                shared = now.rss_bytes - now.uss_bytes
                known = self.least_shared_bytes
                self.least_shared_bytes = shared if known is None else min(known, shared)
            if now.rss_bytes is not None:
                self.trace.append((time.monotonic(), now.rss_bytes))


def _larger(one: Optional[int], other: Optional[int]) -> Optional[int]:
    return other if one is None else one if other is None else max(one, other)
