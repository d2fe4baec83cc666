"""The power trace of one case with the clock and temperature that went with it."""

from typing import Any, Dict, List, Optional, Tuple

from harness.energy.series import Series

AMBIENT_S = 1.0  # a clock or temperature older than this is not shown beside a power reading


def traces(series: Optional[Series], readings: List[Any], start_s: float) -> Dict[str, List[Optional[float]]]:
    """Return power, clock (GPU's, else the fastest CPU's) and hottest temperature at the fresh readings.

    ``time_s`` counts from ``start_s`` as the phases do. Clock and temperature are the latest known, and
    ``None`` where there was none within ``AMBIENT_S``.
    """
    columns: Dict[str, List[Optional[float]]] = {"time_s": [], "power_w": [], "clock_hz": [], "temperature_c": []}
    if series is None:
        return columns
    times = series.times_s[1:] if series.counter else series.times_s
    if not len(times):
        return columns
    power_w = series.between(float(times[0]), float(times[-1]))
    clocks = [(reading.time_s, reading.clock_hz.get("gpu", reading.clock_hz.get("cpu")))
              for reading in readings if reading.clock_hz]
    hottest = [(reading.time_s, max(reading.temperature_c.values())) for reading in readings if reading.temperature_c]
    columns["time_s"] = [round(float(time_s) - start_s, 4) for time_s in times]
    columns["power_w"] = [round(float(watts), 4) for watts in power_w]
    columns["clock_hz"] = _latest(clocks, times)
    columns["temperature_c"] = _latest(hottest, times)
    return columns


def _latest(known: List[Tuple[float, Any]], times: Any) -> List[Optional[float]]:
    """Return for each time the last known value that is not too old."""
    column: List[Optional[float]] = []
    index = -1
    for time_s in times:
        while index + 1 < len(known) and known[index + 1][0] <= time_s:
            index += 1
        young = index >= 0 and time_s - known[index][0] <= AMBIENT_S
        column.append(known[index][1] if young else None)
    return column
