"""Every sample, thinned for drawing only: order statistics, extremes always in."""

import math
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.quantiles import quantile
from reports.findings.rows import RowState, Table
from reports.findings.timing import View

ALL_ROWS = 150      # up to this many rows every one gets its strip
MOST_TABLES = 12
LIMIT = 2.0         # the widest axis ends at twice the median; what lies beyond is counted


class Strip(NamedTuple):
    """The samples of one row: ``dots`` are ratios to its median, ``beyond`` of them lie past the axis."""

    row: str
    name: str
    state: RowState
    dots: Tuple[float, ...]
    median_s: float
    p5_s: float
    p95_s: float
    beyond: int
    farthest: float


class StripTable(NamedTuple):
    """The strips of one comparison on one axis from ``low`` to ``high``."""

    key: str
    title: str
    cache: Optional[str]
    alone: bool
    rows: Tuple[Strip, ...]
    low: float
    high: float
    ticks: Tuple[float, ...]
    drawn: int
    total: int


def thin(ordered: Sequence[float], most: int) -> List[float]:
    """Return at most ``most`` of the sorted values, evenly spaced in rank; the extremes are always in."""
    if len(ordered) <= most:
        return list(ordered)
    last = len(ordered) - 1
    return [ordered[int(round(i * last / float(most - 1)))] for i in range(most)]


def dots_per_row(rows: int) -> int:
    """Return how many dots a row gets, so that a page with many rows stays small."""
    return 160 if rows <= 40 else 64 if rows <= 120 else 32


def shown_tables(tables: Sequence[Table]) -> List[Table]:
    """Return the tables whose samples are drawn: all, or with many rows only those a doubt hangs on.

    A doubt is a rival that cannot be told, or a machine that was unsteady; the record holds every sample anyway.
    """
    if sum(len(table.rows) for table in tables) <= ALL_ROWS:
        return list(tables)
    doubtful = [table for table in tables if any(
        row.state is RowState.CANNOT_TELL or (row.verdict is not None and row.verdict.flags) for row in table.rows)]
    return doubtful[:MOST_TABLES]


def strip_tables(tables: Sequence[Table], behind: Dict[str, View]) -> Tuple[StripTable, ...]:
    """Return the strips of each of ``tables``, the axis shared inside a table."""
    most = dots_per_row(sum(len(table.rows) for table in tables))
    found = []
    for table in tables:
        samples = behind[table.key].samples if table.key in behind else {}
        rows = [row for row in table.rows if samples.get(row.case)]
        if not rows:
            continue
        ratios = [_ratios(samples[row.case]) for row in rows]
        low, high = strip_range(ratios)
        strips = tuple(_strip(row.id, row.name, row.state, samples[row.case], own, high, most)
                       for row, own in zip(rows, ratios))
        found.append(StripTable(table.key, table.title, table.cache, table.alone, strips, low, high,
                                tuple(strip_ticks(low, high)), max(len(strip.dots) for strip in strips),
                                max(len(own) for own in ratios)))
    return tuple(found)


def _ratios(ordered: Sequence[float]) -> List[float]:
    middle = quantile(ordered, 0.5)
    return [value / middle for value in ordered]


def _strip(ident: str, name: str, state: RowState, ordered: Sequence[float], ratios: Sequence[float], high: float,
           most: int) -> Strip:
    return Strip(ident, name, state, tuple(thin(ratios, most)), quantile(ordered, 0.5), quantile(ordered, 0.05),
                 quantile(ordered, 0.95), sum(1 for value in ratios if value > high), ratios[-1])


def strip_range(rows: Sequence[Sequence[float]]) -> Tuple[float, float]:
    """Return the ends of the strips' axis: it holds nearly all samples, at least +-5 %, at most twice the median."""
    low = min(row[0] for row in rows)
    high = min(LIMIT, max(max(quantile(row, 0.98), min(row[-1], 1.6)) for row in rows))
    down, up = max(0.05, 1.05 * (1 - low)), max(0.05, 1.05 * (high - 1))
    down, up = max(down, up / 4), max(up, down / 2)
    return max(0.0, 1 - down), min(LIMIT, 1 + up)


def strip_ticks(low: float, high: float) -> List[float]:
    """Return the ticks: the median and up to four steps above, one below if there is room."""
    step = next(s for s in (0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0) if (high - low) / s <= 5)
    above = int(math.floor((high - 1) / step + 1e-9))
    below = int(math.floor((1 - low) / step + 1e-9))
    return [1 + step * i for i in range(-below, above + 1)]
