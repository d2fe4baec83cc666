"""What stands under a roofline: its points by number and its roofs, and the same as a table, in words."""

from typing import List, Sequence

from reports.findings.rooflines import Roofline, RoofPoint, Slope, TypeRoof
from reports.formats.sheets import Sheet
from reports.numbers import NARROW, si, significant
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
    return [_roof(roof) for roof in one.roofs] + [_slope(slope) for slope in one.slopes]


def roof_sheets(charts: Sequence[Roofline]) -> List[Sheet]:
    """Return the charts' points as a table: what each must do and move, how fast it was, its share; none of none."""
    rows = [("{}: {}".format(one.title, point.name), str(si(point.operations, "FLOP")), str(si(point.bytes, "B")),
             str(si(point.median_s, "s")), str(si(point.rate, "FLOP/s")), type_name(point.type), share_text(point))
            for one in charts for point in one.points]
    return [Sheet("roofline", "How close to the hardware", "Operations, bytes and shares of the roof", HEADS, rows,
                  (1, 2, 3, 4, 6), [WHAT])] if rows else []


def share_text(point: RoofPoint) -> str:
    """Return the share of the roof in words."""
    return "no roof" if point.share is None else "{}{}%".format(significant(100 * point.share, 2), NARROW)


def _slope(slope: Slope) -> str:
    moved = "past the caches" if slope.bytes is None else "of {}".format(si(slope.bytes, "B"))
    return "slope: copy {}, measured {}".format(moved, si(slope.bytes_per_s, "B/s"))


def _point(point: RoofPoint) -> str:
    share = share_text(point) if point.share is None else share_text(point) + " of its roof"
    return "{}: {}, {}".format(point.name, type_name(point.type), share)


def _roof(roof: TypeRoof) -> str:
    if roof.flops_per_s is None:
        return "{} roof not measured: {}".format(type_name(roof.type), reason_text(roof.reason))
    return "{} roof, measured {}{}".format(type_name(roof.type), si(roof.flops_per_s, "FLOP/s"),
                                           " ({})".format(roof.by) if roof.by else "")
