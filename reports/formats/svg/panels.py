"""Power, clock and temperature over time: panels on one x axis, phases shaded and named once."""

from typing import List, NamedTuple, Optional, Sequence, Tuple

from reports.formats.svg.markup import chart, element, line, number, percent, stretched, text
from reports.formats.svg.scales import Linear, linear_ticks
from reports.numbers import significant

TOP = 22            # room for the names of the phases
LABEL = 30          # room for a panel's own label
AREA = 96           # height of a panel's drawing
FOOT = 22           # room for the seconds


class Panel(NamedTuple):
    """One quantity over time. ``values`` may hold ``None`` where nothing was read; ``means`` holds
    (start, end, value, text) to be written in; ``from_zero`` keeps 0 on the axis."""

    label: str
    values: Sequence[Optional[float]]
    means: Sequence[Tuple[float, float, float, str]] = ()
    from_zero: bool = True


class Phase(NamedTuple):
    """A stretch of time (s), its name written above if ``named``, grey if ``shaded``."""

    name: str
    start_s: float
    end_s: float
    named: bool
    shaded: bool


class Mark(NamedTuple):
    """A moment across all panels, named once, in panel number ``panel``."""

    time_s: float
    label: str
    panel: int = 1


def panels_height(number_of_panels: int) -> float:
    """Return the height of the whole chart in pixels."""
    return TOP + number_of_panels * (LABEL + AREA) + FOOT


def value_scale(panel: Panel, top: float) -> Tuple[Linear, List[float]]:
    """Return the y scale of a panel (pixels, upside down) and its ticks."""
    known = [value for value in panel.values if value is not None]
    low, high = (0.0, max(known)) if panel.from_zero else (min(known), max(known))
    if high - low < 1e-9 * max(1.0, abs(high)):
        low, high = low - (0.0 if panel.from_zero else 1.0), high + 1.0
    ticks = linear_ticks(low, high, 4)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else high - low
    if not panel.from_zero and low < ticks[0]:
        ticks.insert(0, ticks[0] - step)
    if ticks[-1] < high - 0.35 * step:
        ticks.append(ticks[-1] + step)
    return Linear(min(low, ticks[0]), max(high, ticks[-1]), top + AREA, top), ticks


def trace_path(x: Linear, y: Linear, times: Sequence[float], values: Sequence[Optional[float]]) -> str:
    """Return the line of a trace on a grid 1000 wide; a missing reading breaks it."""
    parts, pen = [], "M"
    for time, value in zip(times, values):
        if value is None:
            pen = "M"
            continue
        parts.append("{}{} {}".format(pen, number(10 * x(time)), number(y(value))))
        pen = "L"
    return "".join(parts)


def panels(times: Sequence[float], rows: Sequence[Panel], phases: Sequence[Phase],
           marks: Sequence[Mark] = (), label: str = "") -> str:
    """Return the panels over ``times`` (seconds)."""
    x = Linear(times[0], times[-1])
    bottom = TOP + len(rows) * (LABEL + AREA)
    parts = []
    for phase in phases:
        left, right = x.clamped(phase.start_s), x.clamped(phase.end_s)
        narrow = " wide-only" if right - left < 24 else ""
        if not phase.named:
            continue
        parts.append(text(phase.name, percent((left + right) / 2), 12, "tick" + narrow, "middle"))
    shades, lines, texts = [], [], []
    for index, panel in enumerate(rows):
        top = TOP + index * (LABEL + AREA) + LABEL
        y, ticks = value_scale(panel, top)
        for phase in phases:
            if phase.shaded:
                left, right = x.clamped(phase.start_s), x.clamped(phase.end_s)
                shades.append(element("rect", x=percent(left), y=top, width=percent(right - left), height=AREA,
                                     class_="phase"))
        for tick in ticks:
            parts.append(line("0%", y(tick), "100%", y(tick), "grid"))
            parts.append(text(_tick(tick), -8, y(tick) + 4, "tick", "end"))
        parts.append(text(panel.label, -44, top - 12, "panel-label"))
        lines.append(stretched(trace_path(x, Linear(y.low, y.high, AREA, 0), times, panel.values), AREA, "trace",
                               top))
        rules, written = _means(x, y, panel, top)
        lines.extend(rules)
        texts.extend(written)
    for mark in marks:
        lines.append(line(percent(x(mark.time_s)), TOP + LABEL, percent(x(mark.time_s)), bottom, "mark"))
    parts = shades + parts + lines + texts
    for mark in marks:
        top = TOP + min(mark.panel, len(rows) - 1) * (LABEL + AREA) + LABEL
        right = x(mark.time_s) > 50
        parts.append(text(mark.label, percent(x(mark.time_s)), top + AREA / 2, "note halo",
                          "end" if right else "start", dx=-6 if right else 6))
    for tick in linear_ticks(times[0], times[-1], 6):
        ends = "start" if x(tick) < 2 else "end" if x(tick) > 98 else "middle"
        parts.append(text(_tick(tick) + ("\u202fs" if tick == 0 else ""), percent(x(tick)), bottom + 16, "tick",
                          ends))
    parts.append(line("0%", TOP + LABEL, "0%", bottom, "cursor"))
    return chart(parts, panels_height(len(rows)), "panels", label)


def _means(x: Linear, y: Linear, panel: Panel, top: float) -> Tuple[List[str], List[str]]:
    """Return the lines at the means of the phases, and their texts."""
    rules, texts = [], []
    for start, end, value, written in panel.means:
        left, right = x.clamped(start), x.clamped(end)
        rules.append(line(percent(left), y(value), percent(right), y(value), "mean"))
        above = y(value) - 9 if y(value) - 9 > top + 10 else y(value) + 26
        if right - left > 8:                 # "1.24 W mean" fits a tenth of a wide page, a third of a phone
            texts.append(text(written, percent((left + right) / 2), above,
                              "note halo strong" + (" wide-only" if right - left < 36 else ""), "middle"))
    return rules, texts


def _tick(value: float) -> str:
    return significant(value, 4).rstrip("0").rstrip(".") if value != int(value) else str(int(value)).replace(
        "-", "\u2212")
