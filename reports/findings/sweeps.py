"""Time per call against the size that a suite sweeps."""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.plan import Case
from harness.record import Run
from reports.findings.rows import Table


class Place(NamedTuple):
    """Where a case stands in a sweep: ``name`` says what is kept, ``axis`` what changes, ``value`` how far."""

    name: str
    axis: str
    value: float


class SweepPoint(NamedTuple):
    """One size of one layer: median, 5th and 95th percentile of the time per call."""

    value: float
    median_s: float
    p5_s: float
    p95_s: float


class SweepLine(NamedTuple):
    """One layer over the swept sizes."""

    name: str
    baseline: bool
    points: Tuple[SweepPoint, ...]


class Sweep(NamedTuple):
    """All layers of one baseline over one swept axis, the baseline first."""

    name: str
    axis: str
    baseline: str
    lines: Tuple[SweepLine, ...]


def sweep_of(case: Case) -> Optional[Place]:
    """Return the place of ``case`` in its sweep, ``None`` if it is in none.

    A suite gives the options ``sweep`` (what is kept), ``sweep_axis`` and ``sweep_value``, or in short
    ``sweep = {"axis": ..., "value": ...}``.
    """
    options = dict(case.options)
    sweep = options.get("sweep")
    axis: Any
    value: Any
    if isinstance(sweep, dict):
        name, axis, value = "", sweep.get("axis"), sweep.get("value")
    else:
        name, axis, value = str(sweep or ""), options.get("sweep_axis"), options.get("sweep_value")
    if not axis or not isinstance(value, (int, float)) or value <= 0:
        return None
    return Place(name, str(axis), float(value))


def sweeps(run: Run, tables: Sequence[Table]) -> Tuple[Sweep, ...]:
    """Return one sweep per kept size, axis and baseline that has more than one point on a line."""
    cases = {place.id: place.case for place in run.places()}
    charts: Dict[Tuple[str, str, str], Dict[str, List[SweepPoint]]] = {}
    baselines = {(table.baseline, row.name) for table in tables for row in table.rows if row.baseline}
    for table in tables:
        for row in table.rows:
            place = sweep_of(cases[row.case])
            if table.main and place is not None and row.times is not None:
                lines = charts.setdefault((place.name, place.axis, table.baseline), {})
                lines.setdefault(row.name, []).append(
                    SweepPoint(place.value, row.times.median_s, row.times.p5_s, row.times.p95_s))
    found = []
    for (name, axis, baseline), lines in charts.items():
        if any(len(points) > 1 for points in lines.values()):
            drawn = [SweepLine(layer, (baseline, layer) in baselines, tuple(sorted(points)))
                     for layer, points in lines.items()]
            found.append(Sweep(name, axis, baseline, tuple(sorted(drawn, key=lambda line: not line.baseline))))
    return tuple(found)
