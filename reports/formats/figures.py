"""Stand-alone .svg figures from the same functions that fill the page: no style sheet, no script, light."""

from typing import Any, Dict, List, Optional, Tuple

from markupsafe import escape

from harness.plan import slug
from reports.drawing import Charts
from reports.markdown import title_of
from reports.page import read_template
from reports.svg.charts import AXIS_HEIGHT, ROW_HEIGHT
from reports.svg.lines import HEIGHT as LINES_HEIGHT
from reports.svg.markup import element, line, text
from reports.svg.palette import FONT, LIGHT, resolved
from reports.svg.panels import panels_height
from reports.svg.roofline import HEIGHT as ROOF_HEIGHT
from reports.svg.strips import STRIP_HEIGHT

WIDTH = 760
MARGIN = 12
HEAD = 26
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


def all_figures(data: Dict[str, Any], traces: List[Dict[str, Any]]) -> List[Tuple[str, str]]:
    """Return ``(file name, svg)`` of every chart of the report; ``traces`` holds all of them, not a choice."""
    charts = Charts(data)
    found = [("speed-{}.svg".format(slug(table["key"])), comparison_figure(charts, table))
             for table in data["tables"]]
    if data["close_calls"]:
        found.append(("close-calls.svg", close_figure(charts, data)))
    found += [("samples-{}.svg".format(slug(table["key"])), samples_figure(charts, table))
              for table in data["samples"]]
    found += [("trace-{}.svg".format(slug(trace["case"])), trace_figure(charts, trace)) for trace in traces]
    found += [("crossover-{}.svg".format(slug("-".join([sweep["name"], sweep["axis"], sweep["baseline"]]))),
               crossover_figure(charts, sweep)) for sweep in data["sweeps"]]
    return found + [("roofline-{}.svg".format(slug(one["id"])), roofline_figure(charts, one))
                    for one in data["roofline"]]


def comparison_figure(charts: Charts, table: Dict[str, Any]) -> str:
    """Return one comparison: name, verdict, interval plot, speed with interval."""
    rows = [(row["name"], row["state"], row["sign"], row["reason"], charts.row(table, row),
             _joined(row["speed_text"], row["interval_text"]), row["median_text"]) for row in table["rows"]]
    heading = "{}, against {}{}".format(title_of(table), table["baseline"],
                                        " (" + table["baseline_text"] + ")" if table["baseline_text"] else "")
    return _rows_figure(heading, charts.axis(), rows)


def close_figure(charts: Charts, data: Dict[str, Any]) -> str:
    """Return the close calls on their linear axis."""
    rows = [("{}, {}".format(call["name"], call["title"]), call["state"], call["sign"], None, charts.close_row(call),
             _joined(call["speed_text"], call["interval_text"]), None) for call in data["close_calls"]]
    return _rows_figure("Close calls: within 10 % of the baseline", charts.close_axis(), rows, 270)


def _joined(*texts: Optional[str]) -> str:
    return " ".join(one for one in texts if one)


def _rows_figure(heading: str, axis: str, rows: List[Tuple], names: float = 190) -> str:
    plot_x, plot_width = MARGIN + names + 110, 200.0
    speed_x = plot_x + plot_width + 190
    width = speed_x + MARGIN + (70 if any(row[6] for row in rows) else 0)
    top = MARGIN + HEAD + AXIS_HEIGHT
    parts = [text(heading, MARGIN, MARGIN + 14, "title"), placed(axis, plot_x, MARGIN + HEAD, plot_width),
             line(MARGIN, top, width - MARGIN, top, "head")]
    for index, (name, state, sign, reason, plot, speed, median) in enumerate(rows):
        y = top + index * ROW_HEIGHT
        parts.append(line(MARGIN, y + ROW_HEIGHT, width - MARGIN, y + ROW_HEIGHT, "grid"))
        parts.append(text(cut(name, int(names / 7)), MARGIN, y + 18, "cell"))
        parts.append(text("{} {}".format(sign, state), MARGIN + names, y + 18, "word " + state.replace(" ", "-")))
        if reason:
            parts.append(text(cut(reason, 62), plot_x, y + 18, "tick"))
            continue
        parts.append(placed(plot, plot_x, y, plot_width))
        parts.append(text(speed, speed_x, y + 18, "right"))
        if median:
            parts.append(text(median, width - MARGIN, y + 18, "right"))
    return stand_alone(parts, width, top + len(rows) * ROW_HEIGHT + MARGIN, heading)


def cut(words: str, most: int) -> str:
    """Return ``words`` cut to ``most`` characters."""
    return words if len(words) <= most else words[:most - 1].rstrip() + "\u2026"


def samples_figure(charts: Charts, table: Dict[str, Any]) -> str:
    """Return the strips of one comparison."""
    heading = "{}: every row against its own median".format(title_of(table))
    plot_x, plot_width, top = 200.0, WIDTH - 400.0, MARGIN + HEAD + 20
    parts = [text(heading, MARGIN, MARGIN + 14, "title"),
             placed(charts.strip_axis(table), plot_x, MARGIN + HEAD, plot_width),
             line(MARGIN, top, WIDTH - MARGIN, top, "head")]
    for index, row in enumerate(table["rows"]):
        y = top + index * STRIP_HEIGHT
        parts.append(line(MARGIN, y + STRIP_HEIGHT, WIDTH - MARGIN, y + STRIP_HEIGHT, "grid"))
        parts.append(text(cut(row["name"], 26), MARGIN, y + 18, "cell"))
        parts.append(placed(charts.strip(table, row), plot_x, y, plot_width))
        parts.append(text(row["spread_text"], WIDTH - MARGIN, y + 18, "right"))
    return stand_alone(parts, WIDTH, top + len(table["rows"]) * STRIP_HEIGHT + MARGIN, heading)


def trace_figure(charts: Charts, trace: Dict[str, Any]) -> str:
    """Return power, clock and temperature of one energy pass."""
    heading = "{}, {}".format(trace["name"], trace["title"]) if trace["title"] else trace["name"]
    return _framed(heading, charts.panels(trace), panels_height(len(trace["panels"])), 60, 16)


def crossover_figure(charts: Charts, sweep: Dict[str, Any]) -> str:
    """Return time per call against the swept size."""
    heading = "Time per call (log) against {} (log){}".format(sweep["axis"], sweep["name"] and ", " + sweep["name"])
    return _framed(heading, charts.crossover(sweep),
                   LINES_HEIGHT, 64, charts.label_room(sweep), 620)


def roofline_figure(charts: Charts, one: Dict[str, Any]) -> str:
    """Return the roofline of one comparison."""
    return _framed("{}: FLOP/s against FLOP per byte".format(one["title"]), charts.roofline(one),
                   ROOF_HEIGHT, 64, 24, 900)


def _framed(heading: str, chart: str, height: float, left: float, right: float, width: float = WIDTH) -> str:
    parts = [text(heading, MARGIN, MARGIN + 14, "title"), placed(chart, left, MARGIN + HEAD, width - left - right)]
    return stand_alone(parts, width, height + 2 * MARGIN + HEAD, heading)
