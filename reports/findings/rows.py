"""The comparison tables: a verdict, times, memory and energy for every rival."""

from typing import Dict, List, NamedTuple, Optional, Tuple

from harness.plan import Case, Comparison
from harness.reasons import Code, Reason
from harness.record import CheckResult, Run
from harness.statistics.verdict import Times, Verdict
from harness.words import Word
from reports.findings.amounts import Amount, Gap
from reports.findings.energy import CaseEnergy
from reports.findings.memory import Figure, Kind
from reports.findings.timing import View, views


class RowState(Word):
    """What a row says: a verdict, or why there is none."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    CANNOT_TELL = "cannot tell"
    WRONG = "wrong"
    NOT_MEASURED = "not measured"
    BASELINE = "baseline"


class Row(NamedTuple):
    """One case in one state of the caches.

    ``id`` is unique in the report; ``verdict`` is ``None`` for the baseline and where nothing was timed, ``reason``
    then says why. ``form`` is what ran, ``form_reason`` why it is not what was asked for, ``unchecked`` why the
    output could not be checked. ``macs``, ``operations`` and ``bytes`` are per call, ``dtype`` is the type of the
    products.
    """

    id: str
    case: str
    name: str
    layer: str
    baseline: bool
    images: int
    state: RowState
    reason: Optional[Reason]
    verdict: Optional[Verdict]
    times: Optional[Times]
    memory: Figure
    energy: Amount
    form: Optional[str] = None
    form_reason: Optional[str] = None
    unchecked: Optional[Reason] = None
    parameters: Optional[int] = None
    macs: Optional[int] = None
    bytes: Optional[int] = None
    dtype: str = "float32"
    operations: Optional[int] = None

    @property
    def speed(self) -> Optional[float]:
        """Baseline time over this row's, ``None`` for the baseline itself."""
        return None if self.verdict is None else self.verdict.speed

    @property
    def low(self) -> Optional[float]:
        """Lower end of the interval of :attr:`speed`."""
        return None if self.verdict is None else self.verdict.low

    @property
    def high(self) -> Optional[float]:
        """Upper end of the interval of :attr:`speed`."""
        return None if self.verdict is None else self.verdict.high

    @property
    def median_s(self) -> Optional[float]:
        """Median time per call."""
        return None if self.times is None else self.times.median_s


class Table(NamedTuple):
    """One comparison in one state of the caches; the first state of each comparison is ``main``.

    ``alone`` tells that there is no other state. ``about`` is the layer it is about. ``floor`` is the largest
    relative difference of two copies of the baseline. Rows: the baseline, then by falling speed.
    """

    id: str
    key: str
    title: str
    note: str
    main: bool
    cache: Optional[str]
    alone: bool
    about: Optional[str]
    baseline: str
    protocol: str
    device: str
    threads: int
    floor: Optional[float]
    launches: int
    rows: Tuple[Row, ...]
    gaps: Tuple[Gap, ...]
    memory_kind: Optional[Kind]
    has_energy: bool
    has_memory: bool


class Measured(NamedTuple):
    """What every table of a run is made from, by case id."""

    memory: Dict[str, Figure]           # of the kind that stands beside the times
    energy: Dict[str, CaseEnergy]
    kinds: Dict[str, Optional[Kind]]    # by device


def comparison_tables(run: Run, measured: Measured) -> Tuple[List[Table], Dict[str, View]]:
    """Return one table per comparison and cache state in plan order, and the view behind each by its key."""
    tables: List[Table] = []
    behind: Dict[str, View] = {}
    for comparison in run.comparisons:
        found = views(run, comparison)
        if not found:
            tables.append(_table(run, comparison, None, True, True, measured))
        for index, view in enumerate(found):
            table = _table(run, comparison, view, len(found) == 1, index == 0, measured)
            tables.append(table)
            behind[table.key] = view
    return tables, behind


def common_gaps(tables: List[Table]) -> Tuple[Gap, ...]:
    """Return what every one of ``tables`` lacks for the same reason: to be said once and not under each."""
    return tuple(gap for gap in tables[0].gaps if all(gap in table.gaps for table in tables)) if tables else ()


def _table(run: Run, comparison: Comparison, view: Optional[View], alone: bool, main: bool,
           measured: Measured) -> Table:
    cache = view.cache if view is not None else None
    suffix = "" if main else "@" + str(cache)
    rows = [_row(run, comparison, case, view, measured, suffix) for case in comparison.cases]
    rows[1:] = sorted(rows[1:], key=lambda row: (row.speed is None, -(row.speed or 0)))
    energy = any(row.energy.value is not None for row in rows)
    memory = any(row.memory.value is not None for row in rows)
    # a wrong layer is not measured for its own reason; the table needs the one that holds for the others
    judge = next((row for row in rows if row.state is not RowState.WRONG), rows[0])
    gaps = []
    if not energy and judge.energy.reason is not None:
        gaps.append(Gap("energy", judge.energy.reason))
    if not memory and judge.memory.reason is not None:
        gaps.append(Gap("memory", judge.memory.reason))
    base = comparison.baseline
    return Table(comparison.id, comparison.id + suffix, comparison.title, comparison.note, main, cache, alone,
                 _about(comparison), base.name, base.protocol, base.device,
                 base.threads, view.floor if view is not None else None, view.launches if view is not None else 0,
                 tuple(rows), tuple(gaps), measured.kinds[base.device], energy, memory)


def _about(comparison: Comparison) -> Optional[str]:
    """Return the layer that the suite names first among the rivals; of engines, the first of another layer."""
    layers = [case.layer for case in comparison.rivals]
    others = [layer for layer in layers if layer != comparison.baseline.layer] if comparison.pairs else []
    return next(iter(others or layers), None)


def _row(run: Run, comparison: Comparison, case: Case, view: Optional[View], measured: Measured,
         suffix: str) -> Row:
    ident = comparison.case_id(case)
    baseline = case == comparison.baseline
    times = view.times.get(ident) if view is not None else None
    verdict = view.verdicts.get(ident) if view is not None else None
    check = run.check(ident)
    absent = check is not None and check.reason is not None and check.reason.code is Code.UNAVAILABLE
    wrong = check is not None and check.ok is False and not absent
    row = Row(ident + suffix, ident, case.name, case.layer, baseline, case.shape[0],
              _state(wrong, baseline, verdict), run.why_not_timed(comparison.id, ident) if wrong or times is None
              else None, verdict, times, measured.memory[ident],
              measured.energy[ident].per_call, dtype=case.arithmetic)
    if check is None:
        return row
    return row._replace(form=check.implementation, form_reason=check.implementation_reason,
                        unchecked=check.reason if check.ok is None else None, parameters=check.parameters,
                        macs=check.macs, bytes=check.bytes, operations=_operations(check, case))


def _operations(check: CheckResult, case: Case) -> Optional[int]:
    """Return the operations of a call; records from before they were counted have the multiply-accumulates alone.

    Those are of the way forward: what a training step does was not counted.
    """
    if case.mode != "inference":
        return None
    return check.operations if check.operations is not None or check.macs is None else 2 * check.macs


def _state(wrong: bool, baseline: bool, verdict: Optional[Verdict]) -> RowState:
    if wrong:
        return RowState.WRONG
    if baseline:
        return RowState.BASELINE
    return RowState.NOT_MEASURED if verdict is None else RowState(verdict.state.value)
