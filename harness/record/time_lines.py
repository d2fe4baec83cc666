"""The record's lines of the time pass: a launch with its series and rounds. Times in seconds."""

from typing import Dict, List, NamedTuple, Optional, Tuple

from harness.reasons import Reason
from harness.words import Role, State, Status


class TimerFacts(NamedTuple):
    """What the samples were taken with."""

    name: str
    resolution_s: Optional[float] = None
    overhead_s: Optional[float] = None
    flush_bytes: Optional[int] = None
    l2_bytes: Optional[int] = None
    l2_source: Optional[str] = None
    sleep_cycles_per_s: Optional[float] = None
    sleep_cycles_per_s_reason: Optional[str] = None
    sleep_settled: Optional[bool] = None


class WarmUpFacts(NamedTuple):
    """How one entrant warmed up: seconds of each stretch, and whether they had settled."""

    case: str
    cache: str = "hot"
    sample_s: Tuple[float, ...] = ()
    calls_per_sample: Tuple[int, ...] = ()
    settled: Optional[bool] = None


class Round(NamedTuple):
    """One mirrored round of n entrants: ``order`` is the first half as played, ``sample_s`` has 2n stretches.

    ``settle_s`` (the call before each sample that is not counted), ``enqueue_s`` (what the host spent on enqueueing)
    and ``hidden`` (whether the device was still busy when the last call was enqueued) have 2n entries or are
    ``None``; ``clock_hz`` is the clock before and after.
    """

    order: Tuple[int, ...]
    sample_s: Tuple[float, ...]
    settle_s: Optional[Tuple[Optional[float], ...]] = None
    enqueue_s: Optional[Tuple[Optional[float], ...]] = None
    clock_hz: Optional[Tuple[Optional[float], ...]] = None
    hidden: Optional[Tuple[Optional[bool], ...]] = None


#: Entrant indices of the baseline and of its second copy, the A/A check.
BASELINE, COPY = 0, 1


class SeriesDecision(NamedTuple):
    """What the worker made of one rival while it played; verdicts are always computed again from the samples."""

    state: State
    round: int


class Series(NamedTuple):
    """All rounds of one launch in one state of the caches. Entrants 0 and 1 are the baseline and its second copy."""

    cache: str
    entrants: Tuple[str, ...]
    calls_per_sample: Tuple[int, ...]
    rounds: Tuple[Round, ...]
    looks: Tuple[int, ...]
    role: Role
    stopped: Reason
    level: Optional[float] = None
    decisions: Dict[str, SeriesDecision] = {}
    unfinished_round: Optional[Round] = None
    planned_round_s: Optional[float] = None
    budget_s: Optional[float] = None
    seconds: Optional[float] = None
    clock: Optional[str] = None
    clock_reason: Optional[str] = None

    def samples_per_call_s(self, entrant: int) -> List[float]:
        """Return every sample of one entrant as seconds per call, in the order played."""
        calls = self.calls_per_sample[entrant]
        found: List[float] = []
        for played in self.rounds:
            if entrant in played.order:
                place = played.order.index(entrant)
                last = len(played.sample_s) - 1
                found.extend((played.sample_s[place] / calls, played.sample_s[last - place] / calls))
        return found


def samples_by_entrant(series: Series) -> List[List[float]]:
    """Return :meth:`Series.samples_per_call_s` of every entrant, in one walk over the rounds."""
    found: List[List[float]] = [[] for _ in series.entrants]
    for played in series.rounds:
        for entrant, first, last in zip(played.order, played.sample_s, reversed(played.sample_s)):
            found[entrant] += (first, last)
    return [[stretch_s / calls for stretch_s in own] for own, calls in zip(found, series.calls_per_sample)]


class LaunchLine(NamedTuple):
    """One launch of the time pass. ``charged_s`` is what it took of the budget: warm-up and sampling.

    ``left_out`` holds the cases that ended the worker when they were timed with the others, each with its reason.
    ``load_1min`` is the machine's load average when the launch began, this run's own work before it included.
    """

    comparison: str
    launch: int
    status: Status
    reason: Optional[Reason] = None
    seconds: float = 0.0
    started_s: Optional[float] = None
    series: Tuple[Series, ...] = ()
    timer: Optional[TimerFacts] = None
    warmup: Tuple[WarmUpFacts, ...] = ()
    implementations: Dict[str, Optional[str]] = {}
    allocator: Optional[str] = None
    charged_s: Optional[float] = None
    load_1min: Optional[float] = None
    left_out: Dict[str, Reason] = {}
    suspended_s: Optional[float] = None

    @property
    def charge_s(self) -> float:
        """Seconds that the launch took of the budget; records before format 2 hold only the sampling."""
        if self.charged_s is not None:
            return self.charged_s
        return sum(series.seconds or 0.0 for series in self.series)
