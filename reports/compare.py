"""Compares two runs case by case: ``python -m reports.compare OLD NEW``.

Exit status: 0 no case became slower and every case has a verdict; 1 at least one case became slower;
2 none became slower, but at least one cannot be told (or is not in both runs); 3 a run could not be read.
"""

import argparse
import io
import sys
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.record import RecordError, Run, load_run
from harness.statistics.between_runs import Change, compare_runs
from reports.numbers import PLAIN_SIGNS, SIGNS, count, interval, plain, seconds, speed
from reports.parts.environment import differences
from reports.parts.record import device_text, timed
from reports.terminal import add_columns, console_for, fold, new_table, print_table, terminal_of
from reports.verdicts import run_rule

FINE, SLOWER, CANNOT_TELL, UNREADABLE = 0, 1, 2, 3
LIMITS = ("The two runs were made at different times, so whatever changed in between (temperature, clocks, software, "
          "other load) is part of the difference: the words say that the times differ, not why.")


class Row(NamedTuple):
    """One case in one cache state in both runs; ``change`` speaks of the new run against the old one."""

    case: str
    cache: str
    change: Change
    old_s: Optional[float]
    new_s: Optional[float]


def compare(old: Run, new: Run) -> Tuple[List[Row], List[str]]:
    """Return a row for every case and cache state that both runs timed, and the ids that only one has.

    The words follow the old run's rule.
    """
    rule = run_rule(old)
    theirs = {comparison.id: comparison for comparison in new.comparisons}
    rows: List[Row] = []
    seen = [_timed_cases(run) for run in (old, new)]
    for comparison in old.comparisons:
        if comparison.id not in theirs:
            continue
        lines = timed(old, comparison), timed(new, theirs[comparison.id])
        for case in comparison.cases:
            ident = comparison.case_id(case)
            for cache in ("hot", "cold"):
                if (ident, cache) in seen[0] and (ident, cache) in seen[1]:
                    change = compare_runs(lines[0], lines[1], cache, ident, rule)
                    rows.append(Row(ident, cache, change, seen[0][ident, cache], seen[1][ident, cache]))
    alone = sorted({ident for ident, _ in set(seen[0]) ^ set(seen[1])})
    return rows, alone


def _timed_cases(run: Run) -> Dict[Tuple[str, str], Optional[float]]:
    from reports.verdicts import case_times

    found: Dict[Tuple[str, str], Optional[float]] = {}
    for comparison in run.comparisons:
        lines = timed(run, comparison)
        for line in lines:
            for series in line["series"]:
                for ident in series["entrants"]:
                    times = case_times(lines, series["cache"], ident)
                    found[ident, series["cache"]] = times.median_s if times is not None else None
    return found


def exit_status(rows: Sequence[Row], alone: Sequence[str]) -> int:
    """Return the exit status for the words of ``rows``; ids that only one run has cannot be told."""
    states = [row.change.state for row in rows]
    if "slower" in states:
        return SLOWER
    return CANNOT_TELL if "cannot tell" in states or alone or not states else FINE


def comparison_text(old: Run, new: Run, rows: Sequence[Row], alone: Sequence[str], width: int = 80,
                    unicode_: bool = True, colour: bool = False) -> str:
    """Return the whole answer: what differs between the environments first, then the cases."""
    show: Any = str if unicode_ else plain
    out = io.StringIO()
    console = console_for(out, width, colour)
    console.print(show("{} ({}) against {} ({})".format(new.id, device_text(new), old.id, device_text(old))),
                  style="bold", soft_wrap=True)
    _print_differences(console, old, new, show)
    states = [row.change.state for row in rows]
    console.print()
    console.print(show(", ".join("{} {}".format(states.count(state), state) for state in
                                 ("faster", "slower", "same", "cannot tell") if state in states) or
                       "No case was timed in both runs."), style="bold")
    if rows:
        _print_rows(console, rows, show, unicode_)
    for row in rows:
        if row.change.next_step:
            console.print(fold(show("- {}: {}; next step: {}".format(
                _named(row, rows), row.change.why or "cannot tell", row.change.next_step)), width))
    if alone:
        console.print(fold(show("In one of the runs only: {}.".format(", ".join(alone))), width))
    console.print()
    console.print(fold(LIMITS, width))
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def _print_differences(console: Any, old: Run, new: Run, show: Any) -> None:
    found = differences([old, new])
    console.print()
    if not found:
        console.print("The environments are alike.")
        return
    console.print("{} between the environments:".format(count(len(found), "difference")), style="bold")
    for one in found:
        console.print(fold(show("- {}: {} -> {}".format(one["name"], *one["values"])), console.width))


def _named(row: Row, rows: Sequence[Row]) -> str:
    several = len({one.cache for one in rows}) > 1
    return "{}{}".format(row.case, " ({})".format(row.cache) if several else "")


def _print_rows(console: Any, rows: Sequence[Row], show: Any, unicode_: bool) -> None:
    from rich.text import Text

    table = new_table(unicode_)
    cells = []
    for row in rows:
        change = row.change
        # speeds, as everywhere: old time / new time
        told = None if change.ratio is None else speed(1 / change.ratio)
        ends = None if change.ratio is None or change.low is None or change.high is None else interval(
            1 / change.ratio, 1 / change.high, 1 / change.low)
        sign = (SIGNS if unicode_ else PLAIN_SIGNS)[change.state]
        cells.append([show(text or "") for text in (
            _named(row, rows), "{} {}".format(sign, change.state), told, ends, seconds(row.old_s),
            seconds(row.new_s))])
    add_columns(table, ("case", "verdict", "speed", "interval", "old", "new"), cells)
    for values in cells:
        table.add_row(*[Text(value) for value in values])
    print_table(console, "The new run against the old one", table)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Compare two runs; return the exit status documented above."""
    parser = argparse.ArgumentParser(
        prog="python -m reports.compare", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Compare two runs case by case.", epilog=(__doc__ or "").split("\n\n", 1)[1])
    parser.add_argument("old", help="folder of the older run")
    parser.add_argument("new", help="folder of the newer run")
    arguments = parser.parse_args(argv)
    try:
        old, new = load_run(arguments.old), load_run(arguments.new)
    except (RecordError, OSError) as error:
        sys.stderr.write("{}\n".format(error))
        return UNREADABLE
    rows, alone = compare(old, new)
    width, unicode_, colour = terminal_of(sys.stdout)
    sys.stdout.write(comparison_text(old, new, rows, alone, width, unicode_, colour))
    return exit_status(rows, alone)


if __name__ == "__main__":
    sys.exit(main())
