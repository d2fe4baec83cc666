"""A fake torch with a CUDA device: a host clock, a stream that runs behind it, and a log of what happened.

Kernels start when both the stream before them and their launch are over, so a slow host leaves gaps, a
full stream hides them and an event records where the stream stands: as on a real device. The clock may ramp up
with the time the device has been busy, and lines that a write left dirty are written back by the next kernel.
"""

from types import SimpleNamespace

BYTES_PER_S = 1e12


def ramp(idle_hz, full_hz, after_s=0.05, over_s=0.15):
    """Return a clock that stays at ``idle_hz`` for ``after_s`` of work, then climbs to ``full_hz``."""
    def clock(busy_s):
        return idle_hz + (full_hz - idle_hz) * min(max((busy_s - after_s) / over_s, 0.0), 1.0)
    return clock


class FakeCuda:
    """``clock``: cycles per second of the sleep after so many seconds of work."""

    def __init__(self, l2_bytes=4 * 2 ** 20, launch_s=5e-6, sleep=True, available=True, clock=lambda busy_s: 1e9):
        self.host_s = 0.0
        self.stream_s = 0.0  # when the stream will have finished what is queued
        self.launch_s = launch_s
        self.log = []
        self.l2 = set()  # names of the buffers now in the cache
        self.busy_s = 0.0
        self.dirty_bytes = 0
        self.l2_bytes = l2_bytes
        self.clock = clock
        self.available = available
        properties = SimpleNamespace(name="fake")
        if l2_bytes is not None:
            properties.L2_cache_size = l2_bytes
        self.cuda = SimpleNamespace(
            is_available=lambda: self.available, current_device=lambda: 0, synchronize=self.synchronize,
            get_device_properties=lambda index: properties, Event=lambda enable_timing: FakeEvent(self))
        if sleep:
            self.cuda._sleep = lambda cycles: self._queue("sleep", cycles / self.clock(self.busy_s), 0.0)
        self.float32 = "float32"

    def now(self):
        return self.host_s

    def zeros(self, size, dtype, device):
        assert (dtype, device) == ("float32", "cuda")
        size_bytes = 4 * (size or 1)  # () is a single number
        return SimpleNamespace(size_bytes=size_bytes, zero_=lambda: self._flush("write", size_bytes))

    def sum(self, buffer, dim, out):
        assert dim == 0 and out.size_bytes == 4
        self._flush("flush", buffer.size_bytes)

    def _flush(self, what, size_bytes):
        """Go through ``size_bytes`` of memory: the cache then holds nothing else, dirty if it was written."""
        self.l2.clear()
        self._queue(what, size_bytes / BYTES_PER_S, self.launch_s)
        if what == "write":
            self.dirty_bytes = min(size_bytes, self.l2_bytes)

    def synchronize(self):
        self.log.append("sync")
        self.host_s = max(self.host_s, self.stream_s)

    def kernel(self, name, hot_s, cold_s=None):
        """Return a call of one kernel that is slower when its data are not in the cache."""
        def call():
            seconds = hot_s if cold_s is None or name in self.l2 else cold_s
            self.l2.add(name)
            self._queue(name, seconds + self.dirty_bytes / BYTES_PER_S, self.launch_s)
            self.dirty_bytes = 0
        return call

    def _queue(self, what, seconds, launch_s):
        self.log.append(what)
        self.host_s += launch_s
        self.stream_s = max(self.stream_s, self.host_s) + seconds
        self.busy_s += seconds


class FakeEvent:
    def __init__(self, machine):
        self.machine = machine
        self.at_s = None

    def record(self):
        self.machine.log.append("event")
        self.at_s = max(self.machine.stream_s, self.machine.host_s)

    def query(self):
        return self.at_s <= self.machine.host_s

    def elapsed_time(self, end):
        if end.at_s > self.machine.host_s:
            raise RuntimeError("the device is not ready: synchronize first")
        return (end.at_s - self.at_s) * 1e3
