"""Power, clock and temperature of the energy passes, thinned for drawing, with the phases and their means."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

from harness.plan import Case
from harness.record import Run
from reports.numbers import NARROW, hertz, significant
from reports.parts.record import case_line

BUCKETS = 120
DRAWN = 8           # panels on a page; the figures hold all
CHANNELS = (("power_w", "Power, W", 1.0, True), ("clock_hz", "Clock, MHz", 1e-6, True),
            ("temperature_c", "Temperature, \u00b0C", 1.0, False))


def kept_places(channels: Sequence[Sequence[Optional[float]]], length: int, buckets: int = BUCKETS) -> List[int]:
    """Return the places to draw: per bucket of readings the lowest and the highest of every channel, in order."""
    if length <= 3 * buckets:
        return list(range(length))
    kept = {0, length - 1}
    for bucket in range(buckets):
        places = range(bucket * length // buckets, (bucket + 1) * length // buckets)
        for values in channels:
            known = [place for place in places if values[place] is not None]
            if known:
                kept.add(min(known, key=lambda place, v=values: v[place]))   # type: ignore[misc]
                kept.add(max(known, key=lambda place, v=values: v[place]))   # type: ignore[misc]
    return sorted(kept)


def trace_of(run: Run, case: Case, ident: str) -> Optional[Dict[str, Any]]:
    """Return the drawn traces of one energy pass, ``None`` if it recorded none."""
    line = case_line(run, "energy", ident)
    data = (line or {}).get("traces") or {}
    times = data.get("time_s") or []
    if line is None or len(times) < 2:
        return None
    zero = times[0]
    raw = []
    for key, label, scale, from_zero in CHANNELS:
        values = data.get(key) or []
        if len(values) == len(times) and any(value is not None for value in values):
            raw.append((key, label, [None if v is None else v * scale for v in values], from_zero))
    if not raw:
        return None
    phases = [phase_of(case, phase, zero, times[-1]) for phase in line.get("phases") or []
              if phase["start_s"] < times[-1] and (phase["end_s"] is None or phase["end_s"] > zero)]
    places = kept_places([values for _, _, values, _ in raw], len(times))
    panels = []
    for key, label, values, from_zero in raw:
        known = [value for value in values if value is not None]
        from_zero = from_zero or min(known) <= 0
        panels.append({"key": key, "label": label, "from_zero": from_zero,
                       "values": [None if values[i] is None else _short(values[i]) for i in places],
                       "means": _means(times, values, phases, zero) if key == "power_w" else []})
    return {"case": ident, "name": case.name, "time_s": [round(times[i] - zero, 3) for i in places],
            "panels": panels, "phases": phases, "mark": throttle_mark(times, data.get("clock_hz"), phases, zero),
            "readings": len(times), "drawn": len(places), "period_s": line.get("sensor_period_s"),
            "source": " ".join(str(line[key]) for key in ("meter", "rail") if line.get(key))}


def phase_of(case: Case, phase: Dict[str, Any], zero: float, last: float) -> Dict[str, Any]:
    """Return a phase as the chart shows it: in seconds from the first reading, shaded where calls ran.

    Idle phases and the load are named (the load by what ran) and get their mean; what lies between is neither.
    """
    name = str(phase["name"]).replace("-", " ")
    load = name == "load"
    end = last if phase["end_s"] is None else phase["end_s"]
    return {"name": "{}, looping".format(case.name) if load else name, "start_s": phase["start_s"] - zero,
            "end_s": end - zero, "load": load, "named": load or name.startswith("idle"),
            "shaded": load or name in ("warm up", "run out")}


def _short(value: Optional[float]) -> Optional[float]:
    return None if value is None else float("{:.5g}".format(value))


def _means(times: Sequence[float], values: Sequence[Optional[float]], phases: Sequence[Dict[str, Any]],
           zero: float) -> List[List[Any]]:
    found = []
    for phase in phases:
        if not phase["named"]:
            continue
        inside = [value for time, value in zip(times, values)
                  if value is not None and phase["start_s"] <= time - zero < phase["end_s"]]
        if inside:
            mean = sum(inside) / len(inside)
            found.append([phase["start_s"], phase["end_s"], mean, "{}\u202fW mean".format(significant(mean))])
    return found


def throttle_mark(times: Sequence[float], clock: Optional[Sequence[Optional[float]]],
                  phases: Sequence[Dict[str, Any]], zero: float) -> Optional[Dict[str, Any]]:
    """Return where the clock fell by more than 5 % under load, ``None`` if it did not or was not read."""
    if not clock or len(clock) != len(times):
        return None
    for phase in phases:
        if not phase["load"]:
            continue
        top = 0.0
        for time, value in zip(times, clock):
            if value is None or not phase["start_s"] + 0.2 <= time - zero < phase["end_s"] - 0.2:
                continue
            if value < 0.95 * top:
                return {"time_s": time - zero, "label": "{} to {}".format(
                    str(hertz(top)).split(NARROW)[0] if _prefix(top) == _prefix(value) else hertz(top), hertz(value))}
            top = max(top, value)
    return None


def _prefix(value: float) -> str:
    return str(hertz(value)).split(NARROW)[1]


def traces(run: Run, tables: Sequence[Dict[str, Any]], most: int = DRAWN) -> Tuple[List[Dict[str, Any]], int]:
    """Return the traces to draw and how many there are; with many, the baseline and the fastest of each table."""
    every = {ident: trace_of(run, case, ident) for _, case, ident in run.cases()}
    known = [ident for ident in every if every[ident] is not None]
    chosen = known
    if len(known) > most:
        wanted: List[str] = []
        for table in tables:
            if table["main"]:
                ids = [row["case"] for row in table["rows"] if row["case"] in known]
                wanted.extend(ids[:2])
        chosen = wanted[:most]
    titles = {row["case"]: table["title"] for table in tables for row in table["rows"]}
    return [dict(every[ident] or {}, title=titles.get(ident, "")) for ident in chosen], len(known)
