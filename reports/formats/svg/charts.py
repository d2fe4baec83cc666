"""The interval plot: one row's dot, stem and whisker, and the axis above the rows.

A row and its axis are separate charts of the same scale, so that chart and table are one thing.
"""

from typing import Optional, Sequence, Tuple

from reports.formats.svg.markup import chart, element, line, percent, text
from reports.formats.svg.scales import Linear

ROW_HEIGHT = 26
AXIS_HEIGHT = 32
CAP_SHARE = 3.0     # caps are drawn only on whiskers wider than this share of the chart, in percent
HOLLOW = ("same", "cannot tell")


def state_class(state: str) -> str:
    """Return the class that colours ``state``."""
    return state.replace(" ", "-")


def interval_row(scale: Linear, middle: float, state: str, ratio: Optional[float], low: Optional[float],
                 high: Optional[float], band: Optional[Tuple[float, float]] = None,
                 height: float = ROW_HEIGHT) -> str:
    """Return one row: band of indifference, line of no difference at ``middle``, stem, whisker and dot.

    ``ratio`` None draws the line alone (the baseline, or a rival without a number). Ends that leave the
    scale are cut there, and an arrowhead marks the cut.
    """
    half = height / 2.0
    parts = []
    if band is not None:
        left, right = scale.clamped(band[0]), scale.clamped(band[1])
        parts.append(element("rect", x=percent(left), y=0, width=percent(right - left), height=height, class_="band"))
    zero = percent(scale(middle))
    parts.append(line(zero, 0, zero, height, "zero"))
    if ratio is not None:
        name = state_class(state)
        spot = percent(scale.clamped(ratio))
        parts.append(line(zero, half, spot, half, "stem " + name))
        if low is not None and high is not None:
            left, right = scale.clamped(low), scale.clamped(high)
            parts.append(line(percent(left), half, percent(right), half, "whisker " + name))
            if right - left > CAP_SHARE:
                for end, value in ((left, low), (right, high)):
                    if scale.low <= value <= scale.high:
                        parts.append(line(percent(end), half - 4, percent(end), half + 4, "whisker " + name))
            parts += [text(mark, percent(end), half + 4, "cut " + name, anchor) for cut, mark, end, anchor in (
                (low < scale.low, "\u25c2", 0.0, "end"), (high > scale.high, "\u25b8", 100.0, "start")) if cut]
        parts.append(element("circle", cx=spot, cy=half, r=4, class_="dot {}{}".format(
            name, " hollow" if state in HOLLOW else "")))
    return chart(parts, height, "interval", "")


def interval_axis(scale: Linear, ticks: Sequence[Tuple[float, str]], height: float = AXIS_HEIGHT) -> str:
    """Return the axis above the rows: tick texts, and which way is faster."""
    parts = [text(label, percent(scale(value)), height - 4, "tick", "middle") for value, label in ticks]
    parts.append(text("\u2190 slower", "0%", height - 19, "tick", "start", dx=-12))
    parts.append(text("faster \u2192", "100%", height - 19, "tick", "end", dx=12))
    return chart(parts, height, "axis", "")
