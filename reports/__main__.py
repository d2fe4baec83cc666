"""Makes the report of recorded runs: ``python -m reports RUN... [--format ...] [--out DIR] [--no-figures]``."""

import argparse
import sys
from typing import List, Optional, Sequence

from harness.caller import shown_path
from harness.record import RecordError, Run, load_run
from reports.findings import Findings, findings
from reports.findings.published import PublishedError
from reports.formats.files import Options
from reports.formats.registry import FORMATS
from reports.formats.terminal import print_report
from reports.summaries.reading import own_summaries
from reports.writing import OutputError, folder_of_several, write

TERMINAL, ALL = "terminal", "all"
NAMES = (TERMINAL,) + tuple(one.name for one in FORMATS) + (ALL,)
USAGE = 2


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Make the reports ``argv`` asks for; return the exit status: 0, or 2 with one sentence on standard error."""
    arguments = parser().parse_args(argv)
    summaries = own_summaries()
    try:
        seen = [summaries.seen(path) for path in arguments.runs]
        runs = [load_run(path) for path in arguments.runs]
        found = findings(runs[0], others=runs[1:])
        most = 0 if arguments.no_figures else sys.maxsize if arguments.all_figures else Options().figures
        out = arguments.out or default_folder(runs)
        written = [] if arguments.format == TERMINAL else make(found, arguments.format, Options(most), out)
    except (RecordError, PublishedError, OutputError, OSError) as error:
        sys.stderr.write("{}\n".format(error))
        return USAGE
    if arguments.format in (TERMINAL, ALL):
        pages = [path for path in written if path.endswith(".html")]
        print_report(found, shown_path(pages[0]) if pages else None)
    elif written:
        sys.stdout.write(shown_path(written[0]) + "\n")
    for path, was, run in zip(arguments.runs, seen, runs):
        if run.ended:  # another may go on
            summaries.keep(path, was, run)
    summaries.close()
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(prog="python -m reports", description=(
        "Make the report of a recorded run again, from its record alone. Several runs stand side by side."))
    found.add_argument("runs", nargs="+", metavar="RUN", help="folder of a run, such as results/<run id>")
    found.add_argument("--format", choices=NAMES, default=ALL, help="what to make (default: all)")
    found.add_argument("--out", metavar="DIR", help="where to write, - for standard output (default: the run's own "
                                                    "folder; for several runs a new folder beside the first)")
    figures = found.add_mutually_exclusive_group()
    figures.add_argument("--no-figures", action="store_true", help="write no figures")
    figures.add_argument("--all-figures", action="store_true", help="figures for papers of every comparison, not "
                                                                    "only of the first {}".format(Options().figures))
    return found


def default_folder(runs: Sequence[Run]) -> str:
    """Return where the files go unless the user says: the folder of the run, for several runs one of their own."""
    if len(runs) == 1:
        return runs[0].folder
    return folder_of_several("side-by-side", runs[0].folder, [run.id for run in runs])


def make(found: Findings, wanted: str, options: Options, out: str) -> List[str]:
    """Write the files of the format ``wanted`` below ``out``; return their paths in the order of the formats."""
    written = []
    for one in FORMATS:
        if wanted == one.name or wanted == ALL and one.with_all:
            made = one.make(found, options)
            written += [path for name, content in made.files for path in [write(out, name, content)] if path]
            for note in made.notes:
                sys.stderr.write(note + "\n")
    return written


if __name__ == "__main__":
    sys.exit(main())
