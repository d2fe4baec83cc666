"""Several runs as the columns of one comparison: time, advantage, memory, energy, and the share of each roof."""

from collections import OrderedDict
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.reasons import Code
from harness.record import Damage, Run
from reports.findings.about import Device, device
from reports.findings.causes import Group, grouped
from reports.findings.changes import Changes, changes
from reports.findings.environment import Facts, differences, number_of, run_facts
from reports.findings.fair import AgainstOwn, engine_tables
from reports.findings.memory import Kind
from reports.findings.published import BYTES, TIMES, Published, Quantity
from reports.findings.rooflines import RoofPoint, roof_points
from reports.findings.rows import Row, RowState, Table
from reports.findings.sides import Side, side_of
from reports.findings.tables import tables_of


class Roof(NamedTuple):
    """What the device can do at most, measured in the same run, or ``None``: multiply-add and copy."""

    flops_per_s: Optional[float] = None
    bytes_per_s: Optional[float] = None


class RunColumn(NamedTuple):
    """A column: a run on a device, or (``printed``) what others published of one."""

    run: str
    device: Device
    roof: Roof
    printed: bool = False


class Cell(NamedTuple):
    """One case in one column. ``state`` is ``None`` where the column has no such case.

    ``speed`` is the advantage over ``against``, the baseline of the same column, with its interval ``low`` to
    ``high``; ``own_speed`` is that over the form in the case's own engine, ``own_against``, where there is one.
    ``memory_bytes`` is of the kind ``memory_kind``. ``roof_share`` is that of the run's own report: of the roof of
    its type and threads, or of what a copy as large allows; ``None`` where the roof or the case's operations and
    bytes are not known, or the case is ``roof_times`` as fast as its roof, ``above_roof``. ``work`` is the input and
    the way the case is run.
    """

    state: Optional[RowState] = None
    speed: Optional[float] = None
    low: Optional[float] = None
    high: Optional[float] = None
    median_s: Optional[float] = None
    memory_bytes: Optional[float] = None
    memory_kind: Optional[Kind] = None
    energy_per_image_j: Optional[float] = None
    roof_share: Optional[float] = None
    against: Optional[str] = None
    own_against: Optional[str] = None
    own_speed: Optional[float] = None
    own_low: Optional[float] = None
    own_high: Optional[float] = None
    work: Optional[str] = None
    roof_times: Optional[float] = None
    above_roof: Optional[Code] = None


class CaseRow(NamedTuple):
    """One case in every column; ``baseline`` tells of which it is the baseline, by column."""

    case: str
    name: str
    baseline: Tuple[bool, ...]
    cells: Tuple[Cell, ...]


class CaseTable(NamedTuple):
    """One comparison in every column, the first column's baseline first.

    ``baselines`` are those of the columns, ``None`` where one has no such comparison: where engines stand beside one
    another each run has its own fastest.
    """

    key: str
    title: str
    baselines: Tuple[Optional[str], ...]
    rows: Tuple[CaseRow, ...]


class Won(NamedTuple):
    """What wins one comparison on one device.

    ``name`` is the fastest rival of those that are faster, with its ``speed``; the baseline (speed 1) if every rival
    is slower; ``None`` where nothing is decided. ``level`` are the rivals whose intervals reach into the winner's.
    """

    name: Optional[str]
    speed: Optional[float]
    level: Tuple[str, ...] = ()


class Winners(NamedTuple):
    """One line of the map: a comparison, and who wins it in each column (``None``: not measured there)."""

    key: str
    title: str
    cells: Tuple[Optional[Won], ...]


class DamagedRun(NamedTuple):
    """A run of whose record lines were skipped."""

    run: str
    damage: Damage


class Compared(NamedTuple):
    """All that ``compare`` says: what differs around the runs, each run against the first, and all side by side."""

    columns: Tuple[RunColumn, ...]
    groups: Tuple[Group, ...]
    changes: Tuple[Changes, ...]
    tables: Tuple[CaseTable, ...]
    winners: Tuple[Winners, ...]
    damaged: Tuple[DamagedRun, ...] = ()


class Gist(NamedTuple):
    """What is kept of one of many runs: enough to say what became of its advantages."""

    side: Side
    facts: Facts
    damage: Damage


class Shown(NamedTuple):
    """What stands in a run's own column: tables of one column each, by comparison."""

    column: RunColumn
    tables: Dict[str, CaseTable]


class Summary(NamedTuple):
    """What is kept of a run: all that a comparison says of it, and none of its samples."""

    gist: Gist
    shown: Shown


def gist_of(run: Run) -> Gist:
    """Return what is kept of ``run`` where it is one of many."""
    return Gist(side_of(run), run_facts(run), run.damage)


def summary_of(run: Run) -> Summary:
    """Return what a comparison needs of ``run``."""
    return Summary(gist_of(run), shown_of(run))


def shown_of(run: Run) -> Shown:
    """Return what stands in the column of ``run``."""
    column = RunColumn(run.id, device(run), _roof(run))
    own = {row.case: row for table in engine_tables(run) for row in table.rows}
    works = {place.id: place.case.work for place in run.places()}
    main = [table for table in tables_of(run) if table.main]
    points = {point.case: point for point in roof_points(run, main)}
    tables = {table.key: CaseTable(table.key, table.title, (table.baseline,), tuple(
        CaseRow(row.case, row.name, (row.baseline,), (_under_roof(_cell(row, table, own.get(row.case))._replace(
            work=works[row.case]), points.get(row.case)),))
        for row in table.rows)) for table in main}
    return Shown(column, tables)


def _under_roof(cell: Cell, point: Optional[RoofPoint]) -> Cell:
    return cell if point is None else cell._replace(roof_share=point.share, roof_times=point.times,
                                                    above_roof=point.above)


def compared(runs: Sequence[Summary], published: Sequence[Published] = ()) -> Compared:
    """Return the comparison of ``runs``, each against the first; ``published`` adds a column per device there."""
    columns = [run.shown.column for run in runs]
    tables = [run.shown.tables for run in runs]
    found = [_table(key, [own.get(key) for own in tables]) for key in _keys(tables)]
    known = {row.case: row for table in found for row in table.rows}
    for name in _devices(published, known):
        columns.append(RunColumn("published", Device(name, False, 0), Roof(), True))
        mine = [one for one in published if one.device == name and one.value is not None]
        found = [_with_printed(table, mine) for table in found]
    gists = [run.gist for run in runs]
    differing = differences([one.facts for one in gists]) if len(runs) > 1 else ()
    return Compared(tuple(columns), grouped(differing), tuple(changes(gists[0].side, other.side)
                                                              for other in gists[1:]),
                    tuple(found), tuple(_winners(table) for table in found),
                    tuple(DamagedRun(one.side.run, one.damage) for one in gists if one.damage.lines))


def _roof(run: Run) -> Roof:
    section, settings = run.environment.roof, run.header.settings
    if (section.get("device", settings.device), section.get("threads", settings.threads)) != (
            settings.device, settings.threads):
        return Roof()
    return Roof(number_of(section, "flops_per_s"), number_of(section, "bytes_per_s"))


def _keys(tables: Sequence[Dict[str, CaseTable]]) -> List[str]:
    return list(OrderedDict.fromkeys(key for some in tables for key in some))


def _table(key: str, mine: Sequence[Optional[CaseTable]]) -> CaseTable:
    """Return the tables of one column each as one of all columns, ``None`` where a run has no such comparison."""
    first = next(table for table in mine if table is not None)
    order: Dict[str, CaseRow] = {}
    for table in mine:
        for row in table.rows if table is not None else ():
            order.setdefault(row.case, row)
    known = [{row.case: row for row in table.rows} if table is not None else {} for table in mine]
    nowhere = CaseRow("", "", (False,), (Cell(),))
    rows = [row._replace(baseline=tuple(own.get(row.case, nowhere).baseline[0] for own in known),
                         cells=tuple(own.get(row.case, nowhere).cells[0] for own in known)) for row in order.values()]
    titles = OrderedDict.fromkeys(table.title for table in mine if table is not None)
    baselines = tuple(None if table is None else table.baselines[0] for table in mine)
    return first._replace(title=" | ".join(titles), baselines=baselines, rows=tuple(
        sorted(rows, key=lambda row: (not row.baseline[0], not any(row.baseline)))))


def _cell(row: Row, table: Table, engines: Optional[AgainstOwn]) -> Cell:
    energy = None if row.energy.value is None else row.energy.value / row.images
    found = Cell(row.state, 1.0 if row.baseline and row.times is not None else row.speed, row.low, row.high,
                 row.median_s, row.memory.value, table.memory_kind, energy,
                 against=None if row.baseline else table.baseline)
    own = None if engines is None else engines.own
    if engines is None or own is None:
        return found
    return found._replace(own_against=engines.own_baseline, own_speed=own.speed, own_low=own.low, own_high=own.high)


def _devices(published: Sequence[Published], known: Dict[str, CaseRow]) -> List[str]:
    """Return the devices of the printed times, speeds and memories that belong to a known case."""
    names: List[str] = []
    for one in published:
        shown = one.value is not None and one.quantity in SHOWN
        if shown and one.device not in names and "{}/{}".format(one.comparison, one.case) in known:
            names.append(one.device)
    return names


#: Printed quantities that a cell can show.
SHOWN = (Quantity.TIME, Quantity.SPEED, Quantity.CLAIMED_SPEED, Quantity.MEMORY)


def _with_printed(table: CaseTable, printed: Sequence[Published]) -> CaseTable:
    values = {("{}/{}".format(one.comparison, one.case), one.quantity): one for one in reversed(printed)}
    base = next((_printed_s(values.get((row.case, Quantity.TIME))) for row in table.rows if any(row.baseline)), None)
    rows = []
    for row in table.rows:
        time_s = _printed_s(values.get((row.case, Quantity.TIME)))
        told = values.get((row.case, Quantity.SPEED), values.get((row.case, Quantity.CLAIMED_SPEED)))
        memory = values.get((row.case, Quantity.MEMORY))
        speed = base / time_s if base and time_s else None if told is None else told.value
        size = None if memory is None or memory.value is None else memory.value * BYTES[memory.unit]
        has_any = any(value is not None for value in (time_s, speed, size))
        baseline = any(row.baseline)
        state = None if not has_any else RowState.BASELINE if baseline else RowState.NOT_MEASURED
        rows.append(row._replace(baseline=row.baseline + (baseline,),
                                 cells=row.cells + (Cell(state, speed, None, None, time_s, size),)))
    return table._replace(rows=tuple(rows), baselines=table.baselines + (table.baselines[0],))


def _printed_s(one: Optional[Published]) -> Optional[float]:
    return None if one is None or one.value is None else one.value * TIMES[one.unit]


def _winners(table: CaseTable) -> Winners:
    return Winners(table.key, table.title, tuple(
        won([(row.name, row.baseline[index], row.cells[index]) for row in table.rows])
        for index in range(len(table.rows[0].cells))))


def won(cells: Sequence[Tuple[str, bool, Cell]]) -> Optional[Won]:
    """Return who wins among ``cells`` (name, whether it is the baseline, cell) of one comparison on one device."""
    rivals = [(name, cell) for name, baseline, cell in cells if not baseline and cell.speed is not None
              and cell.state not in (None, RowState.NOT_MEASURED)]
    if not rivals:
        return None
    faster = sorted(((name, cell) for name, cell in rivals if cell.state is RowState.FASTER),
                    key=lambda pair: -(pair[1].speed or 0.0))
    if faster:
        name, best = faster[0]
        edge = best.low if best.low is not None else best.speed
        return Won(name, best.speed, tuple(other for other, cell in faster[1:]
                                           if cell.high is not None and edge is not None and cell.high >= edge))
    if all(cell.state is RowState.SLOWER for _, cell in rivals):
        return Won(next(name for name, baseline, _ in cells if baseline), 1.0)
    return Won(None, None)
