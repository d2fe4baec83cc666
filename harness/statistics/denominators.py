"""What a case's time is held against: its comparison's baseline, or among engines the fastest form of its layer.

"Faster than the convolution" is worth what that convolution is worth. Which form or which engine has the fastest one
is known only once all were timed, in the same rounds. A case of an engine has two denominators: the fastest of all
engines, the harder one, and the fastest of its own engine.
"""

from typing import Dict, NamedTuple, Optional, Sequence, Tuple

from harness.plan import Case, Comparison
from harness.record.time_lines import LaunchLine
from harness.statistics.verdict import case_times


class Denominators(NamedTuple):
    """Those of one comparison. ``medians_s`` are the median times per call of the cases that were timed, by
    case id: a case itself may hold options that are no key.

    ``forms`` are the forms of the baseline's layer in its type that were timed, the fastest first; the planned
    baseline alone where a comparison has not every two of its cases in the same rounds, and where none was timed.
    ``by_engine`` holds the fastest form in each engine; it is empty where the suite names no engines.
    """

    forms: Tuple[Case, ...]
    by_engine: Dict[str, Case]
    medians_s: Dict[str, float]

    @property
    def fastest(self) -> Case:
        """The fastest form of all: the harder denominator."""
        return self.forms[0]

    def own(self, case: Case) -> Optional[Case]:
        """Return the fastest form in the engine of ``case``, ``None`` if there is none but itself."""
        engine = engine_of(case)
        found = None if engine is None else self.by_engine.get(engine)
        return None if found == case else found

    def all(self) -> Tuple[Case, ...]:
        """Return every case that some ratio is over, the fastest first, each once."""
        return (self.fastest,) + tuple(case for case in self.by_engine.values() if case != self.fastest)


def engine_of(case: Case) -> Optional[str]:
    """Return the engine that runs ``case``, ``None`` where its suite names none."""
    name = dict(case.options).get("engine")
    return None if name is None else str(name)


def denominators(comparison: Comparison, lines: Sequence[LaunchLine]) -> Denominators:
    """Return the denominators of ``comparison`` as ``lines``, its launches with samples, know them."""
    planned = comparison.baseline
    if not comparison.pairs:
        return Denominators((planned,), {}, {})
    medians = medians_s(comparison, lines)
    forms = [case for case in comparison.cases if comparison.case_id(case) in medians
             and (case.layer, case.arithmetic) == (planned.layer, planned.arithmetic)]
    forms.sort(key=lambda case: medians[comparison.case_id(case)])
    by_engine: Dict[str, Case] = {}
    for case in forms:
        engine = engine_of(case)
        if engine is not None:
            by_engine.setdefault(engine, case)
    return Denominators(tuple(forms) or (planned,), by_engine, medians)


def medians_s(comparison: Comparison, lines: Sequence[LaunchLine]) -> Dict[str, float]:
    """Return the median seconds per call of every case that was timed, by id, in the first state of the caches."""
    cache = next((series.cache for line in lines for series in line.series), None)
    found = {}
    for case in comparison.cases if cache is not None else ():
        ident = comparison.case_id(case)
        times = case_times(lines, str(cache), ident)
        if times is not None:
            found[ident] = times.median_s
    return found


def with_fastest(comparison: Comparison, lines: Sequence[LaunchLine]) -> Comparison:
    """Return ``comparison`` with its harder denominator as the baseline."""
    best = denominators(comparison, lines).fastest
    if best == comparison.baseline:
        return comparison
    return comparison._replace(baseline=best, rivals=tuple(case for case in comparison.cases if case != best))
