"""Every sample, thinned for drawing only: order statistics, extremes always in."""

import math
from typing import Any, Dict, List, Optional, Sequence, Tuple

from harness.record import Run
from reports.numbers import count, quantile, seconds
from reports.verdicts import all_samples

ALL_ROWS = 150      # up to this many rows every one gets its strip
MOST_TABLES = 12
LIMIT = 2.0         # the widest axis ends at twice the median; what lies beyond is counted in words


def thin(ordered: Sequence[float], most: int) -> List[float]:
    """Return at most ``most`` of the sorted values, evenly spaced in rank; the extremes are always in."""
    if len(ordered) <= most:
        return list(ordered)
    last = len(ordered) - 1
    return [ordered[int(round(i * last / float(most - 1)))] for i in range(most)]


def dots_per_row(rows: int) -> int:
    """Return how many dots a row gets, so that a page with many rows stays small."""
    return 160 if rows <= 40 else 64 if rows <= 120 else 32


def shown_tables(tables: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Return the tables whose samples a page draws: all, or with many rows only those a doubt hangs on.

    A doubt is a rival that cannot be told, or a machine that was unsteady; the CSV holds every sample anyway.
    """
    if sum(len(table["rows"]) for table in tables) <= ALL_ROWS:
        return list(tables)
    doubtful = [table for table in tables
                if any(row["state"] == "cannot tell" or row["flags"] for row in table["rows"])]
    return doubtful[:MOST_TABLES]


def sample_tables(run: Run, tables: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Return one table of strips for each of ``tables``, the axis shared inside a table."""
    most = dots_per_row(sum(len(table["rows"]) for table in tables))
    comparisons = {comparison.id: comparison for comparison in run.comparisons}
    found = []
    for table in tables:
        rows = []
        drawn = total = 0
        for row in table["rows"]:
            if not row["samples"]:
                continue
            ordered = sorted(all_samples(run, comparisons[table["id"]], table["cache"], row["case"]))
            middle = quantile(ordered, 0.5)
            dots = thin([value / middle for value in ordered], most)
            drawn, total = max(drawn, len(dots)), max(total, len(ordered))
            rows.append({
                "row": row["id"], "name": row["name"], "state": row["state"], "dots": dots,
                "median_text": seconds(middle), "spread_text": "{} to {}".format(
                    seconds(quantile(ordered, 0.05)), seconds(quantile(ordered, 0.95))),
                "ordered": [value / middle for value in ordered]})
        if not rows:
            continue
        low, high = strip_range([row["ordered"] for row in rows])
        for row in rows:
            row["beyond_text"] = beyond(row.pop("ordered"), high)
        found.append({"id": table["id"], "key": table["key"], "title": table["title"],
                      "cache_text": table["cache_text"], "rows": rows, "range": [low, high],
                      "ticks": strip_ticks(low, high), "drawn": drawn, "total": total})
    return found


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


def beyond(ordered: Sequence[float], high: float) -> Optional[str]:
    """Return how many samples lie beyond the axis and how far they go, ``None`` if none does."""
    outside = [value for value in ordered if value > high]
    if not outside:
        return None
    return "{} beyond, up to {:.1f}\u00d7".format(count(len(outside), "sample"), outside[-1])
