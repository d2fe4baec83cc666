"""Every sample of one row as dots against the row's own median."""

from typing import Sequence

from reports.formats.svg.charts import state_class
from reports.formats.svg.markup import chart, line, percent, stretched, text
from reports.formats.svg.scales import Linear

STRIP_HEIGHT = 28
_GOLDEN = 0.6180339887498949


def dots(scale: Linear, values: Sequence[float], height: float) -> str:
    """Return one path of dots: ``m dx dy h0`` steps on a grid 1000 wide, integers, relative.

    The height of a dot means nothing; it is spread evenly (golden ratio) so that dots do not hide each
    other and the same record gives the same picture. Values beyond the scale stand at its end.
    """
    room = height - 8
    path, x_before, y_before = [], 0, 0
    for i, value in enumerate(values):
        x = int(round(10 * scale.clamped(value)))
        y = int(round(4 + room * (((i + 1) * _GOLDEN) % 1.0)))
        path.append("m{} {}h0".format(x - x_before, y - y_before))
        x_before, y_before = x, y
    return "".join(path).replace(" -", "-")


def strip(scale: Linear, values: Sequence[float], state: str, height: float = STRIP_HEIGHT) -> str:
    """Return the strip of one row; ``values`` are ratios to the row's median."""
    middle = percent(scale(1.0))
    return chart([stretched(dots(scale, values, height), height, "sample " + state_class(state)),
                  line(middle, 3, middle, height - 3, "median")], height, "strip", "")


def strip_axis(scale: Linear, ticks: Sequence[float], height: float = 18) -> str:
    """Return the axis over the strips, in percent from the median."""
    parts = []
    for value in ticks:
        share = round((value - 1) * 100)
        label = "median" if share == 0 else "{}{}\u202f%".format("+" if share > 0 else "\u2212", abs(share))
        parts.append(text(label, percent(scale(value)), height - 4, "tick", "middle"))
    return chart(parts, height, "axis", "")
