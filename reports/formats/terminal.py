"""The table on the terminal: sentence, what weakens it, one table per comparison, next steps, where the page is."""

import io
import os
import sys
import textwrap
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple

from reports.markdown import title_of
from reports.numbers import PLAIN_SIGNS, SIGNS, plain

COLOURS = {"faster": "blue", "slower": "red", "wrong": "magenta"}
MEMORY_HEADS = {"torch_peak_allocated_bytes": "torch", "torch_peak_reserved_bytes": "reserved",
                "rss_delta_peak_bytes": "RSS", "uss_delta_peak_bytes": "USS", "ram_delta_peak_bytes": "RAM",
                "nvmap_delta_bytes": "NvMap"}
LEAST_WIDTH = 60

Show = Callable[[str], str]


def width_of(environment: Mapping[str, str], columns: Optional[int]) -> int:
    """Return the width to write for: COLUMNS, else the terminal's own ``columns``, else 80; never under 60."""
    if environment.get("COLUMNS", "").isdigit():
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


def print_report(data: Dict[str, Any], page: Optional[str], stream: Any = None) -> None:
    """Write the report to ``stream`` (standard output) as its encoding, width and colours allow."""
    stream = stream or sys.stdout
    width, unicode_, colour = terminal_of(stream)
    stream.write(terminal_text(data, page, width, unicode_, colour))


def terminal_text(data: Dict[str, Any], page: Optional[str], width: int = 80, unicode_: bool = True,
                  colour: bool = False) -> str:
    """Return the report for a terminal of ``width`` columns; without ``unicode_`` in ASCII alone."""
    out = io.StringIO()
    console = console_for(out, width, colour)
    show: Show = str if unicode_ else plain
    console.print(show(data["headline_text"]), style="bold")
    console.print(show(data["subline"]))
    if data["tally"]:
        console.print(show("  ".join("{} {} {}".format(one["sign"], one["count"], one["state"])
                                     for one in data["tally"])))
    if data["weakeners"]:
        console.print("\nWhat weakens this run:", style="bold")
        for one in data["weakeners"]:
            text = one["text"] + (" Next step: {}".format(one["next_step"]) if one["next_step"] else "")
            text += ": {}".format(one["code"]) if one["code"] else "." if one["next_step"] else ""
            console.print(fold(show("- " + text), width))
    for table in data["tables"]:
        _print_speed(console, table, show, unicode_)
    _print_devices(console, data, show, unicode_)
    _print_memory(console, data, show, unicode_)
    _print_published(console, data, show, unicode_)
    _print_steps(console, data, show)
    if page:
        console.print()
        console.print(show("Report: {}".format(page)), soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def console_for(out: Any, width: int, colour: bool) -> Any:
    """Return a rich console that writes to ``out`` and interprets nothing in the text."""
    from rich.console import Console  # 0.2 s to import: only when a table is wanted

    return Console(file=out, width=width, force_terminal=colour, no_color=not colour, highlight=False,
                   color_system="standard" if colour else None, emoji=False, markup=False, legacy_windows=False)


def fold(text: str, width: int) -> str:
    """Return ``text`` folded at ``width``, later lines set in by two."""
    return "\n".join(textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False,
                                   break_long_words=False))


def new_table(unicode_: bool) -> Any:
    """Return an empty table in the report's style; its title is printed apart, for rich folds titles."""
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD if unicode_ else box.ASCII2, pad_edge=False, padding=(0, 1, 0, 0),
                 show_edge=False, expand=False)


def add_columns(table: Any, heads: Sequence[str], rows: Sequence[Sequence[str]], words: int = 2) -> None:
    """Add the columns: a name that may fold, then words, then numbers.

    rich cuts numbers when left alone, so all but the name get their content's width for a minimum; the
    second of ``words`` columns is the verdict.
    """
    table.add_column(heads[0], overflow="fold", min_width=10)
    for index, head in enumerate(heads[1:], 1):
        least = max([len(row[index]) for row in rows] + [len(head)])
        table.add_column(head, justify="left" if index < words else "right", no_wrap=True, min_width=least)


def print_table(console: Any, title: str, table: Any) -> None:
    """Print ``table`` under its title; one that cannot fit without cutting numbers runs past the width instead."""
    from rich.measure import Measurement

    console.print()
    console.print(title, style="bold")
    # console.measure would never say more than the console's own width
    least = Measurement.get(console, console.options.update(width=10000), table).minimum
    if least > console.width:
        console = console_for(console.file, least, console.is_terminal and not console.no_color)
    console.print(table)


def _print_speed(console: Any, one: Dict[str, Any], show: Show, unicode_: bool) -> None:
    from rich.text import Text

    table = new_table(unicode_)
    keys = ["speed_text", "interval_text", "median_text"] + (["energy_text"] if one["has_energy"] else [])
    signs = SIGNS if unicode_ else PLAIN_SIGNS
    rows = [[show(row["name"]), "{} {}".format(signs[row["state"]], row["state"])] +
            [show(row[key] or "") for key in keys] for row in one["rows"]]
    add_columns(table, ["rival", "verdict", "speed", "interval", "median", "J/call"][:2 + len(keys)], rows)
    for row, cells in zip(one["rows"], rows):
        table.add_row(Text(cells[0]), Text(cells[1], style=COLOURS.get(row["state"], "")), *map(Text, cells[2:]))
    print_table(console, show("{} (against {}{})".format(
        title_of(one), one["baseline"], ", " + one["baseline_text"] if one["baseline_text"] else "")), table)
    said = [(row["name"], "; ".join(([row["reason"]] if row["reason"] else []) + row["remarks"]))
            for row in one["rows"]]
    _print_reasons(console, said, show)


def _print_reasons(console: Any, said: Sequence[Tuple[str, str]], show: Show) -> None:
    """Print who lacks what and why, those of one reason together."""
    reasons = [reason for _, reason in said if reason]
    for reason in sorted(set(reasons), key=reasons.index):
        names = ", ".join(name for name, own in said if own == reason)
        console.print(fold(show("{}: {}".format(names, reason)), console.width))


def _print_devices(console: Any, data: Dict[str, Any], show: Show, unicode_: bool) -> None:
    from rich.text import Text

    if not data["devices"]:
        return
    labels = data["devices"]["labels"]
    heads = ["rival"] + ["run {}".format(number) for number in range(1, len(labels) + 1)]
    for one in data["devices"]["tables"]:
        table = new_table(unicode_)
        signs = SIGNS if unicode_ else PLAIN_SIGNS
        rows = [[show(row["name"])] + ["{} {}".format(signs[c["state"]], show(c["speed_text"] or c["state"]))
                                       for c in row["cells"]] for row in one["rows"]]
        add_columns(table, heads, rows, len(heads))
        for cells in rows:
            table.add_row(*map(Text, cells))
        print_table(console, show("In every run: {} (against {})".format(one["title"], one["baseline"])), table)
    for number, label in enumerate(labels, 1):
        console.print(fold(show("run {}: {}".format(number, label)), console.width))
    for one in data["devices"]["differences"]:
        console.print(fold(show("- {}: {}".format(one["name"], " | ".join(one["values"]))), console.width))


def _print_memory(console: Any, data: Dict[str, Any], show: Show, unicode_: bool) -> None:
    from rich.text import Text

    for one in data["memory"]:
        if not one["columns"]:
            continue
        table = new_table(unicode_)
        rows = [[show(row["name"])] + [show(cell["text"] or "none") for cell in row["cells"]] for row in one["rows"]]
        add_columns(table, ["case"] + [MEMORY_HEADS[column["key"]] for column in one["columns"]], rows, 1)
        for cells in rows:
            table.add_row(*map(Text, cells))
        print_table(console, show("Peak memory: {}".format(one["title"])), table)
        _print_reasons(console, [(row["name"], row["reason"] or "") for row in one["rows"]], show)
        _print_reasons(console, [(gap["title"], "not measured, " + gap["reason"]) for gap in one["absent"]], show)
    if data["energy_reason"]:
        console.print()
        console.print(fold(show("Energy not measured: {}".format(data["energy_reason"])), console.width))


def _print_published(console: Any, data: Dict[str, Any], show: Show, unicode_: bool) -> None:
    from rich.text import Text

    given = [one for one in data["published"] if one["published"] is not None and one["measured"] is not None]
    if not given:
        return
    rows = [[show(one[key]) for key in ("name", "quantity", "published_text", "measured_text")] for one in given]
    table = new_table(unicode_)
    add_columns(table, ("case", "quantity", "published", "measured here"), rows)
    for cells in rows:
        table.add_row(*map(Text, cells))
    print_table(console, "Beside the published numbers", table)
    console.print(fold(show(data["published_caution"]), console.width))


def _print_steps(console: Any, data: Dict[str, Any], show: Show) -> None:
    steps = [(step, title_of(table)) for table in data["tables"] for step in table["next_steps"]]
    if steps:
        console.print("\nNext steps:", style="bold")
    for step, title in steps:
        console.print(fold(show("- {} ({}): {}".format(", ".join(step["names"]), title, step["text"])),
                           console.width))
