"""Says what two versions of the project's layers differ by: ``python -m reports.against RUN [--fail-on 5%]``.

RUN was made with ``run SUITE --against REVISION``: each layer as it stands against itself in another commit, both in
the same rounds, so that the verdicts are those of one run.

Exit status: 0 nothing became slower; 1 at least one layer did; 2 none did, but at least one cannot be told; 3 the run
could not be read. With --fail-on a slowdown counts from there on, and an interval that reaches it cannot tell.
"""

import argparse
import sys
from typing import List, Optional, Sequence, Tuple

from harness.record import RecordError, load_run
from harness.words import State
from reports.compare import Parser, share
from reports.exit_codes import CANNOT_TELL, FINE, UNREADABLE, Answer, guarded, status
from reports.findings.rows import Row, RowState, Table
from reports.findings.tables import tables_of
from reports.formats.terminal import terminal_of
from reports.numbers import PLAIN_SIGNS, SIGNS, count, interval, plain, speed
from reports.told import told
from reports.wording import why_text

#: Rows without a verdict.
NO_VERDICT = (RowState.WRONG, RowState.NOT_MEASURED)


def exit_status(tables: Sequence[Table], fail_on: Optional[float] = None) -> int:
    """Return the exit status for the rivals of ``tables``: the layers as they stand."""
    rows = [row for table in tables for row in table.rows if not row.baseline]
    answers = [Answer(State(row.state.value), row.speed, row.low) for row in rows if row.state not in NO_VERDICT]
    told = status(answers, fail_on)
    return CANNOT_TELL if told == FINE and len(answers) < len(rows) else told


def lines(tables: Sequence[Table], unicode_: bool) -> List[str]:
    """Return a line for each layer, what became slower first."""
    found: List[Tuple[int, str]] = []
    order = (RowState.SLOWER, RowState.FASTER, RowState.CANNOT_TELL)
    for table in tables:
        for row in table.rows:
            if not row.baseline:
                place = order.index(row.state) if row.state in order else len(order)
                found.append((place, "{} {}: {}".format(
                    (SIGNS if unicode_ else PLAIN_SIGNS)[row.state.value], table.title, _told(row))))
    return [text if unicode_ else plain(text) for _, text in sorted(found, key=lambda pair: pair[0])]


def _told(row: Row) -> str:
    text = str(row.state)
    if row.speed is not None:
        ends = "" if row.low is None or row.high is None else " " + interval(row.speed, row.low, row.high)
        text += ", {}{}".format(speed(row.speed), ends)
    if row.verdict is not None and row.verdict.why is not None:
        text += " ({})".format(why_text(row.verdict.why))
    return text


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Print what became of each layer; return the exit status documented above."""
    parser = Parser(prog="python -m reports.against", formatter_class=argparse.RawDescriptionHelpFormatter,
                    description="Say what two versions of the layers differ by.",
                    epilog=(__doc__ or "").split("\n\n", 1)[1])
    parser.add_argument("run", metavar="RUN", help="folder of a run made with --against")
    parser.add_argument("--fail-on", type=share, metavar="SHARE", help="the slowdown that counts, such as 5%%")
    arguments = parser.parse_args(argv)
    try:
        run = told(load_run(arguments.run))
        if run.header.settings.against is None:
            raise RecordError("{} was not made with --against: 'compare' holds two runs against each other".format(
                arguments.run))
    except (RecordError, OSError) as error:
        sys.stderr.write("{}\n".format(error))
        return UNREADABLE
    tables = [table for table in tables_of(run) if table.main]
    _, unicode_, _ = terminal_of(sys.stdout)
    sys.stdout.write("{} against commit {}:\n".format(
        count(len(tables), "layer"), run.header.settings.against))
    sys.stdout.write("".join(line + "\n" for line in lines(tables, unicode_)))
    return exit_status(tables, arguments.fail_on)


if __name__ == "__main__":
    sys.exit(guarded(main))
