"""A recorded run as one tidy pandas table: a row per case and pass (per launch and cache state for time)."""

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from harness.plan import Case, Comparison
from harness.record import Line, Run


class Column(NamedTuple):
    """A column of the table: its name (unit included), the passes that fill it, and what it holds."""

    name: str
    passes: str
    meaning: str


COLUMNS = (
    Column("run", "all", "identifier of the run"),
    Column("suite", "all", "name of the suite"),
    Column("comparison", "all", "identifier of the comparison"),
    Column("case", "all", "identifier of the case, comparison/case"),
    Column("name", "all", "layer and form as the reports print them"),
    Column("baseline", "all", "whether the case is the comparison's baseline"),
    Column("layer", "all", "layer"),
    Column("implementation", "all", "form asked for"),
    Column("ran_as", "all", "form that ran, None if the check did not say"),
    Column("shape", "all", "input as torch sees it, 10x1024x32x32"),
    Column("dtype", "all", "element type"),
    Column("memory_format", "all", "contiguous or channels_last"),
    Column("device", "all", "cpu or cuda"),
    Column("threads", "all", "torch's threads"),
    Column("mode", "all", "inference or training"),
    Column("protocol", "all", "steady or published"),
    Column("pass", "all", "verify, time, memory or energy"),
    Column("launch", "time", "number of the launch"),
    Column("cache", "time", "hot or cold"),
    Column("status", "all", "ok, failed, skipped, or absent: planned, but the record holds no line of it"),
    Column("reason", "all", "why there is no result, in words"),
    Column("missing", "all", "columns of this pass without a value, each with its reason"),
    Column("seconds", "all", "wall time of the worker that did this unit, in s"),
    Column("ok", "verify", "True right, False wrong, None could not be checked"),
    Column("error", "verify", "largest error relative to the reference's root mean square"),
    Column("error_allowed", "verify", "largest error that counts as right"),
    Column("parameters", "verify", "number of trainable parameters"),
    Column("macs", "verify", "multiply-accumulates per call"),
    Column("median_s", "time", "median time per call"),
    Column("mean_s", "time", "mean time per call"),
    Column("p5_s", "time", "5th percentile of the time per call"),
    Column("p95_s", "time", "95th percentile of the time per call"),
    Column("min_s", "time", "shortest time per call"),
    Column("max_s", "time", "longest time per call"),
    Column("samples", "time", "number of samples"),
    Column("calls_per_sample", "time", "calls in one sample"),
    Column("copy_median_s", "time", "median time per call of the baseline's second copy (A/A check), baseline only"),
    Column("stopped", "time", "why the launch stopped"),
    Column("torch_peak_allocated_bytes", "memory", "torch's count of live tensors at the peak"),
    Column("torch_peak_reserved_bytes", "memory", "what torch's allocator held at the peak"),
    Column("rss_peak_bytes", "memory", "resident memory of the process at the peak"),
    Column("rss_delta_peak_bytes", "memory", "the same above the level with the input alone"),
    Column("uss_delta_peak_bytes", "memory", "memory no other process shares, above that level"),
    Column("ram_delta_peak_bytes", "memory", "used memory of the system (tegrastats formula), above that level"),
    Column("nvmap_delta_bytes", "memory", "memory handed out by the Jetson's GPU driver, above that level"),
    Column("swap_delta_bytes", "memory", "growth of used swap"),
    Column("energy_per_call_j", "energy", "energy per call, idle power included"),
    Column("energy_above_idle_per_call_j", "energy", "energy per call above the idle power"),
    Column("uncertainty_j", "energy", "stated uncertainty of energy_per_call_j"),
    Column("mean_w", "energy", "mean power under load"),
    Column("peak_w", "energy", "highest power read under load"),
    Column("idle_before_w", "energy", "idle power before"),
    Column("idle_after_w", "energy", "idle power after"),
    Column("window_s", "energy", "length of the load"),
    Column("calls", "energy", "calls in the load"),
    Column("readings_fresh", "energy", "readings of the sensor that were new"),
    Column("sensor_period_s", "energy", "refresh period of the sensor, found from the readings"),
    Column("meter", "energy", "meter that was read"),
    Column("rail", "energy", "rail that was read"),
)

PASSES = ("verify", "time", "memory", "energy")


def run_to_frame(run: Run) -> Any:
    """Return ``run`` as a pandas DataFrame with the columns :data:`COLUMNS`, in plan order.

    Every planned case has a row for every pass, also where the record holds none (status ``absent``).
    """
    import pandas

    names = [column.name for column in COLUMNS]
    return pandas.DataFrame(rows(run), columns=names)


def rows(run: Run) -> List[Dict[str, Any]]:
    """Return the rows as plain dicts, without pandas; columns a row has no value for are left out."""
    found = []
    for comparison in run.comparisons:
        checks = _checks(run, comparison)
        for case in comparison.cases:
            ident = comparison.case_id(case)
            base = _identity(run, comparison, case, ident, checks.get(ident))
            found.append(_verify_row(run, comparison, base, checks.get(ident)))
            found.extend(_time_rows(run, comparison, base))
            found.append(_case_row(run, base, "memory"))
            found.append(_case_row(run, base, "energy"))
    return found


def _identity(run: Run, comparison: Comparison, case: Case, ident: str, check: Optional[Line]) -> Dict[str, Any]:
    return {"run": run.id, "suite": run.suite, "comparison": comparison.id, "case": ident, "name": case.name,
            "baseline": case == comparison.baseline, "layer": case.layer, "implementation": case.implementation,
            "ran_as": check.get("implementation") if check else None, "shape": "x".join(map(str, case.shape)),
            "dtype": case.dtype, "memory_format": case.memory_format, "device": case.device,
            "threads": case.threads, "mode": case.mode, "protocol": case.protocol}


def _checks(run: Run, comparison: Comparison) -> Dict[str, Line]:
    """Return the last answer of the verify pass by case id."""
    return {result["case"]: result for line in run.passes("verify", comparison.id) if line["status"] == "ok"
            for result in line["results"]}


def _absent(run: Run, name: str) -> Dict[str, Any]:
    planned = run.header.get("settings", {}).get("passes")
    if planned is not None and name not in planned:
        reason = "the pass was not asked for"
    else:
        reason = "the run holds no such pass" if run.ended else "the run stopped before it"
    return {"status": "absent", "reason": reason}


def _verify_row(run: Run, comparison: Comparison, base: Dict[str, Any], check: Optional[Line]) -> Dict[str, Any]:
    row = dict(base)
    row["pass"] = "verify"
    lines = [line for line in run.passes("verify", comparison.id) if line.get("case") in (None, base["case"])]
    if check is None:
        failed = [line for line in lines if line["status"] != "ok"]
        row.update({"status": failed[-1]["status"], "reason": failed[-1]["reason"],
                    "seconds": failed[-1].get("seconds")} if failed else _absent(run, "verify"))
        return row
    row.update(status="ok", reason=check.get("reason"), ok=check["ok"], error=check.get("error"),
               error_allowed=check.get("allowed"), parameters=check.get("parameters"), macs=check.get("macs"),
               seconds=lines[-1].get("seconds"))
    return row


def _time_rows(run: Run, comparison: Comparison, base: Dict[str, Any]) -> List[Dict[str, Any]]:
    found = []
    for line in run.launches(comparison.id):
        row = dict(base, launch=line["launch"], status=line["status"], reason=line.get("reason"),
                   seconds=line.get("seconds"))
        row["pass"] = "time"
        series = [one for one in line.get("series") or [] if base["case"] in one["entrants"]]
        if line["status"] != "ok":
            found.append(row)
        for one in series:
            found.append(dict(row, **_times(one, base["case"])))
    if not found:
        row = dict(base, **_absent(run, "time"))
        if run.launches(comparison.id):
            row.update(status="skipped", reason="left out: it did not pass the check")
        row["pass"] = "time"
        found.append(row)
    return found


def _times(series: Dict[str, Any], case: str) -> Dict[str, Any]:
    entrant = series["entrants"].index(case)
    values = sorted(series.samples_per_call_s(entrant))
    found: Dict[str, Any] = {"cache": series["cache"], "samples": len(values), "stopped": series.get("stopped"),
                             "calls_per_sample": series["calls_per_sample"][entrant]}
    if not values:
        found["reason"] = series.get("stopped") or "no round was played"
        return found
    found.update(median_s=_quantile(values, 0.5), mean_s=sum(values) / len(values), p5_s=_quantile(values, 0.05),
                 p95_s=_quantile(values, 0.95), min_s=values[0], max_s=values[-1])
    if entrant == 0:
        copy = sorted(series.samples_per_call_s(1))
        found["copy_median_s"] = _quantile(copy, 0.5) if copy else None
    return found


def _quantile(ordered: List[float], share: float) -> float:
    """Return a quantile by linear interpolation between the order statistics."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _case_row(run: Run, base: Dict[str, Any], name: str) -> Dict[str, Any]:
    row = dict(base)
    row["pass"] = name
    lines = run.passes(name, case=base["case"])
    if not lines:
        row.update(_absent(run, name))
        return row
    line = lines[-1]
    row.update(status=line["status"], reason=line.get("reason"), seconds=line.get("seconds"))
    if line["status"] != "ok":
        return row
    missing: List[Tuple[str, str]] = []
    for column in COLUMNS:
        if column.passes == name:
            row[column.name] = line.get(column.name)
            if row[column.name] is None:
                missing.append((column.name, str(line.get(column.name + "_reason") or line.get("reason")
                                                 or "the record gives no reason")))
    row["missing"] = "; ".join("{}: {}".format(*one) for one in missing) or None
    return row
