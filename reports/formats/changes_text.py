"""Runs compared, for a terminal: what differs between the environments first, then the tables."""

import io
from typing import Any

from reports.formats.compare_sheets import ENVIRONMENTS, Told, compare_sheets, headline
from reports.formats.sheets import Sheet
from reports.formats.terminal import Show
from reports.formats.terminal_table import console_for, fold, print_rows
from reports.numbers import plain


def changes_text(found: Told, width: int = 80, unicode_: bool = True, colour: bool = False) -> str:
    """Return the whole answer for a terminal of ``width`` columns; without ``unicode_`` in ASCII alone."""
    show: Show = str if unicode_ else plain
    out = io.StringIO()
    console = console_for(out, width, colour)
    console.print(fold(show(headline(found)), width), style="bold")
    for sheet in compare_sheets(found):
        _print_sheet(console, sheet, show, unicode_)
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def _print_sheet(console: Any, sheet: Sheet, show: Show, unicode_: bool) -> None:
    if sheet.key == ENVIRONMENTS:  # a fact's values are long: lines fold, cells of numbers do not
        console.print()
        console.print(fold(show(sheet.title + ("." if not sheet.rows else ":")), console.width), style="bold")
        for cause, name, *values in sheet.rows:
            console.print(fold(show("- {}: {}: {}".format(cause, name, " | ".join(values))), console.width))
    elif not sheet.rows:
        console.print()
        console.print(fold(show(sheet.title), console.width), style="bold")
    else:
        print_rows(console, show(sheet.title), [show(head) for head in sheet.heads],
                   [[show(text) for text in row] for row in sheet.rows], unicode_,
                   min(sheet.numbers) if sheet.numbers else len(sheet.heads))
    for note in sheet.notes:
        console.print(fold(show(note), console.width))
