"""Close calls: every rival within 10 %, with the band that its verdict had to leave."""

import math
from typing import NamedTuple, Optional, Sequence, Tuple

from reports.findings.rows import Row, Table
from reports.numbers import CLOSE


class CloseCall(NamedTuple):
    """A rival within 10 % of its baseline; ``band`` holds the speeds that differ too little to matter or to tell."""

    table: str
    title: str
    cache: Optional[str]
    alone: bool
    row: Row
    band: Tuple[float, float]


def band_of(factor: float, floor: Optional[float]) -> Tuple[float, float]:
    """Return the band of indifference as speeds: the larger of the factor and the run's own A/A noise."""
    widest = max(math.log1p(factor), math.log1p(floor or 0.0))
    return math.exp(-widest), math.exp(widest)


def close_calls(tables: Sequence[Table], factor: float) -> Tuple[CloseCall, ...]:
    """Return the rows of ``tables`` within 10 %, fastest first."""
    found = [CloseCall(table.key, table.title, table.cache, table.alone, row, band_of(factor, table.floor))
             for table in tables for row in table.rows
             if row.speed is not None and row.low is not None and row.high is not None
             and 1 / CLOSE < row.speed < CLOSE]
    return tuple(sorted(found, key=lambda call: -(call.row.speed or 0.0)))
