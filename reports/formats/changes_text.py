"""Two runs compared, for a terminal: what differs between the environments first, then the cases."""

import io
from typing import Any, Dict, List

from reports.findings.changes import ChangedCase, Changes
from reports.formats.terminal import Show, add_columns, console_for, fold, new_table, print_table
from reports.formats.texts import device_text
from reports.numbers import PLAIN_SIGNS, SIGNS, count, interval, plain, seconds, speed
from reports.wording import change_step_text, change_why_text, value_text

LIMITS = ("The two runs were made at different times, so whatever changed in between (temperature, clocks, software, "
          "other load) is part of the difference: the words say that the times differ, not why.")
ORDER = ("faster", "slower", "same", "cannot tell")


def changes_text(found: Changes, width: int = 80, unicode_: bool = True, colour: bool = False) -> str:
    """Return the whole answer."""
    show: Show = str if unicode_ else plain
    out = io.StringIO()
    console = console_for(out, width, colour)
    console.print(show("{} ({}) against {} ({})".format(found.new.run, device_text(found.new.device), found.old.run,
                                                       device_text(found.old.device))), style="bold", soft_wrap=True)
    _print_differences(console, found, show)
    states = [case.change.state for case in found.cases]
    console.print()
    console.print(show(", ".join("{} {}".format(states.count(state), state) for state in ORDER  # type: ignore[arg-type]
                                 if state in states) or "No case was timed in both runs."), style="bold")
    if found.cases:
        _print_cases(console, found, show, unicode_)
    for text, names in _steps(found).items():
        told = ", ".join(names) if len(names) < 4 else count(len(names), "case")
        console.print(fold(show("- {}: {}".format(told, text)), width))
    if found.alone:
        console.print(fold(show("In one of the runs only: {}.".format(", ".join(found.alone))), width))
    console.print()
    console.print(fold(LIMITS, width))
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def _steps(found: Changes) -> Dict[str, List[str]]:
    """Return why and next step of the cases that cannot be told, by what is said of them."""
    steps: Dict[str, List[str]] = {}
    for case in found.cases:
        change = case.change
        if change.next_step is not None:
            why = "cannot tell" if change.why is None else change_why_text(change.why)
            steps.setdefault("{}; next step: {}".format(why, change_step_text(change.next_step)), []).append(
                _named(case, found))
    return steps


def _print_differences(console: Any, found: Changes, show: Show) -> None:
    console.print()
    if not found.differences:
        console.print("The environments are alike.")
        return
    console.print("{} between the environments:".format(count(len(found.differences), "difference")), style="bold")
    for one in found.differences:
        old, new = (value_text(value, one.name) for value in one.values)
        console.print(fold(show("- {}: {} -> {}".format(one.name, old, new)), console.width))


def _named(case: ChangedCase, found: Changes) -> str:
    several = len({one.cache for one in found.cases}) > 1
    return "{}{}".format(case.case, " ({})".format(case.cache) if several else "")


def _print_cases(console: Any, found: Changes, show: Show, unicode_: bool) -> None:
    from rich.text import Text

    table = new_table(unicode_)
    cells = []
    for case in found.cases:
        change = case.change
        told = None if change.speed is None else speed(change.speed)
        ends = None if change.speed is None or change.low is None or change.high is None else interval(
            change.speed, change.low, change.high)
        sign = (SIGNS if unicode_ else PLAIN_SIGNS)[change.state]
        cells.append([show(text or "") for text in (
            _named(case, found), "{} {}".format(sign, change.state), told, ends, seconds(case.old_s),
            seconds(case.new_s))])
    add_columns(table, ("case", "verdict", "speed", "interval", "old", "new"), cells)
    for values in cells:
        table.add_row(*[Text(value) for value in values])
    print_table(console, "The new run against the old one", table)
