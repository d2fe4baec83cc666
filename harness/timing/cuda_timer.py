"""CUDA timing: event pairs on the current stream, the host's enqueue time beside them, no sync inside a pair.

Hot samples time a stretch of calls with one pair. Cold samples are the sum of separately timed calls, the
L2 flushed before each, outside its pair. Where torch has ``cuda._sleep`` a short GPU sleep is queued before
the first event, so the device is busy until the host has enqueued the stretch: the gaps between launches
of a launch-bound layer are then not timed as work (the enqueue time shows them instead).
"""

import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from harness.timing.l2_cache import FlushSize, flush_size
from harness.timing.sampler import COLD, HOT, Call, Sampler, Timer

# Events resolve about half a microsecond (CUDA runtime API, cudaEventElapsedTime).
EVENT_RESOLUTION_S = 0.5e-6
COLD_BATCH = 16  # cold calls queued before a sync: keeps the launch queue from filling, which blocks the host
SLEEP_MARGIN = 1.3
SLEEP_EXTRA_S = 20e-6
MOST_SLEEP_S = 0.02
SLEEP_PROBE_CYCLES = 1000000


class GpuSleep:
    """Queues a busy-wait on the GPU that covers the time the host needs to enqueue a stretch."""

    def __init__(self, torch: Any) -> None:
        self._sleep = getattr(torch.cuda, "_sleep", None)
        self.reason = None if self._sleep is not None else "this torch has no cuda._sleep: launch gaps are not hidden"
        self.cycles_per_s = self._measure(torch) if self._sleep is not None else 0.0
        self._enqueue_s = {}  # type: Dict[Call, float]

    def _measure(self, torch: Any) -> float:
        start, end = _pair(torch)
        self._sleep(SLEEP_PROBE_CYCLES)  # type: ignore[misc]  # the first one loads the kernel
        torch.cuda.synchronize()
        start.record()
        self._sleep(SLEEP_PROBE_CYCLES)  # type: ignore[misc]
        end.record()
        torch.cuda.synchronize()
        return SLEEP_PROBE_CYCLES / max(start.elapsed_time(end) * 1e-3, EVENT_RESOLUTION_S)

    def cover(self, call: Call, calls: int) -> None:
        """Queue a sleep as long as enqueuing ``calls`` calls will take, from what was seen before."""
        seen_s = self._enqueue_s.get(call)
        if self._sleep is not None and seen_s is not None:
            seconds = min(SLEEP_MARGIN * seen_s * calls + SLEEP_EXTRA_S, MOST_SLEEP_S)
            self._sleep(int(seconds * self.cycles_per_s))

    def saw(self, call: Call, calls: int, enqueue_s: float) -> None:
        """Remember the least enqueue time per call: a full launch queue only ever makes it longer."""
        per_call_s = enqueue_s / calls
        self._enqueue_s[call] = min(per_call_s, self._enqueue_s.get(call, per_call_s))


class HotSampler(Sampler):
    """One event pair around a stretch of calls; inputs and weights stay in the cache if they fit."""

    cache = HOT

    def __init__(self, torch: Any, now: Callable[[], float], sleep: GpuSleep) -> None:
        self._synchronize = torch.cuda.synchronize
        self._now = now
        self._sleep = sleep
        self._start, self._end = _pair(torch)

    def sample(self, call: Call, calls: int) -> Tuple[float, Optional[float]]:
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
        self._synchronize()
        self._sleep.saw(call, calls, enqueued_s)
        return start.elapsed_time(end) * 1e-3, enqueued_s


class ColdSampler(Sampler):
    """The sum of separately timed calls, each after the L2 was flushed by writing a buffer."""

    cache = COLD

    def __init__(self, torch: Any, now: Callable[[], float], sleep: GpuSleep, flush: Callable[[], Any]) -> None:
        self._synchronize = torch.cuda.synchronize
        self._now = now
        self._sleep = sleep
        self._flush = flush
        self._pairs = [_pair(torch) for _ in range(COLD_BATCH)]

    def sample(self, call: Call, calls: int) -> Tuple[float, Optional[float]]:
        """Time ``calls`` calls one by one and return the sum; flushes lie outside the pairs."""
        device_s = enqueue_s = 0.0
        left = calls
        while left > 0:
            pairs = self._pairs[:left]
            enqueue_s += self._queue(call, pairs)
            self._synchronize()
            device_s += sum(start.elapsed_time(end) for start, end in pairs) * 1e-3
            left -= len(pairs)
        self._sleep.saw(call, calls, enqueue_s)
        return device_s, enqueue_s

    def _queue(self, call: Call, pairs: List[Tuple[Any, Any]]) -> float:
        now, flush, cover = self._now, self._flush, self._sleep.cover
        enqueue_s = 0.0
        for start, end in pairs:
            flush()
            cover(call, 1)
            start.record()
            begun = now()
            call()
            enqueue_s += now() - begun
            end.record()
        return enqueue_s


class CudaTimer(Timer):
    """Event timing on the current device and stream; ``torch`` is passed in, so that a fake can stand for it.

    Raises ``RuntimeError`` in one sentence when torch sees no CUDA device.
    """

    def __init__(self, torch: Any, now: Callable[[], float] = time.perf_counter,
                 size: Optional[FlushSize] = None) -> None:
        if not torch.cuda.is_available():
            raise RuntimeError("torch sees no CUDA device: choose the CPU, or install a torch built for CUDA")
        self.flush_size = size or flush_size(torch, torch.cuda.current_device())
        self.sleep = GpuSleep(torch)
        buffer = torch.empty(self.flush_size.flush_bytes // 4, dtype=torch.int32, device="cuda")
        super().__init__("cuda_event", now, EVENT_RESOLUTION_S, empty_pair_s(torch),
                         (HotSampler(torch, now, self.sleep),
                          ColdSampler(torch, now, self.sleep, buffer.zero_)))

    def describe(self) -> Dict[str, Any]:
        """Return name, resolution, overhead, flush and sleep as JSON-ready data."""
        data = super().describe()
        data["flush_bytes"] = self.flush_size.flush_bytes
        data["l2_bytes"] = self.flush_size.l2_bytes
        data["l2_source"] = self.flush_size.source
        data["launch_gaps_hidden"] = self.sleep.reason is None
        data["launch_gaps_hidden_reason"] = self.sleep.reason
        return data


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
