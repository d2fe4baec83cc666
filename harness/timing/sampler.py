"""What a clock must offer to the engine: samplers (hot, cold) with their resolution and overhead."""

from abc import ABC, abstractmethod
from typing import Any, Callable, NamedTuple, Optional, Sequence

from harness.record.time_lines import TimerFacts

Call = Callable[[], Any]

HOT = "hot"
COLD = "cold"


class Sample(NamedTuple):
    """One timed stretch: its seconds, the host's seconds to enqueue it, and whether its launches were hidden.

    ``hidden``: the device had not begun the stretch when the host had enqueued its last call, so no gap between
    launches was timed. Both are ``None`` where calls are finished when they return.
    """

    seconds: float
    enqueue_s: Optional[float] = None
    hidden: Optional[bool] = None


class Sampler(ABC):
    """Times stretches of calls in one cache state."""

    cache = HOT

    @abstractmethod
    def sample(self, call: Call, calls: int) -> Sample:
        """Time ``calls`` calls of ``call`` as one sample.

        The work is finished when this returns, so the next sample starts on an idle device.
        """

    def turn_s(self, per_call_s: float) -> float:
        """Return what an entrant's turn takes beside its calls, one of which lasts ``per_call_s``."""
        return 0.0


class Timer:
    """A clock with its samplers.

    ``name`` goes into the record; ``resolution_s`` is the smallest step of the clock; ``overhead_s`` the
    cost of one reading; ``now`` the host's monotonic clock (s) for budgets and limits.
    """

    def __init__(self, name: str, now: Callable[[], float], resolution_s: float, overhead_s: float,
                 samplers: Sequence[Sampler]) -> None:
        self.name = name
        self.now = now
        self.resolution_s = resolution_s
        self.overhead_s = overhead_s
        self.samplers = tuple(samplers)

    def describe(self) -> TimerFacts:
        """Return what the record says of the timer."""
        return TimerFacts(self.name, self.resolution_s, self.overhead_s)
