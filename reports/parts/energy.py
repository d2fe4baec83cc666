"""Energy: joules per call, above idle and per image, and how they compare with the baseline."""

import math
from typing import Any, Dict, List, Optional, Tuple

from harness.plan import Comparison
from harness.record import Run
from reports.numbers import NARROW, interval, joules, percent, times, watts
from reports.parts.record import case_line, first_number, why_no_line


def case_energy(run: Run, case: str) -> Dict[str, Any]:
    """Return the energy of one case; without a number ``energy_per_call_j`` is None and ``reason`` says why."""
    line = case_line(run, "energy", case)
    if line is None:
        return {"energy_per_call_j": None, "reason": why_no_line(run, "energy"), "line": None}
    value = first_number(line, "energy_per_call_j")
    reason = None
    if value is None:
        reason = line.get("reason") or line.get("energy_per_call_j_reason") or "the record gives no reason"
    return {"energy_per_call_j": value, "above_idle_j": first_number(line, "energy_above_idle_per_call_j"),
            "uncertainty_j": first_number(line, "uncertainty_j"), "mean_w": first_number(line, "mean_w"),
            "peak_w": first_number(line, "peak_w"), "readings": first_number(line, "readings_fresh"),
            "meter": line.get("meter"), "rail": line.get("rail"), "reason": reason, "line": line}


def energy_ratio(base: Dict[str, Any], rival: Dict[str, Any]) -> Optional[Tuple[float, float, float]]:
    """Return (ratio, low, high) of baseline energy / rival energy per call; above 1 the rival needs less.

    The ends take the two stated uncertainties together as independent relative errors; ``None`` if
    either number or uncertainty is missing.
    """
    mine, theirs = rival.get("energy_per_call_j"), base.get("energy_per_call_j")
    spreads = rival.get("uncertainty_j"), base.get("uncertainty_j")
    if not mine or not theirs or mine < 0 or theirs < 0 or spreads[0] is None or spreads[1] is None:
        return None
    spread = math.hypot(spreads[0] / mine, spreads[1] / theirs)
    ratio = theirs / mine
    return ratio, ratio * math.exp(-spread), ratio * math.exp(spread)


def ratio_text(ratio: Tuple[float, float, float]) -> str:
    """Return ``1.83x less [1.80, 1.86]``; within 10 % the sign says it, ``-3.0 % [-4.1, -1.9]``."""
    middle, low, high = ratio
    if 1 / 1.1 < middle < 1.1:                           # here the reader expects energy, not speed: less is minus
        return "{}{}% [{}, {}]".format(percent(1 / middle), NARROW, percent(1 / high), percent(1 / low))
    factor = times(middle) + " less" if middle > 1 else times(1 / middle) + " more"
    return "{} {}".format(factor, interval(middle, low, high))


def energy_table(run: Run, comparison: Comparison) -> Optional[Dict[str, Any]]:
    """Return the rows of the energy table of one comparison, ``None`` if no case has an energy line."""
    base = case_energy(run, comparison.case_id(comparison.baseline))
    rows: List[Dict[str, Any]] = []
    for case in comparison.cases:
        ident = comparison.case_id(case)
        found = case_energy(run, ident)
        if found["line"] is None:
            continue
        ratio = energy_ratio(base, found) if case != comparison.baseline else None
        value, images = found["energy_per_call_j"], case.shape[0]
        spread = found.get("uncertainty_j")
        rows.append({
            "case": ident, "name": case.name, "baseline": case == comparison.baseline,
            "energy_j": value, "energy_text": joules(value), "reason": found["reason"],
            "spread_text": None if spread is None or not value else "\u00b1\u202f" + str(joules(spread)),
            "above_text": joules(found.get("above_idle_j")), "above_j": found.get("above_idle_j"),
            "image_text": joules(value / images) if value is not None else None,
            "mean_text": watts(found.get("mean_w")), "peak_text": watts(found.get("peak_w")),
            "ratio": ratio[0] if ratio else None, "ratio_text": ratio_text(ratio) if ratio else None,
            "source": " ".join(str(found[key]) for key in ("meter", "rail") if found.get(key))})
    if not rows:
        return None
    measured = [row for row in rows if row["energy_j"] is not None]
    sources = sorted({row["source"] for row in rows if row["source"]})
    reasons = sorted({row["reason"] for row in rows if row["reason"]})
    costs = [cost["ratio"] for cost in [(case_line(run, "energy", row["case"]) or {}).get("sampling_cost")
                                        for row in rows] if isinstance(cost, dict) and cost.get("ratio")]
    return {"id": comparison.id, "title": comparison.title, "rows": rows if measured else [],
            "cost_text": "reading the meter changed the time per call by {} to {}{}%".format(
                percent(min(costs)), percent(max(costs)), NARROW) if costs else None,
            "sources": sources, "reason": None if measured else "; ".join(reasons)}
