"""The lines of a record as types. ``results/record.schema.json`` describes the same fields in words.

Times in seconds, memory in bytes, energy in joules, power in watts, frequencies in hertz, temperatures in degrees
Celsius. ``None`` means not measured; the field ``<name>_reason`` beside it, or the line's reason, says why.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

from harness.plan import Comparison
from harness.reasons import Reason
from harness.rule import Rule
from harness.settings import Settings
from harness.words import Pass, Role, RunStatus, State, Status

#: A part of the environment, as it was found: names to texts, numbers, truth values, lists of them or ``None``.
Section = Dict[str, Any]


class Header(NamedTuple):
    """The first line: what was to be measured, and by which rule."""

    format: int
    id: str
    suite: str
    created: str
    seed: int
    settings: Settings
    rule: Rule
    comparisons: Tuple[Comparison, ...]


class MeterStatus(NamedTuple):
    """One source of readings as the session found it."""

    name: str
    quantity: str
    available: bool
    chosen: bool
    reason: Optional[str] = None
    remedy: Optional[str] = None
    sees: Optional[str] = None


class Environment(NamedTuple):
    """What a session ran on. Sections hold what could be found, with ``<name>_reason`` for what could not."""

    board: Section = {}
    os: Section = {}
    cpu: Section = {}
    gpu: Section = {}
    memory: Section = {}
    python: Section = {}
    torch: Section = {}
    git: Section = {}
    clocks: Section = {}
    roof: Section = {}
    kernels: Section = {}
    meters: Tuple[MeterStatus, ...] = ()


class Session(NamedTuple):
    """A start or a resume."""

    argv: Tuple[str, ...]
    started: str
    environment: Environment


class Unit(NamedTuple):
    """One job of one worker: ``case`` is a case id or ``None`` for the whole comparison.

    ``launch`` counts the launches of the time pass and the repeats of the memory pass from 1.
    """

    name: Pass
    comparison: str
    case: Optional[str] = None
    launch: Optional[int] = None

    def __str__(self) -> str:
        word = "repeat" if self.name is Pass.MEMORY else "launch"
        return "{} {}{}".format(self.name, self.case or self.comparison,
                                ", {} {}".format(word, self.launch) if self.launch else "")


class CheckResult(NamedTuple):
    """The answer of the verify pass on one case; ``ok`` is ``None`` where it could not be checked.

    ``error`` and ``allowed`` are relative to the root mean square of the float64 reference. ``macs``
    (multiply-accumulates) and ``bytes`` (moved at the least) are per call. ``pinned`` holds the options that the
    builder found by trying. A case that ``changes_input`` gets one of its own in the time pass; ``disturbs`` names
    the settings of the whole process that it changed and that were put back.
    """

    case: str
    ok: Optional[bool] = None
    error: Optional[float] = None
    allowed: Optional[float] = None
    reason: Optional[Reason] = None
    implementation: Optional[str] = None
    implementation_reason: Optional[str] = None
    parameters: Optional[int] = None
    macs: Optional[int] = None
    bytes: Optional[int] = None
    pinned: Dict[str, Any] = {}
    changes_input: bool = False
    disturbs: Tuple[str, ...] = ()


class CheckLine(NamedTuple):
    """A verify unit: of a comparison (``case`` is ``None``), or of one case after a worker died."""

    comparison: str
    case: Optional[str]
    status: Status
    reason: Optional[Reason] = None
    seconds: float = 0.0
    started_s: Optional[float] = None
    results: Tuple[CheckResult, ...] = ()


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


class LaunchLine(NamedTuple):
    """One launch of the time pass. ``charged_s`` is what it took of the budget: warm-up and sampling.

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


class Stage(NamedTuple):
    """Memory at one stage of the memory pass, in bytes."""

    rss_bytes: Optional[int] = None
    uss_bytes: Optional[int] = None
    ram_used_bytes: Optional[int] = None
    swap_used_bytes: Optional[int] = None
    nvmap_used_bytes: Optional[int] = None


class MemoryTrace(NamedTuple):
    """The process's resident memory while the calls ran: lists of one length."""

    time_s: Tuple[float, ...] = ()
    rss_bytes: Tuple[int, ...] = ()


class MemoryLine(NamedTuple):
    """One repeat of the memory pass of one case, in a fresh process.

    Deltas are the peak during the calls less the stage ``input``. The baseline has twice the repeats of a rival: the
    second half is its copy, the A/A check. ``warmed_with`` is the shape of the tiny case that loaded what any case of
    the kind loads.
    """

    comparison: str
    case: str
    status: Status
    reason: Optional[Reason] = None
    seconds: float = 0.0
    started_s: Optional[float] = None
    stages: Dict[str, Stage] = {}
    implementation: Optional[str] = None
    calls: Optional[int] = None
    samples: Optional[int] = None
    sampling_period_s: Optional[float] = None
    torch_peak_allocated_bytes: Optional[int] = None
    torch_peak_allocated_bytes_reason: Optional[str] = None
    torch_allocated_input_bytes: Optional[int] = None
    torch_peak_reserved_bytes: Optional[int] = None
    torch_peak_reserved_bytes_reason: Optional[str] = None
    torch_reserved_input_bytes: Optional[int] = None
    rss_peak_bytes: Optional[int] = None
    rss_peak_note: Optional[str] = None
    rss_delta_peak_bytes: Optional[int] = None
    rss_delta_peak_bytes_reason: Optional[str] = None
    uss_delta_peak_bytes: Optional[int] = None
    uss_delta_peak_bytes_reason: Optional[str] = None
    ram_baseline_bytes: Optional[int] = None
    ram_peak_bytes: Optional[int] = None
    ram_resolution_bytes: Optional[int] = None
    ram_delta_peak_bytes: Optional[int] = None
    ram_delta_peak_bytes_reason: Optional[str] = None
    nvmap_delta_bytes: Optional[int] = None
    nvmap_delta_bytes_reason: Optional[str] = None
    swap_delta_bytes: Optional[int] = None
    swap_delta_bytes_reason: Optional[str] = None
    repeat: int = 1
    warmed_with: Optional[str] = None
    trace: Optional[MemoryTrace] = None


class Phase(NamedTuple):
    """A stretch of the energy pass on the clock of its traces."""

    name: str
    start_s: float
    end_s: Optional[float] = None


class Traces(NamedTuple):
    """What was read during the energy pass: lists of one length."""

    time_s: Tuple[float, ...] = ()
    power_w: Tuple[Optional[float], ...] = ()
    clock_hz: Tuple[Optional[float], ...] = ()
    temperature_c: Tuple[Optional[float], ...] = ()


class SamplingCost(NamedTuple):
    """Time per call with the meter being read and without, and their ratio."""

    call_s_with: Optional[float] = None
    call_s_without: Optional[float] = None
    ratio: Optional[float] = None
    reason: Optional[str] = None


class EnergyLine(NamedTuple):
    """The energy pass of one case; without a number ``reason`` says why, though the status is ok."""

    comparison: str
    case: str
    status: Status
    reason: Optional[Reason] = None
    seconds: float = 0.0
    started_s: Optional[float] = None
    meter: Optional[str] = None
    rail: Optional[str] = None
    rail_reason: Optional[str] = None
    sensor_period_s: Optional[float] = None
    sensor_period_reason: Optional[str] = None
    sensor_step_w: Optional[float] = None
    sensor_lag_s: Optional[float] = None
    readings_fresh: Optional[int] = None
    calls: Optional[int] = None
    calls_per_s: Optional[float] = None
    timed_calls_per_s: Optional[float] = None
    window_s: Optional[float] = None
    energy_per_call_j: Optional[float] = None
    energy_above_idle_per_call_j: Optional[float] = None
    uncertainty_j: Optional[float] = None
    uncertainty_above_idle_j: Optional[float] = None
    uncertainty_parts_w: Optional[Dict[str, float]] = None
    idle_before_w: Optional[float] = None
    idle_after_w: Optional[float] = None
    mean_w: Optional[float] = None
    peak_w: Optional[float] = None
    traces: Optional[Traces] = None
    phases: Tuple[Phase, ...] = ()
    sampling_cost: Optional[SamplingCost] = None


class FitProbe(NamedTuple):
    """One batch size tried in a fresh process: whether its calls ran in the memory given, else the ``reason``.

    ``peak_bytes`` is the process's highest resident memory (CUDA: what torch's allocator held at most),
    ``own_bytes`` what it held before the input was made.
    """

    batch: int
    fits: bool
    peak_bytes: Optional[int] = None
    own_bytes: Optional[int] = None
    reason: Optional[Reason] = None


class FitLine(NamedTuple):
    """The largest batch of one case whose calls run in ``limit_bytes``; the batch is the input's first dimension.

    ``largest`` is 0 where not even one image fits, ``refused`` the smallest batch that did not run.
    """

    comparison: str
    case: str
    status: Status
    reason: Optional[Reason] = None
    seconds: float = 0.0
    started_s: Optional[float] = None
    limit_bytes: Optional[int] = None
    largest: Optional[int] = None
    refused: Optional[int] = None
    tried: Tuple[FitProbe, ...] = ()


class SoakBlock(NamedTuple):
    """A stretch in which one entrant alone was busy; seconds from the start of the soak."""

    case: str
    start_s: float
    end_s: float
    calls: int


class SoakTrace(NamedTuple):
    """What was read while blocks ran: lists of one length; ``calls_per_s`` is that of the stretch that ends there."""

    time_s: Tuple[float, ...] = ()
    block: Tuple[int, ...] = ()
    calls_per_s: Tuple[float, ...] = ()
    clock_hz: Tuple[Optional[float], ...] = ()
    temperature_c: Tuple[Optional[float], ...] = ()
    power_w: Tuple[Optional[float], ...] = ()


class SoakLine(NamedTuple):
    """A rival (``case``) and its baseline kept busy by turns for minutes: baseline, rival, rival, baseline."""

    comparison: str
    case: str
    status: Status
    reason: Optional[Reason] = None
    seconds: float = 0.0
    started_s: Optional[float] = None
    soak_s: Optional[float] = None
    block_s: Optional[float] = None
    blocks: Tuple[SoakBlock, ...] = ()
    trace: Optional[SoakTrace] = None
    clock: Optional[str] = None
    clock_reason: Optional[str] = None
    temperature_reason: Optional[str] = None
    meter: Optional[str] = None
    power_reason: Optional[str] = None


class End(NamedTuple):
    """The last line of a session that ended."""

    status: RunStatus
    finished: str
    reason: Optional[Reason] = None


UnitLine = Union[CheckLine, LaunchLine, MemoryLine, EnergyLine, FitLine, SoakLine]
Line = Union[Header, Session, CheckLine, LaunchLine, MemoryLine, EnergyLine, FitLine, SoakLine, End]

#: The type of a unit's line by its pass.
UNIT_TYPES = {Pass.VERIFY: CheckLine, Pass.TIME: LaunchLine, Pass.MEMORY: MemoryLine, Pass.ENERGY: EnergyLine,
              Pass.FIT: FitLine, Pass.SOAK: SoakLine}
PASS_OF = {kind: name for name, kind in UNIT_TYPES.items()}


def unit_of(line: UnitLine) -> Unit:
    """Return the unit that ``line`` is the outcome of."""
    if isinstance(line, LaunchLine):
        return Unit(Pass.TIME, line.comparison, None, line.launch)
    if isinstance(line, MemoryLine):
        return Unit(Pass.MEMORY, line.comparison, line.case, line.repeat)
    return Unit(PASS_OF[type(line)], line.comparison, line.case)
