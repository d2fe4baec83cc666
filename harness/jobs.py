"""What a worker is told: one JSON object for one unit of work."""

from typing import Any, Dict, Mapping, Optional, Sequence

from harness.plan import Comparison, comparison_to_dict
from harness.record import Run
from harness.words import Pass


def job_of(run: Run, versions: Mapping[str, str], name: Pass, comparison: Comparison,
           cases: Sequence[Optional[str]], **extra: Any) -> Dict[str, Any]:
    """Return the job of the pass ``name`` on ``cases``, with what their checks found and the pass's own ``extra``.

    ``versions`` are the folders of the commits that cases name, by label.
    """
    checks = {case: run.check(case) for case in map(comparison.case_id, comparison.cases)}
    pinned = {case: check.pinned for case, check in checks.items() if check is not None and check.pinned}
    own = [case for case, check in checks.items() if check is not None and check.changes_input]
    disturbing = [case for case, check in checks.items() if check is not None and check.disturbs]
    folders = {comparison.case_id(case): versions[case.version] for case in comparison.cases if case.version}
    worker = name.value + "-apart" if comparison.apart and name is Pass.TIME else name.value
    return dict({"pass": worker, "folders": folders, "comparison": comparison_to_dict(comparison),
                 "cases": list(cases), "pinned": pinned, "own_input": own, "disturbing": disturbing,
                 "seed": run.header.settings.seed, "quick": run.header.settings.quick}, **extra)
