"""What stands under a roofline: its points by number and its roofs, in words."""

from typing import List

from reports.findings.rooflines import Roofline, RoofPoint, TypeRoof
from reports.numbers import NARROW, si, significant
from reports.wording import reason_text

#: The types under the names that stand at the ends of their roofs.
TYPE_NAMES = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "float64": "fp64"}


def type_name(name: str) -> str:
    """Return the short name of a type."""
    return TYPE_NAMES.get(name, name)


def roofline_key(one: Roofline) -> List[str]:
    """Return a line for each point, then one for each roof and one for the slope that all share."""
    lines = ["{} {}".format(number, _point(point)) for number, point in enumerate(one.points, 1)]
    return lines + [_roof(roof) for roof in one.roofs] + [
        "slope: copy, measured {}".format(si(one.bytes_per_s, "B/s"))]


def _point(point: RoofPoint) -> str:
    share = "no roof" if point.share is None else "{}{}% of its roof".format(
        significant(100 * point.share, 2), NARROW)
    return "{}: {}, {}".format(point.name, type_name(point.type), share)


def _roof(roof: TypeRoof) -> str:
    if roof.flops_per_s is None:
        return "{} roof not measured: {}".format(type_name(roof.type), reason_text(roof.reason))
    return "{} roof, measured {}{}".format(type_name(roof.type), si(roof.flops_per_s, "FLOP/s"),
                                           " ({})".format(roof.by) if roof.by else "")
