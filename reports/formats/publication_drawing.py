"""One chart for a paper, drawn by matplotlib: bars from zero, or dots where the values lie far apart.

Only what matplotlib 2.1 has is used: no ``bar_label``, no ``axline``, no list-indexed spines, no ``layout=``.
"""

import io
import re
import textwrap
from typing import Any, Iterator, NamedTuple, Optional, Sequence, Tuple

from reports.formats.svg.palette import LIGHT
from reports.numbers import NARROW

#: Values further apart than this are no bars: one of seconds hides one of milliseconds.
FAR_APART = 10.0
COLUMN_IN = 3.5                                          # one column of a two-column paper
LABELS_IN = 1.22                                         # room for the names
NUMBERS_IN = 0.92                                        # room for the numbers beside dots
ROW_IN = 0.25
FOOT_IN = 0.42
TOP_IN = 0.06
RC = {"font.family": "DejaVu Sans", "font.size": 8, "axes.labelsize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7,
      "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6, "lines.linewidth": 1.2,
      "pdf.fonttype": 42, "ps.fonttype": 42, "svg.hashsalt": "report", "hatch.linewidth": 0.5,
      "axes.unicode_minus": True}


class Bar(NamedTuple):
    """One bar: ``low`` and ``high`` are the ends of its error bar, ``published`` marks a printed number."""

    name: str
    value: float
    low: Optional[float]
    high: Optional[float]
    text: str
    baseline: bool = False
    published: bool = False


class Figure(NamedTuple):
    """One chart: its kind (``advantage``, ``time`` or ``memory``), the label and base unit of its axis, its caption.

    With a ``span`` the axis is logarithmic from one end to the other and has ``ticks``, each with its text; ``none``
    is where no difference lies.
    """

    kind: str
    bars: Sequence[Bar]
    label: str
    unit: str
    caption: str
    span: Optional[Tuple[float, float]] = None
    ticks: Tuple[Tuple[float, str], ...] = ()
    none: Optional[float] = None


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
    right = NUMBERS_IN if drawn.span else 0.08
    with matplotlib.rc_context(RC):
        height = TOP_IN + FOOT_IN + ROW_IN * len(bars)
        figure = Sheet(figsize=(COLUMN_IN, height))
        canvas = FigureCanvasAgg(figure)
        # a fixed rectangle, so that the axes of figures in a paper line up
        axes = figure.add_axes((LABELS_IN / COLUMN_IN, FOOT_IN / height, (COLUMN_IN - LABELS_IN - right) / COLUMN_IN,
                                1 - (FOOT_IN + TOP_IN) / height))
        if drawn.span:
            _dots(axes, drawn, drawn.span)
            axes.set_xlabel(drawn.label)
        else:
            factor, named = unit_of(max(bar.value for bar in bars), drawn.unit)
            _bars(axes, bars, factor)
            axes.set_xlabel("{} ({})".format(drawn.label, named))
        _names(axes, bars)
        if not drawn.span:
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
        y = _place(place, bar)
        colour = LIGHT["series-0"] if bar.baseline else LIGHT["series-1"]
        if bar.published:
            axes.barh([y], [bar.value / factor], height=thick, color="white", edgecolor=LIGHT["series-2"],
                      hatch="/////", linewidth=0.8)
        else:
            # light in a dark edge: in grey print the colours of baseline and rivals are one
            axes.barh([y], [bar.value / factor], height=thick, color=LIGHT["rule"] if bar.baseline else colour,
                      edgecolor=colour, linewidth=0.6, alpha=1.0 if bar.baseline else 0.82)
        if bar.low is not None and bar.high is not None:
            axes.errorbar([bar.value / factor], [y], xerr=[[(bar.value - bar.low) / factor],
                                                           [(bar.high - bar.value) / factor]],
                          fmt="none", ecolor=LIGHT["ink"], elinewidth=0.9, capsize=2.2, capthick=0.9)
    axes.locator_params(axis="x", nbins=4)


def _names(axes: Any, bars: Sequence[Bar]) -> None:
    axes.set_ylim(len(bars) - 0.45, -0.55)
    axes.set_yticks([place for place, bar in enumerate(bars) if not bar.published])
    axes.set_yticklabels(["\n".join(textwrap.wrap(bar.name, 20)) for bar in bars if not bar.published])
    for side in ("top", "right") if axes.get_xscale() == "linear" else ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _dots(axes: Any, drawn: Figure, span: Tuple[float, float]) -> None:
    """Draw marks with their error bars on a logarithmic axis, the numbers in a column right of it."""
    axes.set_xscale("log")
    axes.set_xlim(*span)
    axes.minorticks_off()
    axes.set_xticks([tick for tick, _ in drawn.ticks])
    axes.set_xticklabels([words.replace(NARROW, " ") for _, words in drawn.ticks])
    axes.grid(True, axis="x", color=LIGHT["rule"], linewidth=0.5)
    axes.set_axisbelow(True)
    if drawn.none is not None:
        axes.axvline(drawn.none, color=LIGHT["neutral"], linewidth=0.8)
    for place, bar in enumerate(drawn.bars):
        y = _place(place, bar)
        colour = LIGHT["series-2" if bar.published else "series-0" if bar.baseline else "series-1"]
        spread = None if bar.low is None or bar.high is None else [
            [max(0.0, bar.value - bar.low)], [max(0.0, bar.high - bar.value)]]
        # marks differ in shape, so that grey print tells them apart
        axes.errorbar([bar.value], [y], xerr=spread, fmt="D" if bar.published else "s" if bar.baseline else "o",
                      markersize=3.5, color=colour, markerfacecolor="white" if bar.published else colour,
                      elinewidth=0.9, capsize=2.2, capthick=0.9)
        axes.annotate(bar.text.replace(NARROW, " "), (1, y), xycoords=axes.get_yaxis_transform(), xytext=(4, 0),
                      textcoords="offset points", va="center", ha="left", fontsize=6.5, linespacing=1.0,
                      color=LIGHT["ink"])


def _place(place: int, bar: Bar) -> float:
    """Return where a bar stands: a published one close under the measured one that it belongs to."""
    return place - (0.2 if bar.published else 0.0)


def _room_for_texts(axes: Any, canvas: Any, bars: Sequence[Bar], factor: float) -> None:
    """Write each value at the end of its bar and widen the axis until all of them fit."""
    renderer = canvas.get_renderer()
    inches = axes.get_window_extent(renderer).width
    most = 0.0
    for place, bar in enumerate(bars):
        end = max(bar.value, bar.high or 0.0) / factor
        written = axes.annotate(bar.text, (end, _place(place, bar)), xytext=(4, 0),
                                textcoords="offset points", va="center", ha="left",
                                fontsize=6.5, color=LIGHT["series-2"] if bar.published else LIGHT["ink"])
        room = written.get_window_extent(renderer).width + 10 * axes.figure.dpi / 72.0
        most = max(most, end / max(0.1, 1 - room / inches))
    axes.set_xlim(0, most)
