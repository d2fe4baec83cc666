"""A claim's figure as stand-alone SVG: a line of words, a mark with its interval, and the number, for each value.

A published number is a hollow diamond, the runs are a filled circle, square and triangle: none needs its colour.
"""

import textwrap
from typing import List

from reports.formats.claims_drawing import Drawn, Line
from reports.formats.figures import cut, stand_alone
from reports.formats.svg.markup import element, line, text
from reports.formats.svg.palette import LIGHT
from reports.formats.svg.scales import Linear, Log

WIDTH, MARGIN, LABEL, NUMBERS, ROW, GROUP, HEAD, FOOT = 760, 14, 226, 190, 20, 24, 28, 44
TITLE_LINE = 20
#: About what a character takes at most, in px: of a label, and of the heading.
CHARACTER, TITLE_CHARACTER = 7.0, 9.0


def claim_svg(drawn: Drawn, heading: str) -> str:
    """Return the whole .svg file of one figure."""
    place = (Log if drawn.logarithmic else Linear)(drawn.low, drawn.high, LABEL + MARGIN, WIDTH - NUMBERS)
    words = textwrap.wrap(heading, int((WIDTH - 2 * MARGIN) / TITLE_CHARACTER))
    top = HEAD + TITLE_LINE * len(words)
    height = top + sum(GROUP + ROW * len(group.lines) for group in drawn.groups) + FOOT
    bottom = height - FOOT
    parts = [text(one, MARGIN, 22 + TITLE_LINE * number, "title") for number, one in enumerate(words)]
    for tick, label in drawn.ticks:
        parts.append(line(place(tick), top - 8, place(tick), bottom, "grid"))
        parts.append(text(label, place(tick), bottom + 15, "tick", "middle"))
    if drawn.none is not None and drawn.low <= drawn.none <= drawn.high:
        parts.append(line(place(drawn.none), top - 8, place(drawn.none), bottom, "zero"))
    y = float(top)
    for group in drawn.groups:
        parts.append(text(clipped(group.name, WIDTH - 2 * MARGIN), MARGIN, y + 10, "word halo"))
        for one in group.lines:
            parts += _line(one, place, y + GROUP)
            y += ROW
        y += GROUP
    parts.append(text(drawn.title, (place.start + place.end) / 2, bottom + 34, "note", "middle"))
    return stand_alone(parts, WIDTH, height, heading)


def clipped(words: str, room: float) -> str:
    """Return ``words`` cut to about ``room`` px, with an ellipsis where something is missing."""
    return cut(words, int(room / CHARACTER))


def _line(one: Line, place: Linear, middle: float) -> List[str]:
    parts = [text(clipped(one.label, LABEL - 20), MARGIN + 12, middle + 4, "cell"),
             text(one.text, WIDTH - MARGIN, middle + 4, "right")]
    if one.value is None:
        return parts
    colour = LIGHT["ink"] if one.series == 0 else LIGHT["series-{}".format((one.series - 1) % 4 + 1)]
    if one.low is not None and one.high is not None:
        left, right = place.clamped(one.low), place.clamped(one.high)
        ends = ((left, middle, right, middle), (left, middle - 5, left, middle + 5),
                (right, middle - 5, right, middle + 5))
        parts += [element("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=colour, stroke_width=1.6)
                  for x1, y1, x2, y2 in ends]
    x = place.clamped(one.value)
    parts.append(mark(one.series, x, middle, colour))
    return parts


def mark(series: int, x: float, y: float, colour: str) -> str:
    """Return the mark of a series: hollow diamond for what is published, circle, square, triangle for runs."""
    if series == 0:
        points = ((x, y - 6), (x + 6, y), (x, y + 6), (x - 6, y))
    elif series % 3 == 1:
        return element("circle", cx=x, cy=y, r=4, fill=colour)
    elif series % 3 == 2:
        points = ((x - 4, y - 4), (x + 4, y - 4), (x + 4, y + 4), (x - 4, y + 4))
    else:
        return element("polygon", points="{:.1f},{:.1f} {:.1f},{:.1f} {:.1f},{:.1f}".format(
            x, y - 5, x + 5, y + 4, x - 5, y + 4), fill=colour)
    return element("polygon", points=" ".join("{:.1f},{:.1f}".format(*point) for point in points),
                   fill="#ffffff" if series == 0 else colour, stroke=colour, stroke_width=1.4)
