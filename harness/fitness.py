"""Which cases of a comparison may be measured after their check, and why another may not: read from the record."""

from typing import List, Optional, Sequence

from harness.plan import Comparison
from harness.reasons import Code, Reason, owing_to
from harness.record import Run, Unit
from harness.words import Pass


def measurable(run: Run, comparison: Comparison) -> List[str]:
    """Return the ids of the cases that were not found wrong, in the plan's order; all where the run checks none."""
    ids = [comparison.case_id(case) for case in comparison.cases]
    if Pass.VERIFY.value not in run.header.settings.passes:
        return ids
    checks = {name: run.check(name) for name in ids}
    return [name for name, check in checks.items() if check is not None and check.ok is not False]


def why_unfit(run: Run, comparison: Comparison, case: str) -> Reason:
    """Return why ``case``, which is not among the measurable, is not."""
    check = run.check(case)
    if check is not None:
        return owing_to(Code.CHECK_FAILED, check.reason)
    alone = run.units.get(Unit(Pass.VERIFY, comparison.id, case))
    return owing_to(Code.CHECK_UNFINISHED, None if alone is None else alone.reason)


def why_not_timed(run: Run, comparison: Comparison, fit: Sequence[str]) -> Optional[Reason]:
    """Return why the ``fit`` cases cannot be compared with each other, ``None`` if they can."""
    baseline = comparison.case_id(comparison.baseline)
    if baseline not in fit:
        return why_unfit(run, comparison, baseline)._replace(code=Code.BASELINE_UNFIT)
    return None if len(fit) > 1 else Reason(Code.NO_RIVAL_FIT)
