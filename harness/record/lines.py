"""The lines of a record as types. ``results/record.schema.json`` describes the same fields in words.

Times in seconds, memory in bytes, energy in joules, power in watts, frequencies in hertz, temperatures in degrees
Celsius. ``None`` means not measured; the field ``<name>_reason`` beside it, or the line's reason, says why.
"""

from typing import Any, Dict, NamedTuple, Optional, Tuple, Union

from harness.plan import Comparison, Goal
from harness.reasons import Reason
from harness.record.amount_lines import EnergyLine, FitLine, MemoryLine, SoakLine
from harness.record.time_lines import LaunchLine
from harness.rule import Rule
from harness.settings import Settings
from harness.source import SourceFile
from harness.words import Heap, Pass, RunStatus, Status

#: A part of the environment, as it was found: names to texts, numbers, truth values, lists of them or ``None``.
Section = Dict[str, Any]


class Header(NamedTuple):
    """The first line: what was to be measured and reached, and by which rule.

    ``suite_file`` is a user's own, as it was then.
    """

    format: int
    id: str
    suite: str
    created: str
    seed: int
    settings: Settings
    rule: Rule
    comparisons: Tuple[Comparison, ...]
    suite_file: Optional[SourceFile] = None
    goals: Tuple[Goal, ...] = ()


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
    """A start or a resume; ``suite_file`` is the suite's file where it had changed meanwhile.

    ``damaged_lines`` is how many lines before this one could not be read: this session takes what they held as not
    done.
    """

    argv: Tuple[str, ...]
    started: str
    environment: Environment
    suite_file: Optional[SourceFile] = None
    damaged_lines: int = 0


class Unit(NamedTuple):
    """One job of one worker: ``case`` is a case id or ``None`` for the whole comparison.

    ``launch`` counts the launches of the time pass and the repeats of the memory pass from 1. ``heap`` is that of a
    repeat of the memory pass on another heap than the usual one.
    """

    name: Pass
    comparison: str
    case: Optional[str] = None
    launch: Optional[int] = None
    heap: Optional[Heap] = None

    def __str__(self) -> str:
        word = "repeat" if self.name is Pass.MEMORY else "launch"
        return "{} {}{}{}".format(self.name, self.case or self.comparison,
                                  ", {} {}".format(word, self.launch) if self.launch else "",
                                  ", {} heap".format(self.heap) if self.heap is not None else "")


class CheckResult(NamedTuple):
    """The answer of the verify pass on one case; ``ok`` is ``None`` where it could not be checked.

    ``error`` and ``allowed`` are relative to the root mean square of the float64 reference. ``macs``
    (multiply-accumulates), ``operations`` (of all kinds) and ``bytes`` (moved at the least) are per call. ``pinned``
    holds the options that the builder found by trying. A case that ``changes_input`` gets one of its own in the time
    pass; ``disturbs`` names the settings of the whole process that it changed and that were put back.
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
    pinned: Section = {}
    changes_input: bool = False
    disturbs: Tuple[str, ...] = ()
    operations: Optional[int] = None


class CheckLine(NamedTuple):
    """A verify unit: of a comparison (``case`` is ``None``), or of one case after a worker died."""

    comparison: str
    case: Optional[str]
    status: Status
    reason: Optional[Reason] = None
    seconds: float = 0.0
    started_s: Optional[float] = None
    results: Tuple[CheckResult, ...] = ()
    suspended_s: Optional[float] = None


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


def has_failed(line: UnitLine) -> bool:
    """Whether ``line`` tells of a failure that another try may mend: of the unit, or of a case left out of it."""
    return line.status is Status.FAILED or isinstance(line, LaunchLine) and bool(line.left_out)


def unit_of(line: UnitLine) -> Unit:
    """Return the unit that ``line`` is the outcome of."""
    if isinstance(line, LaunchLine):
        return Unit(Pass.TIME, line.comparison, None, line.launch)
    if isinstance(line, MemoryLine):
        return Unit(Pass.MEMORY, line.comparison, line.case, line.repeat,
                    line.heap if line.heap is Heap.DEFAULT else None)
    return Unit(PASS_OF[type(line)], line.comparison, line.case)
