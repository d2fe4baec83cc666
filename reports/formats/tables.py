"""The report's tables as CSV for spreadsheets: full numbers, units in the column names, reasons in words."""

import csv
import io
from typing import Any, Dict, List, Sequence

from harness.record import Run
from reports.parts.memory import KINDS, case_memory
from reports.parts.record import timed

SPEED = ("comparison", "case", "name", "cache", "baseline", "verdict", "speed_ratio", "speed_ratio_low",
         "speed_ratio_high", "median_s", "p5_s", "p95_s", "samples", "parameters", "multiply_accumulates", "form",
         "reason", "next_step")
ENERGY = ("case", "name", "energy_per_call_j", "energy_above_idle_per_call_j", "energy_ratio", "reason", "source")
SAMPLES = ("case", "copy", "cache", "launch", "round", "half", "calls", "sample_s", "per_call_s", "settle_s",
           "enqueue_s")
PUBLISHED = ("case", "name", "key", "published", "unit", "measured", "measured_reason", "where", "protocol", "source",
             "note")


def csv_text(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return CSV text with LF line ends; ``None`` is an empty cell.

    Floats have 12 digits: more than any clock gives, fewer than two versions of numpy may disagree on.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heads)
    for row in rows:
        writer.writerow(["" if value is None else "{:.12g}".format(value) if isinstance(value, float)
                         else guarded(value) for value in row])
    return out.getvalue()


def guarded(value: Any) -> Any:
    """Return text that a spreadsheet will not run as a formula."""
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def speed_csv(data: Dict[str, Any]) -> str:
    """Return one row per case and cache state."""
    rows: List[List[Any]] = []
    for table in data["tables"]:
        for row in table["rows"]:
            rows.append([table["id"], row["case"], row["name"], table["cache"], row["baseline"], row["state"],
                         row["ratio"], row["low"], row["high"], row["median_s"], row["p5_s"], row["p95_s"],
                         row["samples"], row["parameters"], row["macs"], row["form"], row["reason"],
                         row["next_step"]])
    return csv_text(SPEED, rows)


def memory_csv(run: Run) -> str:
    """Return one row per case with the five kinds of memory (and NvMap) and the reason of each that is missing."""
    keys = [key for key, _, _ in KINDS] + ["swap_delta_bytes"]
    heads = ["case", "name"] + [name for key in keys for name in (key, key + "_reason")]
    rows = []
    for _, case, ident in run.cases():
        values = case_memory(run, ident)
        rows.append([ident, case.name] + [values[name] for key in keys for name in (key, key + "_reason")])
    return csv_text(heads, rows)


def energy_csv(data: Dict[str, Any]) -> str:
    """Return one row per case that has an energy pass, the reason where there is no number."""
    rows = [[row["case"], row["name"], row["energy_j"], row["above_j"], row["ratio"], row["reason"], row["source"]]
            for table in data["energy"] for row in table["rows"]]
    known = {row[0] for row in rows}
    rows += [[row["case"], row["name"], None, None, None, row["energy_reason"], None] for table in data["tables"]
             if table["main"] for row in table["rows"] if row["case"] not in known]
    return csv_text(ENERGY, rows)


def published_csv(data: Dict[str, Any]) -> str:
    """Return the published numbers with the measured ones beside them, both in the published unit."""
    return csv_text(PUBLISHED, [[one[key] for key in PUBLISHED] for one in data["published"]])


def samples_csv(run: Run) -> str:
    """Return every sample: whole stretch and seconds per call, with launch, round and half of the round."""
    rows: List[List[Any]] = []
    for comparison in run.comparisons:
        for line in timed(run, comparison):
            for series in line["series"]:
                for number, one in enumerate(series["rounds"], 1):
                    rows.extend(_round(line["launch"], series, number, one))
    return csv_text(SAMPLES, rows)


def _round(launch: int, series: Dict[str, Any], number: int, one: Dict[str, Any]) -> List[List[Any]]:
    order = list(one["order"])
    rows = []
    for place, entrant in enumerate(order + order[::-1]):
        calls = series["calls_per_sample"][entrant]
        sample = one["sample_s"][place]
        rows.append([series["entrants"][entrant], entrant == 1, series["cache"], launch, number,
                     1 if place < len(order) else 2, calls, sample, sample / calls,
                     one["settle_s"][place] if one.get("settle_s") else None,
                     one["enqueue_s"][place] if one.get("enqueue_s") else None])
    return rows
