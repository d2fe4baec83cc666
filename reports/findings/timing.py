"""Verdicts, times and sorted samples of one comparison by state of the caches: computed here and nowhere else."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.plan import Comparison
from harness.quantiles import quantile
from harness.record import LaunchLine, Run
from harness.record.time_lines import COPY, samples_by_entrant
from harness.statistics.verdict import Times, Verdict, verdicts

CACHES = ("hot", "cold")


class View(NamedTuple):
    """One comparison in one state of the caches. ``samples`` are sorted, in seconds per call, by case id."""

    cache: str
    verdicts: Dict[str, Verdict]
    times: Dict[str, Times]
    samples: Dict[str, List[float]]
    floor: Optional[float]              # the largest of the rivals' floors, relative
    launches: int


def views(run: Run, comparison: Comparison) -> Tuple[View, ...]:
    """Return one view per cache state that was timed, hot first; none if nothing was timed.

    Verdicts are against the baseline of ``comparison``, which may be another case than the planned one.
    """
    lines = run.timed(comparison.id)
    samples = _samples(lines)
    told: Dict[str, Dict[str, Verdict]] = {cache: {} for cache in samples}
    if samples:
        # all launches, the failed ones too: why one is missing is part of the verdict
        for one in verdicts(run.launches(comparison.id), run.header.rule, comparison.case_id(comparison.baseline)):
            told[one.cache][one.case] = one
    order = sorted(samples, key=lambda cache: (CACHES.index(cache) if cache in CACHES else len(CACHES), cache))
    return tuple(_view(cache, told[cache], samples[cache], len(lines)) for cache in order)


def _view(cache: str, told: Dict[str, Verdict], samples: Dict[str, List[float]], launches: int) -> View:
    times = {case: Times(quantile(values, 0.5), quantile(values, 0.05), quantile(values, 0.95), len(values))
             for case, values in samples.items() if values}
    floors = [one.floor for one in told.values() if one.floor is not None]
    return View(cache, told, times, samples, max(floors) if floors else None, launches)


def _samples(lines: Sequence[LaunchLine]) -> Dict[str, Dict[str, List[float]]]:
    """Return the sorted samples by cache state and case, launches together, the A/A copy left out."""
    found: Dict[str, Dict[str, List[float]]] = {}
    for line in lines:
        for series in line.series:
            cases = found.setdefault(series.cache, {})
            samples = samples_by_entrant(series)
            for entrant, case in enumerate(series.entrants):
                if entrant != COPY:
                    cases.setdefault(case, []).extend(samples[entrant])
    for cases in found.values():
        for values in cases.values():
            values.sort()
    return found
