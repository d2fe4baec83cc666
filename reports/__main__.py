"""Makes the report of recorded runs: ``python -m reports RUN... [--format ...] [--out DIR] [--no-figures]``."""

import argparse
import contextlib
import hashlib
import io
import os
import sys
from typing import List, Optional, Sequence

from harness.record import RecordError, Run, load_run
from reports.findings import Findings, findings
from reports.findings.published import PublishedError
from reports.formats.files import Content, Options
from reports.formats.registry import FORMATS
from reports.formats.terminal import print_report

TERMINAL, ALL = "terminal", "all"
NAMES = (TERMINAL,) + tuple(one.name for one in FORMATS) + (ALL,)
STDOUT = "-"
USAGE = 2


class OutputError(Exception):
    """A file that could not be written; the message is one sentence with the remedy."""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Make the reports ``argv`` asks for; return the exit status: 0, or 2 with one sentence on standard error."""
    arguments = parser().parse_args(argv)
    try:
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
        print_report(found, os.path.relpath(pages[0]) if pages else None)
    elif written:
        sys.stdout.write(os.path.relpath(written[0]) + "\n")
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
    """Return where the files go unless the user says: the folder of the run, for several runs one of their own.

    That one lies beside the first run, or above ``reference``, where only recorded runs belong.
    """
    if len(runs) == 1:
        return runs[0].folder
    parent = os.path.dirname(os.path.abspath(runs[0].folder))
    if os.path.basename(parent) == "reference":
        parent = os.path.dirname(parent)
    ids = hashlib.sha256("\n".join(run.id for run in runs).encode("utf-8")).hexdigest()[:8]
    return os.path.join(parent, "side-by-side-{}-{}".format(len(runs), ids))


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


def write(folder: str, name: str, content: Content) -> Optional[str]:
    """Write text with LF line ends, as UTF-8, or bytes as they are; return the path, ``None`` for standard output."""
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    if folder == STDOUT:
        stream = getattr(sys.stdout, "buffer", None)
        sys.stdout.write(data.decode("utf-8", "replace")) if stream is None else stream.write(data)
        return None
    path = os.path.join(folder, *name.split("/"))
    beside = "{}.{}.part".format(path, os.getpid())
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with io.open(beside, "wb") as file:
            file.write(data)
        os.replace(beside, path)  # the old file or the whole new one, never a part
    except OSError as error:
        with contextlib.suppress(OSError):
            os.remove(beside)
        raise OutputError("{} could not be written ({}): make room, or name another folder with --out".format(
            path, error.strerror or error)) from None
    return path


if __name__ == "__main__":
    sys.exit(main())
