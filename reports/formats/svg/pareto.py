"""Speed against power: a point for each case in each power mode, and the line of those that nothing beats."""

from typing import List, NamedTuple, Sequence, Tuple

from reports.formats.svg.lines import size_text
from reports.formats.svg.markup import chart, element, line, number, percent, stretched, text
from reports.formats.svg.scales import Linear, Log, linear_ticks, log_ticks, spread_apart

HEIGHT = 336
TOP = 34
FOOT = 42
LABEL_GAP = 15
COLOURS = 5

#: The ends that the power axis may have, in watts: a meter that is broken reads nothing, or anything.
LEAST_W, MOST_W = 1e-6, 1e15


class Point(NamedTuple):
    """``label`` names case and mode; points of one ``series`` (a case) share a colour, 0 is the baseline's."""

    label: str
    power_w: float
    images_per_s: float
    series: int
    best: bool


def pareto_scales(points: Sequence[Point]) -> Tuple[Linear, Log]:
    """Return the x scale (watts to percent, from zero) and the y scale (pixels, upside down) that hold the points."""
    speeds = [point.images_per_s for point in points]
    most_w = min(max(max(point.power_w for point in points), LEAST_W), MOST_W)
    return Linear(0.0, 1.15 * most_w), Log(min(speeds) / 1.4, max(speeds) * 1.4, HEIGHT - FOOT, TOP)


def stairs(points: Sequence[Point]) -> List[Tuple[float, float]]:
    """Return the corners of the line: for each power the most speed to be had with it."""
    corners: List[Tuple[float, float]] = []
    for point in sorted((one for one in points if one.best), key=lambda one: (one.power_w, one.images_per_s)):
        if corners:
            corners.append((point.power_w, corners[-1][1]))
        corners.append((point.power_w, point.images_per_s))
    return corners


def pareto_chart(points: Sequence[Point], label: str = "") -> str:
    """Return the chart; hollow dots are beaten by another in speed and power at once."""
    x, y = pareto_scales(points)
    parts = []
    for tick in log_ticks(y.low, y.high, 5):
        parts.append(line("0%", y(tick), "100%", y(tick), "grid"))
        parts.append(text(size_text(tick), -8, y(tick) + 4, "tick", "end"))
    for tick in linear_ticks(x.low, x.high, 6):
        parts.append(text(size_text(tick), percent(x(tick)), HEIGHT - FOOT + 17, "tick", "middle"))
    parts.append(text("mean power, W", "100%", HEIGHT - FOOT + 33, "tick", "end"))
    parts.append(text("images per second", -8, TOP - 18, "tick", "start"))
    corners = stairs(points)
    if len(corners) > 1:
        path = "".join("{}{} {}".format("L" if index else "M", number(10 * x(watts)), number(y(speed)))
                       for index, (watts, speed) in enumerate(corners))
        parts.append(stretched(path, HEIGHT, "roof"))
    places = spread_apart([y(point.images_per_s) + 4 for point in points], LABEL_GAP, TOP, HEIGHT - FOOT - 4)
    for point, place in zip(points, places):
        left = x(point.power_w) > 60
        parts.append(text(point.label, percent(x(point.power_w)), place, "note halo", "end" if left else "start",
                          dx=-10 if left else 10))
        parts.append(element("circle", cx=percent(x(point.power_w)), cy=y(point.images_per_s), r=5,
                             class_="dot series-{}{}".format(point.series % COLOURS,
                                                             "" if point.best else " hollow")))
    return chart(parts, HEIGHT, "pareto", label)
