"""Places for short labels beside points, so that none covers a point or another label however wide the chart is.

A point stands at a percentage of the width and at a pixel of the height; a label keeps its distance in pixels. As the
chart grows the points part, so two things are apart at every width if they are at no width between the two ends.
"""

from typing import List, NamedTuple, Sequence, Tuple

#: Widths in pixels that a chart may have, from a phone to a figure of its own.
NARROW, WIDE = 200.0, 900.0
DOT = 6.0
LINE = 13.0
DISTANCES = (14, 20, 27, 36, 46, 58, 72, 88, 106, 126, 150)
DIRECTIONS = ((1.0, 0.0), (-1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (0.7, -0.7), (-0.7, -0.7), (0.7, 0.7), (-0.7, 0.7))


class Box(NamedTuple):
    """Something drawn: its point (percent, pixels), its middle beside that in pixels, and half its size."""

    x: float
    y: float
    dx: float
    dy: float
    half_width: float
    half_height: float


def dot(x: float, y: float) -> Box:
    """Return the box of a point."""
    return Box(x, y, 0.0, 0.0, DOT, DOT)


def label(x: float, y: float, dx: float, dy: float, text: str) -> Box:
    """Return the box of a label whose middle lies ``dx``, ``dy`` from its point."""
    return Box(x, y, dx, dy, text_width(text) / 2.0, LINE / 2.0)


def text_width(text: str) -> float:
    """Return the most pixels that ``text`` takes at 12.5 px."""
    return 7.2 * len(text)


def apart(one: Box, other: Box) -> bool:
    """Whether the two touch at no width."""
    if abs((one.y + one.dy) - (other.y + other.dy)) >= one.half_height + other.half_height:
        return True
    ends = [(other.x - one.x) * width / 100.0 + other.dx - one.dx for width in (NARROW, WIDE)]
    room = one.half_width + other.half_width
    return min(ends) >= room or max(ends) <= -room


def beside(points: Sequence[Tuple[float, float]], texts: Sequence[str], taken: Sequence[Box], top: float,
           bottom: float) -> List[Box]:
    """Return a label for each of ``points`` (percent, pixels): the nearest place that is free.

    Labels lie between ``top`` and ``bottom`` (pixels). ``taken`` is what is drawn already. Where nothing is free a
    label takes the first place that lies in the chart.
    """
    drawn = list(taken) + [dot(x, y) for x, y in points]
    found = []
    for (x, y), text in zip(points, texts):
        places = [label(x, y, distance * across, distance * down, text) for distance in DISTANCES
                  for across, down in DIRECTIONS]
        inside = [one for one in places if _within(one, top, bottom)] or places
        free = next((one for one in inside if all(apart(one, other) for other in drawn)), inside[0])
        drawn.append(free)
        found.append(free)
    return found


def _within(one: Box, top: float, bottom: float) -> bool:
    middle = one.x * NARROW / 100.0 + one.dx
    return (one.half_width <= middle <= NARROW - one.half_width
            and top <= one.y + one.dy - one.half_height and one.y + one.dy + one.half_height <= bottom)
