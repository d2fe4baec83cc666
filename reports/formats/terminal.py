"""The report on the terminal: sentence, validity warnings, a table per comparison, next steps, where the page is."""

import io
import os
import sys
from typing import Any, Callable, List, Mapping, Optional, Sequence, Tuple

from reports.findings import Findings
from reports.findings.memory import CaseMemory, Kind
from reports.findings.rows import RowState, Table
from reports.formats import energy_words, memory_words
from reports.formats import published_text as p
from reports.formats import texts as t
from reports.formats.difference_words import difference_rows
from reports.formats.goals_text import goals_sheets
from reports.formats.sentence import headline_text
from reports.formats.sheets import sheets
from reports.formats.terminal_table import console_for, fold, print_rows
from reports.numbers import PLAIN_SIGNS, SIGNS, count, plain
from reports.wording import QUANTITIES

COLOURS = {RowState.FASTER: "blue", RowState.SLOWER: "red", RowState.WRONG: "magenta"}
MEMORY_HEADS = {Kind.TORCH_ALLOCATED: "torch", Kind.TORCH_RESERVED: "reserved", Kind.RSS: "RSS", Kind.USS: "USS",
                Kind.RAM: "RAM", Kind.NVMAP: "NvMap"}
LEAST_WIDTH = 40

#: Nobody reads more comparisons on a terminal than this: those of 10,000 cases would be 2 MB of text.
MOST_TABLES = 100

Show = Callable[[str], str]


def width_of(environment: Mapping[str, str], columns: Optional[int]) -> int:
    """Return the width to write for: COLUMNS, else the terminal's own ``columns``, else 80; never under 40."""
    if environment.get("COLUMNS", "").isdecimal():
        return max(LEAST_WIDTH, int(environment["COLUMNS"]))
    return max(LEAST_WIDTH, columns) if columns else 80


def coloured(environment: Mapping[str, str], is_terminal: bool) -> bool:
    """Return whether to use colour: on a terminal that is not dumb, unless NO_COLOR holds something.

    rich takes an empty NO_COLOR for set, so this is decided here.
    """
    return is_terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def terminal_of(stream: Any) -> Tuple[int, bool, bool]:
    """Return width, whether ``stream`` takes Unicode, and whether it takes colour."""
    is_terminal = bool(getattr(stream, "isatty", lambda: False)())
    columns = None
    if is_terminal:
        try:
            columns = os.get_terminal_size(stream.fileno()).columns
        except OSError:
            columns = None
    unicode_ = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "").startswith("utf")
    return width_of(os.environ, columns), unicode_, coloured(os.environ, is_terminal)


def print_report(found: Findings, page: Optional[str], stream: Any = None) -> None:
    """Write the report to ``stream`` (standard output) as its encoding, width and colours allow."""
    stream = stream or sys.stdout
    width, unicode_, colour = terminal_of(stream)
    stream.write(terminal_text(found, page, width, unicode_, colour))


def terminal_text(found: Findings, page: Optional[str], width: int = 80, unicode_: bool = True,
                  colour: bool = False) -> str:
    """Return the report for a terminal of ``width`` columns; without ``unicode_`` in ASCII alone."""
    out = io.StringIO()
    console = console_for(out, width, colour)
    show: Show = str if unicode_ else plain
    console.print(show(headline_text(found)), style="bold")
    if t.subline(found.summary):
        console.print(show(t.subline(found.summary)))
    if found.summary.tally:
        console.print(show("  ".join("{} {} {}".format(t.sign(one.state), one.number, one.state)
                                     for one in found.summary.tally)))
    if found.warnings:
        console.print("\nValidity warnings:", style="bold")
        for one in t.warning_texts(found):
            text = one.text + (" Next step: {}".format(one.next_step) if one.next_step else "")
            text += ": {}".format(one.command) if one.command else "." if one.next_step else ""
            console.print(fold(show("- " + text), width))
    left_out = len(found.tables) - MOST_TABLES
    found = beginning_of(found)
    for table in found.tables:
        _print_speed(console, table, show, unicode_)
    if left_out > 0:
        console.print()
        console.print(fold(show("{} not shown here: the page and tables/speed.csv hold every one.".format(
            count(left_out, "more table"))), width))
    _print_sheets(console, found, show, unicode_)
    _print_devices(console, found, show, unicode_)
    _print_memory(console, found, show, unicode_)
    _print_published(console, found, show, unicode_)
    _print_steps(console, found, show)
    if page:
        console.print()
        console.print(show("Report: {}".format(page)), soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def beginning_of(found: Findings) -> Findings:
    """Return ``found`` with no more tables of each kind than people read on a terminal."""
    devices = found.devices
    if devices is not None:
        devices = devices._replace(tables=devices.shared[:MOST_TABLES] + tuple(
            table for table in devices.tables if table.runs < 2))
    return found._replace(tables=found.tables[:MOST_TABLES], memory_tables=found.memory_tables[:MOST_TABLES],
                          energy_tables=found.energy_tables[:MOST_TABLES], devices=devices)


def _print_speed(console: Any, one: Table, show: Show, unicode_: bool) -> None:
    signs = SIGNS if unicode_ else PLAIN_SIGNS
    rows = []
    for row in one.rows:
        cells = [t.speed_text(row), t.interval_text(row), t.median_text(row)]
        cells += [energy_words.joules_text(row.energy)] if one.has_energy else []
        rows.append([show(row.name), "{} {}".format(signs[row.state], row.state)] +
                    [show(text or "") for text in cells])
    print_rows(console, show("{} ({})".format(t.table_title(one), t.against_text(one))),
               ["rival", "verdict", "speed", "interval", "median", "J/call"][:5 + one.has_energy], rows, unicode_,
               styles=[COLOURS.get(row.state, "") for row in one.rows])
    said = [(row.name, "; ".join(filter(None, [t.row_reason(row)] + [str(remark) for remark in t.remarks(row)])))
            for row in one.rows]
    _print_reasons(console, said, show)


def _print_reasons(console: Any, said: Sequence[Tuple[str, str]], show: Show) -> None:
    """Print who lacks what and why, those of one reason together."""
    reasons = [reason for _, reason in said if reason]
    for reason in sorted(set(reasons), key=reasons.index):
        names = ", ".join(name for name, own in said if own == reason)
        console.print(fold(show("{}: {}".format(names, reason)), console.width))


def _print_sheets(console: Any, found: Findings, show: Show, unicode_: bool) -> None:
    for one in goals_sheets(found.goals) + sheets(found):
        rows = [[show(text) for text in row] for row in one.rows if any(row[2:])]
        print_rows(console, show(one.title), [show(head) for head in one.heads], rows, unicode_, one.numbers[0])
        _print_reasons(console, [(row[0], row[1]) for row in one.rows if not any(row[2:])], show)
        for note in one.notes:
            console.print(fold(show(note), console.width))


def _print_devices(console: Any, found: Findings, show: Show, unicode_: bool) -> None:
    if found.devices is None:
        return
    labels = t.column_labels(found.devices)
    heads = ["rival"] + ["run {}".format(number) for number in range(1, len(labels) + 1)]
    signs = SIGNS if unicode_ else PLAIN_SIGNS
    for one in found.devices.shared:
        rows = [[show(row.name)] + [
            "{} no such case".format(signs[RowState.NOT_MEASURED]) if c is None else
            "{} {}".format(signs[c.state], show(t.speed_text(c) or c.state.value)) for c in row.cells]
            for row in one.rows]
        print_rows(console, show("In every run: {} ({})".format(one.title, t.baselines_text(one.baselines))), heads,
                   rows, unicode_, len(heads))
    alone = t.alone_text(found.devices)
    if alone:
        console.print()
        console.print(fold(show(alone + "."), console.width))
    for number, label in enumerate(labels, 1):
        console.print(fold(show("run {}: {}{}".format(number, label, "" if number > 1 else
                                                     "; all other tables are of this run")), console.width))
    for difference in difference_rows(found.devices.differences):
        console.print(fold(show("- {}: {}".format(difference.name, " | ".join(difference.texts))), console.width))


def _print_memory(console: Any, found: Findings, show: Show, unicode_: bool) -> None:
    for one in found.memory_tables:
        if not one.columns:
            continue
        # two lines a cell: the figure, then its spread or its verdict
        rows = [[show(row.name)] + [show("\n".join(_memory_cell(row, kind))) for kind in one.columns]
                for row in one.rows]
        print_rows(console, show("Peak memory: {}".format(memory_words.memory_table_title(one))),
                   ["case"] + [MEMORY_HEADS[kind] for kind in one.columns], rows, unicode_, 1)
        _print_reasons(console, [(row.name, t.reason_text(row.reason)) for row in one.rows
                                 if row.reason is not None], show)
        _print_reasons(console, [(t.GAPS[gap.what], "not measured, " + t.reason_text(gap.reason))
                                 for gap in one.gaps], show)
        bare = [(kind, row) for kind in one.columns for row in one.rows
                if row.of(kind).verdict is None and memory_words.memory_verdict_text(row.of(kind), row.baseline)]
        if bare:
            console.print(fold(show("no verdict: {}".format(memory_words.memory_verdict_text(
                bare[0][1].of(bare[0][0]), False))), console.width))
    _print_energy(console, found, show, unicode_)
    if found.no_energy:
        console.print()
        console.print(fold(show("Energy not measured: {}".format(t.reasons_text(found.no_energy))), console.width))


def _print_energy(console: Any, found: Findings, show: Show, unicode_: bool) -> None:
    for one in found.energy_tables:
        judged = [row for row in one.rows if row.verdict is not None and row.per_call.value is not None]
        if not judged:
            continue
        rows = [[show(row.name), "baseline" if row.verdict is None else row.verdict.state.value,
                 show(energy_words.joules_text(row.per_call) or ""),
                 show(energy_words.saving_text(row.saving) if row.saving else "")]
                for row in one.rows if row.per_call.value is not None]
        print_rows(console, show("Energy: {}".format(one.title)),
                   ["case", "energy", "J/call", "against the baseline"], rows, unicode_)
        _print_reasons(console, [(row.name, t.why_text(row.verdict.why)) for row in judged
                                 if row.verdict is not None and row.verdict.why is not None], show)
        windows = energy_words.energy_windows_text(one)
        if windows:
            console.print(fold(show(windows), console.width))


def _memory_cell(row: CaseMemory, kind: Kind) -> List[str]:
    """Return the lines of a cell: the figure, how far the repeats lie from it, the verdict."""
    figure = row.of(kind)
    state = None if figure.verdict is None else figure.verdict.state.value
    width = memory_words.memory_width_text(figure)
    return [memory_words.bytes_text(figure) or "none"] + [told for told in (width, state) if told]


def _print_published(console: Any, found: Findings, show: Show, unicode_: bool) -> None:
    given = [one for one in found.published if one.printed.value is not None and one.measured is not None]
    if not given:
        return
    rows = [[show(one.name), show(QUANTITIES[one.printed.quantity]), show(p.printed_text(one.printed) or ""),
             show(p.measured_text(one) or "")] for one in given]
    print_rows(console, "Beside the published numbers", ("case", "quantity", "published", "measured here"), rows,
               unicode_)
    console.print(fold(show(p.PUBLISHED_CAUTION), console.width))


def _print_steps(console: Any, found: Findings, show: Show) -> None:
    steps = [(step, names, t.table_title(table)) for table in found.tables
             for step, names in t.next_steps(table, found.about)]
    if steps:
        console.print("\nNext steps:", style="bold")
    for step, names, title in steps:
        console.print(fold(show("- {} ({}): {}".format(", ".join(names), title, step)), console.width))
