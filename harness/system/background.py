"""Something that is looked at again and again beside the work, in a thread."""

import threading
from typing import Any, Callable


class Background:
    """Calls ``look`` every ``period_s`` seconds from :meth:`start` to :meth:`stop`, or until it returns true."""

    def __init__(self, look: Callable[[], Any], period_s: float) -> None:
        self._look = look
        self._period_s = period_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin; the first look comes after a period."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the look under way."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._period_s):
            if self._look():
                return
