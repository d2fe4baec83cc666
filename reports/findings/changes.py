"""Two runs case by case: what became faster, slower, stayed the same or cannot be told."""

from typing import Dict, NamedTuple, Tuple

from harness.record import Run
from harness.statistics.between_runs import Change, compare_runs
from harness.statistics.verdict import Times
from reports.findings.about import device
from reports.findings.cleaned import cleaned
from reports.findings.devices import Column
from reports.findings.environment import Difference, differences, run_facts
from reports.findings.timing import CACHES, View, views


class ChangedCase(NamedTuple):
    """One case in one cache state in both runs; ``change`` speaks of the new run against the old one."""

    case: str
    cache: str
    change: Change
    old_s: float
    new_s: float


class Changes(NamedTuple):
    """The new run against the old one; ``alone`` are the ids of cases that only one of them timed."""

    old: Column
    new: Column
    differences: Tuple[Difference, ...]
    cases: Tuple[ChangedCase, ...]
    alone: Tuple[str, ...]


def changes(old: Run, new: Run) -> Changes:
    """Return a row for every case and cache state that both runs timed. The words follow the old run's rule."""
    timed = _times(old), _times(new)
    cases = []
    for place in old.places():
        for cache in CACHES:
            key = (place.id, cache)
            if key in timed[0] and key in timed[1]:
                change = compare_runs(old.timed(place.comparison.id), new.timed(place.comparison.id), cache, place.id,
                                      old.header.rule)
                cases.append(ChangedCase(place.id, cache, change, timed[0][key].median_s, timed[1][key].median_s))
    alone = tuple(sorted({case for case, _ in set(timed[0]) ^ set(timed[1])}))
    return cleaned(Changes(Column(old.id, device(old)), Column(new.id, device(new)),
                           differences([run_facts(old), run_facts(new)]), tuple(cases), alone))


def _times(run: Run) -> Dict[Tuple[str, str], Times]:
    found: Dict[Tuple[str, str], Times] = {}
    for comparison in run.comparisons:
        seen: Tuple[View, ...] = views(run, comparison)
        found.update({(case, view.cache): times for view in seen for case, times in view.times.items()})
    return found
