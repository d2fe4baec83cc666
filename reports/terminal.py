"""The table on the terminal: sentence, what weakens it, one table per comparison, next steps, where the page is."""

import io
import os
import sys
from typing import Any, Dict, List, Mapping, Optional

from reports.markdown import title_of
from reports.numbers import PLAIN_SIGNS, SIGNS, plain

MEMORY_HEADS = {"torch_peak_allocated_bytes": "torch", "torch_peak_reserved_bytes": "reserved",
                "rss_delta_peak_bytes": "RSS", "uss_delta_peak_bytes": "USS", "ram_delta_peak_bytes": "RAM",
                "nvmap_delta_bytes": "NvMap"}
COLOURS = {"faster": "blue", "slower": "red", "wrong": "magenta"}


def width_of(environment: Mapping[str, str], is_terminal: bool, columns: Optional[int]) -> int:
    """Return the width to write for: COLUMNS, else the terminal's, else 80; never under 60."""
    if environment.get("COLUMNS", "").isdigit():
        return max(60, int(environment["COLUMNS"]))
    return max(60, columns) if is_terminal and columns else 80


def coloured(environment: Mapping[str, str], is_terminal: bool) -> bool:
    """Return whether to use colour: on a terminal that is not dumb, unless NO_COLOR holds something.

    rich takes an empty NO_COLOR for set, so this is decided here.
    """
    return is_terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def print_report(data: Dict[str, Any], page: Optional[str], stream: Any = None) -> None:
    """Write the report to ``stream`` (standard output) as its encoding, width and colours allow."""
    stream = stream or sys.stdout
    is_terminal = bool(getattr(stream, "isatty", lambda: False)())
    columns = None
    if is_terminal:
        try:
            columns = os.get_terminal_size(stream.fileno()).columns
        except OSError:
            columns = None
    unicode_ = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "").startswith("utf")
    stream.write(terminal_text(data, page, width_of(os.environ, is_terminal, columns), unicode_,
                               coloured(os.environ, is_terminal)))


def terminal_text(data: Dict[str, Any], page: Optional[str], width: int = 80, unicode_: bool = True,
                  colour: bool = False) -> str:
    """Return the report for a terminal of ``width`` columns; without ``unicode_`` in ASCII alone."""
    from rich.console import Console  # 0.2 s to import: only when a table is wanted

    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, no_color=not colour, highlight=False,
                      color_system="standard" if colour else None, emoji=False, markup=False, legacy_windows=False)
    show = str if unicode_ else plain
    console.print(show(data["headline_text"]), style="bold")
    console.print(show(data["subline"]))
    if data["tally"]:
        console.print(show("  ".join("{} {} {}".format(one["sign"], one["count"], one["state"])
                                     for one in data["tally"])))
    if data["weakeners"]:
        console.print()
        console.print("What weakens this run:", style="bold")
        for one in data["weakeners"]:
            text = one["text"] + (" Next step: {}".format(one["next_step"]) if one["next_step"] else "")
            text += ": {}".format(one["code"]) if one["code"] else "." if one["next_step"] else ""
            console.print(_hanging(show("- " + text), width))
    for table in data["tables"]:
        _print_speed(console, table, show, unicode_)
    _print_memory(console, data, show, unicode_)
    _print_published(console, data, show, unicode_)
    steps = [(row["name"], title_of(table), row["next_step"]) for table in data["tables"] for row in table["rows"]
             if row["next_step"]]
    if steps:
        console.print()
        console.print("Next steps:", style="bold")
        for name, title, step in steps:
            console.print(_hanging(show("- {} ({}): {}".format(name, title, step)), width))
    if page:
        console.print()
        console.print(show("Report: {}".format(page)), soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def _print_table(console: Any, table: Any) -> None:
    """Print ``table``; one that cannot fit without cutting numbers runs past the width instead."""
    from rich.console import Console

    least = console.measure(table).minimum
    if least > console.width:
        console = Console(file=console.file, width=least, force_terminal=console.is_terminal,
                          no_color=console.no_color, highlight=False, emoji=False, markup=False,
                          color_system="standard" if console.is_terminal else None, legacy_windows=False)
    console.print(table)


def _hanging(text: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False))


def new_table(title: str, unicode_: bool) -> Any:
    """Return an empty table in the report's style."""
    from rich import box
    from rich.table import Table

    return Table(title=title, title_justify="left", title_style="bold",
                 box=box.SIMPLE_HEAD if unicode_ else box.ASCII2, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False, expand=False)


def number_column(table: Any, head: str, values: List[str]) -> None:
    """Add a column of numbers that can neither be cut nor broken (rich cuts them when left alone)."""
    least = max([len(value) for value in values] + [max(len(word) for word in head.split() or [""])])
    table.add_column(head, justify="right", no_wrap=True, min_width=least)


def _print_speed(console: Any, one: Dict[str, Any], show: Any, unicode_: bool) -> None:
    from rich.text import Text

    table = new_table(show("{} (against {}{})".format(
        title_of(one), one["baseline"], ", " + one["baseline_text"] if one["baseline_text"] else "")), unicode_)
    rows = one["rows"]
    cells = [[show(row[key] or "") for row in rows] for key in ("speed_text", "interval_text", "median_text",
                                                                 "energy_text")]
    table.add_column("rival", overflow="fold", min_width=10)
    table.add_column("verdict", no_wrap=True, min_width=13)
    for head, values in zip(("speed", "interval", "median"), cells):
        number_column(table, head, values)
    if one["has_energy"]:
        number_column(table, "J/call", cells[3])
    for index, row in enumerate(rows):
        sign = SIGNS[row["state"]] if unicode_ else PLAIN_SIGNS[row["state"]]
        verdict = Text("{} {}".format(sign, row["state"]), style=COLOURS.get(row["state"], ""))
        values = [column[index] for column in (cells if one["has_energy"] else cells[:3])]
        table.add_row(Text(show(row["name"])), verdict, *[Text(value) for value in values])
    console.print()
    _print_table(console, table)
    for row in rows:
        if row["reason"]:
            console.print(_hanging(show("{}: {}".format(row["name"], row["reason"])), console.width))


def _print_memory(console: Any, data: Dict[str, Any], show: Any, unicode_: bool) -> None:
    from rich.text import Text

    for one in data["memory"]:
        if not one["columns"]:
            continue
        table = new_table(show("Peak memory: {}".format(one["title"])), unicode_)
        table.add_column("case", overflow="fold", min_width=10)
        for index, column in enumerate(one["columns"]):
            number_column(table, MEMORY_HEADS[column["key"]],
                          [show(row["cells"][index]["text"] or "none") for row in one["rows"]])
        for row in one["rows"]:
            table.add_row(Text(show(row["name"])), *[Text(show(cell["text"] or "none")) for cell in row["cells"]])
        console.print()
        _print_table(console, table)
        for row in one["rows"]:
            if row["reason"]:
                console.print(_hanging(show("{}: {}".format(row["name"], row["reason"])), console.width))
        for gap in one["absent"]:
            console.print(_hanging(show("{} not measured: {}".format(gap["title"], gap["reason"])), console.width))
    if data["energy_reason"]:
        console.print()
        console.print(_hanging(show("Energy not measured: {}".format(data["energy_reason"])), console.width))


def _print_published(console: Any, data: Dict[str, Any], show: Any, unicode_: bool) -> None:
    from rich.text import Text

    given = [one for one in data["published"] if one["published"] is not None and one["measured"] is not None]
    if not given:
        return
    table = new_table("Beside the published numbers", unicode_)
    table.add_column("case", overflow="fold", min_width=10)
    table.add_column("quantity", overflow="fold", min_width=10)
    number_column(table, "published", [show(one["published_text"]) for one in given])
    number_column(table, "here", [show(one["measured_text"]) for one in given])
    for one in given:
        table.add_row(*[Text(show(one[key])) for key in ("name", "quantity", "published_text", "measured_text")])
    console.print()
    _print_table(console, table)
    console.print(_hanging(show(data["published_caution"]), console.width))
