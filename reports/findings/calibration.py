"""What a run of the suite ``calibration`` says of its machine: every load in it has a known answer.

Memory must be right within 2 % or 1 MB, identical layers must not be called different, exactly more work must be
told with its ratio, and energy must go with the busy time. Nothing here is a sentence.
"""

import math
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.plan import Case, Comparison
from harness.reasons import Code, Reason, because
from harness.record import MemoryLine, Run
from harness.statistics.memory import level
from harness.text import printable
from harness.words import MEASURED_HEAPS, Heap, State, Status
from reports.findings.about import About
from reports.findings.findings import Findings
from reports.findings.memory import Figure, Kind
from reports.findings.rows import Row, RowState
from reports.findings.validity import ValidityWarning, WarningCode

SUITE = "calibration"
SAME, MORE_WORK, DUTY = "same", "more-work", "duty"
MB = 10 ** 6

#: A figure is right within this share of what is held, or within this many bytes.
RIGHT_SHARE, RIGHT_BYTES = 0.02, MB
#: A core does not fall to its idle power in the first milliseconds of a sleep: busy shares are right within this.
DUTY_SHARE = 0.1
#: How often identical things may be called different.
BUDGET = 0.01

#: The columns that hold what a load of the device holds; torch's reserved memory has gaps by design.
ON_CPU = (Kind.RSS, Kind.USS, Kind.RAM)
ON_CUDA = (Kind.TORCH_ALLOCATED,)
ON_JETSON = (Kind.TORCH_ALLOCATED, Kind.NVMAP)

#: Warnings about the machine's state: what to change before anything else.
OF_THE_STATE = (WarningCode.THROTTLED, WarningCode.SUSPENDED, WarningCode.LOADED, WarningCode.UNSTEADY,
                WarningCode.UNLOCKED,
                WarningCode.GOVERNOR, WarningCode.SWAPPED, WarningCode.NOISY)
DIFFERENT = (RowState.FASTER, RowState.SLOWER)
DIFFERENT_MEMORY = (State.SMALLER, State.LARGER)


class ColumnSaid(NamedTuple):
    """What one memory column said of a load (bytes), and whether that is right; no number has its reason."""

    kind: Kind
    value: Optional[float]
    error_bytes: Optional[float]
    right: Optional[bool]
    reason: Optional[Reason] = None


class Load(NamedTuple):
    """A load that holds exactly ``held_bytes``, and what each column said of it on ``heap``."""

    case: str
    name: str
    held_bytes: int
    columns: Tuple[ColumnSaid, ...]
    heap: Heap = Heap.PINNED


class Twins(NamedTuple):
    """Verdicts between identical things: how many there are, how many call them different and which.

    ``apart`` is the largest difference that two of them showed: relative for time, in bytes for memory.
    """

    verdicts: int
    undecided: int
    different: Tuple[str, ...]
    apart: Optional[float]


class Work(NamedTuple):
    """A layer that does exactly ``percent`` more work: its time over the baseline's with its interval.

    ``told`` is whether it was called slower; ``right`` is ``False`` where the answer lies outside of the interval,
    widened by the A/A noise, or the verdict is wrong.
    """

    name: str
    percent: int
    state: RowState
    ratio: Optional[float]
    low: Optional[float]
    high: Optional[float]
    told: bool
    right: Optional[bool]
    reason: Optional[Reason] = None


class Duty(NamedTuple):
    """A load that is busy for ``percent`` of the time: its energy above idle over that of the always busy one."""

    name: str
    percent: int
    ratio: Optional[float]
    uncertainty: Optional[float]
    right: Optional[bool]
    reason: Optional[Reason] = None


class Calibration(NamedTuple):
    """What this machine can tell in its present state; ``first`` is what to change before anything else.

    ``least`` is the smallest relative difference in time that the identical layers let a verdict tell.
    """

    about: About
    loads: Tuple[Load, ...]
    time: Twins
    memory: Twins
    work: Tuple[Work, ...]
    duty: Tuple[Duty, ...]
    no_energy: Tuple[Reason, ...]
    least: Optional[float]
    first: Optional[ValidityWarning]

    @property
    def tells(self) -> Optional[float]:
        """The smallest relative difference in time that this machine tells, ``None`` if it told none.

        Where work was to be told apart, no less than the least of it from which on all was told.
        """
        missed = [work.percent for work in self.work if not work.told]
        told = [work.percent for work in self.work if work.told and work.percent > max(missed or [0])]
        if self.least is None or self.work and not told:
            return None
        return max([self.least] + [min(told) / 100.0 for _ in told[:1] if missed])

    @property
    def wrong(self) -> Tuple[str, ...]:
        """The loads of which a number is wrong."""
        return (tuple("{}, {} heap".format(load.name, load.heap) for load in self.loads
                      if any(said.right is False for said in load.columns))
                + tuple(one.name for one in self.work + self.duty if one.right is False))

    @property
    def different(self) -> Tuple[str, ...]:
        """The identical layers that were called different."""
        return self.time.different + self.memory.different

    @property
    def measured(self) -> bool:
        """Whether there is anything to judge by."""
        return self.time.verdicts + self.memory.verdicts > 0 or any(
            said.right is not None for load in self.loads for said in load.columns)

    @property
    def good(self) -> bool:
        """Whether every number given was right and no identical thing was called different."""
        return self.measured and not self.wrong and not self.different


class CalibrationError(Exception):
    """A run that holds no known loads; the message is one sentence with the remedy."""


def calibration(run: Run, found: Findings) -> Calibration:
    """Return what ``run`` says of its machine; raises :class:`CalibrationError` for a run of another suite."""
    if run.suite != SUITE:
        raise CalibrationError(printable("Run {} is of suite '{}' and holds no known loads: make one with "
                                         "'./run_bench.sh calibrate'.".format(run.id, run.suite)))
    plan = {one.id: one for one in run.comparisons}
    rows = {row.case: row for table in found.tables if table.main for row in table.rows}
    floors = {table.id: table.floor for table in found.tables if table.main}
    twins = _time_twins(found)
    # what two of the same showed is nothing that two others could be told by
    least = [floors[SAME] or 0.0, found.about.factor, twins.apart or 0.0] if floors.get(SAME) is not None else []
    state = {one.code: one for one in reversed(found.warnings)}
    return Calibration(
        found.about, tuple(_load(run, comparison, case, heap) for heap in MEASURED_HEAPS
                           for comparison in run.comparisons if heap is Heap.PINNED or comparison.both_heaps
                           for case in comparison.cases if _told(case, "mb") is not None),
        twins, _memory_twins(found), _work(plan.get(MORE_WORK), rows, floors.get(MORE_WORK) or 0.0),
        _duty(run, plan.get(DUTY)), found.no_energy, max(least) if least else None,
        next((state[code] for code in OF_THE_STATE if code in state), None))


def _told(case: Case, option: str) -> Optional[int]:
    """Return what a load says of itself, ``None`` where it says no number that a load can have."""
    value = dict(case.options).get(option)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MB else None


def _kinds(run: Run) -> Tuple[Kind, ...]:
    if run.header.settings.device != "cuda":
        return ON_CPU
    return ON_JETSON if run.environment.board.get("l4t") else ON_CUDA


def _load(run: Run, comparison: Comparison, case: Case, heap: Heap) -> Load:
    ident = comparison.case_id(case)
    held = (_told(case, "mb") or 0) * MB
    lines = run.memory_repeats(ident, heap)
    return Load(ident, case.name, held, tuple(_said(run, kind, lines, held) for kind in _kinds(run)), heap)


def _said(run: Run, kind: Kind, lines: Sequence[MemoryLine], held: int) -> ColumnSaid:
    found = level([_delta(line, kind) for line in lines])
    if found is None:
        line = next((line for line in lines), None)
        said = None if line is None else getattr(line, kind.value + "_reason", None)
        reason = because(Code.NO_NUMBER, said) if said else (
            line.reason if line is not None else Reason(Code.NOT_REACHED))
        return ColumnSaid(kind, None, None, None, reason or Reason(Code.NO_NUMBER))
    error = found.median - held
    return ColumnSaid(kind, found.median, error, abs(error) <= max(RIGHT_BYTES, RIGHT_SHARE * held))


def _delta(line: MemoryLine, kind: Kind) -> Optional[float]:
    """Return what the case added; torch's own count holds the input as well, so that is taken off."""
    value: Optional[int] = getattr(line, kind.value) if line.status is Status.OK else None
    if value is None or kind is not Kind.TORCH_ALLOCATED:
        return value
    return None if line.torch_allocated_input_bytes is None else value - line.torch_allocated_input_bytes


def _time_twins(found: Findings) -> Twins:
    rows = [row for table in found.tables if table.id == SAME for row in table.rows if row.verdict is not None]
    apart = [abs(row.speed - 1.0) for row in rows if row.speed is not None]
    return Twins(len(rows), sum(row.state is RowState.CANNOT_TELL for row in rows),
                 tuple("{}: {}".format(row.name, row.state) for row in rows if row.state in DIFFERENT),
                 max(apart) if apart else None)


def _memory_twins(found: Findings) -> Twins:
    told: List[Tuple[str, Kind, Figure]] = [
        ("{}, {} heap".format(case.name, case.heap), kind, case.of(kind))
        for table in found.memory_tables if table.id == SAME for case in table.rows
        for kind in table.columns if case.of(kind).verdict is not None]
    verdicts = [(name, kind, figure.verdict) for name, kind, figure in told if figure.verdict is not None]
    apart = [abs(one.difference) for _, _, one in verdicts if one.difference is not None]
    return Twins(len(verdicts), sum(one.state is State.CANNOT_TELL for _, _, one in verdicts),
                 tuple("{}, {}: {}".format(name, kind, one.state) for name, kind, one in verdicts
                       if one.state in DIFFERENT_MEMORY), max(apart) if apart else None)


def _work(comparison: Optional[Comparison], rows: Dict[str, Row], floor: float) -> Tuple[Work, ...]:
    if comparison is None:
        return ()
    known = [(case, _told(case, "percent"), rows.get(comparison.case_id(case))) for case in comparison.rivals]
    return tuple(_one_work(case.name, percent, row, floor) for case, percent, row in known
                 if percent is not None and row is not None)


def _one_work(name: str, percent: int, row: Row, floor: float) -> Work:
    told = row.state is RowState.SLOWER
    if row.speed is None or row.low is None or row.high is None:
        return Work(name, percent, row.state, None, None, None, told, None, row.reason)
    truth, low, high = 1.0 + percent / 100.0, 1.0 / row.high, 1.0 / row.low
    holds = low / (1.0 + floor) <= truth <= high * (1.0 + floor)
    return Work(name, percent, row.state, 1.0 / row.speed, low, high, told,
                holds and row.state is not RowState.FASTER)


def _duty(run: Run, comparison: Optional[Comparison]) -> Tuple[Duty, ...]:
    if comparison is None:
        return ()
    base = run.energy(comparison.case_id(comparison.baseline))
    found = []
    for case in comparison.rivals:
        percent, line = _told(case, "percent"), run.energy(comparison.case_id(case))
        if percent is None:
            continue
        mine = None if line is None else line.energy_above_idle_per_call_j
        theirs = None if base is None else base.energy_above_idle_per_call_j
        if line is None or base is None or mine is None or not theirs:
            why = line.reason if line is not None and line.reason is not None else base.reason if base else None
            found.append(Duty(case.name, percent, None, None, None, why or Reason(Code.NOT_REACHED)))
            continue
        ratio = mine / theirs
        spread = math.hypot((line.uncertainty_above_idle_j or 0.0) / theirs,
                            ratio * (base.uncertainty_above_idle_j or 0.0) / theirs)
        found.append(Duty(case.name, percent, ratio, spread,
                          abs(ratio - percent / 100.0) <= max(spread, DUTY_SHARE * percent / 100.0)))
    return tuple(found)
