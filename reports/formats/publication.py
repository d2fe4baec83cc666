"""Bar charts of time and memory for papers (PDF, SVG, PNG), where matplotlib is present.

Only what matplotlib 2.1 has is used: no ``bar_label``, no ``axline``, no list-indexed spines, no ``layout=``.
"""

import io
import re
import textwrap
from typing import Any, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from harness.plan import slug
from reports.findings import Findings
from reports.findings.published import UNITS, Quantity
from reports.findings.rows import Row, Table
from reports.formats import memory_words
from reports.formats import texts as t
from reports.formats.files import Content, Made, Options
from reports.formats.markdown import cell
from reports.formats.svg.palette import LIGHT
from reports.numbers import count, seconds, size

COLUMN_IN = 3.5                                          # one column of a two-column paper
LABELS_IN = 1.22                                         # room for the names
ROW_IN = 0.25
FOOT_IN = 0.42
TOP_IN = 0.06
RC = {"font.family": "DejaVu Sans", "font.size": 8, "axes.labelsize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7,
      "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6, "lines.linewidth": 1.2,
      "pdf.fonttype": 42, "ps.fonttype": 42, "svg.hashsalt": "report", "hatch.linewidth": 0.5,
      "axes.unicode_minus": True}
LEFT = "Figures for papers were made of the first {} of {} comparisons: --all-figures makes the rest."
ABSENT = "Figures for papers (PDF, PNG) were not made: matplotlib is not installed; make them from this folder on " \
         "any machine that has it."


class Bar(NamedTuple):
    """One bar: ``low`` and ``high`` are the ends of its error bar, ``published`` marks a printed number."""

    name: str
    value: float
    low: Optional[float]
    high: Optional[float]
    text: str
    baseline: bool = False
    published: bool = False


def make(found: Findings, options: Options) -> Made:
    """Return the figures of the first ``options.figures`` main tables, PDF, SVG and PNG each, and their captions."""
    if not options.figures:
        return Made(())
    try:
        import matplotlib
    except ImportError:
        return Made((), (ABSENT,))
    tables = [table for table in found.tables if table.main]
    left = (LEFT.format(options.figures, len(tables)),) if len(tables) > options.figures else ()
    return Made(_files(matplotlib, found, tables[:options.figures]), left)


def _files(matplotlib: Any, found: Findings, tables: Sequence[Table]) -> Iterator[Tuple[str, Content]]:
    captions = []
    for table in tables:
        for figure in figures_of(found, table):
            name = "{}-{}".format(figure.kind, slug(table.id))
            for ending, content in draw(matplotlib, figure):
                yield "figures/{}.{}".format(name, ending), content
            captions.append("**{}** {}".format(name, figure.caption))
    if captions:
        yield "figures/captions.md", "\n\n".join(captions) + "\n"


class Figure(NamedTuple):
    """One bar chart: its kind (``time`` or ``memory``), the label and base unit of its axis, and its caption."""

    kind: str
    bars: Sequence[Bar]
    label: str
    unit: str
    caption: str


def figures_of(found: Findings, table: Table) -> List[Figure]:
    """Return the figures of one table."""
    made = []
    device = found.about.device._replace(threads=table.threads)  # a comparison may have threads of its own
    where = cell("{} on {}, {}".format(t.table_title(table), t.device_text(device), t.date(found.about)))
    run = cell(found.about.run)
    times = time_bars(found, table)
    if times:
        made.append(Figure("time", times, "Time per call", "s", (
            "{}; run {}, {}. Bar: median; error bar: P5 to P95 of all samples.{}".format(
                where, run, count(table.launches, "launch", "launches"), _published_words(times)))))
    memory = memory_bars(found, table)
    if memory:
        kind = memory_words.memory_title(table.memory_kind)
        made.append(Figure("memory", memory, "Peak memory, {}".format(kind), "B", (
            "{}; run {}. Bar: highest reading while the layer ran ({}), {}.{}".format(
                where, run, kind, _processes_words(table), _published_words(memory)))))
    return made


def _processes_words(table: Table) -> str:
    most = max(row.memory.repeats for row in table.rows)
    if most < 2:
        return "in one process per case, so there is no spread and no error bar"
    return "median of fresh processes; error bar: the least and the most of them"


def _published_words(bars: Sequence[Bar]) -> str:
    if not any(bar.published for bar in bars):
        return ""
    return (" Hatched: as published (Jetson Nano, TFLite on the CPU, batch 1 ten times), another runtime and board, "
            "not measured here; the source gives no spread, so those bars have none.")


def time_bars(found: Findings, table: Table) -> List[Bar]:
    """Return the bars of the medians with P5 and P95, each followed by its published number if there is one."""
    bars = []
    for row in table.rows:
        if row.times is not None:
            bars.append(Bar(row.name, row.times.median_s, row.times.p5_s, row.times.p95_s,
                            str(seconds(row.times.median_s)), row.baseline))
            bars += _printed(found, row, Quantity.TIME, seconds)
    return bars


def memory_bars(found: Findings, table: Table) -> List[Bar]:
    """Return the bars of the memory column; the error bar is the spread of the repeats, none for a single one."""
    bars = []
    for row in table.rows:
        value = row.memory.value
        if value is not None:
            low, high = (row.memory.low, row.memory.high) if row.memory.repeats > 1 else (None, None)
            bars.append(Bar(row.name, value, low, high, str(size(value)), row.baseline))
            bars += _printed(found, row, Quantity.MEMORY, size)
    return bars


def _printed(found: Findings, row: Row, quantity: Quantity, words: Any) -> List[Bar]:
    values = [one.printed.value * UNITS[quantity][one.printed.unit] for one in found.published
              if one.case == row.case and one.printed.quantity is quantity and one.printed.value is not None]
    return [Bar("", value, None, None, words(value) + " published", published=True) for value in values]


def version_of(matplotlib: Any) -> Tuple[int, ...]:
    """Return matplotlib's version as numbers: as strings "3.11" would come before "3.3"."""
    return tuple(int(part) for part in re.findall(r"\d+", matplotlib.__version__)[:2])


def unit_of(most: float, unit: str) -> Tuple[float, str]:
    """Return (factor, unit) that bring values up to ``most`` between 1 and 1000."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "\u00b5")):
        if most >= factor:
            return factor, prefix + unit
    return 1e-9, "n" + unit


def draw(matplotlib: Any, drawn: Figure) -> Iterator[Tuple[str, bytes]]:
    """Yield ``(ending, file)`` of one figure as PDF, SVG and PNG (300 dpi); the same bars give the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Sheet

    bars = drawn.bars
    with matplotlib.rc_context(RC):
        height = TOP_IN + FOOT_IN + ROW_IN * len(bars)
        figure = Sheet(figsize=(COLUMN_IN, height))
        canvas = FigureCanvasAgg(figure)
        # a fixed rectangle, so that the axes of figures in a paper line up
        axes = figure.add_axes((LABELS_IN / COLUMN_IN, FOOT_IN / height, (COLUMN_IN - LABELS_IN - 0.08) / COLUMN_IN,
                                1 - (FOOT_IN + TOP_IN) / height))
        factor, named = unit_of(max(bar.value for bar in bars), drawn.unit)
        _bars(axes, bars, factor)
        axes.set_xlabel("{} ({})".format(drawn.label, named))
        _room_for_texts(axes, canvas, bars, factor)
        for ending, metadata in (("pdf", {"CreationDate": None}), ("svg", {"Date": None}), ("png", None)):
            more: Any = {} if metadata is None or ending == "svg" and version_of(matplotlib) < (3, 3) else {
                "metadata": metadata}
            file = io.BytesIO()
            figure.savefig(file, format=ending, dpi=300, **more)
            yield ending, file.getvalue()


def _bars(axes: Any, bars: Sequence[Bar], factor: float) -> None:
    for place, bar in enumerate(bars):
        thick = 0.4 if bar.published else 0.62
        # a published bar sits close under the measured one it belongs to
        y = place - (0.2 if bar.published else 0.0)
        colour = LIGHT["series-0"] if bar.baseline else LIGHT["series-1"]
        if bar.published:
            axes.barh([y], [bar.value / factor], height=thick, color="white", edgecolor=LIGHT["series-2"],
                      hatch="/////", linewidth=0.8)
        else:
            axes.barh([y], [bar.value / factor], height=thick, color=colour, edgecolor=colour, linewidth=0.6,
                      alpha=0.82)
        if bar.low is not None and bar.high is not None:
            axes.errorbar([bar.value / factor], [y], xerr=[[(bar.value - bar.low) / factor],
                                                           [(bar.high - bar.value) / factor]],
                          fmt="none", ecolor=LIGHT["ink"], elinewidth=0.9, capsize=2.2, capthick=0.9)
    axes.set_ylim(len(bars) - 0.45, -0.55)
    axes.set_yticks([place for place, bar in enumerate(bars) if not bar.published])
    axes.set_yticklabels(["\n".join(textwrap.wrap(bar.name, 20)) for bar in bars if not bar.published])
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=4)


def _room_for_texts(axes: Any, canvas: Any, bars: Sequence[Bar], factor: float) -> None:
    """Write each value at the end of its bar and widen the axis until all of them fit."""
    renderer = canvas.get_renderer()
    inches = axes.get_window_extent(renderer).width
    most = 0.0
    for place, bar in enumerate(bars):
        end = max(bar.value, bar.high or 0.0) / factor
        written = axes.annotate(bar.text, (end, place - (0.2 if bar.published else 0.0)), xytext=(4, 0),
                                textcoords="offset points", va="center", ha="left",
                                fontsize=6.5, color=LIGHT["series-2"] if bar.published else LIGHT["ink"])
        room = written.get_window_extent(renderer).width + 10 * axes.figure.dpi / 72.0
        most = max(most, end / max(0.1, 1 - room / inches))
    axes.set_xlim(0, most)
