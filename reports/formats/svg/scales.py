"""Scales from data to percent of the width (or to pixels), and the ticks that go with them."""

import math
from typing import List, Sequence, Tuple


class Linear:
    """Maps ``low..high`` to ``start..end``, by default 0 to 100 percent.

    Raises ``ValueError`` unless ``high > low``.
    """

    def __init__(self, low: float, high: float, start: float = 0.0, end: float = 100.0) -> None:
        if not high > low:
            raise ValueError("a scale needs high > low, got {} and {}".format(low, high))
        self.low, self.high, self.start, self.end = low, high, start, end

    def share(self, value: float) -> float:
        """Return how far along ``value`` lies, 0 at ``low``, 1 at ``high``."""
        return (value - self.low) / (self.high - self.low)

    def __call__(self, value: float) -> float:
        """Return the place of ``value``."""
        return self.start + (self.end - self.start) * self.share(value)

    def clamped(self, value: float) -> float:
        """Return the place of ``value``, kept inside the scale."""
        return self(min(self.high, max(self.low, value)))


class Log(Linear):
    """The same on a logarithmic scale; values must be positive. Raises ``ValueError`` unless ``high > low > 0``."""

    def __init__(self, low: float, high: float, start: float = 0.0, end: float = 100.0) -> None:
        if not low > 0:
            raise ValueError("a logarithmic scale needs values above 0, got {}".format(low))
        super().__init__(low, high, start, end)

    def share(self, value: float) -> float:
        """Return how far along ``value`` lies, 0 at ``low``, 1 at ``high``, in logarithms."""
        return math.log(value / self.low) / math.log(self.high / self.low)


def linear_ticks(low: float, high: float, most: int = 5) -> List[float]:
    """Return at most ``most`` + 1 round values from ``low`` to ``high``: steps of 1, 2, 2.5 or 5."""
    span = high - low
    step = 10.0 ** math.floor(math.log10(span / most))
    for factor in (1, 2, 2.5, 5, 10):
        if span / (step * factor) <= most:
            step *= factor
            break
    first = int(math.ceil(low / step - 1e-9))
    last = int(math.floor(high / step + 1e-9))
    return [round(i * step, 12) for i in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int = 6) -> List[float]:
    """Return round values from ``low`` to ``high``: 1, 2, 5 in each decade, fewer if there are many."""
    decades = range(int(math.floor(math.log10(low))) - 1, int(math.ceil(math.log10(high))) + 1)
    chosen: List[float] = []
    for factors in ((1, 2, 5), (1, 3), (1,)):
        chosen = [float("{}e{}".format(f, d)) for d in decades for f in factors]
        chosen = [value for value in chosen if low * 0.9999 <= value <= high * 1.0001]
        if len(chosen) <= most:
            break
    return chosen[::int(math.ceil(len(chosen) / float(most)))] if chosen else []


def ratio_range(ratios: Sequence[float], least: float = 2.0) -> Tuple[float, float]:
    """Return the ends of a ratio axis that holds all ``ratios``, 1, and ``least`` on either side.

    Each side is at least a third of the other in logarithms, so that a chart of winners alone still
    shows where *slower* would be.
    """
    logs = [math.log(ratio) for ratio in ratios]
    up = max([math.log(least)] + [1.06 * value for value in logs])
    down = max([math.log(least)] + [-1.06 * value for value in logs])
    return math.exp(-max(down, up / 3)), math.exp(max(up, down / 3))


def ratio_ticks(low: float, high: float) -> List[float]:
    """Return mirrored ticks for a ratio axis: 1, and the same factors on both sides where they fit."""
    reach = max(high, 1 / low)
    if reach <= 3.5:
        factors: List[float] = [2.0, 3.0]
    elif reach <= 12:
        factors = [2.0, 5.0, 10.0]
    elif reach <= 50:
        factors = [3.0, 10.0, 30.0]
    else:
        factors = [10.0 ** power for power in range(1, 13)]
    ticks = [1 / f for f in reversed(factors) if 1 / f >= low * 0.999] + [1.0]
    return ticks + [f for f in factors if f <= high * 1.001]


def spread_apart(wanted: Sequence[float], gap: float, low: float, high: float) -> List[float]:
    """Move labels at ``wanted`` pixels so that neighbours lie at least ``gap`` apart within ``low..high``.

    The order is kept and each label moves as little as its neighbours allow; if they do not all fit,
    they start at ``low`` and run past ``high``.
    """
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    groups: List[List[float]] = []   # [sum of wanted first places, members]
    for place, index in enumerate(order):
        groups.append([wanted[index] - place * gap, 1.0])
        while len(groups) > 1 and groups[-2][0] / groups[-2][1] > groups[-1][0] / groups[-1][1]:
            total, members = groups.pop()
            groups[-1][0] += total
            groups[-1][1] += members
    top = high - gap * (len(wanted) - 1)
    placed = [0.0] * len(wanted)
    place = 0
    for total, members in groups:
        start = max(low, min(top, total / members))
        for _ in range(int(members)):
            placed[order[place]] = start + place * gap
            place += 1
    return placed
