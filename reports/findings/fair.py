"""The harder baseline: where any two cases of a comparison can be told apart, its layer's fastest form of all."""

import copy
from typing import Dict, List, NamedTuple, Optional, Tuple

from harness.plan import Case, Comparison
from harness.record import Run
from harness.statistics.denominators import denominators, engine_of, with_fastest
from harness.statistics.verdict import Verdict, verdicts


class AgainstOwn(NamedTuple):
    """One case beside the fastest form of the baseline's layer in its own engine and in any.

    A verdict is ``None`` where one of the two was not timed, or a case is held against itself.
    """

    case: str
    name: str
    engine: Optional[str]
    median_s: float
    own_baseline: Optional[str]
    own: Optional[Verdict]
    fastest: Optional[Verdict]


class EngineTable(NamedTuple):
    """One comparison of engines: the fastest form of the baseline's layer of all, and every case beside it."""

    id: str
    title: str
    layer: str
    fastest: str
    fastest_s: float
    engines: Tuple[str, ...]
    rows: Tuple[AgainstOwn, ...]


def fairly(run: Run) -> Run:
    """Return ``run`` with the fastest form of its baseline's layer as each comparison's baseline, as rounds allow."""
    if not any(one.pairs for one in run.comparisons):
        return run
    found = copy.copy(run)
    found.header = run.header._replace(comparisons=tuple(with_fastest(one, run.timed(one.id))
                                                         for one in run.comparisons))
    return found


def engine_tables(run: Run) -> Tuple[EngineTable, ...]:
    """Return a table for every comparison whose cases run in several engines; none where nothing was timed."""
    return tuple(table for one in run.comparisons if one.pairs for table in [_table(run, one)] if table is not None)


def _table(run: Run, comparison: Comparison) -> Optional[EngineTable]:
    lines = run.timed(comparison.id)
    found = denominators(comparison, lines)
    best = found.fastest
    if comparison.case_id(best) not in found.medians_s:
        return None
    cache = lines[0].series[0].cache
    told: Dict[str, Dict[str, Verdict]] = {
        comparison.case_id(against): {one.case: one for one in verdicts(run.launches(comparison.id), run.header.rule,
                                                    comparison.case_id(against)) if one.cache == cache}
        for against in found.all()}

    def verdict(case: Case, against: Optional[Case]) -> Optional[Verdict]:
        return None if against is None else told[comparison.case_id(against)].get(comparison.case_id(case))

    rows: List[AgainstOwn] = []
    for case in comparison.cases:
        ident, own = comparison.case_id(case), found.own(case)
        if ident not in found.medians_s:
            continue
        rows.append(AgainstOwn(ident, case.name, engine_of(case), found.medians_s[ident],
                               None if own is None else own.name, verdict(case, own), verdict(case, best)))
    rows.sort(key=lambda row: row.median_s)
    engines = tuple(sorted({row.engine for row in rows if row.engine is not None}))
    return EngineTable(comparison.id, comparison.title, best.layer, best.name,
                       found.medians_s[comparison.case_id(best)], engines, tuple(rows))
