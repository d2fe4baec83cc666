"""Runs compared, for a terminal: what differs between the environments first, then the tables."""

import io
from typing import Any

from reports.formats.compare_sheets import ENVIRONMENTS, Told, compare_sheets, headline
from reports.formats.sheets import Sheet
from reports.formats.terminal import Show, add_columns, console_for, fold, new_table, print_table
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
    from rich.text import Text

    if sheet.key == ENVIRONMENTS:  # a fact's values are long: lines fold, cells of numbers do not
        console.print()
        console.print(fold(show(sheet.title + ("." if not sheet.rows else ":")), console.width), style="bold")
        for cause, name, *values in sheet.rows:
            console.print(fold(show("- {}: {}: {}".format(cause, name, " | ".join(values))), console.width))
    elif not sheet.rows:
        console.print()
        console.print(fold(show(sheet.title), console.width), style="bold")
    else:
        table = new_table(unicode_)
        rows = [[show(text) for text in row] for row in sheet.rows]
        add_columns(table, sheet.heads, rows, min(sheet.numbers) if sheet.numbers else len(sheet.heads))
        for cells in rows:
            table.add_row(*map(Text, cells))
        print_table(console, show(sheet.title), table)
    for note in sheet.notes:
        console.print(fold(show(note), console.width))
