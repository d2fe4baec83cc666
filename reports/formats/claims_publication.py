"""A claim's figure for papers, PDF and PNG at both column widths, where matplotlib is present.

Only what matplotlib 2.1 has is used. Fonts are embedded; marks differ in shape, so that grey print reads.
"""

import io
import textwrap
from typing import Any, Iterator, List, Tuple

from reports.formats.claims_drawing import Drawn
from reports.formats.publication_drawing import RC
from reports.formats.svg.palette import LIGHT
from reports.numbers import NARROW

#: Widths of one and of two columns in inches.
WIDTHS = (("single", 3.5), ("double", 7.16))
ROW_IN, FOOT_IN, TOP_IN = 0.16, 0.40, 0.08
MARKS = ("D", "o", "s", "^")


def claim_figures(matplotlib: Any, drawn: Drawn) -> Iterator[Tuple[str, bytes]]:
    """Yield ``(ending, file)``: ``single.pdf``, ``single.png`` and the same in ``double``; same input, same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(RC):
        for name, width in WIDTHS:
            rows = _rows(drawn, 27 if name == "single" else 60)
            lines = sum(row[2] for row in rows)
            height = TOP_IN + FOOT_IN + ROW_IN * lines
            figure = Figure(figsize=(width, height))
            FigureCanvasAgg(figure)
            labels, numbers = (1.35, 1.05) if name == "single" else (2.4, 1.5)
            axes = figure.add_axes((labels / width, FOOT_IN / height, (width - labels - numbers) / width,
                                    1 - (FOOT_IN + TOP_IN) / height))
            _draw(axes, drawn, rows, 2 if len(drawn.ticks) > 3 and name == "single" else 1, labels)
            for ending, metadata in (("pdf", {"CreationDate": None}), ("png", {})):
                file = io.BytesIO()
                figure.savefig(file, format=ending, dpi=300, metadata=metadata)
                yield "{}.{}".format(name, ending), file.getvalue()


Row = Tuple[str, Any, int]


def _rows(drawn: Drawn, most: int) -> List[Row]:
    """Return (label, line or ``None`` for a heading, lines of text it takes) in order; labels are wrapped."""
    found: List[Row] = []
    for group in drawn.groups:
        words = textwrap.wrap(group.name, 2 * most) or [" "]
        found.append(("\n".join(words), None, len(words)))
        for one in group.lines:
            label = textwrap.wrap(one.label, most) or [" "]
            found.append(("\n".join(label), one, len(label)))
    return found


def _draw(axes: Any, drawn: Drawn, rows: List[Row], each: int, labels_in: float) -> None:
    place = 0.0
    if drawn.logarithmic:
        axes.set_xscale("log")
    axes.set_xlim(drawn.low, drawn.high)
    axes.minorticks_off()
    axes.set_xticks([mark for mark, _ in drawn.ticks[::each]])
    axes.set_xticklabels([words.replace(NARROW, " ") for _, words in drawn.ticks[::each]])
    axes.grid(True, axis="x", color=LIGHT["rule"], linewidth=0.5)
    axes.set_axisbelow(True)
    if drawn.none is not None:
        axes.axvline(drawn.none, color=LIGHT["neutral"], linewidth=0.8)
    left = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points", "va": "center"}
    for label, one, lines in rows:
        y = place + lines / 2.0
        place += lines
        if one is None:  # a heading has the whole width
            axes.annotate(escaped(label), (0, y), xytext=(3 - 72 * labels_in, 0), ha="left", fontsize=6.5,
                          fontweight="bold", bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6}, **left)
            continue
        axes.annotate(escaped(label), (0, y), xytext=(-4, 0), ha="right", fontsize=6.5, **left)
        axes.annotate(escaped(one.text), (1, y), xytext=(4, 0), ha="left", fontsize=6, **left)
        if one.value is not None:
            colour = LIGHT["ink"] if one.series == 0 else LIGHT["series-{}".format((one.series - 1) % 4 + 1)]
            spread = None if one.low is None or one.high is None else [
                [max(0.0, one.value - one.low)], [max(0.0, one.high - one.value)]]
            mark = MARKS[0 if one.series == 0 else (one.series - 1) % 3 + 1]
            axes.errorbar([one.value], [y], xerr=spread, fmt=mark, markersize=3.5, color=colour,
                          markerfacecolor="white" if one.series == 0 else colour, elinewidth=0.9, clip_on=False,
                          capsize=2.2, capthick=0.9)
    axes.set_ylim(place, 0)
    axes.set_yticks([])
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel(drawn.title)


def escaped(words: str) -> str:
    """Return ``words`` without mathematics: matplotlib would read what stands between dollar signs."""
    return words.replace("$", r"\$").replace(NARROW, " ")
