"""A busy-wait on the GPU that hides launches: the device sleeps until the host has enqueued a stretch.

The wait counts clock cycles, and a GPU's clock ramps up under load (345 MHz idle to 1980 MHz on a server GPU, 77
to 922 MHz on a Jetson Nano). A rate probed cold would make every later wait several times too short, so probing
itself is the warm-up and the largest rate is kept: a wait too long costs a little time, one too short costs truth.
Whether a stretch was hidden is asked of each sample, never taken for granted.
"""

from typing import Any, Callable, Dict

from harness.timing.sampler import Call

#: Least and most seconds of probing; governors take tens of milliseconds to react, server GPUs some hundred.
LEAST_PROBE_S, MOST_PROBE_S = 0.5, 2.0
#: Settled: so many probes in a row within this share of the largest.
SETTLED_PROBES, SETTLED_SHARE = 10, 0.03
FIRST_CYCLES = 1000000
PROBE_S = 2e-3
LEAST_ELAPSED_S = 0.5e-6

MARGIN = 1.3
MOST_DOUBLINGS = 4
EXTRA_S = 20e-6
MOST_SLEEP_S = 0.02


class GpuSleep:
    """Queues waits that cover the time the host needs to enqueue a stretch.

    ``cycles_per_s``: the largest rate seen, 0 where torch has no sleep. ``settled``: whether probing ended because
    the rate stood still. ``reason``: why nothing can be hidden, else ``None``.
    """

    def __init__(self, torch: Any, now: Callable[[], float]) -> None:
        self._sleep = getattr(torch.cuda, "_sleep", None)
        self.reason = None if self._sleep is not None else "this torch has no cuda._sleep: launch gaps are not hidden"
        self.cycles_per_s = 0.0
        self.settled = False
        self._enqueue_s: Dict[Call, float] = {}
        self._missed: Dict[Call, int] = {}
        self._doublings: Dict[Call, int] = {}
        if self._sleep is not None:
            self._probe(torch, now)

    def _probe(self, torch: Any, now: Callable[[], float]) -> None:
        """Time waits by events until their rate has settled, at least for the time a clock takes to ramp up."""
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        self._sleep(FIRST_CYCLES)  # type: ignore[misc]  # the first one loads the kernel
        torch.cuda.synchronize()
        begun, cycles, steady = now(), FIRST_CYCLES, 0
        while now() - begun < LEAST_PROBE_S or (steady < SETTLED_PROBES and now() - begun < MOST_PROBE_S):
            start.record()
            self._sleep(cycles)  # type: ignore[misc]
            end.record()
            torch.cuda.synchronize()
            rate = cycles / max(start.elapsed_time(end) * 1e-3, LEAST_ELAPSED_S)
            steady = steady + 1 if abs(rate - self.cycles_per_s) <= SETTLED_SHARE * self.cycles_per_s else 0
            self.cycles_per_s = max(rate, self.cycles_per_s)
            cycles = max(int(PROBE_S * self.cycles_per_s), 1)
        self.settled = steady >= SETTLED_PROBES

    def cover(self, call: Call, calls: int) -> None:
        """Queue a wait as long as enqueuing ``calls`` calls will take, from what was seen before.

        None for a call that no wait has hidden: it waits for the device itself, or takes too long to enqueue.
        """
        seen_s, doublings = self._enqueue_s.get(call), self._doublings.get(call, 0)
        if self._sleep is None or seen_s is None or doublings > MOST_DOUBLINGS:
            return
        seconds = min(MARGIN * 2 ** doublings * (seen_s * calls + EXTRA_S), MOST_SLEEP_S)
        self._sleep(int(seconds * self.cycles_per_s))

    def saw(self, call: Call, calls: int, enqueue_s: float, hidden: bool) -> None:
        """Remember the least enqueue time per call: a full launch queue only ever makes it longer.

        A call that was covered twice in a row and still not ``hidden`` gets a wait twice as long from now on.
        """
        per_call_s, seen_s = enqueue_s / calls, self._enqueue_s.get(call)
        self._enqueue_s[call] = per_call_s if seen_s is None else min(per_call_s, seen_s)
        self._missed[call] = 0 if hidden or seen_s is None else self._missed[call] + 1
        if self._missed[call] >= 2:
            self._doublings[call] = self._doublings.get(call, 0) + 1
