"""The same rivals in several runs, side by side: rivals down, runs across."""

from typing import Any, Dict, List, Sequence

from harness.record import Run
from reports.parts.environment import differences
from reports.parts.record import device_text


def run_labels(runs: Sequence[Run]) -> List[str]:
    """Return a heading for each run: its device, and its identifier where two devices are alike."""
    names = [device_text(run) for run in runs]
    return [name if names.count(name) == 1 else "{}, {}".format(name, run.id) for name, run in zip(names, runs)]


def devices(runs: Sequence[Run], tables: Sequence[Sequence[Dict[str, Any]]]) -> Dict[str, Any]:
    """Return the comparison of ``runs``; ``tables`` holds the main tables of each run, in the same order."""
    found = []
    known: List[str] = []
    for some in tables:
        known.extend(table["key"] for table in some if table["main"] and table["key"] not in known)
    for key in known:
        mine = [next((table for table in some if table["key"] == key), None) for some in tables]
        first = next(table for table in mine if table is not None)
        names: List[str] = []
        for table in mine:
            for row in (table or {"rows": []})["rows"]:
                if not row["baseline"] and row["name"] not in names:
                    names.append(row["name"])
        rows = []
        for name in names:
            cells = []
            for table in mine:
                row = next((r for r in (table or {"rows": []})["rows"] if r["name"] == name), None)
                if row is None:
                    cells.append({"state": "not measured", "sign": "\u2013", "ratio": None, "reason":
                                  "this run has no such case", "low": None, "high": None, "speed_text": None,
                                  "interval_text": None})
                else:
                    cells.append({key_: row[key_] for key_ in ("state", "sign", "ratio", "reason", "low", "high",
                                                               "speed_text", "interval_text")})
            rows.append({"name": name, "cells": cells})
        found.append({"id": key, "title": first["title"], "baseline": first["baseline"], "rows": rows,
                      "baselines": [table["baseline_text"] if table else None for table in mine]})
    return {"labels": run_labels(runs), "ids": [run.id for run in runs], "tables": found,
            "differences": differences(list(runs))}
