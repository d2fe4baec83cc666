"""Bar charts of time and memory for papers (PDF, SVG, PNG), where matplotlib is present.

Only what matplotlib 2.1 has is used: no ``bar_label``, no ``axline``, no list-indexed spines, no ``layout=``.
"""

import os
import re
import textwrap
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.plan import slug
from reports.markdown import title_of
from reports.numbers import seconds, size
from reports.published import BYTE_UNITS, TIME_UNITS
from reports.svg.palette import LIGHT

COLUMN_IN = 3.5                                          # one column of a two-column paper
LABELS_IN = 1.22                                         # room for the names
ROW_IN = 0.25
FOOT_IN = 0.42
TOP_IN = 0.06
RC = {"font.family": "DejaVu Sans", "font.size": 8, "axes.labelsize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7,
      "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6, "lines.linewidth": 1.2,
      "pdf.fonttype": 42, "ps.fonttype": 42, "svg.hashsalt": "report", "hatch.linewidth": 0.5,
      "axes.unicode_minus": True}
MOST = 24                                                # comparisons; six files each take seconds on a small board
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


def make_figures(data: Dict[str, Any], folder: str, most: int = MOST) -> Tuple[List[str], Optional[str]]:
    """Write the figures of the first ``most`` main tables below ``folder``.

    Return their paths, and in one sentence why there are none or not all of them.
    """
    try:
        import matplotlib
    except ImportError:
        return [], ABSENT
    captions: List[str] = []
    paths: List[str] = []
    os.makedirs(folder, exist_ok=True)
    tables = [table for table in data["tables"] if table["main"]]
    for table in tables[:most]:
        for kind, bars, label, unit, caption in figures_of(data, table):
            name = "{}-{}".format(kind, slug(table["id"]))
            paths += draw(matplotlib, bars, label, unit, os.path.join(folder, name))
            captions.append("**{}** {}".format(name, caption))
    if captions:
        path = os.path.join(folder, "captions.md")
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write("\n\n".join(captions) + "\n")
        paths.append(path)
    return paths, None if len(tables) <= most else LEFT.format(most, len(tables))


def figures_of(data: Dict[str, Any], table: Dict[str, Any]) -> List[Tuple[str, List[Bar], str, str, str]]:
    """Return ``(kind, bars, axis label, base unit, caption)`` of the figures of one table."""
    found = []
    times = time_bars(data, table)
    if times:
        found.append(("time", times, "Time per call", "s", (
            "{} on {}, {}. Bar: median; error bar: P5 to P95 of all samples.{}".format(
                title_of(table), data["device_text"], data["date"], _published_words(times)))))
    memory = memory_bars(data, table)
    if memory:
        found.append(("memory", memory, "Peak memory, {}".format(table["memory_title"]), "B", (
            "{} on {}, {}. Bar: highest reading while the layer ran ({}); one process per case, so the error bar is "
            "the resolution of one reading.{}".format(title_of(table), data["device_text"], data["date"],
                                                   table["memory_title"], _published_words(memory)))))
    return found


def _published_words(bars: Sequence[Bar]) -> str:
    if not any(bar.published for bar in bars):
        return ""
    return (" Hatched: as published (Jetson Nano, TFLite on the CPU, batch 1 ten times), another runtime and board, "
            "not measured here; the source gives no spread, so those bars have none.")


def time_bars(data: Dict[str, Any], table: Dict[str, Any]) -> List[Bar]:
    """Return the bars of the medians with P5 and P95, each followed by its published number if there is one."""
    bars = []
    for row in table["rows"]:
        if row["median_s"] is not None:
            bars.append(Bar(row["name"], row["median_s"], row["p5_s"], row["p95_s"], str(seconds(row["median_s"])),
                            row["baseline"]))
            bars += _printed(data, row, TIME_UNITS, seconds)
    return bars


def memory_bars(data: Dict[str, Any], table: Dict[str, Any]) -> List[Bar]:
    """Return the bars of the memory column; the error bar is the step of a reading."""
    bars = []
    for row in table["rows"]:
        if row["memory_bytes"] is not None:
            step = row["memory_step_bytes"] or 0
            bars.append(Bar(row["name"], row["memory_bytes"], max(0, row["memory_bytes"] - step),
                            row["memory_bytes"] + step, str(size(row["memory_bytes"])), row["baseline"]))
            bars += _printed(data, row, BYTE_UNITS, size)
    return bars


def _printed(data: Dict[str, Any], row: Dict[str, Any], units: Dict[str, float], words: Any) -> List[Bar]:
    return [Bar("", one["published"] * units[one["unit"]], None, None,
                words(one["published"] * units[one["unit"]]) + " published", published=True)
            for one in data["published"]
            if one["case"] == row["case"] and one["unit"] in units and one["published"] is not None]


def version_of(matplotlib: Any) -> Tuple[int, ...]:
    """Return matplotlib's version as numbers: as strings "3.11" would come before "3.3"."""
    return tuple(int(part) for part in re.findall(r"\d+", matplotlib.__version__)[:2])


def unit_of(most: float, unit: str) -> Tuple[float, str]:
    """Return (factor, unit) that bring values up to ``most`` between 1 and 1000."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "\u00b5")):
        if most >= factor:
            return factor, prefix + unit
    return 1e-9, "n" + unit


def draw(matplotlib: Any, bars: Sequence[Bar], label: str, unit: str, path: str) -> List[str]:
    """Write one figure as PDF, SVG and PNG (300 dpi); the same bars give the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(RC):
        height = TOP_IN + FOOT_IN + ROW_IN * len(bars)
        figure = Figure(figsize=(COLUMN_IN, height))
        canvas = FigureCanvasAgg(figure)
        # a fixed rectangle, so that the axes of figures in a paper line up
        axes = figure.add_axes((LABELS_IN / COLUMN_IN, FOOT_IN / height, (COLUMN_IN - LABELS_IN - 0.08) / COLUMN_IN,
                                1 - (FOOT_IN + TOP_IN) / height))
        factor, named = unit_of(max(bar.value for bar in bars), unit)
        _bars(axes, bars, factor)
        axes.set_xlabel("{} ({})".format(label, named))
        _room_for_texts(axes, canvas, bars, factor)
        written = []
        for ending, metadata in (("pdf", {"CreationDate": None}), ("svg", {"Date": None}), ("png", None)):
            more = {} if metadata is None or ending == "svg" and version_of(matplotlib) < (3, 3) else {
                "metadata": metadata}  # type: Dict[str, Any]
            file = "{}.{}".format(path, ending)
            figure.savefig(file, format=ending, dpi=300, **more)
            written.append(file)
    return written


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
