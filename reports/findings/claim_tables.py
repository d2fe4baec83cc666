"""Each claim beside what the runs measured: one table, one verdict per run, one verdict over all."""

import math
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.reasons import Reason
from harness.words import Heap, State
from reports.findings.about import About
from reports.findings.claims import COUNTS, SPEEDS, STANDING, Cannot, Claim, ClaimRow
from reports.findings.judging import TOLERANCE, Direction, Holds, Judged, judge, together
from reports.findings.memory import CaseMemory, Kind
from reports.findings.published import Quantity
from reports.findings.published_memory import Shares, saving, shares
from reports.findings.rows import Row, Table

DIRECTIONS = {State.FASTER: Direction.BETTER, State.SLOWER: Direction.WORSE, State.SAME: Direction.SAME,
              State.SMALLER: Direction.BETTER, State.LARGER: Direction.WORSE}


class ClaimRun(NamedTuple):
    """One column of measured numbers: a run, and the versions behind it by their names in the environment."""

    about: About
    versions: Tuple[Tuple[str, Any], ...]
    level: float


class ClaimCell(NamedTuple):
    """What a run measured of one row, in the base unit of the claim's quantity.

    ``low`` and ``high`` are ``None`` for what is counted, the baseline, and where there is no interval. Without a
    ``value`` either ``reason`` or ``cannot`` says why. ``judged`` is ``None`` for a row that the claim is not about.
    """

    value: Optional[float] = None
    low: Optional[float] = None
    high: Optional[float] = None
    time_s: Optional[float] = None
    judged: Optional[Judged] = None
    reason: Optional[Reason] = None
    cannot: Optional[Cannot] = None
    baseline: bool = False
    heap: Optional[Heap] = None


class ClaimColumn(NamedTuple):
    """One run's part in a table: a cell for each row of the claim, its verdict, and how it was timed."""

    run: ClaimRun
    cells: Tuple[ClaimCell, ...]
    judged: Judged
    protocol: str
    threads: int
    launches: int
    processes: int


class ClaimTable(NamedTuple):
    """A claim with a column for each run that holds one of its cases, and the verdict over all of them."""

    claim: Claim
    columns: Tuple[ClaimColumn, ...]
    judged: Judged


class Evidence(NamedTuple):
    """What a claim is tested on in one run: the main row of every case, and its memory on each heap."""

    run: ClaimRun
    rows: Dict[str, Tuple[Row, Table]]
    heaps: Tuple[Dict[str, CaseMemory], ...]


def claim_tables(claims: Sequence[Claim], runs: Sequence[Evidence]) -> Tuple[ClaimTable, ...]:
    """Return a table for every one of ``claims``, in their order, each with exactly one verdict."""
    return tuple(_table(claim, runs) for claim in claims)


def row_verdicts(table: ClaimTable) -> Tuple[Judged, ...]:
    """Return the verdict over all runs on each row that the claim is about."""
    told = [[column.cells[index].judged for column in table.columns]
            for index, row in enumerate(table.claim.rows) if row.judged]
    nowhere = Judged(Holds.CANNOT_TEST, cannot=table.judged.cannot or Cannot.NOT_IN_RUNS)
    return tuple(together([one for one in own if one is not None] or [nowhere]) for own in told)


def case_of(row: ClaimRow) -> str:
    """Return the identifier of the case that measures ``row``."""
    return "{}/{}".format(row.comparison, row.case)


def _table(claim: Claim, runs: Sequence[Evidence]) -> ClaimTable:
    columns = tuple(_column(claim, one) for one in runs if any(case_of(row) in one.rows for row in claim.rows))
    if claim.cannot in STANDING:
        return ClaimTable(claim, columns, Judged(Holds.CANNOT_TEST, cannot=claim.cannot))
    return ClaimTable(claim, columns, together([cell.judged for column in columns for cell in column.cells
                                                if cell.judged is not None]))


def _here(claim: Claim, run: Evidence) -> Claim:
    """Return ``claim`` as it stands on the device of ``run``."""
    lifted = claim.cannot is Cannot.ON_A_CPU and run.run.about.device.cuda
    return claim._replace(cannot=None) if lifted else claim


def _column(everywhere: Claim, run: Evidence) -> ClaimColumn:
    claim = _here(everywhere, run)
    cells = tuple(_cell(claim, row, run) for row in claim.rows)
    tables = [run.rows[case_of(row)][1] for row in claim.rows if case_of(row) in run.rows]
    verdicts: List[Judged] = [cell.judged for cell in cells if cell.judged is not None]
    judged = together(verdicts) if claim.cannot is None else Judged(Holds.CANNOT_TEST, cannot=claim.cannot)
    memory = [heap[case].peak.repeats for heap in run.heaps for case in map(case_of, claim.rows) if case in heap]
    return ClaimColumn(run.run, cells, judged, tables[0].protocol, tables[0].threads,
                       min(table.launches for table in tables), min(memory) if memory else 0)


def _cell(claim: Claim, row: ClaimRow, run: Evidence) -> ClaimCell:
    if not row.case:
        return _cannot(row, claim, Cannot.NO_RIVAL)
    place = run.rows.get(case_of(row))
    if place is None:
        return _cannot(row, claim, Cannot.NOT_IN_RUNS)
    own, table = place
    if claim.quantity in SPEEDS:
        return _speed(claim, row, own)
    if claim.quantity is Quantity.MEMORY_SAVING:
        return _memory(claim, row, own, table, run)
    return _count(claim, row, own, table.rows[0])


def _cannot(row: ClaimRow, claim: Claim, why: Cannot, reason: Optional[Reason] = None) -> ClaimCell:
    """Return a cell without a number, and why; a row that the claim is about cannot be tested for that reason."""
    told = Judged(Holds.CANNOT_TEST, cannot=claim.cannot or why) if row.judged else None
    return ClaimCell(judged=told, reason=reason, cannot=why)


def _told(claim: Claim, row: ClaimRow, judged: Judged) -> Optional[Judged]:
    """Return the verdict on a row, none where the claim is not about it, and none but why where it cannot be."""
    if not row.judged:
        return None
    return judged if claim.cannot is None else Judged(Holds.CANNOT_TEST, cannot=claim.cannot)


def _speed(claim: Claim, row: ClaimRow, own: Row) -> ClaimCell:
    if own.times is None:
        return _cannot(row, claim, Cannot.NOT_MEASURED, own.reason)
    if own.baseline:
        return ClaimCell(1.0, time_s=own.median_s, baseline=True)
    if own.verdict is None or own.verdict.speed is None:
        return _cannot(row, claim, Cannot.NOT_MEASURED, own.reason)._replace(time_s=own.median_s)
    verdict = own.verdict
    cell = ClaimCell(verdict.speed, verdict.low, verdict.high, own.median_s)
    if verdict.speed is None or verdict.low is None or verdict.high is None:
        return cell._replace(judged=_told(claim, row, Judged(Holds.CANNOT_TEST, cannot=Cannot.NO_INTERVAL)))
    return cell._replace(judged=_told(claim, row, judge(
        DIRECTIONS.get(verdict.state, Direction.CANNOT_TELL), None if row.value is None else math.log(row.value),
        _log(verdict.low), _log(verdict.high), TOLERANCE)))


def _memory(claim: Claim, row: ClaimRow, own: Row, table: Table, run: Evidence) -> ClaimCell:
    """Return what the whole process saves, on the heap of a user's own process where that was measured."""
    base = table.rows[0].case
    found = shares(True, table.memory_kind or Kind.RSS, own.case, base, run.heaps)
    known = [one for one in found if one.process.value is not None]
    if not known:
        return _cannot(row, claim, Cannot.NOT_MEASURED, run.heaps[0][own.case].peak.reason)
    if own.baseline:
        return ClaimCell(0.0, baseline=True, heap=known[-1].heap)
    return _saved(claim, row, known[-1])


def _saved(claim: Claim, row: ClaimRow, found: Shares) -> ClaimCell:
    share = found.process
    cell = ClaimCell(share.value, heap=found.heap)
    if share.state is None or share.low is None or share.high is None:
        return cell._replace(judged=_told(claim, row, Judged(Holds.CANNOT_TEST, cannot=Cannot.NO_INTERVAL)))
    return cell._replace(low=share.low, high=share.high, judged=_told(claim, row, judge(
        DIRECTIONS.get(share.state, Direction.CANNOT_TELL), None if row.value is None else _factor(row.value),
        _factor(share.low), _factor(share.high), TOLERANCE)))


def _factor(saved: float) -> float:
    """Return a saved share as the logarithm of how many times less it is; all of it is saved without bound."""
    return -_log(1.0 - saved)


def _log(factor: float) -> float:
    return math.log(factor) if factor > 0.0 else -math.inf


def _count(claim: Claim, row: ClaimRow, own: Row, base: Row) -> ClaimCell:
    """Return what is counted: exact, so that it has no interval."""
    mine, theirs = (_counted(claim, one, row.also_counted) for one in (own, base))
    value = mine if claim.quantity in COUNTS else saving(mine, theirs)
    if value is None or mine is None or theirs is None:
        return _cannot(row, claim, Cannot.NOT_MEASURED, own.reason)
    cell = ClaimCell(value, baseline=own.baseline)
    if own.baseline:
        return cell
    direction = Direction.BETTER if mine < theirs else Direction.WORSE if mine > theirs else Direction.SAME
    # of a count the published advantage is what it leaves of the measured baseline
    won, published = (theirs - value, None if row.value is None else theirs - row.value) \
        if claim.quantity in COUNTS else (value, row.value)
    return cell._replace(judged=_told(claim, row, judge(direction, published, won, won,
                                                        claim.precision * (1 + 1e-9) + 1e-12)))


def _counted(claim: Claim, row: Row, also: int) -> Optional[float]:
    """Return what the claim counts of ``row``, ``None`` for what nothing here counts."""
    if claim.quantity in (Quantity.PARAMETERS, Quantity.PARAMETER_SAVING):
        return None if row.parameters is None else float(row.parameters + also)
    if claim.quantity is Quantity.MACS:
        return None if row.macs is None else row.macs / float(row.images)
    return None if row.macs is None or claim.quantity is not Quantity.MAC_SAVING else float(row.macs)
