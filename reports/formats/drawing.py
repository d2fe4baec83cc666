"""From page data to charts: which scale, which ticks, which numbers. Page and figures both draw through this."""

from typing import Any, Dict, Optional, Sequence

from reports.numbers import TIMES, significant
from reports.parts.close_calls import AXIS, TICKS, band_of
from reports.svg.charts import interval_axis, interval_row
from reports.svg.lines import Series, crossover, label_room
from reports.svg.panels import Mark, Panel, panels
from reports.svg.roofline import Point, Roof, roofline
from reports.svg.scales import Linear, Log, ratio_range, ratio_ticks
from reports.svg.strips import strip, strip_axis


def factor_label(ratio: float) -> str:
    """Return a tick of the ratio axis: ``3x`` on either side of ``1``."""
    if abs(ratio - 1) < 1e-9:
        return "1"
    factor = max(ratio, 1 / ratio)
    return (str(int(round(factor))) if factor < 1000 else significant(factor, 1)) + TIMES


def ratios_of(tables: Sequence[Dict[str, Any]]) -> Sequence[float]:
    """Return every number that a ratio axis over ``tables`` must hold."""
    return [row[key] for table in tables for row in table["rows"] if row["ratio"]
            for key in ("ratio", "low", "high") if row[key]]


class Charts:
    """Draws the parts of one report. All methods return SVG text."""

    def __init__(self, data: Dict[str, Any]) -> None:
        self.data = data
        low, high = ratio_range(ratios_of(data["tables"]))
        self.scale = Log(low, high)
        self.close_scale = Linear(*AXIS)
        cells = [cell for table in (data["devices"] or {"tables": []})["tables"] for row in table["rows"]
                 for cell in row["cells"] if cell["ratio"]]
        self.device_scale = Log(*ratio_range([cell["ratio"] for cell in cells]))

    @staticmethod
    def full(value: Optional[float]) -> str:
        """Return a number for sorting: nine digits, empty if there is none."""
        return "" if value is None else "{:.9g}".format(value)

    def axis(self) -> str:
        """Return the axis above the rows of every comparison table."""
        ticks = ratio_ticks(self.scale.low, self.scale.high)
        return interval_axis(self.scale, [(tick, factor_label(tick)) for tick in ticks])

    def row(self, table: Dict[str, Any], row: Dict[str, Any]) -> str:
        """Return the interval plot of one row."""
        low, high = band_of(self.data["factor"], table["floor"] or 1.0)
        return interval_row(self.scale, 1.0, row["state"], row["ratio"], row["low"], row["high"],
                            (1 + low / 100, 1 + high / 100))

    def close_axis(self) -> str:
        """Return the axis of the close calls, in percent."""
        return interval_axis(self.close_scale, TICKS)

    def close_row(self, call: Dict[str, Any]) -> str:
        """Return the magnified interval of one close call."""
        return interval_row(self.close_scale, 0.0, call["state"], call["percent"], call["low_percent"],
                            call["high_percent"], call["band"])

    def device_cell(self, cell: Dict[str, Any]) -> str:
        """Return the small interval plot of one rival in one run."""
        return interval_row(self.device_scale, 1.0, cell["state"], cell["ratio"], cell["low"], cell["high"],
                            height=20)

    def device_range_text(self) -> str:
        """Return the ends of the devices' axis in words."""
        return "{} slower to {} faster".format(*(significant(end, 2) + TIMES for end in (
            1 / self.device_scale.low, self.device_scale.high)))

    @staticmethod
    def strip_axis(table: Dict[str, Any]) -> str:
        """Return the axis of one table of strips."""
        return strip_axis(Linear(*table["range"]), table["ticks"])

    @staticmethod
    def strip(table: Dict[str, Any], row: Dict[str, Any]) -> str:
        """Return the samples of one row."""
        return strip(Linear(*table["range"]), row["dots"], row["state"])

    @staticmethod
    def panels(trace: Dict[str, Any]) -> str:
        """Return power, clock and temperature of one energy pass."""
        rows = [Panel(panel["label"], panel["values"], [tuple(mean) for mean in panel["means"]], panel["from_zero"])
                for panel in trace["panels"]]
        mark = trace["mark"]
        place = next((i for i, panel in enumerate(trace["panels"]) if panel["key"] == "clock_hz"), 0)
        return panels(trace["time_s"], rows, trace["phases"],
                      [Mark(mark["time_s"], mark["label"], place)] if mark else [],
                      "{}: {} over {:.0f} s".format(trace["name"], ", ".join(row.label for row in rows),
                                                    trace["time_s"][-1]))

    @staticmethod
    def crossover(sweep: Dict[str, Any]) -> str:
        """Return the crossover chart of one swept axis."""
        series = [Series(one["name"], [tuple(point) for point in one["points"]], one["baseline"])
                  for one in sweep["series"]]
        return crossover(series, sweep["axis"], "time per call against {}: {}".format(
            sweep["axis"], ", ".join(one.name for one in series)))

    @staticmethod
    def label_room(sweep: Dict[str, Any]) -> int:
        """Return the pixels that the names at the line ends need."""
        return label_room([one["name"] for one in sweep["series"]])

    @staticmethod
    def roofline(data: Dict[str, Any]) -> str:
        """Return the roofline of one comparison."""
        points = [Point(point["name"], point["intensity"], point["rate"], point["baseline"])
                  for point in data["points"]]
        return roofline(Roof(data["flops_per_s"], data["bytes_per_s"]), points,
                        "arithmetic rate against FLOP per byte: {}".format(", ".join(p.name for p in points)))
