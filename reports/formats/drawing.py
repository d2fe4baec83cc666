"""From findings to charts: which scale, which ticks, which numbers. Page and figures both draw through this."""

from typing import NamedTuple, Optional, Sequence

from reports.findings import Findings
from reports.findings.close_calls import CloseCall, band_of
from reports.findings.power_modes import ModeTable
from reports.findings.rooflines import Roofline
from reports.findings.rows import Row, Table
from reports.findings.samples import Strip, StripTable
from reports.findings.sweeps import Sweep
from reports.findings.traces import Channel, PhaseKind, Trace
from reports.formats.energy_words import trace_name
from reports.formats.roofline_text import roofline_key, type_name
from reports.formats.svg.charts import interval_axis, interval_row
from reports.formats.svg.lines import Series, crossover, label_room
from reports.formats.svg.panels import Mark, Panel, Phase, panels
from reports.formats.svg.pareto import Point as ParetoPoint
from reports.formats.svg.pareto import pareto_chart
from reports.formats.svg.roofline import Point, Roof, roofline
from reports.formats.svg.scales import Linear, Log, ratio_range, ratio_ticks
from reports.formats.svg.strips import strip, strip_axis
from reports.numbers import NARROW, TIMES, hertz, significant

CLOSE_AXIS = (-10.0, 10.0)
CLOSE_TICKS = ((-10.0, "\u221210\u202f%"), (-5.0, "\u22125\u202f%"), (0.0, "0"), (5.0, "+5\u202f%"),
               (10.0, "+10\u202f%"))


class ChannelLook(NamedTuple):
    """How a channel is drawn: its label, the factor to the label's unit, and whether 0 stays on the axis."""

    label: str
    scale: float
    from_zero: bool


CHANNELS = {Channel.POWER: ChannelLook("Power, W", 1.0, True), Channel.CLOCK: ChannelLook("Clock, MHz", 1e-6, True),
            Channel.TEMPERATURE: ChannelLook("Temperature, \u00b0C", 1.0, False)}


def factor_label(ratio: float) -> str:
    """Return a tick of the ratio axis: ``3x`` on either side of ``1``."""
    if abs(ratio - 1) < 1e-9:
        return "1"
    factor = max(ratio, 1 / ratio)
    return (str(int(round(factor))) if factor < 1000 else significant(factor, 1)) + TIMES


def speeds_of(tables: Sequence[Table]) -> Sequence[float]:
    """Return every number that a speed axis over ``tables`` must hold."""
    return [value for table in tables for row in table.rows if row.speed
            for value in (row.speed, row.low, row.high) if value]


def _percent(speed: Optional[float]) -> Optional[float]:
    return None if speed is None else (speed - 1) * 100


def shown_values(trace: Trace, index: int) -> Sequence[Optional[float]]:
    """Return the readings of panel ``index`` in the unit of its label."""
    panel = trace.panels[index]
    scale = CHANNELS[panel.channel].scale
    return [None if value is None else value * scale for value in panel.values]


class Charts:
    """Draws the parts of one report. All methods return SVG text."""

    def __init__(self, found: Findings) -> None:
        self.factor = found.about.factor
        low, high = ratio_range(speeds_of(found.tables))
        self.scale = Log(low, high)
        self.close_scale = Linear(*CLOSE_AXIS)
        self.device_scale = Log(*ratio_range([
            cell.speed for table in (found.devices.tables if found.devices is not None else ()) for row in table.rows
            for cell in row.cells if cell is not None and cell.speed]))

    @staticmethod
    def full(value: Optional[float]) -> str:
        """Return a number for sorting: nine digits, empty if there is none."""
        return "" if value is None else "{:.9g}".format(value)

    def axis(self) -> str:
        """Return the axis above the rows of every comparison table."""
        ticks = ratio_ticks(self.scale.low, self.scale.high)
        return interval_axis(self.scale, [(tick, factor_label(tick)) for tick in ticks])

    def row(self, table: Table, row: Row) -> str:
        """Return the interval plot of one row."""
        return interval_row(self.scale, 1.0, row.state, row.speed, row.low, row.high,
                            band_of(self.factor, table.floor))

    def close_axis(self) -> str:
        """Return the axis of the close calls, in percent."""
        return interval_axis(self.close_scale, CLOSE_TICKS)

    def close_row(self, call: CloseCall) -> str:
        """Return the magnified interval of one close call."""
        low, high = call.band
        return interval_row(self.close_scale, 0.0, call.row.state, _percent(call.row.speed), _percent(call.row.low),
                            _percent(call.row.high), ((low - 1) * 100, (high - 1) * 100))

    def device_cell(self, cell: Row) -> str:
        """Return the small interval plot of one rival in one run."""
        return interval_row(self.device_scale, 1.0, cell.state, cell.speed, cell.low, cell.high, height=20)

    def device_range_text(self) -> str:
        """Return the ends of the devices' axis in words."""
        return "{} slower to {} faster".format(*(significant(end, 2) + TIMES for end in (
            1 / self.device_scale.low, self.device_scale.high)))

    @staticmethod
    def strip_axis(table: StripTable) -> str:
        """Return the axis of one table of strips."""
        return strip_axis(Linear(table.low, table.high), table.ticks)

    @staticmethod
    def strip(table: StripTable, row: Strip) -> str:
        """Return the samples of one row."""
        return strip(Linear(table.low, table.high), row.dots, row.state)

    @staticmethod
    def panels(trace: Trace) -> str:
        """Return power, clock and temperature of one energy pass."""
        rows = []
        for index, panel in enumerate(trace.panels):
            look, values = CHANNELS[panel.channel], shown_values(trace, index)
            known = [value for value in values if value is not None]
            means = [(phase.start_s, phase.end_s, phase.mean_w,
                      "{}{}W mean".format(significant(phase.mean_w), NARROW))
                     for phase in trace.phases if phase.mean_w is not None and panel.channel is Channel.POWER]
            rows.append(Panel(look.label, values, means, look.from_zero or min(known) <= 0))
        # idle phases and the load are named (the load by what ran); what lies between is neither
        phases = [Phase("{}, looping".format(trace_name(trace)) if phase.kind is PhaseKind.LOAD else phase.name,
                        phase.start_s, phase.end_s, phase.kind in (PhaseKind.LOAD, PhaseKind.IDLE),
                        phase.kind in (PhaseKind.LOAD, PhaseKind.BUSY)) for phase in trace.phases]
        place = next((i for i, panel in enumerate(trace.panels) if panel.channel is Channel.CLOCK), 0)
        drop = trace.drop
        marks = [] if drop is None else [Mark(drop.time_s, drop_label(drop.high_hz, drop.low_hz), place)]
        return panels(trace.time_s, rows, phases, marks, "{}: {} over {:.0f} s".format(
            trace_name(trace), ", ".join(row.label for row in rows), trace.time_s[-1]))

    @staticmethod
    def crossover(sweep: Sweep) -> str:
        """Return the crossover chart of one swept axis."""
        series = [Series(line.name, line.points, line.baseline) for line in sweep.lines]
        return crossover(series, sweep.axis, "time per call against {}: {}".format(
            sweep.axis, ", ".join(line.name for line in sweep.lines)))

    @staticmethod
    def power_modes(table: ModeTable) -> str:
        """Return speed against power of one comparison in every mode, empty where no case has a power."""
        cases = list(dict.fromkeys(point.case for point in table.points))
        points = [ParetoPoint("{}, {}".format(point.name, point.mode), point.power_w or 0.0, point.images_per_s,
                              cases.index(point.case), point.best) for point in table.drawn]
        return pareto_chart(points, "speed against power: {}".format(
            ", ".join(point.label for point in points))) if points else ""

    @staticmethod
    def label_room(sweep: Sweep) -> int:
        """Return the pixels that the names at the line ends need."""
        return label_room([line.name for line in sweep.lines])

    @staticmethod
    def roofline(one: Roofline, key: bool = False) -> str:
        """Return the roofline of one family, with the ``key`` to its numbers where nothing else says it."""
        points = [Point(point.intensity, point.rate, point.baseline, point.roof or 0.0) for point in one.points]
        roofs = [Roof(type_name(roof.type), roof.flops_per_s) for roof in one.roofs if roof.flops_per_s]
        return roofline(roofs, [slope.bytes_per_s for slope in one.slopes], points, roofline_key(one) if key else (),
                        "arithmetic rate against FLOP per byte: {}".format(", ".join(p.name for p in one.points)))


def drop_label(high_hz: float, low_hz: float) -> str:
    """Return ``922 to 768 MHz``, both units where they differ."""
    high, low = str(hertz(high_hz)).split(NARROW), str(hertz(low_hz)).split(NARROW)
    return "{} to {}".format(high[0] if high[1] == low[1] else NARROW.join(high), NARROW.join(low))
