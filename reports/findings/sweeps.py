"""Time per call against the size that a suite sweeps, and the roofline under the roof that the run measured."""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.plan import Case
from harness.record import Run
from reports.findings.rows import Row, Table

#: Rooflines in one report; a large suite's others would only repeat the same roof.
MOST_ROOFLINES = 6


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


class RoofPoint(NamedTuple):
    """One layer: FLOP per byte, FLOP/s."""

    name: str
    baseline: bool
    intensity: float
    rate: float


class Roofline(NamedTuple):
    """The layers of one comparison under the roof that the run measured on its device."""

    id: str
    title: str
    flops_per_s: float
    bytes_per_s: float
    points: Tuple[RoofPoint, ...]


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


def rooflines(run: Run, tables: Sequence[Table]) -> Tuple[Roofline, ...]:
    """Return a roof with points for each comparison, empty unless the run measured its own roof.

    The roof is the environment's section ``roof`` (``flops_per_s`` and ``bytes_per_s``, both measured on
    the device with as many threads as the points below it); a point needs the multiply-accumulates and
    ``bytes`` of its case from the verify pass.
    """
    roof = run.environment.roof
    flops, moved = roof.get("flops_per_s"), roof.get("bytes_per_s")
    if not flops or not moved:
        return ()
    charts = []
    for table in tables:
        points = tuple(point for point in (_point(row) for row in table.rows) if point is not None)
        under = (roof.get("device", table.device), roof.get("threads", table.threads))
        if table.main and points and under == (table.device, table.threads):
            charts.append(Roofline(table.id, table.title, float(flops), float(moved), points))
    return tuple(charts[:MOST_ROOFLINES])


def _point(row: Row) -> Optional[RoofPoint]:
    if not row.macs or not row.bytes or row.times is None:
        return None
    return RoofPoint(row.name, row.baseline, 2.0 * row.macs / row.bytes, 2.0 * row.macs / row.times.median_s)
