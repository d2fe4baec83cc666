"""Close calls: every rival within 10 %, on a linear axis that can show why a verdict is what it is."""

import math
from typing import Any, Dict, List, Sequence, Tuple

from reports.numbers import CLOSE

AXIS = (-10.0, 10.0)
TICKS = ((-10.0, "\u221210\u202f%"), (-5.0, "\u22125\u202f%"), (0.0, "0"), (5.0, "+5\u202f%"), (10.0, "+10\u202f%"))


def band_of(factor: float, floor: float) -> Tuple[float, float]:
    """Return the band of indifference in percent: the larger of the factor and the run's own A/A noise."""
    widest = max(math.log(1 + factor), abs(math.log(floor)) if floor else 0.0)
    return (math.exp(-widest) - 1) * 100, (math.exp(widest) - 1) * 100


def close_calls(tables: Sequence[Dict[str, Any]], factor: float) -> List[Dict[str, Any]]:
    """Return the rows of ``tables`` within 10 % , fastest first."""
    found = []
    for table in tables:
        for row in table["rows"]:
            ratio = row["ratio"]
            if ratio is None or row["low"] is None or row["high"] is None:
                continue
            if not 1 / CLOSE < ratio < CLOSE:
                continue
            found.append({
                "row": row["id"], "name": row["name"], "title": table["title"], "cache_text": table["cache_text"],
                "state": row["state"], "sign": row["sign"], "speed_text": row["speed_text"],
                "interval_text": row["interval_text"], "ratio": ratio, "next_step": row["next_step"],
                "percent": (ratio - 1) * 100, "low_percent": (row["low"] - 1) * 100,
                "high_percent": (row["high"] - 1) * 100, "band": band_of(factor, table["floor"] or 1.0)})
    return sorted(found, key=lambda call: -call["ratio"])
