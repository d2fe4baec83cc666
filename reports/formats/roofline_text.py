"""What stands under a roofline: its points by number and its roofs, and the same as a table, in words."""

from typing import Iterable, List, Optional, Sequence

from harness.reasons import Code, Reason, sentence
from reports.findings.rooflines import Roofline, RoofPoint, Slope, TypeRoof
from reports.formats.sheets import Sheet
from reports.numbers import NARROW, count, si, significant, times
from reports.wording import reason_text

HEADS = ("layer", "operations", "bytes", "median", "rate", "type", "share of its roof")
WHAT = ("Operations: additions, products, comparisons and functions of the layer's own algorithm, two for a "
        "multiply-accumulate. Bytes: input, output and weights once. The roof is the lower of the type's arithmetic "
        "and of a copy of as many bytes, all measured in this run.")

#: The types under the names that stand at the ends of their roofs.
TYPE_NAMES = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "float64": "fp64"}


def type_name(name: str) -> str:
    """Return the short name of a type."""
    return TYPE_NAMES.get(name, name)


def roofline_key(one: Roofline) -> List[str]:
    """Return a line for each point behind its number, then one for each roof and one for the slope that all share."""
    return ["{} {}".format(number, line) for number, line in enumerate(points_key(one), 1)] + roofs_key(one)


def points_key(one: Roofline) -> List[str]:
    """Return a line for each point, in the order of their numbers."""
    return [_point(point) for point in one.points]


def roofs_key(one: Roofline) -> List[str]:
    """Return a line for each roof and each slope."""
    return [_roof(roof, sum(point.above is Code.ABOVE_ARITHMETIC and point.type == roof.type for point in one.points))
            for roof in one.roofs] + [
        _slope(slope, sum(point.above is Code.ABOVE_COPY and point.slope == slope for point in one.points))
        for slope in one.slopes]


def roof_sheets(charts: Sequence[Roofline]) -> List[Sheet]:
    """Return the charts' points as a table: what each must do and move, how fast it was, its share; none of none."""
    rows = [("{}: {}".format(one.title, point.name), str(si(point.operations, "FLOP")), str(si(point.bytes, "B")),
             str(si(point.median_s, "s")), str(si(point.rate, "FLOP/s")), type_name(point.type),
             share_text(point.share, point.times))
            for one in charts for point in one.points]
    return [Sheet("roofline", "How close to the hardware", "Operations, bytes and shares of the roof", HEADS, rows,
                  (1, 2, 3, 4, 6), [WHAT] + above_notes(point.above for one in charts for point in one.points))
            ] if rows else []


def share_text(share: Optional[float], ratio: Optional[float], whose: str = "") -> str:
    """Return the share of the roof in words, ``whose`` behind it; ``ratio`` to the roof where it cannot be one.

    More than all of a roof is no share: :func:`above_notes` says why.
    """
    if share is not None:
        return "{}{}%{}".format(significant(100 * share, 2), NARROW, whose)
    return "no roof" if ratio is None else "above its roof ({})".format(times(ratio))


def above_notes(codes: Iterable[Optional[Code]]) -> List[str]:
    """Return a sentence for each way in which layers lie above their roofs: what that means of the roof."""
    return ["Above its roof is no share: {}.".format(sentence(Reason(code)))
            for code in sorted({one for one in codes if one is not None}, key=lambda one: one.value)]


def _slope(slope: Slope, above: int) -> str:
    moved = "past the caches" if slope.bytes is None else "of {}".format(si(slope.bytes, "B"))
    return "slope: copy {}, measured {}{}".format(moved, si(slope.bytes_per_s, "B/s"), _too_low(above))


def _too_low(above: int) -> str:
    """Return what so many layers ``above`` a roof say of it."""
    return ", too low: {} above it, so the shares of it may be too large".format(
        count(above, "layer lies", "layers lie")) if above else ""


def _point(point: RoofPoint) -> str:
    return "{}: {}, {}".format(point.name, type_name(point.type),
                               share_text(point.share, point.times, " of its roof"))


def _roof(roof: TypeRoof, above: int) -> str:
    if roof.flops_per_s is None:
        return "{} roof not measured: {}".format(type_name(roof.type), reason_text(roof.reason))
    return "{} roof, measured {}{}{}".format(type_name(roof.type), si(roof.flops_per_s, "FLOP/s"),
                                             " ({})".format(roof.by) if roof.by else "", _too_low(above))
