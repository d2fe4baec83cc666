"""How close to the hardware: arithmetic rate against arithmetic intensity under the measured roof."""

from typing import NamedTuple, Sequence, Tuple

from reports.formats.svg.lines import size_text
from reports.formats.svg.markup import chart, element, line, number, percent, stretched, text
from reports.formats.svg.scales import Log, log_ticks, spread_apart
from reports.numbers import si, significant

HEIGHT = 336
TOP = 48
FOOT = 42
LABEL_GAP = 15


class Roof(NamedTuple):
    """What this device reached when measured: ``flops`` per second and ``bytes_per_s`` of copying."""

    flops: float
    bytes_per_s: float

    def at(self, intensity: float) -> float:
        """Return the most FLOP/s that ``intensity`` (FLOP per byte) allows."""
        return min(self.flops, intensity * self.bytes_per_s)


class Point(NamedTuple):
    """One layer: ``intensity`` in FLOP per byte, ``rate`` in FLOP/s."""

    name: str
    intensity: float
    rate: float
    baseline: bool = False


def roofline_scales(roof: Roof, points: Sequence[Point]) -> Tuple[Log, Log]:
    """Return the x scale (percent) and the y scale (pixels, upside down) that hold roof and points."""
    ridge = roof.flops / roof.bytes_per_s
    xs = [point.intensity for point in points] + [ridge]
    ys = [point.rate for point in points] + [roof.flops]
    low = min(xs) / 2
    return Log(low, max(xs) * 4), Log(min(min(ys), roof.at(low)) / 1.6, max(ys) * 1.1, HEIGHT - FOOT, TOP)


def roofline(roof: Roof, points: Sequence[Point], label: str = "") -> str:
    """Return the chart: the roof as measured here, and each point with its share of the roof above it."""
    x, y = roofline_scales(roof, points)
    parts = []
    for tick in log_ticks(y.low, y.high, 5):
        parts.append(line("0%", y(tick), "100%", y(tick), "grid"))
        parts.append(text(str(si(tick, "")).replace("\u202f", "").replace(".00", "").replace(".0", ""), -8,
                          y(tick) + 4, "tick", "end"))
    for tick in log_ticks(x.low, x.high, 6):
        parts.append(text(size_text(tick), percent(x(tick)), HEIGHT - FOOT + 17, "tick", "middle"))
    parts.append(text("FLOP per byte", "100%", HEIGHT - FOOT + 33, "tick", "end"))
    parts.append(text("FLOP/s", -8, TOP - 12, "tick", "end"))
    ridge = roof.flops / roof.bytes_per_s
    corners = [(x.low, roof.at(x.low)), (ridge, roof.flops), (x.high, roof.flops)]
    parts.append(stretched("".join("{}{} {}".format("L" if i else "M", number(10 * x(a)), number(y(b)))
                                   for i, (a, b) in enumerate(corners)), HEIGHT, "roof"))
    parts.append(text("peak, measured: {}".format(si(roof.flops, "FLOP/s")), "100%", y(roof.flops) - 9, "note",
                      "end"))
    parts.append(text("slope: copy, measured: {}".format(si(roof.bytes_per_s, "B/s")), "100%",
                      y(roof.flops) - 25, "note", "end"))
    for point in points:
        spot = percent(x(point.intensity))
        parts.append(line(spot, y(roof.at(point.intensity)), spot, y(point.rate), "drop"))
    places = spread_apart([y(point.rate) + 5 for point in points], LABEL_GAP, y(roof.flops) + 18, HEIGHT - FOOT - 24)
    for point, place in zip(points, places):
        share = "{}\u202f%".format(significant(100 * point.rate / roof.at(point.intensity), 2))
        left = x(point.intensity) > 65
        parts.append(text("{} {}".format(point.name, share), percent(x(point.intensity)), place, "note halo",
                          "end" if left else "start", dx=-10 if left else 10))
    parts.extend(element("circle", cx=percent(x(point.intensity)), cy=y(point.rate), r=5,
                         class_="dot series-{}".format(0 if point.baseline else 1)) for point in points)
    return chart(parts, HEIGHT, "roofline", label)
