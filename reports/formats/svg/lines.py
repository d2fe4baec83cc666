"""Where it starts to pay: time per call against a swept size, both logarithmic."""

import math
import textwrap
from typing import List, NamedTuple, Optional, Sequence, Tuple

from reports.formats.svg.markup import chart, element, line, number, percent, stretched, text
from reports.formats.svg.scales import Log, log_ticks, spread_apart
from reports.numbers import seconds, significant

HEIGHT = 300
TOP = 26
FOOT = 40
LABEL_GAP = 15
LABEL_CHARS = 14    # a longer name takes two lines, so that a phone keeps room for the chart
SERIES = 5          # colours there are: the baseline's grey and four more


class Series(NamedTuple):
    """One line: ``points`` are (x, seconds, low, high), low and high ``None`` where unknown."""

    name: str
    points: Sequence[Tuple[float, float, Optional[float], Optional[float]]]
    baseline: bool = False


def crossing(one: Sequence[Tuple[float, float]], other: Sequence[Tuple[float, float]]) -> List[float]:
    """Return every x at which two lines cross, straight between points in logarithms.

    Only x values that both lines have are used.
    """
    mine, theirs = dict(one), dict(other)
    shared = sorted(set(mine) & set(theirs))
    found = []
    for left, right in zip(shared, shared[1:]):
        before, after = math.log(mine[left] / theirs[left]), math.log(mine[right] / theirs[right])
        if before * after < 0:
            share = before / (before - after)
            found.append(math.exp(math.log(left) + share * math.log(right / left)))
    return found


def crossover_scales(series: Sequence[Series]) -> Tuple[Log, Log]:
    """Return the x scale (percent) and the y scale (pixels, upside down) that hold all points."""
    xs = [point[0] for one in series for point in one.points]
    ys = [value for one in series for point in one.points for value in point[1:] if value is not None]
    low, high = min(xs), max(xs)
    if low == high:
        low, high = low / 2.0, high * 2.0
    return Log(low, high), Log(min(ys) / 1.25, max(ys) * 1.25, HEIGHT - FOOT, TOP)


def crossover(series: Sequence[Series], axis: str, label: str = "") -> str:
    """Return the chart: a line with its band per series, names at the line ends, crossings marked.

    The crossing shown is that of the first rival (after the baseline) that has one.
    """
    x, y = crossover_scales(series)
    parts = []
    for tick in log_ticks(y.low, y.high):
        parts.append(line("0%", y(tick), "100%", y(tick), "grid"))
        parts.append(text(str(seconds(tick)).replace(".00", "").replace(".0", ""), -8, y(tick) + 4, "tick", "end"))
    parts.extend(_x_axis(series, x, axis))
    rivals = [one for one in series if not one.baseline]
    colours = {one.name: 1 + i % (SERIES - 1) for i, one in enumerate(rivals)}
    shown = [one for one in series if one.points]
    for one in shown:
        colour = "series-{}".format(0 if one.baseline else colours[one.name])
        band = [point for point in one.points if point[2] is not None and point[3] is not None]
        if len(band) > 1:
            edge = [(p[0], p[3] or p[1]) for p in band] + [(p[0], p[2] or p[1]) for p in reversed(band)]
            parts.append(stretched(_path(x, y, edge) + "z", HEIGHT, "series-band " + colour))
        parts.append(stretched(_path(x, y, [p[:2] for p in one.points]), HEIGHT, "line " + colour))
        parts.extend(element("circle", cx=percent(x(p[0])), cy=y(p[1]), r=3, class_="dot " + colour)
                     for p in one.points)
    labels = [label_lines(one.name) for one in shown]
    gap = LABEL_GAP * max(len(lines) for lines in labels)
    places = spread_apart([y(one.points[-1][1]) + 4 for one in shown], gap, TOP, HEIGHT - FOOT)
    for one, place, lines in zip(shown, places, labels):
        colour = "series-{}".format(0 if one.baseline else colours[one.name])
        end = percent(x(one.points[-1][0]))
        first = place - (len(lines) - 1) * 7
        parts.extend(text(words, end, first + 14 * i, "line-label " + colour, "start", dx=9)
                     for i, words in enumerate(lines))
    mark = first_crossing(series)
    if mark is not None:
        spot = x(mark.x)
        parts.append(line(percent(spot), y(mark.seconds), percent(spot), HEIGHT - FOOT, "mark"))
        right = spot > 60
        parts.append(text("crosses at {}".format(significant(mark.x, 2)), percent(spot), HEIGHT - FOOT - 8,
                          "note halo", "end" if right else "start", dx=-6 if right else 6))
    return chart(parts, HEIGHT, "crossover", label)


def label_lines(name: str) -> List[str]:
    """Return ``name`` in one line or two, each short enough to stand beside the chart."""
    lines = textwrap.wrap(name, LABEL_CHARS, break_on_hyphens=False) or [""]
    if len(lines) > 2:
        lines = [lines[0], " ".join(lines[1:])[:LABEL_CHARS - 1].rstrip() + "\u2026"]
    return lines


def label_room(names: Sequence[str]) -> int:
    """Return the pixels that the names at the line ends need beside the chart."""
    return 18 + int(8.2 * max(len(line) for name in names for line in label_lines(name)))


class Crossing(NamedTuple):
    """Where rival ``name`` crosses the baseline."""

    name: str
    x: float
    seconds: float


def first_crossing(series: Sequence[Series]) -> Optional[Crossing]:
    """Return where the first rival that crosses the baseline does so, or ``None``."""
    base = [one for one in series if one.baseline]
    for one in series:
        if one.baseline or not base:
            continue
        found = crossing([p[:2] for p in base[0].points], [p[:2] for p in one.points])
        if found:
            points = sorted(p[:2] for p in base[0].points)
            return Crossing(one.name, found[0], _between(points, found[0]))
    return None


def _between(points: Sequence[Tuple[float, float]], x: float) -> float:
    for (left, low), (right, high) in zip(points, points[1:]):
        if left <= x <= right:
            share = math.log(x / left) / math.log(right / left)
            return math.exp(math.log(low) + share * math.log(high / low))
    return points[-1][1]


def _x_axis(series: Sequence[Series], x: Log, axis: str) -> List[str]:
    values = sorted({point[0] for one in series for point in one.points})
    parts, last, last_narrow = [], -100.0, -100.0
    for value in values:
        place = x(value)
        if place - last < 6.5:                           # closer than this the texts touch on any page
            continue
        last = place
        always = place - last_narrow >= 33               # room for it on a phone too
        if always:
            last_narrow = place
        parts.append(text(size_text(value), percent(place), HEIGHT - FOOT + 17,
                          "tick" if always else "tick wide-only", "middle"))
    parts.append(text(axis, "100%", HEIGHT - FOOT + 33, "tick", "end"))
    return parts


def size_text(value: float) -> str:
    """Return a size on the x axis: ``64``, ``0.25``."""
    return str(int(value)) if value == int(value) else significant(value, 4).rstrip("0").rstrip(".")


def _path(x: Log, y: Log, points: Sequence[Tuple[float, float]]) -> str:
    return "".join("{}{} {}".format("L" if i else "M", number(10 * x(a)), number(y(b)))
                   for i, (a, b) in enumerate(points))
