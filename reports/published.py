"""Numbers other people published, shown beside the measured ones and never as ours."""

import csv
import glob
import io
import os
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from harness.record import Run
from reports.numbers import MINUS, percent, seconds, significant, size, times
from reports.parts.record import case_line, first_number

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "results", "published")
COLUMNS = ("comparison", "case", "quantity", "value", "unit", "device", "runtime", "protocol", "source", "note")
TIME_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
BYTE_UNITS = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1024.0, "MiB": 1024.0 ** 2}
QUANTITIES = {"time_s": "time, ten images", "speed_ratio": "speed", "claimed_speed_ratio": "speed, as claimed",
              "memory_bytes": "memory", "claimed_memory_reduction": "memory saved, as claimed",
              "parameters": "parameters", "macs_per_image": "multiply-adds per image"}
CAUTION = ("The published Jetson Nano numbers are TFLite on the CPU, batch 1 ten times in a Python loop, allocation "
           "inside the clock; they are not CUDA. They stand here as printed, from another runtime and another board.")


class Published(NamedTuple):
    """One printed number. ``value`` None means the source does not give it; ``note`` then says why."""

    comparison: str
    case: str
    quantity: str
    value: Optional[float]
    unit: str
    device: str
    runtime: str
    protocol: str
    source: str
    note: str


class PublishedError(Exception):
    """A file of published numbers that cannot be read; the message is one sentence with the remedy."""


def read_published(folder: str = FOLDER) -> List[Published]:
    """Return every row of ``folder``'s CSV files, in file and row order; none if there is no folder."""
    found = []
    for path in sorted(glob.glob(os.path.join(folder, "*.csv"))):
        with io.open(path, encoding="utf-8", newline="") as file:
            reader = csv.DictReader(line for line in file if not line.startswith("#"))
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or [])]
            name = os.path.basename(path)
            if missing:
                raise PublishedError("{} lacks the column {}: add it to the first line".format(name, missing[0]))
            for number, row in enumerate(reader, 2):
                found.append(_published(name, number, row))
    return found


def _published(name: str, number: int, row: Dict[str, Any]) -> Published:
    fields = {column: (row[column] or "").strip() for column in COLUMNS}
    text = fields.pop("value")
    try:
        value = float(text) if text else None
    except ValueError:
        raise PublishedError("{} row {}: '{}' is no number: write digits, or leave it blank and say why in "
                             "note".format(name, number, text)) from None
    if value is None and not fields["note"]:
        raise PublishedError("{} row {} has neither a value nor a note: say in note why it is blank".format(
            name, number))
    return Published(value=value, **fields)


def value_text(value: Optional[float], unit: str) -> Optional[str]:
    """Return a printed number with its unit, in the words of the report."""
    if value is None:
        return None
    if unit in TIME_UNITS:
        return seconds(value * TIME_UNITS[unit])
    if unit in BYTE_UNITS:
        return size(value * BYTE_UNITS[unit])
    if unit in ("x", "ratio"):
        return times(value)
    if unit == "%":
        return "{}\u202f%".format(significant(value, 4))
    unit = "" if unit == "1" else unit
    if value == int(value) and abs(value) < 1e12:
        return "{:,}{}".format(int(value), "\u202f" + unit if unit else "").replace(",", "\u202f").replace("-", MINUS)
    return "{}{}".format(significant(value), "\u202f" + unit if unit else "")


def published_rows(run: Run, tables: Sequence[Dict[str, Any]],
                   published: Sequence[Published]) -> List[Dict[str, Any]]:
    """Return the published numbers that belong to cases of this run, each with the measured one beside it."""
    rows = {row["case"]: row for table in tables if table["main"] for row in table["rows"]}
    bases = {row["case"]: table["rows"][0] for table in tables if table["main"] for row in table["rows"]}
    titles = {row["case"]: table["title"] for table in tables for row in table["rows"]}
    found = []
    for one in published:
        ident = "{}/{}".format(one.comparison, one.case)
        if ident not in rows:
            continue
        text, reason, value = _measured(run, one, rows[ident], bases[ident])
        found.append({
            "case": ident, "name": rows[ident]["name"], "title": titles[ident], "quantity":
            QUANTITIES.get(one.quantity, one.quantity.replace("_", " ")), "key": one.quantity,
            "published": one.value, "published_text": value_text(one.value, one.unit), "unit": one.unit,
            "measured": value, "measured_text": text, "measured_reason": reason, "where": ", ".join(
                part for part in (one.device, one.runtime) if part),
            "protocol": one.protocol, "source": one.source, "note": one.note})
    return found


def _measured(run: Run, one: Published, row: Dict[str, Any], base: Dict[str, Any]) -> Any:
    """Return (text, reason, value in the published unit) of what this run measured for ``one``."""
    quantity = one.quantity.lower()
    if one.unit in TIME_UNITS:                           # one call of ours is ten images, like their loop
        value = row["median_s"]
        return (seconds(value), None if value is not None else row["reason"] or "not measured",
                None if value is None else value / TIME_UNITS[one.unit])
    if one.unit in ("x", "ratio") or "speed" in quantity:
        value = row["ratio"]
        return (times(value) if value else None, None if value else row["reason"] or "not measured", value)
    if "macs" in quantity:
        value = None if row["macs"] is None else row["macs"] / float(row["images"])
        return (value_text(value, ""), None if value is not None else "the layer does not say", value)
    if "compression" in quantity and one.unit == "%":     # parameters saved against the baseline
        counts = (row["parameters"], base["parameters"])
        if counts[0] is None or not counts[1]:
            return None, "the layer does not say", None
        value = 100 * (1 - counts[0] / float(counts[1]))
        return value_text(value, one.unit), None, value
    if "param" in quantity:
        value = row["parameters"]
        return (value_text(value, ""), None if value is not None else "the layer does not say", value)
    if "ram" in quantity or "memory" in quantity or one.unit in BYTE_UNITS:
        return _measured_memory(run, one, row, base)
    return None, "this harness does not measure it", None


def _measured_memory(run: Run, one: Published, row: Dict[str, Any], base: Dict[str, Any]) -> Any:
    """The papers' RAM is that of the whole process, so the process's peak is what stands beside it."""
    peaks = []
    for case in (row["case"], base["case"]):
        line = case_line(run, "memory", case)
        peaks.append(None if line is None else first_number(line, "rss_peak_bytes"))
    if peaks[0] is None:
        return None, row["memory_reason"] or "not measured", None
    if one.unit in BYTE_UNITS:
        return size(peaks[0]), None, peaks[0] / BYTE_UNITS[one.unit]
    if one.unit == "%" and peaks[1]:
        share = 1 - peaks[0] / peaks[1]
        value = 100 * (share if "less" in one.quantity.lower() or "saved" in one.quantity.lower() or
                       "reduc" in one.quantity.lower() else -share)
        return "{}\u202f%".format(percent(1 + value / 100, sign=False)), None, value
    return None, "this harness does not measure it", None
