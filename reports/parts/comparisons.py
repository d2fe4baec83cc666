"""The comparison tables: a verdict, an interval, a median, memory and energy for every rival."""

from typing import Any, Dict, List, Optional

from harness.plan import Case, Comparison
from harness.record import Run
from reports.numbers import SIGNS, count, interval, joules, percent, seconds, significant, size, speed
from reports.parts.energy import case_energy
from reports.parts.memory import WORDS, case_memory, main_kind
from reports.parts.record import Check, checks, why_not_timed
from reports.verdicts import RivalVerdict, View, views

RUN_FLAGS = ("clock moved", "unsteady")                  # of the machine, not of the rival: "what weakens this run"
CACHE_TEXT = {"hot": "caches warm", "cold": "caches cold"}


def comparison_views(run: Run) -> List[Dict[str, Any]]:
    """Return one table per comparison and cache state, in plan order; the first of each is ``main``."""
    tables = []
    kind = main_kind(run)
    for comparison in run.comparisons:
        found = views(run, comparison)
        choices: List[Optional[View]] = list(found) or [None]
        for index, view in enumerate(choices):
            tables.append(_table(run, comparison, view, len(found) > 1, index == 0, kind))
    return tables


def common_gaps(tables: List[Dict[str, Any]]) -> List[Dict[str, str]]:
    """Return what every one of ``tables`` lacks for the same reason: to be said once and not under each."""
    return [gap for gap in tables[0]["absent"] if all(gap in table["absent"] for table in tables)] if tables else []


def _table(run: Run, comparison: Comparison, view: Optional[View], several: bool, main: bool,
           kind: Optional[str]) -> Dict[str, Any]:
    cache = view.cache if view is not None else None
    answers = checks(run, comparison)
    rows = [_row(run, comparison, case, view, kind, answers, "" if main else "@" + str(cache))
            for case in comparison.cases]
    rows[1:] = sorted(rows[1:], key=lambda row: (row["ratio"] is None, -(row["ratio"] or 0)))
    energy = any(row["energy_j"] is not None for row in rows)
    memory = any(row["memory_bytes"] is not None for row in rows)
    absent = []
    if not energy:
        absent.append(_absent("Energy", "energy", rows))
    if not memory:
        absent.append(_absent("Memory", "memory", rows))
    baseline = rows[0]
    return {
        "id": comparison.id, "key": comparison.id if main else "{}@{}".format(comparison.id, cache),
        "title": comparison.title, "note": comparison.note, "main": main, "cache": cache,
        "cache_text": CACHE_TEXT.get(cache or "", cache) if several else None,
        "about": comparison.rivals[0].layer if comparison.rivals else None,
        "baseline": comparison.baseline.name, "baseline_text": baseline["median_text"],
        "protocol": comparison.baseline.protocol, "shape": list(comparison.baseline.shape),
        "floor": view.floor if view is not None else None, "launches": view.launches if view is not None else 0,
        "rows": rows, "next_steps": next_steps(rows), "has_energy": energy, "has_memory": memory, "absent": absent,
        "memory_title": WORDS[kind][0] if kind else None}


def next_steps(rows: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Return the next steps of the rows that cannot be told, those of the same step together."""
    found: List[Dict[str, Any]] = []
    for row in rows:
        if row["next_step"]:
            same = next((one for one in found if one["text"] == row["next_step"]), None)
            if same is None:
                found.append({"names": [row["name"]], "text": row["next_step"]})
            else:
                same["names"].append(row["name"])
    return found


def _absent(title: str, key: str, rows: List[Dict[str, Any]]) -> Dict[str, str]:
    # a wrong layer is not measured for its own reason; the table needs the one that holds for the others
    ranked = [row for row in rows if row["state"] != "wrong"] or rows
    return {"title": title, "reason": str(ranked[0][key + "_reason"])}


def _row(run: Run, comparison: Comparison, case: Case, view: Optional[View], kind: Optional[str],
         answers: Dict[str, Check], suffix: str) -> Dict[str, Any]:
    ident = comparison.case_id(case)
    baseline = case == comparison.baseline
    times = view.times.get(ident) if view is not None else None
    verdict = view.rivals.get(ident) if view is not None else None
    check = answers.get(ident)
    state = "baseline" if baseline else "not measured"
    reason: Optional[str] = None
    if check is not None and check.ok is False:
        state, reason = "wrong", why_not_timed(run, comparison, ident)
    elif times is None:
        state = "not measured" if not baseline else "baseline"
        reason = why_not_timed(run, comparison, ident)
    elif verdict is not None:
        state = verdict.state
    row = {
        "id": ident + suffix, "case": ident, "comparison": comparison.id, "name": case.name, "layer": case.layer,
        "baseline": baseline, "images": case.shape[0],
        "state": state, "sign": SIGNS[state], "reason": reason,
        "ratio": None, "low": None, "high": None, "speed_text": None, "interval_text": None,
        "median_s": times.median_s if times else None, "median_text": seconds(times.median_s) if times else None,
        "p5_s": times.p5_s if times else None, "p95_s": times.p95_s if times else None,
        "samples": times.samples if times else 0,
        "next_step": verdict.next_step if verdict is not None else None,
        "flags": [list(flag) for flag in verdict.flags] if verdict is not None else [],
        "form": check.implementation if check is not None else None,
        "remarks": _remarks(check, verdict), "parameters": check.parameters if check is not None else None,
        "macs": check.macs if check is not None else None}  # type: Dict[str, Any]
    if baseline and times is not None:
        row["speed_text"] = "1"
    if verdict is not None and verdict.ratio is not None:
        row.update(ratio=verdict.ratio, low=verdict.low, high=verdict.high, speed_text=speed(verdict.ratio))
        if verdict.low is not None and verdict.high is not None:
            row["interval_text"] = interval(verdict.ratio, verdict.low, verdict.high)
    row["detail"] = _detail(row, verdict, view)
    _add_memory(run, row, kind)
    _add_energy(run, row)
    return row


def _add_memory(run: Run, row: Dict[str, Any], kind: Optional[str]) -> None:
    values = case_memory(run, row["case"])
    key = kind or "rss_delta_peak_bytes"
    row.update(memory_bytes=values[key], memory_text=size(values[key]), memory_reason=values[key + "_reason"],
               memory_step_bytes=None if key.startswith("torch") else values["ram_resolution_bytes"])


def _add_energy(run: Run, row: Dict[str, Any]) -> None:
    energy = case_energy(run, row["case"])
    row.update(energy_j=energy["energy_per_call_j"], energy_text=joules(energy["energy_per_call_j"]),
               energy_reason=energy["reason"])


def _remarks(check: Optional[Check], verdict: Optional[RivalVerdict]) -> List[str]:
    """Return what a reader must know about this case beside its numbers."""
    found = []
    if check is not None and check.implementation_reason:
        found.append("runs as {}: {}".format(check.implementation, check.implementation_reason))
    if check is not None and check.ok is None:
        found.append("not checked: {}".format(check.reason or "no reason given"))
    if verdict is not None:
        found.extend(word for word, _ in verdict.flags if word not in RUN_FLAGS)
        if verdict.ratio is not None and verdict.low is None and verdict.interval_reason:
            found.append("no interval: {}".format(verdict.interval_reason))
    return found


def _detail(row: Dict[str, Any], verdict: Optional[RivalVerdict], view: Optional[View]) -> str:
    """Return what the row's hover says: nothing that already stands in the row."""
    if view is None or not row["samples"]:
        return ""
    parts = [count(row["samples"], "sample"), count(view.launches, "launch", "launches")]
    if verdict is not None:
        parts.insert(1, count(verdict.rounds, "round"))
    lines = [", ".join(parts)]
    lines.append("middle 90 %: {} to {}".format(seconds(row["p5_s"]), seconds(row["p95_s"])))
    if verdict is not None and len(verdict.launch_ratios) > 1:
        lines.append("speed by launch: " + ", ".join(significant(ratio) for ratio in verdict.launch_ratios))
    floor = verdict.floor if verdict is not None and verdict.floor is not None else view.floor
    if floor is not None:
        lines.append("two copies of the baseline differ by {} %".format(percent(floor, sign=False)))
    if verdict is not None:
        lines.extend(sentence for _, sentence in verdict.flags)
        lines.extend(text for text in (verdict.why, verdict.stopped) if text)
    return "\n".join(lines)
