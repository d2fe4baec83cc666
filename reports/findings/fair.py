"""The harder baseline: where any two cases of a comparison can be told apart, its layer's fastest form of all.

"Faster than the convolution" is worth what that convolution is worth. Which form or which engine has the fastest one
is known only once all were timed, in the same rounds.
"""

import copy
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.plan import Case, Comparison
from harness.record import Run
from harness.statistics.verdict import Verdict, case_times, verdicts


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
    found.header = run.header._replace(comparisons=tuple(_hardest(run, one) for one in run.comparisons))
    return found


def engine_of(case: Case) -> Optional[str]:
    """Return the engine that runs ``case``, ``None`` where its suite names none."""
    name = dict(case.options).get("engine")
    return None if name is None else str(name)


def engine_tables(run: Run) -> Tuple[EngineTable, ...]:
    """Return a table for every comparison whose cases run in several engines; none where nothing was timed."""
    return tuple(table for one in run.comparisons if one.pairs for table in [_table(run, one)] if table is not None)


def _hardest(run: Run, comparison: Comparison) -> Comparison:
    best = _fastest(comparison, comparison.cases, _medians(run, comparison)) if comparison.pairs else None
    if best is None or best == comparison.baseline:
        return comparison
    return comparison._replace(baseline=best, rivals=tuple(case for case in comparison.cases if case != best))


def _table(run: Run, comparison: Comparison) -> Optional[EngineTable]:
    medians = _medians(run, comparison)
    best = _fastest(comparison, comparison.cases, medians)
    if best is None:
        return None
    told: Dict[str, Dict[str, Verdict]] = {}

    def verdict(case: Case, against: Optional[Case]) -> Optional[Verdict]:
        if against is None or against == case:
            return None
        ident = comparison.case_id(against)
        if ident not in told:
            told[ident] = {one.case: one for one in verdicts(run.launches(comparison.id), run.header.rule, ident)
                           if one.cache == _cache(run, comparison)}
        return told[ident].get(comparison.case_id(case))

    rows: List[AgainstOwn] = []
    for case in comparison.cases:
        if case in medians:
            engine, form = engine_of(case), case.layer == comparison.baseline.layer
            own = None if form else _fastest(comparison, [one for one in comparison.cases
                                                          if engine_of(one) == engine], medians)
            rows.append(AgainstOwn(comparison.case_id(case), case.name, engine, medians[case],
                                   None if own is None else own.name, verdict(case, own), verdict(case, best)))
    rows.sort(key=lambda row: row.median_s)
    engines = tuple(sorted({row.engine for row in rows if row.engine is not None}))
    return EngineTable(comparison.id, comparison.title, best.layer, best.name, medians[best], engines, tuple(rows))


def _fastest(comparison: Comparison, cases: Sequence[Case], medians: Dict[Case, float]) -> Optional[Case]:
    """Return who of ``cases`` is the fastest form of the baseline's layer in its arithmetic, ``None`` if none is."""
    base = comparison.baseline
    timed = [case for case in cases if case in medians
             and (case.layer, case.arithmetic) == (base.layer, base.arithmetic)]
    return min(timed, key=medians.__getitem__) if timed else None


def _cache(run: Run, comparison: Comparison) -> Optional[str]:
    lines = run.timed(comparison.id)
    return lines[0].series[0].cache if lines and lines[0].series else None


def _medians(run: Run, comparison: Comparison) -> Dict[Case, float]:
    """Return the median time per call of every case that was timed."""
    cache, found = _cache(run, comparison), {}
    for case in comparison.cases if cache is not None else ():
        times = case_times(run.timed(comparison.id), str(cache), comparison.case_id(case))
        if times is not None:
            found[case] = times.median_s
    return found
