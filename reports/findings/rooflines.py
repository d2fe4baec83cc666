"""Each layer under the roof that this run measured for the type that the layer multiplies in."""

from typing import Dict, NamedTuple, Optional, Sequence, Tuple

from harness.reasons import Code, Reason, because
from harness.record import Run
from harness.record.lines import Section
from reports.findings.rows import Row, Table

#: Rooflines in one report; a large suite's others would only repeat the same roofs.
MOST_ROOFLINES = 6
#: The one type of records from before there was a roof for each.
ONLY_TYPE = "float32"


class TypeRoof(NamedTuple):
    """The most FLOP/s that the device reached in one type, and by what; ``None`` with the ``reason``."""

    type: str
    flops_per_s: Optional[float]
    by: Optional[str] = None
    reason: Optional[Reason] = None


class RoofPoint(NamedTuple):
    """One layer: FLOP per byte, FLOP/s, and its share of the roof of its own type, ``None`` without one."""

    name: str
    baseline: bool
    intensity: float
    rate: float
    type: str
    share: Optional[float]


class Roofline(NamedTuple):
    """The layers of one comparison, each under the roof of its type (``roofs``: those of these layers)."""

    id: str
    title: str
    bytes_per_s: float
    roofs: Tuple[TypeRoof, ...]
    points: Tuple[RoofPoint, ...]


def rooflines(run: Run, tables: Sequence[Table]) -> Tuple[Roofline, ...]:
    """Return a chart for each comparison, empty unless the run measured its own roofs.

    They are the environment's section ``roof``, measured on the device with as many threads as the points below
    them; a point needs the multiply-accumulates and ``bytes`` of its case from the verify pass.
    """
    roof = run.environment.roof
    moved = roof.get("bytes_per_s")
    roofs = _roofs(roof)
    if not moved or not any(one.flops_per_s for one in roofs.values()):
        return ()
    charts = []
    for table in tables:
        under = (roof.get("device", table.device), roof.get("threads", table.threads))
        if not table.main or under != (table.device, table.threads):
            continue
        points = tuple(_point(row, roofs, float(moved)) for row in table.rows
                       if row.macs and row.bytes and row.times is not None)
        if points:
            types = {point.type for point in points}
            known = [one for one in roofs.values() if one.type in types]
            known += [_unmeasured(name) for name in sorted(types - set(roofs))]
            charts.append(Roofline(table.id, table.title, float(moved), tuple(known), points))
    return tuple(charts[:MOST_ROOFLINES])


def _roofs(roof: Section) -> Dict[str, TypeRoof]:
    """Return the roof of each type that the run measured or says why it did not."""
    flops, by, why = (roof.get(name) or {} for name in (
        "flops_per_s_by_dtype", "flops_by_dtype", "flops_per_s_by_dtype_reason"))
    if not flops:
        flops, by = {ONLY_TYPE: roof.get("flops_per_s")}, {ONLY_TYPE: roof.get("flops_by")}
    return {name: TypeRoof(name, float(value), by.get(name)) if value else
            TypeRoof(name, None, None, because(Code.NO_NUMBER, why.get(name))) for name, value in flops.items()}


def _unmeasured(name: str) -> TypeRoof:
    return TypeRoof(name, None, None, Reason(Code.NO_ROOF))


def _point(row: Row, roofs: Dict[str, TypeRoof], bytes_per_s: float) -> RoofPoint:
    assert row.macs and row.bytes and row.times is not None
    intensity, rate = 2.0 * row.macs / row.bytes, 2.0 * row.macs / row.times.median_s
    own = roofs.get(row.dtype)
    share = None if own is None or own.flops_per_s is None else rate / min(own.flops_per_s, intensity * bytes_per_s)
    return RoofPoint(row.name, row.baseline, intensity, rate, row.dtype, share)
