"""How close to the hardware: arithmetic rate against arithmetic intensity under the measured roofs."""

import textwrap
from typing import List, NamedTuple, Sequence, Tuple

from reports.formats.svg.labels import Box, beside, label, text_width
from reports.formats.svg.lines import size_text
from reports.formats.svg.markup import chart, element, line, number, percent, stretched, text
from reports.formats.svg.scales import Log, log_ticks
from reports.numbers import si

HEIGHT = 340
TOP = 40
FOOT = 46
#: Points lie left of this share of the width: the names of the roofs stand right of it.
RIGHT_MOST = 65.0
#: Room left of the axis (pixels) that every frame of this chart gives it.
LEFT = 48
KEY_CHARS, KEY_LINE = 104, 16


class Roof(NamedTuple):
    """The most FLOP per second that this device reached in the type called ``label``."""

    label: str
    flops: float


class Point(NamedTuple):
    """One layer: ``intensity`` in FLOP per byte, ``rate`` in FLOP/s; ``roof`` is what lies above it, if known."""

    intensity: float
    rate: float
    baseline: bool = False
    roof: float = 0.0


def roofline_scales(roofs: Sequence[Roof], slopes: Sequence[float], points: Sequence[Point]) -> Tuple[Log, Log]:
    """Return the x scale (percent) and the y scale (pixels, upside down) that hold roofs, slopes and points."""
    ridges = [roof.flops / slope for roof in roofs for slope in slopes]
    low = min([point.intensity for point in points] + ridges) / 2
    most = max(point.intensity for point in points)
    high = max(low * (most / low) ** (100.0 / RIGHT_MOST), max(ridges or [most]) * 2)
    rates = [point.rate for point in points]
    tops = [roof.flops for roof in roofs] or [high * max(slopes)]
    floor = min(rates + [low * min(slopes)]) / 1.6
    return Log(low, high), Log(floor, max(tops + rates) * 1.6, HEIGHT - FOOT, TOP)


def roofline(roofs: Sequence[Roof], slopes: Sequence[float], points: Sequence[Point], key: Sequence[str],
             name: str = "") -> str:
    """Return the chart: roofs and slopes (bytes per second) as measured here, each point with a number.

    ``key`` explains the numbers below; a page has room of its own for it.
    """
    x, y = roofline_scales(roofs, slopes, points)
    parts = _axes(x, y)
    for roof in roofs or [Roof("", x.high * max(slopes))]:
        for slope in slopes:
            corners = [(x.low, x.low * slope), (roof.flops / slope, roof.flops), (x.high, roof.flops)]
            parts.append(stretched("".join("{}{} {}".format("L" if i else "M", number(10 * x(a)), number(y(b)))
                                           for i, (a, b) in enumerate(corners)), HEIGHT, "roof"))
    spots = [(x(point.intensity), y(point.rate)) for point in points]
    names = _roof_names(roofs, y, spots)
    parts.extend(text(said, "100%", box.y + box.dy + 4, "note halo", "end") for said, box in names)
    for point, (across, down) in zip(points, spots):
        if point.roof:
            parts.append(line(percent(across), y(point.roof), percent(across), down, "drop"))
    numbers = [str(i + 1) for i in range(len(points))]
    boxes = beside(spots, numbers, [box for _, box in names], TOP, HEIGHT - FOOT)
    parts.extend(_leader(box) for box in boxes if abs(box.dx) + abs(box.dy) > 20)
    # baselines last: a rival at the same place would hide them
    parts.extend(element("circle", cx=percent(across), cy=down, r=5,
                         class_="dot series-{}".format(0 if point.baseline else 1))
                 for point, (across, down) in sorted(zip(points, spots), key=lambda pair: pair[0].baseline))
    parts.extend(text(said, percent(box.x), box.y + box.dy + 4, "note halo point-number", "middle", dx=box.dx)
                 for said, box in zip(numbers, boxes))
    parts.extend(text(words, "0%", HEIGHT + KEY_LINE * (i + 1) - 4, "note", "start", dx=4 - LEFT)
                 for i, words in enumerate(key_lines(key)))
    return chart(parts, roofline_height(key), "roofline", name)


def roofline_height(key: Sequence[str]) -> int:
    """Return the height of the chart with its key."""
    return HEIGHT + KEY_LINE * len(key_lines(key)) + 4


def key_lines(key: Sequence[str]) -> List[str]:
    """Return ``key`` in lines that fit a figure."""
    return [part for entry in key for part in textwrap.wrap(
        entry, KEY_CHARS, subsequent_indent="\u2003", break_long_words=True)]


def _axes(x: Log, y: Log) -> List[str]:
    parts = []
    for tick in log_ticks(y.low, y.high, 5):
        parts.append(line("0%", y(tick), "100%", y(tick), "grid"))
        parts.append(text(str(si(tick, "")).replace("\u202f", "").replace(".00", "").replace(".0", ""), -8,
                          y(tick) + 4, "tick", "end"))
    parts.extend(text(size_text(tick), percent(x(tick)), HEIGHT - FOOT + 17, "tick", "middle")
                 for tick in log_ticks(x.low, x.high, 5))
    return parts + [text("arithmetic rate, FLOP/s (log)", "0%", TOP - 22, "tick axis-title", "start", dx=4 - LEFT),
                    text("intensity, FLOP per byte (log)", "100%", HEIGHT - FOOT + 34, "tick axis-title", "end")]


def _roof_names(roofs: Sequence[Roof], y: Log, spots: Sequence[Tuple[float, float]]) -> List[Tuple[str, Box]]:
    """Return the names of the roofs at their right ends: those that lie too close to part share one line."""
    groups: List[Tuple[List[str], float]] = []
    for roof in sorted(roofs, key=lambda one: -one.flops):
        place = y(roof.flops)
        if groups and place - groups[-1][1] < 15:
            groups[-1][0].append(roof.label)
        else:
            groups.append(([roof.label], place))
    found = []
    for labels, place in groups:
        said = ", ".join(labels)
        above, below = (label(100.0, place, -text_width(said) / 2.0, down, said) for down in (-9.0, 9.0))
        clear = all(abs(above.y + above.dy - down) > 13 or across < RIGHT_MOST - 20 for across, down in spots)
        found.append((said, above if clear or any(
            abs(below.y + below.dy - down) <= 13 for _, down in spots) else below))
    return found


def _leader(box: Box) -> str:
    """Return the line from a point to a label that stands away from it."""
    reach = 1.0 - 8.0 / max(abs(box.dx), abs(box.dy))
    return element("svg", line(0, 0, box.dx * reach, box.dy * reach, "drop"), x=percent(box.x),
                   y=box.y, width=1, height=1, overflow="visible")
