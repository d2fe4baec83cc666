"""What ``list`` says: the suites, or the cases of one; as text for people or as data for programs."""

import os
import shutil
import textwrap
from typing import Any, Dict, List, Optional

from harness.app.registry import all_suites, load_suite
from harness.plan import Target
from harness.planning import plan_comparisons

MOST_COLUMNS, LEAST_ROOM = 10000, 20


def suites_data() -> List[Dict[str, Optional[str]]]:
    """Return every suite's name and summary; one that cannot be used has a ``reason`` instead."""
    return [{"name": known.name, "summary": known.suite.summary if known.suite else None, "reason": known.reason}
            for known in all_suites()]


def columns() -> int:
    """Return the columns of the terminal, or COLUMNS; where neither says, more than any line has."""
    return shutil.get_terminal_size((MOST_COLUMNS, 24)).columns


def suites_text(width: int) -> str:
    """Return the suites, a line each, and what to do with them; lines fold between words at ``width``."""
    found = suites_data()
    names = max(len(str(one["name"])) for one in found)
    lines = [hanging("{:{}} ".format(one["name"], names), one["summary"] or one["reason"] or "", width)
             for one in found]
    return "\n".join(lines + ["", hanging("", "'./run_bench.sh list SUITE' shows its cases, './run_bench.sh run "
                                              "SUITE' measures them.", width)])


def hanging(start: str, text: str, width: int) -> str:
    """Return ``text`` behind ``start``, folded at ``width`` with later lines below its beginning."""
    return "\n".join(textwrap.wrap(text, max(width, len(start) + LEAST_ROOM), initial_indent=start,
                                   subsequent_indent=" " * len(start), break_on_hyphens=False,
                                   break_long_words=False)) or start.rstrip()


def cases_data(suite: str, device: str, quick: bool) -> List[Dict[str, Any]]:
    """Return the comparisons of ``suite`` as it would be planned here; raises ``ValueError`` in one sentence."""
    found = plan_comparisons(load_suite(suite), Target(device, os.cpu_count() or 1), quick, None)
    return [{"id": one.id, "title": one.title, "cases": [
        {"id": one.case_id(case), "name": case.name, "baseline": case == one.baseline, "layer": case.layer,
         "implementation": case.implementation, "shape": list(case.shape), "dtype": case.dtype, "mode": case.mode,
         "threads": case.threads, "protocol": case.protocol, "text": str(case)} for case in one.cases]}
            for one in found]


def cases_text(suite: str, device: str, quick: bool, width: int) -> str:
    """Return the cases of ``suite`` by comparison; raises ``ValueError`` in one sentence."""
    lines = []
    for one in cases_data(suite, device, quick):
        lines.append(hanging("", "{}: {}".format(one["id"], one["title"]), width))
        lines += [hanging("  {:8} ".format("baseline" if case["baseline"] else "rival"), case["text"], width)
                  for case in one["cases"]]
    return "\n".join(lines)
