"""Calls in a loop on a clock that the meter's readings share."""

import time
from typing import Any, Callable, NamedTuple, Tuple


class Clock(NamedTuple):
    """The monotonic clock that stamps the readings, and a way to wait; tests pass their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Loop:
    """Calls the subject in batches that end with the device synchronised."""

    def __init__(self, call: Callable[[], Any], synchronize: Callable[[], Any], clock: Clock, batch_s: float,
                 busy: Callable[[], None] = lambda: None) -> None:
        self.call_s = 0.0
        self._busy = busy  # told before each stretch who is about to be called
        self._call = call
        self._synchronize = synchronize
        self._clock = clock
        self._batch_s = batch_s
        self._batch = 1

    def run(self, seconds: float) -> Tuple[float, float, int]:
        """Call for ``seconds``, once at least; return start, end and count. ``call_s`` is then the time per call."""
        self._busy()
        self._synchronize()
        start_s = now_s = self._clock.now()
        calls = 0
        while calls == 0 or now_s - start_s < seconds:
            for _ in range(self._batch):
                self._call()
            self._synchronize()
            calls += self._batch
            now_s = self._clock.now()
            self.call_s = max((now_s - start_s) / calls, 1e-9)
            self._batch = max(1, min(2 * self._batch, int(self._batch_s / self.call_s)))
        return start_s, now_s, calls
