"""Stand-alone .svg figures from the same functions that fill the page: no style sheet, no script, light."""

import textwrap
from typing import List, NamedTuple, Optional, Sequence, Tuple

from markupsafe import escape

from harness.plan import slug
from reports.findings import Findings
from reports.findings.power_modes import ModeTable
from reports.findings.rooflines import Roofline
from reports.findings.rows import RowState, Table
from reports.findings.samples import StripTable
from reports.findings.sweeps import Sweep
from reports.findings.traces import Trace
from reports.formats import energy_words
from reports.formats import texts as t
from reports.formats.drawing import Charts
from reports.formats.files import Made, Options
from reports.formats.roofline_text import roofline_key
from reports.formats.style import read_template
from reports.formats.svg.charts import AXIS_HEIGHT, ROW_HEIGHT
from reports.formats.svg.lines import HEIGHT as LINES_HEIGHT
from reports.formats.svg.markup import element, line, text
from reports.formats.svg.palette import FONT, LIGHT, resolved
from reports.formats.svg.panels import panels_height
from reports.formats.svg.pareto import HEIGHT as PARETO_HEIGHT
from reports.formats.svg.roofline import roofline_height
from reports.formats.svg.strips import STRIP_HEIGHT

WIDTH = 760
MARGIN = 12
HEAD = 26
LONGEST = 120    # of a file's name
LONGEST_NAME = 56
#: About what a character takes at most, in px: of a cell, and of the heading; and how far its lines are apart.
CHARACTER, TITLE_CHARACTER, TITLE_LINE = 7.7, 9.0, 20
EXTRA = ("text{font-family:%s}svg .title{font-size:15px;font-weight:600}svg .cell{font-size:13px}"
         "svg .word{font-size:13px;font-weight:600}svg .right{font-size:13px;text-anchor:end}"
         ".word.faster{fill:var(--faster)}.word.slower{fill:var(--slower)}.head{stroke:var(--ink);stroke-width:1.2}"
         ".sheet{fill:var(--page)}") % FONT.replace('"', "'")


def stand_alone(content: List[str], width: float, height: float, title: str) -> str:
    """Return a whole .svg file: the style inside it, every variable replaced, light."""
    style = resolved(read_template("chart.css") + EXTRA, LIGHT)
    sheet = element("rect", x=0, y=0, width=width, height=height, class_="sheet")
    body = "<title>{}</title><style>{}</style>{}{}".format(escape(title), style, sheet, "".join(content))
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="{w}" '
            'height="{h}" viewBox="0 0 {w} {h}">{body}</svg>\n').format(w=int(width), h=int(height), body=body)


def placed(chart: str, x: float, y: float, width: float) -> str:
    """Return ``chart`` (as wide as its box) in a box of its own at ``x``, ``y``."""
    return element("svg", chart, x=x, y=y, width=width, height="100%", overflow="visible")


def all_figures(found: Findings) -> List[Tuple[str, str]]:
    """Return ``(file name, svg)`` of every chart of the report; of the traces all, not only a page's choice."""
    charts = Charts(found)
    made = [("speed-{}.svg".format(slug(table.key)), comparison_figure(charts, table)) for table in found.tables]
    if found.close_calls:
        made.append(("close-calls.svg", close_figure(charts, found)))
    made += [("samples-{}.svg".format(slug(table.key)), samples_figure(charts, table)) for table in found.strips]
    made += [("trace-{}.svg".format(slug(trace.case)), trace_figure(charts, trace)) for trace in found.traces]
    made += [("crossover-{}.svg".format(slug("-".join([sweep.name, sweep.axis, sweep.baseline]))[:LONGEST]),
              crossover_figure(charts, sweep)) for sweep in found.sweeps]
    made += [("power-modes-{}.svg".format(slug(one.id)), power_modes_figure(charts, one)) for one in found.power_modes
             if one.drawn]
    return made + [("roofline-{}.svg".format(slug(one.id)), roofline_figure(charts, one)) for one in found.rooflines]


class FigureRow(NamedTuple):
    """One row of a figure; with a ``reason`` there is neither plot nor speed."""

    name: str
    state: RowState
    reason: Optional[str]
    plot: str
    speed: str
    median: Optional[str]


def comparison_figure(charts: Charts, table: Table) -> str:
    """Return one comparison: name, verdict, interval plot, speed with interval."""
    rows = [FigureRow(row.name, row.state, t.row_reason(row), charts.row(table, row),
                      _joined(t.speed_text(row), t.interval_text(row)), t.median_text(row)) for row in table.rows]
    heading = "{}, {}".format(t.table_title(table), t.against_text(table))
    return _rows_figure(heading, charts.axis(), rows)


def close_figure(charts: Charts, found: Findings) -> str:
    """Return the close calls on their linear axis."""
    rows = [FigureRow("{}, {}".format(call.row.name, call.title), call.row.state, None, charts.close_row(call),
                      _joined(t.speed_text(call.row), t.interval_text(call.row)), None) for call in found.close_calls]
    return _rows_figure("Close calls: within 10 % of the baseline", charts.close_axis(), rows)


def _joined(*texts: Optional[str]) -> str:
    return " ".join(one for one in texts if one)


def names_width(names: Sequence[str]) -> float:
    """Return the room for the longest of ``names``, of which one beyond all measure is cut."""
    return min(LONGEST_NAME, max([len(name) for name in names] + [10])) * CHARACTER + 14


def titled(heading: str, width: float) -> Tuple[List[str], float]:
    """Return ``heading`` folded into lines that fit ``width``, and the height below which the chart begins."""
    lines = textwrap.wrap(heading, int((width - 2 * MARGIN) / TITLE_CHARACTER)) or [""]
    return ([text(words, MARGIN, MARGIN + 14 + TITLE_LINE * number, "title") for number, words in enumerate(lines)],
            MARGIN + HEAD + TITLE_LINE * (len(lines) - 1))


def _rows_figure(heading: str, axis: str, rows: List[FigureRow]) -> str:
    names = names_width([row.name for row in rows])
    plot_x, plot_width = MARGIN + names + 122, 200.0
    speed_x = plot_x + plot_width + 190
    width = speed_x + MARGIN + (70 if any(row.median for row in rows) else 0)
    parts, top = titled(heading, width)
    top += AXIS_HEIGHT
    parts += [placed(axis, plot_x, top - AXIS_HEIGHT, plot_width), line(MARGIN, top, width - MARGIN, top, "head")]
    for index, row in enumerate(rows):
        y = top + index * ROW_HEIGHT
        parts.append(line(MARGIN, y + ROW_HEIGHT, width - MARGIN, y + ROW_HEIGHT, "grid"))
        parts.append(text(cut(row.name, LONGEST_NAME), MARGIN, y + 18, "cell"))
        parts.append(text("{} {}".format(t.sign(row.state), row.state), MARGIN + names, y + 18,
                          "word " + t.css_class(row.state)))
        if row.reason:
            parts.append(text(cut(row.reason, 62), plot_x, y + 18, "tick"))
            continue
        parts.append(placed(row.plot, plot_x, y, plot_width))
        parts.append(text(row.speed, speed_x, y + 18, "right"))
        if row.median:
            parts.append(text(row.median, width - MARGIN, y + 18, "right"))
    return stand_alone(parts, width, top + len(rows) * ROW_HEIGHT + MARGIN, heading)


def cut(words: str, most: int) -> str:
    """Return ``words`` cut to ``most`` characters."""
    return words if len(words) <= most else words[:most - 1].rstrip() + "\u2026"


def samples_figure(charts: Charts, table: StripTable) -> str:
    """Return the strips of one comparison."""
    heading = "{}: every row against its own median".format(t.title_of(table.title, table.cache, table.alone))
    plot_x, plot_width = MARGIN + names_width([row.name for row in table.rows]), WIDTH - 400.0
    width = plot_x + plot_width + 200
    parts, top = titled(heading, width)
    top += 20
    parts += [placed(charts.strip_axis(table), plot_x, top - 20, plot_width),
              line(MARGIN, top, width - MARGIN, top, "head")]
    for index, row in enumerate(table.rows):
        y = top + index * STRIP_HEIGHT
        parts.append(line(MARGIN, y + STRIP_HEIGHT, width - MARGIN, y + STRIP_HEIGHT, "grid"))
        parts.append(text(cut(row.name, LONGEST_NAME), MARGIN, y + 18, "cell"))
        parts.append(placed(charts.strip(table, row), plot_x, y, plot_width))
        parts.append(text(t.spread_text(row), width - MARGIN, y + 18, "right"))
    return stand_alone(parts, width, top + len(table.rows) * STRIP_HEIGHT + MARGIN, heading)


def trace_figure(charts: Charts, trace: Trace) -> str:
    """Return power, clock and temperature of one energy pass."""
    heading = ", ".join(filter(None, (energy_words.trace_name(trace), trace.title)))
    return _framed(heading, charts.panels(trace), panels_height(len(trace.panels)), 60, 16)


def crossover_figure(charts: Charts, sweep: Sweep) -> str:
    """Return time per call against the swept size."""
    heading = "Time per call (log) against {} (log){}".format(sweep.axis, sweep.name and ", " + sweep.name)
    return _framed(heading, charts.crossover(sweep),
                   LINES_HEIGHT, 64, charts.label_room(sweep), 620)


def roofline_figure(charts: Charts, one: Roofline) -> str:
    """Return the roofline of one comparison."""
    return _framed("{}: FLOP/s against FLOP per byte".format(one.title), charts.roofline(one, True),
                   roofline_height(roofline_key(one)), 64, 24, 900)


def power_modes_figure(charts: Charts, one: ModeTable) -> str:
    """Return speed against power of one comparison."""
    return _framed("{}: images per second (log) against mean power".format(one.title), charts.power_modes(one),
                   PARETO_HEIGHT, 64, 24)


def _framed(heading: str, chart: str, height: float, left: float, right: float, width: float = WIDTH) -> str:
    parts, top = titled(heading, width)
    parts.append(placed(chart, left, top, width - left - right))
    return stand_alone(parts, width, top + height + MARGIN, heading)


def make(found: Findings, options: Options) -> Made:
    """Return the figures as files."""
    return Made([("figures/" + name, svg) for name, svg in all_figures(found)] if options.figures else ())
