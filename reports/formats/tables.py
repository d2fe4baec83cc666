"""The report's tables as CSV for spreadsheets: full numbers, units in the column names, reasons in words."""

import csv
import io
from typing import Any, Iterable, Iterator, List, Optional, Sequence, Tuple

from harness.reasons import sentence
from harness.text import printable
from harness.words import MEASURED_HEAPS
from reports.findings import Findings
from reports.findings.fair import AgainstOwn
from reports.findings.memory import KINDS
from reports.findings.published_memory import Shares
from reports.formats import memory_words
from reports.formats import published_text as p
from reports.formats import texts as t
from reports.formats.files import Made, Options

SPEED = ("comparison", "case", "name", "cache", "baseline", "verdict", "speed_ratio", "speed_ratio_low",
         "speed_ratio_high", "median_s", "p5_s", "p95_s", "samples", "parameters", "multiply_accumulates", "form",
         "reason", "next_step", "against", "own_against", "own_verdict", "own_speed_ratio", "own_speed_ratio_low",
         "own_speed_ratio_high")
ENERGY = ("case", "name", "energy_per_call_j", "energy_above_idle_per_call_j", "uncertainty_j", "windows", "rounds",
          "copy_energy_per_call_j", "energy_ratio", "energy_ratio_low", "energy_ratio_high", "verdict",
          "verdict_reason", "floor", "reason", "source")
#: What each kind of memory has columns for, by the endings of their names.
MEMORY = ("", "_low", "_high", "_repeats", "_verdict", "_difference", "_reason")
SAMPLES = ("case", "copy", "cache", "launch", "round", "half", "calls", "sample_s", "per_call_s", "settle_s",
           "enqueue_s")
FIT = ("comparison", "case", "name", "baseline", "limit_bytes", "largest_batch", "refused_batch", "ratio",
       "per_image_bytes", "own_bytes", "reason")
MEMORY_TRACE = ("case", "heap", "time_s", "rss_bytes")
SOAK = ("case", "busy", "time_s", "block", "calls_per_s", "clock_hz", "temperature_c", "power_w")
POWER_MODES = ("comparison", "run", "mode", "case", "name", "baseline", "images_per_s", "mean_w", "per_image_j",
               "best", "reason")
GOALS = ("case", "name", "comparison_title", "threads", "rivals", "rival_threads", "at_most", "verdict", "ratio",
         "ratio_low", "ratio_high", "fastest_rival", "launches", "reason")
ROOFLINE = ("case", "name", "baseline", "threads", "type", "operations", "bytes", "median_s", "flop_per_byte",
            "flops_per_s", "copy_bytes", "copy_bytes_per_s", "roof_share", "roof_flops_per_s", "roof_share_reason")
PUBLISHED = ("case", "name", "quantity", "published", "unit", "measured", "measured_reason", "where", "protocol",
             "source", "note")
#: Of a memory on one heap: the whole process and the layer alone, in bytes or as a share of the baseline's.
SHARES = ("process", "process_low", "process_high", "process_verdict", "runtime_bytes", "layer", "layer_low",
          "layer_high", "layer_verdict")


def csv_text(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return CSV text with LF line ends; ``None`` is an empty cell.

    Floats have 12 digits: more than any clock gives, fewer than two versions of numpy may disagree on.
    """
    held = io.BytesIO()  # a million samples as text would take four bytes a character
    out = io.TextIOWrapper(held, encoding="utf-8", newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heads)
    for row in rows:
        writer.writerow(["" if value is None else "{:.12g}".format(value) if isinstance(value, float)
                         else guarded(value) for value in row])
    out.flush()
    return held.getvalue().decode("utf-8")


def guarded(value: Any) -> Any:
    """Return text that a spreadsheet will not run as a formula."""
    if not isinstance(value, str):
        return value
    text = printable(value, keep="\n")
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text


def speed_csv(found: Findings) -> str:
    """Return one row per case and cache state; ``own_`` is against the baseline's layer in the case's own engine."""
    rows: List[List[Any]] = []
    engines = {row.case: row for one in found.engine_tables for row in one.rows}
    for table in found.tables:
        for row in table.rows:
            times = row.times or (None, None, None, 0)
            own = engines.get(row.case) if table.main else None
            rows.append([table.id, row.case, row.name, table.cache, row.baseline, row.state.value, row.speed, row.low,
                         row.high, times[0], times[1], times[2], times[3], row.parameters, row.macs, row.form,
                         t.row_reason(row), t.next_step_text(row, found.about),
                         None if row.baseline else table.baseline] + _own(own))
    return csv_text(SPEED, rows)


def _own(row: Optional[AgainstOwn]) -> List[Any]:
    """Return a case beside its own engine's form, empty cells where there is none."""
    if row is None or row.own is None:
        return [None] * 5
    return [row.own_baseline, row.own.state.value, row.own.speed, row.own.low, row.own.high]


def memory_csv(found: Findings) -> str:
    """Return one row per case and heap: of every kind the median, the spread, the repeats, the verdict, the reason.

    The verdict and its difference are against the comparison's baseline.
    """
    keys = [kind.value for kind in KINDS] + ["swap_delta_bytes", "rss_peak_bytes", "runtime_rss_bytes"]
    heads = ["case", "name", "heap"] + [key + ending for key in keys for ending in MEMORY]
    rows: List[List[Any]] = []
    for case in found.memory + found.default_heap:
        figures = case.figures + (case.swap, case.peak, case.runtime)
        rows.append([case.case, case.name, case.heap.value] + [cell for figure in figures for cell in (
            figure.value, figure.low, figure.high, figure.repeats,
            memory_words.memory_verdict_text(figure, case.baseline),
            None if figure.verdict is None else figure.verdict.difference, memory_words.figure_reason(figure))])
    return csv_text(heads, rows)


def energy_csv(found: Findings) -> str:
    """Return one row per case that has an energy pass, the reason where there is no number."""
    rows: List[List[Any]] = []
    for row in (row for table in found.energy_tables for row in table.rows):
        ends, verdict = row.saving or (None, None, None), row.verdict
        rows.append([row.case, row.name, row.per_call.value, row.above_idle_j, row.uncertainty_j, row.windows or None,
                     row.rounds, row.copy_j, ends[0], ends[1], ends[2],
                     None if verdict is None else verdict.state.value,
                     None if verdict is None or verdict.why is None else t.why_text(verdict.why),
                     None if verdict is None else verdict.floor, t.amount_reason(row.per_call), row.source])
    known = {row[0] for row in rows}
    rows += [[row.case, row.name] + [None] * 12 + [t.amount_reason(row.energy), None] for table in found.tables
             if table.main for row in table.rows if row.case not in known]
    return csv_text(ENERGY, rows)


def published_csv(found: Findings) -> str:
    """Return the published numbers with the measured ones beside them, both in the published unit.

    A memory has its parts on each heap behind it, in bytes or as shares of one.
    """
    heads = PUBLISHED + tuple("{}_{}".format(heap.value, name) for heap in MEASURED_HEAPS for name in SHARES)
    rows: List[List[Any]] = []
    for one in found.published:
        parts = {shares.heap: shares for shares in one.shares}
        row: List[Any] = [
            one.case, one.name, one.printed.quantity.value, one.printed.value, one.printed.unit, one.measured,
            None if one.measured is not None else p.why_not_measured(one),
            ", ".join(part for part in (one.printed.device, one.printed.runtime) if part), one.printed.protocol,
            one.printed.source, one.printed.note]
        for heap in MEASURED_HEAPS:
            row += _shares(parts[heap]) if heap in parts else [None] * len(SHARES)
        rows.append(row)
    return csv_text(heads, rows)


def _shares(one: Shares) -> List[Any]:
    process, own = one.process, one.own
    return [process.value, process.low, process.high, None if process.state is None else process.state.value,
            one.runtime_bytes, own.value, own.low, own.high, None if own.state is None else own.state.value]


def samples_csv(found: Findings) -> str:
    """Return every sample: whole stretch and seconds per call, with launch, round and half of the round."""
    return csv_text(SAMPLES, _sample_rows(found))


def _sample_rows(found: Findings) -> Iterator[Sequence[Any]]:
    for line in found.launches:
        for series in line.series:
            for number, played in enumerate(series.rounds, 1):
                order = tuple(played.order)
                for place, entrant in enumerate(order + order[::-1]):
                    calls, sample = series.calls_per_sample[entrant], played.sample_s[place]
                    yield (series.entrants[entrant], entrant == 1, series.cache, line.launch, number,
                           1 if place < len(order) else 2, calls, sample, sample / calls,
                           played.settle_s[place] if played.settle_s else None,
                           played.enqueue_s[place] if played.enqueue_s else None)


def fit_csv(found: Findings) -> str:
    """Return one row per case of a run that asked what fits."""
    return csv_text(FIT, [
        [table.id, row.case, row.name, row.baseline, table.limit_bytes, row.largest, row.refused, row.ratio,
         row.per_image_bytes, row.own_bytes, sentence(row.reason or row.refused_for)]
        for table in found.fit_tables for row in table.rows])


def memory_trace_csv(found: Findings) -> str:
    """Return the process's resident memory over time while the calls ran, of the first process of each case."""
    return csv_text(MEMORY_TRACE, [
        [case.case, case.heap.value, time_s, size] for case in found.memory + found.default_heap
        if case.trace is not None for time_s, size in zip(case.trace.time_s, case.trace.rss_bytes)])


def soak_csv(found: Findings) -> str:
    """Return one row per reading of every soak: who was busy, speed, clock, temperature and power over time."""
    rows: List[List[Any]] = []
    for row in (row for table in found.soak_tables for row in table.rows):
        if row.line is not None and row.line.trace is not None:
            rows += [[row.case, row.line.blocks[reading[1]].case] + list(reading) for reading in zip(*row.line.trace)]
    return csv_text(SOAK, rows)


def power_modes_csv(found: Findings) -> str:
    """Return one row per case and power mode of runs that stand side by side."""
    return csv_text(POWER_MODES, [
        [table.id, point.run, point.mode, point.case, point.name, point.baseline, point.images_per_s, point.power_w,
         point.per_image_j, point.best if point.power_w is not None else None, sentence(point.reason)]
        for table in found.power_modes for point in table.points])


def goals_csv(found: Findings) -> str:
    """Return one row per goal: the time of its case over its rival's, and the verdict."""
    return csv_text(GOALS, [
        [row.case, row.name, row.title, row.threads, "; ".join(row.rivals), row.rival_threads, row.at_most,
         row.state.value, row.ratio, row.low, row.high, row.fastest, row.launches or None, sentence(row.reason)]
        for row in found.goals])


def roofline_csv(found: Findings) -> str:
    """Return one row per case with its roof, the type's own or that of the copy of its size; blank shares say why."""
    return csv_text(ROOFLINE, [
        [one.case, one.name, one.baseline, one.threads, one.type, one.operations, one.bytes, one.median_s,
         one.intensity, one.rate, one.slope.bytes, one.slope.bytes_per_s, one.share, one.roof,
         sentence(one.reason)] for one in found.roof_points])


def all_tables(found: Findings) -> List[Tuple[str, str]]:
    """Return ``(file name, text)`` of every table."""
    return [("energy.csv", energy_csv(found)), ("memory.csv", memory_csv(found)),
            ("memory_over_time.csv", memory_trace_csv(found)),
            ("published.csv", published_csv(found)), ("samples.csv", samples_csv(found)),
            ("speed.csv", speed_csv(found))] + (
                [("fit.csv", fit_csv(found))] if found.fit_tables else []) + (
                [("goals.csv", goals_csv(found))] if found.goals else []) + (
                [("roofline.csv", roofline_csv(found))] if found.roof_points else []) + (
                [("soak.csv", soak_csv(found))] if found.soak_tables else []) + (
                [("power_modes.csv", power_modes_csv(found))] if found.power_modes else [])


def make(found: Findings, options: Options) -> Made:
    """Return the tables as files."""
    return Made([("tables/" + name, text) for name, text in all_tables(found)])
