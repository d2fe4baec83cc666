"""Memory: five kinds kept apart, and the one that stands in the comparison tables."""

from typing import Any, Dict, List, Optional

from harness.plan import Comparison
from harness.record import Run
from reports.numbers import size
from reports.parts.record import case_line, first_number, why_no_line

KINDS = (
    ("torch_peak_allocated_bytes", "torch allocated", "largest sum of live tensors in torch's own count"),
    ("torch_peak_reserved_bytes", "torch reserved", "what torch's allocator held, gaps and cache included"),
    ("rss_delta_peak_bytes", "process RSS", "resident memory of the process above its level with the input alone"),
    ("uss_delta_peak_bytes", "process USS", "the part of it that no other process shares"),
    ("ram_delta_peak_bytes", "system RAM", "used memory of the whole system (tegrastats formula) above that level"),
    ("nvmap_delta_bytes", "NvMap", "memory the Jetson's GPU driver handed out"),
)
WORDS = {key: (short, long) for key, short, long in KINDS}


def case_memory(run: Run, case: str) -> Dict[str, Any]:
    """Return ``{kind: bytes or None, kind_reason: words}`` for one case, ``swap_delta_bytes`` with it."""
    line = case_line(run, "memory", case)
    found: Dict[str, Any] = {}
    for key in [kind[0] for kind in KINDS] + ["swap_delta_bytes"]:
        if line is None:
            found[key], found[key + "_reason"] = None, why_no_line(run, "memory")
        elif line["status"] != "ok":
            found[key], found[key + "_reason"] = None, line["reason"]
        else:
            found[key] = first_number(line, key)
            found[key + "_reason"] = None if found[key] is not None else (
                line.get(key + "_reason") or "the record gives no reason")
    found["ram_resolution_bytes"] = None if line is None else first_number(line, "ram_resolution_bytes")
    return found


def main_kind(run: Run) -> Optional[str]:
    """Return the kind shown beside the times: torch's count on CUDA, the process's RSS on a CPU.

    One kind for the whole run, so that no table mixes two; ``None`` if no pass measured any.
    """
    lines = [line for line in run.passes("memory") if line["status"] == "ok"]
    order = ["torch_peak_allocated_bytes", "rss_delta_peak_bytes", "uss_delta_peak_bytes", "ram_delta_peak_bytes"]
    if run.header.get("settings", {}).get("device") != "cuda":
        order = order[1:] + order[:1]
    for key in order:
        if any(first_number(line, key) is not None for line in lines):
            return key
    return None


def memory_table(run: Run, comparison: Comparison) -> Optional[Dict[str, Any]]:
    """Return the rows of the memory table of one comparison, ``None`` if no case has a memory line."""
    rows: List[Dict[str, Any]] = []
    for case in comparison.cases:
        ident = comparison.case_id(case)
        if case_line(run, "memory", ident) is None:
            continue
        values = case_memory(run, ident)
        cells = [{"bytes": values[key], "text": size(values[key]), "reason": values[key + "_reason"]}
                 for key, _, _ in KINDS]
        reasons = {cell["reason"] for cell in cells}
        rows.append({"case": ident, "name": case.name, "baseline": case == comparison.baseline, "cells": cells,
                     "swap_bytes": values["swap_delta_bytes"],
                     "reason": reasons.pop() if len(reasons) == 1 else None})
    if not rows:
        return None
    columns = [{"key": key, "title": title, "words": words} for key, title, words in KINDS]
    # A column nobody could measure is one sentence under the table instead of a column of blanks.
    absent: List[Dict[str, Any]] = []
    for index in reversed(range(len(columns))):
        cells = [row["cells"][index] for row in rows]
        if all(cell["bytes"] is None for cell in cells) and not all(row["reason"] for row in rows):
            said = [cell["reason"] for row, cell in zip(rows, cells) if not row["reason"]]
            absent.insert(0, {"title": columns[index]["title"], "reason": said[0] if said else cells[0]["reason"]})
            del columns[index]
            for row in rows:
                del row["cells"][index]
    return {"id": comparison.id, "title": comparison.title, "columns": columns, "rows": rows, "absent": absent}
