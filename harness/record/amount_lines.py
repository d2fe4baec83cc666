"""The record's lines of the memory, energy, fit and soak passes. Bytes, joules, watts, hertz, degrees Celsius."""

from typing import Dict, NamedTuple, Optional, Tuple

from harness.reasons import Reason
from harness.words import Heap, Status


class Stage(NamedTuple):
    """Memory at one stage of the memory pass, in bytes.

    ``ram_settled_bytes`` is ``ram_used_bytes`` without the free pages that wait on the processors' own lists.
    """

    rss_bytes: Optional[int] = None
    uss_bytes: Optional[int] = None
    ram_used_bytes: Optional[int] = None
    swap_used_bytes: Optional[int] = None
    nvmap_used_bytes: Optional[int] = None
    ram_settled_bytes: Optional[int] = None


class MemoryTrace(NamedTuple):
    """The process's resident memory while the calls ran: lists of one length."""

    time_s: Tuple[float, ...] = ()
    rss_bytes: Tuple[int, ...] = ()


class MemoryLine(NamedTuple):
    """One repeat of the memory pass of one case, in a fresh process.

    Deltas are the peak during the calls less the stage ``input``. The baseline has twice the repeats of a rival: the
    second half is its copy, the A/A check. ``warmed_with`` is the shape of the tiny case that loaded what any case of
    the kind loads. ``heap`` is ``None`` in records that knew one heap, ``allocator`` what the process found set.
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
    heap: Optional[Heap] = None
    allocator: Optional[str] = None
    suspended_s: Optional[float] = None


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


class EnergyWindow(NamedTuple):
    """Calls between two marks, on the clock of the phases, and the energy between them; ``copy`` of the A/A check."""

    round: int
    start_s: float
    end_s: float
    calls: int
    energy_j: Optional[float] = None
    copy: bool = False


class EnergyLine(NamedTuple):
    """The energy pass of one case; without a number ``reason`` says why, though the status is ok.

    The cases of a comparison are measured by turns in one worker; lines with the same ``together`` come from it.
    ``windows`` are the case's own and, for the baseline, those of its second copy. The verdict is looked for after
    the rounds ``looks``, which are empty where too few rounds could be played. ``traces`` and ``phases`` are of the
    whole worker and stand with its first case.
    """

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
    together: Optional[str] = None
    rounds: Optional[int] = None
    looks: Tuple[int, ...] = ()
    windows: Tuple[EnergyWindow, ...] = ()
    copy_energy_per_call_j: Optional[float] = None
    copy_energy_per_call_j_reason: Optional[str] = None
    suspended_s: Optional[float] = None


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
    suspended_s: Optional[float] = None


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
    suspended_s: Optional[float] = None
