"""From what the user asked for to the comparisons of a run, as pure functions."""

import fnmatch
from typing import List, Optional, Sequence

from harness.nearest import unknown
from harness.plan import Comparison, Suite, Target, check_comparison


def plan_comparisons(suite: Suite, target: Target, quick: bool, only: Optional[str]) -> List[Comparison]:
    """Return the comparisons to run; raises ``ValueError`` in one sentence if ``only`` matches nothing."""
    comparisons = suite.comparisons(target)
    if quick and suite.quick is not None:
        comparisons = suite.quick(comparisons)
    for comparison in comparisons:
        check_comparison(comparison)
    return select(comparisons, only) if only else list(comparisons)


def matches(pattern: str, case_id: str) -> bool:
    """Whether ``pattern`` (with ``*`` and ``?``, or a plain part of the name) picks ``case_id``."""
    wild = any(sign in pattern for sign in "*?[")
    return fnmatch.fnmatchcase(case_id, pattern) if wild else pattern.lower() in case_id.lower()


def select(comparisons: Sequence[Comparison], only: str) -> List[Comparison]:
    """Keep the rivals that ``only`` picks, each with its baseline; a pattern may hold several, by comma."""
    patterns = [part.strip() for part in only.split(",") if part.strip()]
    kept = []
    for comparison in comparisons:
        def picked(case: object, comparison: Comparison = comparison) -> bool:
            return any(matches(pattern, comparison.case_id(case)) for pattern in patterns)  # type: ignore[arg-type]

        rivals = tuple(case for case in comparison.rivals if picked(case))
        if not rivals and picked(comparison.baseline):
            rivals = comparison.rivals
        if rivals:
            kept.append(comparison._replace(rivals=rivals))
    if not kept:
        ids = [comparison.case_id(case) for comparison in comparisons for case in comparison.rivals]
        raise ValueError(unknown("case matching", only, ids))
    return kept
