"""CUDA timing: event pairs on the current stream, the host's enqueue time beside them, no sync inside a pair.

Hot samples time a stretch of calls with one pair. Cold samples are the sum of separately timed calls, the
L2 flushed before each, outside its pair. Where torch has ``cuda._sleep`` a short GPU sleep is queued before
the first event, so the device is busy until the host has enqueued the stretch: the gaps between launches
of a launch-bound layer are then not timed as work (the enqueue time shows them instead). Each sample says
whether that held: the first event had not been reached when the last call was enqueued.
"""

import time
from typing import Any, Callable, List, Optional, Tuple

from harness.record.time_lines import TimerFacts
from harness.timing.gpu_sleep import GpuSleep
from harness.timing.l2_cache import FlushSize, flush_size
from harness.timing.sampler import COLD, HOT, Call, Sample, Sampler, Timer

# Events resolve about half a microsecond (CUDA runtime API, cudaEventElapsedTime).
EVENT_RESOLUTION_S = 0.5e-6
COLD_BATCH = 16  # cold calls queued before a sync: keeps the launch queue from filling, which blocks the host


class HotSampler(Sampler):
    """One event pair around a stretch of calls; inputs and weights stay in the cache if they fit."""

    cache = HOT

    def __init__(self, torch: Any, now: Callable[[], float], sleep: GpuSleep) -> None:
        self._synchronize = torch.cuda.synchronize
        self._now = now
        self._sleep = sleep
        self._start, self._end = _pair(torch)

    def sample(self, call: Call, calls: int) -> Sample:
        """Time ``calls`` calls as one stretch of the stream."""
        now = self._now
        start, end = self._start, self._end
        self._sleep.cover(call, calls)
        stretch = range(calls)
        start.record()
        begun = now()
        for _ in stretch:
            call()
        enqueued_s = now() - begun
        end.record()
        hidden = not start.query()
        self._synchronize()
        self._sleep.saw(call, calls, enqueued_s, hidden)
        return Sample(start.elapsed_time(end) * 1e-3, enqueued_s, hidden)


class ColdSampler(Sampler):
    """The sum of separately timed calls, each after ``flush``; hidden only if every one of them was."""

    cache = COLD

    def __init__(self, torch: Any, now: Callable[[], float], sleep: GpuSleep, flush: Callable[[], Any]) -> None:
        self._synchronize = torch.cuda.synchronize
        self._now = now
        self._sleep = sleep
        self._flush = flush
        self._pairs = [_pair(torch) for _ in range(COLD_BATCH)]

    def sample(self, call: Call, calls: int) -> Sample:
        """Time ``calls`` calls one by one and return the sum; flushes lie outside the pairs."""
        device_s = enqueue_s = 0.0
        left, hidden = calls, True
        while left > 0:
            pairs = self._pairs[:left]
            spent_s, all_hidden = self._queue(call, pairs)
            enqueue_s, hidden = enqueue_s + spent_s, hidden and all_hidden
            self._synchronize()
            device_s += sum(start.elapsed_time(end) for start, end in pairs) * 1e-3
            left -= len(pairs)
        self._sleep.saw(call, calls, enqueue_s, hidden)
        return Sample(device_s, enqueue_s, hidden)

    def _queue(self, call: Call, pairs: List[Tuple[Any, Any]]) -> Tuple[float, bool]:
        now, flush, cover = self._now, self._flush, self._sleep.cover
        enqueue_s, hidden = 0.0, True
        for start, end in pairs:
            flush()
            cover(call, 1)
            start.record()
            begun = now()
            call()
            enqueue_s += now() - begun
            end.record()
            hidden = not start.query() and hidden
        return enqueue_s, hidden


class CudaTimer(Timer):
    """Event timing on the current device and stream; ``torch`` is passed in, so that a fake can stand for it.

    Raises ``RuntimeError`` in one sentence when torch sees no CUDA device.
    """

    def __init__(self, torch: Any, now: Callable[[], float] = time.perf_counter,
                 size: Optional[FlushSize] = None) -> None:
        if not torch.cuda.is_available():
            raise RuntimeError("torch sees no CUDA device: choose the CPU, or install a torch built for CUDA")
        self.flush_size = size or flush_size(torch, torch.cuda.current_device())
        self.sleep = GpuSleep(torch, now)
        super().__init__("cuda_event", now, EVENT_RESOLUTION_S, empty_pair_s(torch),
                         (HotSampler(torch, now, self.sleep),
                          ColdSampler(torch, now, self.sleep, flush_by_reading(torch, self.flush_size.flush_bytes))))

    def describe(self) -> TimerFacts:
        """Return name, resolution, overhead, flush and sleep."""
        return super().describe()._replace(
            flush_bytes=self.flush_size.flush_bytes, l2_bytes=self.flush_size.l2_bytes,
            l2_source=self.flush_size.source, sleep_settled=self.sleep.settled,
            sleep_cycles_per_s=self.sleep.cycles_per_s if self.sleep.reason is None else None,
            sleep_cycles_per_s_reason=self.sleep.reason)


def flush_by_reading(torch: Any, flush_bytes: int) -> Callable[[], Any]:
    """Return a call that empties the L2 by reading ``flush_bytes``.

    Reading leaves clean lines. Lines that a writing flush leaves dirty are written back when the next call
    displaces them, inside its pair of events.
    """
    buffer = torch.zeros(flush_bytes // 4, dtype=torch.float32, device="cuda")
    total = torch.zeros((), dtype=torch.float32, device="cuda")
    return lambda: torch.sum(buffer, 0, out=total)


def empty_pair_s(torch: Any, pairs: int = 21) -> float:
    """Return the median time between two events with nothing between them (s)."""
    found = []
    for _ in range(pairs):
        start, end = _pair(torch)
        start.record()
        end.record()
        torch.cuda.synchronize()
        found.append(start.elapsed_time(end) * 1e-3)
    return sorted(found)[pairs // 2]


def _pair(torch: Any) -> Tuple[Any, Any]:
    return torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
