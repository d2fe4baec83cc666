"""From what the user asked for to the comparisons of a run, as pure functions."""

import fnmatch
from typing import List, Optional, Sequence

from harness.nearest import unknown
from harness.plan import Case, Comparison, Suite, Target, check_comparison


def plan_comparisons(suite: Suite, target: Target, quick: bool, only: Optional[str]) -> List[Comparison]:
    """Return the comparisons to run; raises ``ValueError`` in one sentence if ``only`` matches nothing."""
    comparisons = suite.comparisons(target)
    if quick and suite.quick is not None:
        comparisons = suite.quick(comparisons)
    for comparison in comparisons:
        check_comparison(comparison)
    return select(comparisons, only) if only else list(comparisons)


def matches(pattern: str, name: str) -> bool:
    """Whether ``pattern`` (with ``*`` and ``?``, or a plain part of the name) picks ``name``, in any case."""
    pattern, name = pattern.lower(), name.lower()
    wild = any(sign in pattern for sign in "*?[")
    return fnmatch.fnmatchcase(name, pattern) if wild else pattern in name


def select(comparisons: Sequence[Comparison], only: str) -> List[Comparison]:
    """Keep the rivals that ``only`` picks, each with its baseline; a pattern may hold several, by comma.

    A rival answers to its id, as ``list`` shows it, and to its name, as the tables do. Raises ``ValueError`` where
    none does.
    """
    patterns = [part.strip() for part in only.split(",") if part.strip()]
    kept = []
    for comparison in comparisons:
        def picked(case: Case, comparison: Comparison = comparison) -> bool:
            names = (comparison.case_id(case), case.name)
            return any(matches(pattern, name) for pattern in patterns for name in names)

        rivals = tuple(case for case in comparison.rivals if picked(case))
        if not rivals and picked(comparison.baseline):
            rivals = comparison.rivals
        if rivals:
            kept.append(comparison._replace(rivals=rivals))
    if not kept:
        ids = [comparison.case_id(case) for comparison in comparisons for case in comparison.rivals]
        raise ValueError(unknown("case matching", only, ids))
    return kept
