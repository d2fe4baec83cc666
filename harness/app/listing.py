"""What ``list`` says: the suites, or the cases of one; as text for people or as data for programs."""

import os
from typing import Any, Dict, List, Optional

from harness.app.registry import all_suites, load_suite
from harness.plan import Target
from harness.planning import plan_comparisons


def suites_data() -> List[Dict[str, Optional[str]]]:
    """Return every suite's name and summary; one that cannot be used has a ``reason`` instead."""
    return [{"name": known.name, "summary": known.suite.summary if known.suite else None, "reason": known.reason}
            for known in all_suites()]


def suites_text() -> str:
    """Return the suites, a line each, and what to do with them."""
    found = suites_data()
    width = max(len(str(one["name"])) for one in found)
    lines = ["{:{}} {}".format(one["name"], width, one["summary"] or one["reason"]) for one in found]
    return "\n".join(lines + ["", "'./run_bench.sh list SUITE' shows its cases, './run_bench.sh run SUITE' measures "
                                  "them."])


def cases_data(suite: str, device: str, quick: bool) -> List[Dict[str, Any]]:
    """Return the comparisons of ``suite`` as it would be planned here; raises ``ValueError`` in one sentence."""
    found = plan_comparisons(load_suite(suite), Target(device, os.cpu_count() or 1), quick, None)
    return [{"id": one.id, "title": one.title, "cases": [
        {"id": one.case_id(case), "name": case.name, "baseline": case == one.baseline, "layer": case.layer,
         "implementation": case.implementation, "shape": list(case.shape), "dtype": case.dtype, "mode": case.mode,
         "threads": case.threads, "protocol": case.protocol, "text": str(case)} for case in one.cases]}
            for one in found]


def cases_text(suite: str, device: str, quick: bool) -> str:
    """Return the cases of ``suite`` by comparison; raises ``ValueError`` in one sentence."""
    lines = []
    for one in cases_data(suite, device, quick):
        lines.append("{}: {}".format(one["id"], one["title"]))
        lines += ["  {:8} {}".format("baseline" if case["baseline"] else "rival", case["text"])
                  for case in one["cases"]]
    return "\n".join(lines)
