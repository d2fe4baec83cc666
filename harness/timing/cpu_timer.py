"""The CPU's clock: ``time.perf_counter`` read directly around a tight loop of calls."""

import time
from itertools import repeat
from typing import Callable, Optional

from harness.timing.sampler import HOT, Call, Sample, Sampler, Timer

READINGS = 4000


def clock_resolution_s(now: Callable[[], float], readings: int = READINGS) -> float:
    """Return the smallest step seen between successive readings of ``now`` (s).

    Never finer than the cost of a reading, so it errs on the safe side. Raises ``ValueError`` if the
    clock does not advance in ``readings`` x 1000 readings.
    """
    smallest = float("inf")
    steps = 0
    last = now()
    for _ in range(readings * 1000):
        current = now()
        if current > last:
            smallest = min(smallest, current - last)
            steps += 1
            if steps >= readings:
                break
            last = current
    if not steps:
        raise ValueError("the clock did not advance in {} readings: pass a monotonic clock".format(readings * 1000))
    return smallest


def clock_overhead_s(now: Callable[[], float], readings: int = READINGS) -> float:
    """Return the mean cost of one reading of ``now`` (s), the best of five batches."""
    batches = []
    for _ in range(5):
        start = now()
        for _ in repeat(None, readings - 1):
            now()
        batches.append((now() - start) / readings)
    return min(batches)


class CpuSampler(Sampler):
    """Times calls that are finished when they return."""

    cache = HOT

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def sample(self, call: Call, calls: int) -> Sample:
        """Time ``calls`` calls as one stretch."""
        now = self._now
        stretch = repeat(None, calls)
        start = now()
        for _ in stretch:
            call()
        return Sample(now() - start)


class CpuTimer(Timer):
    """The host's monotonic clock; resolution and cost of a reading are measured unless given."""

    def __init__(self, now: Callable[[], float] = time.perf_counter, resolution_s: Optional[float] = None,
                 overhead_s: Optional[float] = None) -> None:
        super().__init__("perf_counter", now,
                         clock_resolution_s(now) if resolution_s is None else resolution_s,
                         clock_overhead_s(now) if overhead_s is None else overhead_s,
                         (CpuSampler(now),))
