"""Tables on a terminal: numbers are never cut, and a table wider than the terminal is set row by row instead."""

import textwrap
from typing import Any, List, Sequence

LONGEST_WORD = 30
INDENT = "  "


def console_for(out: Any, width: int, colour: bool) -> Any:
    """Return a rich console that writes to ``out`` and interprets nothing in the text."""
    from rich.console import Console  # 0.2 s to import: only when a table is wanted

    return Console(file=out, width=width, force_terminal=colour, no_color=not colour, highlight=False,
                   color_system="standard" if colour else None, emoji=False, markup=False, legacy_windows=False)


def fold(text: str, width: int, indent: str = INDENT) -> str:
    """Return ``text`` folded at ``width``, later lines set in."""
    return "\n".join(textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False,
                                   break_long_words=False))


def print_rows(console: Any, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], unicode_: bool,
               words: int = 2, styles: Sequence[str] = ()) -> None:
    """Print a table under its title: a name that may fold, then words, then numbers.

    ``words`` columns in front are aligned left; ``styles`` colour the second cell of each row. Lines of a cell are
    parted by newlines.
    """
    from rich.measure import Measurement

    console.print()
    console.print(title, style="bold")
    table = _table(heads, rows, unicode_, words, styles)
    # console.measure would never say more than the console's own width
    if Measurement.get(console, console.options.update(width=10000), table).minimum > console.width:
        console.print("\n".join(stacked(heads, cells, console.width) for cells in rows))
    else:
        console.print(table)


def stacked(heads: Sequence[str], cells: Sequence[str], width: int) -> str:
    """Return one row below its name, each cell behind its heading and whole where it fits the ``width``."""
    lines, line = [fold(cells[0], width, INDENT + INDENT)], ""
    for head, text in zip(heads[1:], cells[1:]):
        if not text:
            continue
        part = "{} {}".format(head, text.replace("\n", ", "))
        if line and len(line) + 2 + len(part) <= width:
            line += "; " + part
            continue
        lines += [line] * bool(line)
        line = INDENT + part
        if len(line) > width:
            lines.append(INDENT + fold(part, width - len(INDENT), INDENT + INDENT))
            line = ""
    return "\n".join(lines + [line] * bool(line))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], unicode_: bool, words: int,
           styles: Sequence[str]) -> Any:
    """Return the table. rich cuts numbers when left alone, so all but the name get their content's width."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD if unicode_ else box.ASCII2, pad_edge=False, padding=(0, 1, 0, 0),
                  show_edge=False, expand=False)
    # names fold between words; only one beyond all measure is broken inside
    longest = min(LONGEST_WORD, max([len(word) for row in rows for word in row[0].split()] + [10]))
    table.add_column(heads[0], overflow="fold", min_width=longest)
    for index, head in enumerate(heads[1:], 1):
        least = max([len(part) for row in rows for part in row[index].split("\n")] + [len(head)])
        table.add_column(head, justify="left" if index < words else "right", no_wrap=True, min_width=least)
    for number, cells in enumerate(rows):
        texts: List[Any] = [Text(cell) for cell in cells]
        if number < len(styles):
            texts[1] = Text(cells[1], style=styles[number])
        table.add_row(*texts)
    return table
