"""Charts of speed, time and memory for papers (PDF, SVG, PNG), where matplotlib is present."""

from typing import Any, Iterator, List, Sequence, Tuple

from harness.plan import slug
from reports.findings import Findings
from reports.findings.published import UNITS, Quantity
from reports.findings.rows import Row, Table
from reports.formats import memory_words
from reports.formats import texts as t
from reports.formats.drawing import factor_label
from reports.formats.files import Content, Made, Options
from reports.formats.markdown import cell
from reports.formats.publication_drawing import FAR_APART, Bar, Figure, draw
from reports.formats.svg.scales import log_ticks, ratio_range, ratio_ticks
from reports.formats.version_words import environment_versions
from reports.numbers import count, seconds, size

LEFT = "Figures for papers were made of the first {} of {} comparisons: --all-figures makes the rest."
ABSENT = "Figures for papers (PDF, PNG) were not made: matplotlib is not installed; make them from this folder on " \
         "any machine that has it."


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


def figures_of(found: Findings, table: Table) -> List[Figure]:
    """Return the figures of one table: the advantage over the baseline, time and memory, as far as measured."""
    made = []
    device = found.about.device._replace(threads=table.threads)  # a comparison may have threads of its own
    where = ", ".join(filter(None, (
        "{} on {}, {}; run {}, {} protocol".format(t.table_title(table), t.device_text(device), t.date(found.about),
                                                   found.about.run, table.protocol),
        environment_versions(found.environment))))
    speeds = speed_bars(table)
    if speeds:
        made.append(_speed_figure(speeds, "{}. Dot: speed against {}; error bar: {}.".format(
            cell(where), cell(table.baseline), _interval_words(table))))
    times = time_bars(found, table)
    if times:
        samples = [row.times.samples for row in table.rows if row.times is not None]
        made.append(_amounts("time", times, "Time per call", "s", cell(where), (
            "median of {} in {}; error bar: P5 to P95 of them.{}".format(
                _between(min(samples), max(samples), "sample"), count(table.launches, "launch", "launches"),
                _published_words(times)))))
    memory = memory_bars(found, table)
    if memory:
        kind = memory_words.memory_title(table.memory_kind)
        made.append(_amounts("memory", memory, "Peak memory, {}".format(kind), "B", cell(where), (
            "highest reading while the layer ran ({}), {}.{}".format(
                kind, _processes_words(table), _published_words(memory)))))
    return made


def _speed_figure(bars: Sequence[Bar], caption: str) -> Figure:
    low, high = ratio_range([end for bar in bars for end in (bar.value, bar.low, bar.high) if end])
    # not "speed": those are the stand-alone charts of the page
    return Figure("advantage", bars, "\u2190 slower     speed (log)     faster \u2192", "", caption,
                  (low, high), tuple((tick, factor_label(tick)) for tick in ratio_ticks(low, high)), 1.0)


def _amounts(kind: str, bars: Sequence[Bar], label: str, unit: str, where: str, meaning: str) -> Figure:
    """Return bars from zero, or dots on a logarithmic axis where a bar of the least would not be seen."""
    ends = [end for bar in bars for end in (bar.value, bar.low, bar.high) if end is not None]
    values = [bar.value for bar in bars]
    if min(ends) <= 0 or max(values) <= FAR_APART * min(values):
        return Figure(kind, bars, label, unit, "{}. Bar: {}".format(where, meaning))
    low, high = min(ends) / 1.3, max(ends) * 1.3
    words = seconds if unit == "s" else size
    return Figure(kind, bars, label + " (log)", unit, "{}. Dot: {}".format(where, meaning), (low, high), tuple(
        (tick, str(words(tick)).replace(".00", "").replace(".0", "")) for tick in log_ticks(low, high, 4)))


def _between(least: int, most: int, noun: str) -> str:
    return count(least, noun) if least == most else "{} to {}".format(least, count(most, noun))


def _interval_words(table: Table) -> str:
    if any(row.low is not None for row in table.rows):
        return ("exact signed-rank interval at 99 % over the rounds of the first of {}, stretched to hold every "
                "launch's estimate".format(count(table.launches, "launch", "launches")))
    return "none, for too few rounds were played"


def speed_bars(table: Table) -> List[Bar]:
    """Return the speed of every rival with its interval, in words too: a narrow one hides behind its dot."""
    return [Bar(row.name, row.speed, row.low, row.high,
                "\n".join(filter(None, (t.speed_text(row), t.interval_text(row)))))
            for row in table.rows if not row.baseline and row.speed]


def _processes_words(table: Table) -> str:
    most = max(row.memory.repeats for row in table.rows)
    if most < 2:
        return "in one process per case, so there is no spread and no error bar"
    return "median of fresh processes; error bar: the least and the most of them"


def _published_words(bars: Sequence[Bar]) -> str:
    if not any(bar.published for bar in bars):
        return ""
    return (" Hatched, or a hollow diamond: as published (Jetson Nano, TFLite on the CPU, batch 1 ten times), "
            "another runtime and board, not measured here; the source gives no spread, so those have none.")


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
