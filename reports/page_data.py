"""Everything a report says, as plain data: the one source of page, Markdown, terminal, tables and figures."""

import sys
from typing import Any, Dict, List, Optional, Sequence

from harness.record import Run
from reports.parts import (
    close_calls,
    devices,
    energy,
    environment,
    memory,
    record,
    samples,
    sentence,
    sweeps,
    traces,
    weakeners,
)
from reports.parts.comparisons import common_gaps, comparison_views
from reports.published import CAUTION, Published, published_rows, read_published

FORMAT = 1
MEMORY_ROWS = 250   # a page with more rows leaves the five kinds of memory to tables/memory.csv

WORDS = (
    ("faster, slower", "all launches agree, and the mean of their ratios lies beyond the practical factor and beyond "
     "what two copies of the baseline differ by"),
    ("same", "the interval lies inside the practical factor"),
    ("cannot tell", "neither holds; the next step says what would decide it"),
    ("wrong", "the output differs from the float64 reference by more than allowed, so it was not timed"),
    ("speed", "baseline time / rival time per call, the mean of the launches' estimates: bigger is faster"),
    ("interval", "exact signed-rank interval of the first launch at 99 %, stretched to hold every launch's estimate"),
    ("round", "every entrant once in tossed order and once more backwards: one ratio; no sample is dropped"),
    ("launch", "one fresh process; the later ones confirm the first"),
    ("A/A", "the baseline runs twice as two entrants; their difference is the noise floor of the run"),
    ("median", "time per call over all samples of all launches; P5 to P95 hold the middle 90 % of them"),
)


def page_data(run: Run, published: Optional[Sequence[Published]] = None,
              others: Sequence[Run] = ()) -> Dict[str, Any]:
    """Return the data of a report on ``run``, JSON-ready and the same for the same record.

    ``published`` are the printed numbers to stand beside the measured ones (default: those in
    ``results/published``); ``others`` are further runs to stand beside this one.
    """
    if published is None:
        published = read_published()
    factor = float(run.header.get("rule", {}).get("factor", 0.02))
    tables = comparison_views(run)
    device = record.device_name(run)
    parts = sentence.headline(tables, device)
    launches = max([table["launches"] for table in tables] or [0])
    drawn, existing = traces.traces(run, tables)
    # the strips of the main tables only: a second cache state would double the page
    main = [table for table in tables if table["main"]]
    gaps = common_gaps(tables)
    shown = samples.shown_tables(main)
    every = [main] + [[t for t in comparison_views(other) if t["main"]] for other in others]
    return cleaned({
        "format": FORMAT, "run": run.id, "suite": run.suite, "device": device,
        "device_text": record.device_text(run), "created": run.header["created"], "date": run.header["created"][:10],
        "seed": run.header.get("seed"), "factor": factor, "ended": run.ended,
        "headline": [{"text": part.text, "tone": part.tone} for part in parts],
        "headline_text": "".join(part.text for part in parts),
        "subline": sentence.subline(tables, factor, launches),
        "tally": sentence.tally(tables),
        "weakeners": weakeners.weakeners(run, tables, factor),
        "tables": [dict(table, absent=[gap for gap in table["absent"] if gap not in gaps]) for table in tables],
        "absent": gaps,
        "close_calls": close_calls.close_calls(tables, factor),
        "samples": samples.sample_tables(run, shown), "samples_left_out": len(main) - len(shown),
        "memory_in_page": sum(len(table["rows"]) for table in tables) <= MEMORY_ROWS,
        "memory": _present(memory.memory_table(run, one) for one in run.comparisons),
        "energy": _present(energy.energy_table(run, one) for one in run.comparisons),
        "energy_reason": _energy_reason(run),
        "traces": drawn, "traces_total": existing,
        "sweeps": sweeps.sweeps(run, tables),
        "roofline": sweeps.roofline_data(run, tables),
        "published": published_rows(run, tables, published), "published_caution": CAUTION,
        "environment": environment.sections(run),
        "meters": environment.meters(run),
        "not_measured": environment.not_measured(run),
        "words": [list(pair) for pair in WORDS],
        "command": environment.command(run),
        "devices": devices.devices([run] + list(others), every) if others else None,
    })


def all_traces(run: Run, data: Dict[str, Any]) -> List[Dict[str, Any]]:
    """Return the traces of every energy pass of ``run``, not only those a page has room for."""
    found: List[Dict[str, Any]] = cleaned(traces.traces(run, data["tables"], most=sys.maxsize)[0])
    return found


def cleaned(value: Any) -> Any:
    """Return ``value`` with every control character in its texts replaced: XML and terminals take none."""
    if isinstance(value, str):
        return "".join("\ufffd" if _is_control(char) else char for char in value)
    if isinstance(value, dict):
        return {key: cleaned(value[key]) for key in value}
    return [cleaned(one) for one in value] if isinstance(value, (list, tuple)) else value


def _is_control(char: str) -> bool:
    return (char < " " and char != "\n" or "\x7f" <= char <= "\x9f" or "\ud800" <= char <= "\udfff"
            or char in "\ufffe\uffff")


def _present(found: Any) -> List[Dict[str, Any]]:
    return [one for one in found if one is not None]


def _energy_reason(run: Run) -> Optional[str]:
    """Return why there is no energy at all, ``None`` if there is some."""
    lines = run.passes("energy")
    if not lines:
        return record.why_no_line(run, "energy")
    if any(record.first_number(line, "energy_per_call_j") is not None for line in lines):
        return None
    reasons = sorted({str(line.get("reason")) for line in lines if line.get("reason")
                      and not str(line["reason"]).startswith("not measured")})
    return "; ".join(reasons) or "the record gives no reason"
