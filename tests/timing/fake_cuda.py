"""A fake torch with a CUDA device: a host clock, a stream that runs behind it, and a log of what happened.

Kernels start when both the stream before them and their launch are over, so a slow host leaves gaps, a
full stream hides them and an event records where the stream stands: as on a real device.
"""

from types import SimpleNamespace


class FakeCuda:
    def __init__(self, l2_bytes=4 * 2 ** 20, launch_s=5e-6, sleep=True, available=True, cycles_per_s=1e9):
        self.host_s = 0.0
        self.stream_s = 0.0  # when the stream will have finished what is queued
        self.launch_s = launch_s
        self.log = []
        self.l2 = set()  # names of the buffers now in the cache
        self.available = available
        properties = SimpleNamespace(name="fake")
        if l2_bytes is not None:
            properties.L2_cache_size = l2_bytes
        self.cuda = SimpleNamespace(
            is_available=lambda: self.available, current_device=lambda: 0, synchronize=self.synchronize,
            get_device_properties=lambda index: properties, Event=lambda enable_timing: FakeEvent(self))
        if sleep:
            self.cuda._sleep = lambda cycles: self._queue("sleep", cycles / cycles_per_s, 0.0)
        self.int32 = "int32"

    def now(self):
        return self.host_s

    def empty(self, count, dtype, device):
        assert (dtype, device) == ("int32", "cuda")
        return SimpleNamespace(zero_=lambda: self.flush(count * 4))

    def flush(self, size_bytes):
        self.l2.clear()
        self._queue("flush", size_bytes / 1e12, self.launch_s)

    def synchronize(self):
        self.log.append("sync")
        self.host_s = max(self.host_s, self.stream_s)

    def kernel(self, name, hot_s, cold_s=None):
        """Return a call of one kernel that is slower when its data are not in the cache."""
        def call():
            seconds = hot_s if cold_s is None or name in self.l2 else cold_s
            self.l2.add(name)
            self._queue(name, seconds, self.launch_s)
        return call

    def _queue(self, what, seconds, launch_s):
        self.log.append(what)
        self.host_s += launch_s
        self.stream_s = max(self.stream_s, self.host_s) + seconds


class FakeEvent:
    def __init__(self, machine):
        self.machine = machine
        self.at_s = None

    def record(self):
        self.machine.log.append("event")
        self.at_s = max(self.machine.stream_s, self.machine.host_s)

    def elapsed_time(self, end):
        if end.at_s > self.machine.host_s:
            raise RuntimeError("the device is not ready: synchronize first")
        return (end.at_s - self.at_s) * 1e3
