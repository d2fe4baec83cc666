"""Each layer under the roof that this run measured for its type, its threads and the caches that hold its bytes."""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.reasons import Code, Reason, because
from harness.record import Run
from reports.findings.environment import number_of, part_of, text_of
from reports.findings.headline import short_titles
from reports.findings.rows import Row, Table

#: Rooflines in one report, and points of one that several comparisons share: a chart with more is not read.
MOST_ROOFLINES, MOST_POINTS = 12, 16
#: A rate above its roof by less is printed as 100 % of it; by more, no share of it can be true.
ALLOWED = 0.005
#: A size in bytes has fewer digits.
DIGITS = 18
#: The one type of records from before there was a roof for each.
ONLY_TYPE = "float32"


class TypeRoof(NamedTuple):
    """The most FLOP/s that the device reached in one type, and by what; ``None`` with the ``reason``."""

    type: str
    flops_per_s: Optional[float]
    by: Optional[str] = None
    reason: Optional[Reason] = None


class Slope(NamedTuple):
    """Bytes per second of a copy that moves ``bytes``; ``None``: more than any cache holds."""

    bytes: Optional[int]
    bytes_per_s: float


class Limits(NamedTuple):
    """What the device does at most on some number of threads: a roof for each type, slopes from small to large."""

    roofs: Dict[str, TypeRoof]
    slopes: Tuple[Slope, ...]

    def slope_of(self, moved: float) -> Slope:
        """Return the fastest copy of as many bytes as ``moved`` or more, the smallest if it moves less than all."""
        reached = [one for one in self.slopes if one.bytes is not None and one.bytes <= moved]
        rest = self.slopes[max(len(reached) - 1, 0):]
        return max(rest, key=lambda one: one.bytes_per_s)


class RoofPoint(NamedTuple):
    """One layer: ``operations`` and ``bytes`` of a call, FLOP per byte, FLOP/s, and its share of its own roof.

    ``roof`` (FLOP/s) is the lower of the type's roof and what the copy of its size allows; ``None`` without one.
    There is no share either where the layer lies ``above`` it, which tells which of the two was measured too low.
    ``name`` tells it from the others of its chart.
    """

    case: str
    name: str
    baseline: bool
    threads: int
    operations: int
    bytes: int
    median_s: float
    intensity: float
    rate: float
    type: str
    slope: Slope
    roof: Optional[float] = None
    share: Optional[float] = None
    above: Optional[Code] = None

    @property
    def times(self) -> Optional[float]:
        """How many times its roof the layer's rate is: its share where it can be one."""
        return None if self.roof is None else self.rate / self.roof

    @property
    def reason(self) -> Optional[Reason]:
        """Why there is no share."""
        return None if self.share is not None else Reason(self.above or Code.NO_ROOF)


class Roofline(NamedTuple):
    """Layers of one family, each under the roof of its type (``roofs`` and ``slopes``: those of these layers)."""

    id: str
    title: str
    threads: int
    slopes: Tuple[Slope, ...]
    roofs: Tuple[TypeRoof, ...]
    points: Tuple[RoofPoint, ...]


class Measured(NamedTuple):
    """A comparison with its points by row."""

    table: Table
    limits: Limits
    rows: Tuple[Row, ...]
    points: Tuple[RoofPoint, ...]


def roof_points(run: Run, tables: Sequence[Table]) -> Tuple[RoofPoint, ...]:
    """Return every case of the main tables with its share, empty unless the run measured its own roofs."""
    return tuple(point for one in _measured(run, tables) for point in one.points)


def rooflines(run: Run, tables: Sequence[Table]) -> Tuple[Roofline, ...]:
    """Return a chart for each family: comparisons of one layer with one baseline on one number of threads.

    A family of one comparison shows all its cases, a larger one the form it is about, and the baselines where there
    is room. Roofs are the environment's section ``roof``; a point needs the operations and ``bytes`` of its case from
    the verify pass.
    """
    families: Dict[Tuple[str, Optional[str], int], List[Measured]] = {}
    for one in _measured(run, tables):
        families.setdefault((one.table.baseline, one.table.about, one.table.threads), []).append(one)
    forms = {place.id: place.case.implementation for place in run.places()}
    titles = short_titles([table for table in tables if table.main])
    several = len({key[2] for key in families}) > 1
    charts = []
    for (baseline, about, threads), members in families.items():
        points = members[0].points if len(members) == 1 else _family(members, forms, titles)
        title = members[0].table.title if len(members) == 1 else "{} and {}".format(about, baseline)
        title += ", {} thread{}".format(threads, "s" * (threads != 1)) if several and len(members) > 1 else ""
        types = {point.type for point in points}
        roofs = [one for one in members[0].limits.roofs.values() if one.type in types]
        roofs += [TypeRoof(name, None, None, Reason(Code.NO_ROOF)) for name in sorted(
            types - {one.type for one in roofs})]
        slopes = tuple(one for one in members[0].limits.slopes if one in {point.slope for point in points})
        charts.append(Roofline(members[0].table.id, title, threads, slopes, tuple(roofs), points))
    return tuple(charts[:MOST_ROOFLINES])


def _family(members: Sequence[Measured], forms: Dict[str, str], titles: Dict[str, str]) -> Tuple[RoofPoint, ...]:
    """Return the points of the form that the family is about, and those of the baselines where all fit."""
    found: List[RoofPoint] = []
    for baselines in (False, True):
        some = []
        for one in members:
            hero = next((row for row in one.rows if row.layer == one.table.about), None)
            some += [point._replace(name="{}, {}".format(point.name, titles[one.table.key]))
                     for row, point in zip(one.rows, one.points) if row.baseline is baselines and (
                         baselines or hero is not None and forms[row.case] == forms[hero.case])]
        if not found or len(found) + len(some) <= MOST_POINTS:
            found += some
    return tuple(found[:MOST_POINTS])


def _measured(run: Run, tables: Sequence[Table]) -> List[Measured]:
    """Return the main tables whose device and threads this run measured the roofs of, with their points."""
    section = run.environment.roof
    found = []
    for table in tables:
        under = limits_of(section, table.threads)
        if not table.main or under is None or section.get("device", table.device) != table.device:
            continue
        pairs = [(row, point) for row in table.rows for point in [_point(row, table.threads, under)]
                 if point is not None]
        if pairs:
            found.append(Measured(table, under, tuple(row for row, _ in pairs), tuple(point for _, point in pairs)))
    return found


def limits_of(section: Dict[str, Any], threads: int) -> Optional[Limits]:
    """Return what the section ``roof`` of an environment says of so many threads, ``None`` if nothing."""
    if section.get("threads", threads) != threads:
        section = part_of(part_of(section, "other_threads"), str(threads))
    roofs, past = _roofs(section), number_of(section, "bytes_per_s")
    if past is None or not any(one.flops_per_s for one in roofs.values()):
        return None
    sizes = part_of(section, "bytes_per_s_by_size")
    slopes = sorted(Slope(int(size), rate) for size in sizes for rate in [number_of(sizes, size)]
                    if rate is not None and size.isdecimal() and len(size) < DIGITS)
    return Limits(roofs, tuple(slopes) + (Slope(None, past),))


def _roofs(roof: Dict[str, Any]) -> Dict[str, TypeRoof]:
    """Return the roof of each type that the run measured or says why it did not."""
    flops, by, why = (part_of(roof, name) for name in (
        "flops_per_s_by_dtype", "flops_by_dtype", "flops_per_s_by_dtype_reason"))
    if not flops:
        flops, by = {ONLY_TYPE: roof.get("flops_per_s")}, {ONLY_TYPE: roof.get("flops_by")}
    return {name: TypeRoof(name, rate, text_of(by, name)) if rate is not None else
            TypeRoof(name, None, None, because(Code.NO_NUMBER, text_of(why, name)))
            for name in flops for rate in [number_of(flops, name)]}


def _point(row: Row, threads: int, limits: Limits) -> Optional[RoofPoint]:
    if not row.operations or not row.bytes or row.times is None:
        return None
    intensity, rate = row.operations / row.bytes, row.operations / row.times.median_s
    own, slope = limits.roofs.get(row.dtype), limits.slope_of(row.bytes)
    point = RoofPoint(row.case, row.name, row.baseline, threads, row.operations, row.bytes, row.times.median_s,
                      intensity, rate, row.dtype, slope)
    if own is None or own.flops_per_s is None:
        return point
    copied = intensity * slope.bytes_per_s
    roof = min(own.flops_per_s, copied)
    if rate <= (1.0 + ALLOWED) * roof:
        return point._replace(roof=roof, share=rate / roof)
    return point._replace(roof=roof, above=Code.ABOVE_COPY if copied < own.flops_per_s else Code.ABOVE_ARITHMETIC)
