"""Crossover data: time per call against the size that a suite sweeps (the case options ``sweep...``)."""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from harness.plan import Case
from harness.record import Run


class Place(NamedTuple):
    """Where a case stands in a sweep: ``name`` says what is kept, ``axis`` what changes, ``value`` how far."""

    name: str
    axis: str
    value: float


def sweep_of(case: Case) -> Optional[Place]:
    """Return the place of ``case`` in its sweep, ``None`` if it is in none.

    A suite gives the options ``sweep`` (what is kept), ``sweep_axis`` and ``sweep_value``, or in short
    ``sweep = {"axis": ..., "value": ...}``.
    """
    options = dict(case.options)
    sweep = options.get("sweep")
    if isinstance(sweep, dict):
        name, axis, value = "", sweep.get("axis"), sweep.get("value")
    else:
        name, axis, value = str(sweep or ""), options.get("sweep_axis"), options.get("sweep_value")
    if not axis or not isinstance(value, (int, float)) or value <= 0:
        return None
    return Place(name, str(axis), float(value))


def sweeps(run: Run, tables: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Return one chart's data per sweep, axis and baseline: ``{"name", "axis", "baseline", "series"}``.

    A series is ``{"name", "baseline", "points"}``, a point (value, median, P5, P95) in seconds.
    """
    cases = {ident: case for _, case, ident in run.cases()}
    charts: List[Dict[str, Any]] = []
    for table in tables:
        if not table["main"]:
            continue
        for row in table["rows"]:
            place = sweep_of(cases[row["case"]])
            if place is None or row["median_s"] is None:
                continue
            key = (place.name, place.axis, table["baseline"])
            chart = next((c for c in charts if (c["name"], c["axis"], c["baseline"]) == key), None)
            if chart is None:
                chart = {"name": place.name, "axis": place.axis, "baseline": table["baseline"], "series": []}
                charts.append(chart)
            series = next((s for s in chart["series"] if s["name"] == row["name"]), None)
            if series is None:
                series = {"name": row["name"], "baseline": row["baseline"], "points": []}
                chart["series"].append(series)
            series["points"].append([place.value, row["median_s"], row["p5_s"], row["p95_s"]])
    for chart in charts:
        for series in chart["series"]:
            series["points"].sort()
        chart["series"].sort(key=lambda series: not series["baseline"])
    return [chart for chart in charts if any(len(series["points"]) > 1 for series in chart["series"])]


#: Rooflines on one page; a large suite's others would only repeat the same roof.
MOST_ROOFLINES = 6


def roofline_data(run: Run, tables: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Return a roof with points for each comparison, empty unless the run measured its own roof.

    The roof is the environment's section ``roof`` (``flops_per_s`` and ``bytes_per_s``, both measured on
    the device with as many threads as the points below it); a point needs the multiply-accumulates and
    ``bytes`` of its case from the verify pass.
    """
    roof = run.environment.get("roof") or {}
    if not roof.get("flops_per_s") or not roof.get("bytes_per_s"):
        return []
    moved = {result["case"]: result.get("bytes") for line in run.passes("verify") if line["status"] == "ok"
             for result in line["results"]}
    under = {comparison.id for comparison in run.comparisons
             if comparison.baseline.device == roof.get("device", comparison.baseline.device)
             and comparison.baseline.threads == roof.get("threads", comparison.baseline.threads)}
    charts = []
    for table in tables:
        points = [{"name": row["name"], "baseline": row["baseline"],
                   "intensity": 2.0 * row["macs"] / moved[row["case"]], "rate": 2.0 * row["macs"] / row["median_s"]}
                  for row in table["rows"] if row["macs"] and moved.get(row["case"]) and row["median_s"]]
        if table["main"] and table["id"] in under and points:
            charts.append({"id": table["id"], "title": table["title"], "flops_per_s": roof["flops_per_s"],
                           "bytes_per_s": roof["bytes_per_s"], "points": points})
    return charts[:MOST_ROOFLINES]
