"""What a device sustains: each soaked rival against its baseline, burst and sustained, and when it throttled."""

from typing import NamedTuple, Optional, Tuple

from harness.reasons import Reason
from harness.record import Run, SoakLine
from harness.statistics.soak import SoakVerdict, soak_verdict
from harness.words import Pass, Status


class SoakRow(NamedTuple):
    """One rival; ``verdict`` is ``None`` for ``reason``. ``line`` holds blocks and traces as recorded.

    Temperature (degrees Celsius) and power (W) are of the burst and of the last third, ``None`` where not read.
    """

    case: str
    name: str
    title: str
    verdict: Optional[SoakVerdict]
    reason: Optional[Reason]
    hottest_c: Optional[float]
    burst_w: Optional[float]
    sustained_w: Optional[float]
    line: Optional[SoakLine]


class SoakTable(NamedTuple):
    """The soaked rivals of one comparison."""

    id: str
    title: str
    baseline: str
    rows: Tuple[SoakRow, ...]


def soak_tables(run: Run) -> Tuple[SoakTable, ...]:
    """Return a table for each comparison of a run that soaked, none for any other run."""
    if Pass.SOAK.value not in run.header.settings.passes:
        return ()
    return tuple(SoakTable(one.id, one.title, one.baseline.name,
                           tuple(_row(run, one.case_id(case), case.name, one.title) for case in one.rivals))
                 for one in run.comparisons)


def _row(run: Run, ident: str, name: str, title: str) -> SoakRow:
    line = run.soak(ident)
    verdict = soak_verdict(line, run.header.rule) if line is not None and line.status is Status.OK else None
    if line is None or verdict is None or line.trace is None:
        why = run.why_absent(Pass.SOAK) if line is None else line.reason
        return SoakRow(ident, name, title, None, why, None, None, None, None)
    trace, late = line.trace, 2.0 / 3.0 * line.blocks[-1].end_s
    heat = [value for value in trace.temperature_c if value is not None]
    early_w = [value for value, block in zip(trace.power_w, trace.block) if value is not None and block < 2]
    late_w = [value for value, time_s in zip(trace.power_w, trace.time_s) if value is not None and time_s >= late]
    return SoakRow(ident, name, title, verdict, None, max(heat) if heat else None, _mean(early_w), _mean(late_w),
                   line)


def _mean(values: list) -> Optional[float]:
    return sum(values) / len(values) if values else None
