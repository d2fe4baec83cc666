"""The same rivals in several runs, side by side: rivals down, runs across."""

from collections import OrderedDict
from typing import NamedTuple, Optional, Sequence, Tuple

from harness.record import Run
from reports.findings.about import Device, device
from reports.findings.environment import Difference, differences, run_facts
from reports.findings.rows import Row, Table


class Column(NamedTuple):
    """A run."""

    run: str
    device: Device


class DeviceRow(NamedTuple):
    """A rival in every run, ``None`` where a run has no such rival."""

    name: str
    cells: Tuple[Optional[Row], ...]


class DeviceTable(NamedTuple):
    """One comparison in every run; ``baselines`` are those of the runs, ``None`` where one has no such comparison.

    ``baselines_s`` are their medians.
    """

    key: str
    title: str
    baselines: Tuple[Optional[str], ...]
    baselines_s: Tuple[Optional[float], ...]
    rows: Tuple[DeviceRow, ...]

    @property
    def runs(self) -> int:
        """How many runs hold any of its rivals."""
        return sum(any(row.cells[run] is not None for row in self.rows) for run in range(len(self.baselines_s)))


class Devices(NamedTuple):
    """All runs side by side, the one that the report is about first."""

    columns: Tuple[Column, ...]
    tables: Tuple[DeviceTable, ...]
    differences: Tuple[Difference, ...]

    @property
    def shared(self) -> Tuple[DeviceTable, ...]:
        """Those comparisons that two runs or more hold: the others have nothing to stand beside."""
        return tuple(table for table in self.tables if table.runs > 1)


def side_by_side(runs: Sequence[Run], tables: Sequence[Sequence[Table]]) -> Devices:
    """Return the comparison of ``runs``; ``tables`` holds the tables of each run, in the same order."""
    main = [{table.key: table for table in some if table.main} for some in tables]
    keys = OrderedDict.fromkeys(key for some in main for key in some)
    return Devices(tuple(Column(run.id, device(run)) for run in runs),
                   tuple(_table(key, [some.get(key) for some in main]) for key in keys),
                   differences([run_facts(run) for run in runs]))


def _table(key: str, mine: Sequence[Optional[Table]]) -> DeviceTable:
    rows_of = [{} if table is None else {row.name: row for row in reversed(table.rows)} for table in mine]
    names = list(OrderedDict.fromkeys(row.name for table in mine if table is not None for row in table.rows))
    baselines = tuple(None if table is None else table.baseline for table in mine)
    if len(set(baselines) - {None}) == 1:
        names = [name for name in names if name not in baselines]
    rows = tuple(DeviceRow(name, tuple(own.get(name) for own in rows_of)) for name in names)
    titles = OrderedDict.fromkeys(table.title for table in mine if table is not None)
    return DeviceTable(key, " | ".join(titles), baselines,
                       tuple(None if table is None else table.rows[0].median_s for table in mine), rows)
