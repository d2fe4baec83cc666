"""Compares runs: ``python -m reports.compare RUN [RUN...]``, the first with each of the others.

What is compared first is the advantage: each rival's speed over the baseline of its own run. With --fail-on X a
slower advantage counts from X on, and it must be ruled out: an interval that reaches X cannot tell. Nothing can
become slower from one board to another, so runs of different boards only stand side by side.

Exit status: 0 nothing became slower; 1 at least one advantage became smaller; 2 none did, but at least one cannot be
told (one launch each, or not in both runs); 3 a run could not be read.
"""

import argparse
import sys
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, NoReturn, Optional, Sequence, Tuple, Union

from harness.record import RecordError
from harness.settings import parse_share
from harness.words import Word
from reports.compare_progress import counted
from reports.compare_workers import each_run
from reports.exit_codes import CANNOT_TELL, FINE, INTERRUPTED, SLOWER, UNREADABLE, Answer, guarded, status
from reports.findings.changes import Advantages, Changes, advantages
from reports.findings.cleaned import cleaned
from reports.findings.compared import Compared, Gist, compared
from reports.findings.many import Beside, Many, beside_of, many
from reports.findings.published import PublishedError, read_published
from reports.formats.changes_text import changes_text
from reports.formats.compare_files import csv_text, html_text, json_text, markdown_text
from reports.formats.compare_sheets import Told
from reports.formats.terminal import terminal_of
from reports.summaries.reading import Summaries, own_summaries
from reports.told import damage_note

#: More runs than this get a line each: nobody reads so many columns.
MOST_BESIDE = 13

#: The name that stands for the printed numbers of ``results/published``.
PUBLISHED = "published"


class Kind(Word):
    """The formats of a comparison."""

    TABLE = "table"
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"
    HTML = "html"


#: The formats that hold every figure, of however many runs.
IN_FULL = (Kind.CSV, Kind.JSON)

WRITERS: Dict[Kind, Callable[[Any], str]] = {
    Kind.MARKDOWN: markdown_text, Kind.CSV: csv_text, Kind.JSON: json_text, Kind.HTML: html_text}


def exit_status(found: Compared, fail_on: Optional[float] = None) -> int:
    """Return the exit status for ``found``; ``fail_on`` is the relative slowdown that counts, none for any."""
    return worst([status for status in (_status(one, fail_on) for one in found.changes) if status is not None])


def worst(statuses: Sequence[int]) -> int:
    """Return the exit status for runs of ``statuses`` each."""
    return next((status for status in (SLOWER, CANNOT_TELL) if status in statuses), FINE)


def _status(found: Union[Changes, Advantages], fail_on: Optional[float]) -> Optional[int]:
    """Return the exit status of one run against the first, ``None`` on another board."""
    if not found.same_board:  # of one that stopped before its board was recorded nothing can be told
        return CANNOT_TELL if None in (found.first.device.name, found.second.device.name) else None
    changes = [case.advantage for case in found.cases if case.advantage is not None]
    if found.same_run:
        return FINE if changes else CANNOT_TELL
    told = status([Answer(change.state, change.speed, change.low) for change in changes], fail_on)
    return CANNOT_TELL if told == FINE and (found.alone or found.unlike) else told


def share(text: str) -> float:
    """Return 0.05 from ``5%``; raises ``ArgumentTypeError`` in one sentence."""
    try:
        return parse_share(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class Parser(argparse.ArgumentParser):
    """Ends with status 3 where argparse would say 2, which means *cannot tell* here."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments and end."""
        self.exit(UNREADABLE, "{}: error: {}\n".format(self.prog, message))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = Parser(
        prog="python -m reports.compare", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Compare runs case by case.", epilog=(__doc__ or "").split("\n\n", 1)[1])
    found.add_argument("runs", nargs="+", metavar="RUN",
                       help="folder of a run, the older one first; '{}' for the printed numbers".format(PUBLISHED))
    found.add_argument("--fail-on", type=share, metavar="SHARE", help="the slowdown that counts, such as 5%%")
    found.add_argument("--format", choices=[kind.value for kind in Kind], default=Kind.TABLE.value,
                       help="what to print (default: table)")
    return found


class Line(NamedTuple):
    """What became of one of many runs; ``status`` is ``None`` on another board."""

    beside: Beside
    status: Optional[int]


def line(summaries: Summaries, first: Gist, fail_on: Optional[float], path: str) -> Line:
    """Return what became of the run at ``path`` since the ``first`` one. Raises ``RecordError``."""
    gist = summaries.gist(path)
    found = advantages(first.side, gist.side)
    return Line(beside_of(gist, found), _status(found, fail_on))


def beside(summaries: Summaries, names: Sequence[str], fail_on: Optional[float]) -> Tuple[Many, int]:
    """Return what became of each run after the first, and the exit status. Raises ``RecordError``."""
    first = summaries.gist(names[0])
    statuses: List[int] = []

    def others() -> Iterator[Beside]:
        read = each_run(partial(line, summaries, first, fail_on), names[1:])
        for found in counted(read, len(names) - 1):
            statuses.extend([found.status] if found.status is not None else [])
            yield found.beside

    return many(first, others()), worst(statuses)


def in_full(summaries: Summaries, names: Sequence[str], with_published: bool) -> Compared:
    """Return all that is said of the runs and, where wanted, the published numbers. Raises ``RecordError``."""
    read = list(counted(each_run(summaries.summary, names), len(names)))
    return compared(read, read_published() if with_published else ())


def write(found: Told, kind: Kind) -> None:
    """Write ``found`` to standard output."""
    if kind is Kind.TABLE:
        width, unicode_, colour = terminal_of(sys.stdout)
        sys.stdout.write(changes_text(found, width, unicode_, colour))
    else:
        write_utf8(WRITERS[kind](found))


def write_utf8(text: str) -> None:
    """Write ``text`` to standard output as UTF-8, whatever the terminal takes."""
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        sys.stdout.write(text)
    else:
        stream.write(text.encode("utf-8"))


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Compare the runs that ``argv`` names; return the exit status documented above."""
    arguments = parser().parse_args(argv)
    summaries = own_summaries()
    try:
        return answer(arguments, summaries)
    except (RecordError, PublishedError, OSError) as error:
        sys.stderr.write("{}\n".format(error))
        return UNREADABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        summaries.close()


def answer(arguments: argparse.Namespace, summaries: Summaries) -> int:
    """Write the comparison that ``arguments`` ask for; return the exit status. Raises what reading raises."""
    names = [name for name in arguments.runs if name != PUBLISHED]
    kind, fail_on = Kind(arguments.format), arguments.fail_on
    if not names or len(arguments.runs) < 2:
        raise RecordError("compare needs two runs, or a run and '{}'".format(PUBLISHED))
    found: Told
    if len(names) > MOST_BESIDE and kind not in IN_FULL:
        found, own_status = beside(summaries, names, fail_on)
        if PUBLISHED in arguments.runs:
            sys.stderr.write("The printed numbers stand beside {} runs at most and are left out here: --format csv "
                             "and json hold them.\n".format(MOST_BESIDE))
    else:
        found = in_full(summaries, names, PUBLISHED in arguments.runs)
        own_status = exit_status(found, fail_on)
    write(cleaned(found), kind)
    if kind is Kind.CSV:  # the one format that has no place for it
        for one in found.damaged:
            sys.stderr.write(damage_note(one.damage, one.run) + "\n")
    return own_status


if __name__ == "__main__":
    sys.exit(guarded(main))
