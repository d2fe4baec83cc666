"""Writes recorded runs for other programs: ``python -m reports.export RUN... --to FORM [--out PATH]``.

Exit status: 0 written, 2 not, with one sentence on standard error.
"""

import argparse
import os
import sys
from typing import Iterator, List, Optional, Sequence, Tuple

from harness import RecordError, Run, load_run
from harness.caller import caller_folder, shown_path
from reports.exports.registry import EXPORTS, Content, Export
from reports.exports.table import AbsentError
from reports.findings.published import PublishedError
from reports.told import told
from reports.writing import STDOUT, OutputError, write

USAGE = 2


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Write what ``argv`` asks for; return the exit status documented above."""
    parser = argparse.ArgumentParser(prog="python -m reports.export", description=(__doc__ or "").split("\n\n", 1)[0],
                                     epilog=(__doc__ or "").split("\n\n", 1)[1])
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folder or name of a run")
    parser.add_argument("--to", choices=[one.name for one in EXPORTS], required=True, help="the form")
    parser.add_argument("--out", metavar="PATH", help="file to write, - for standard output (default: a file in the "
                                                      "run's folder, for a table of several runs in this one)")
    arguments = parser.parse_args(argv)
    chosen = next(one for one in EXPORTS if one.name == arguments.to)
    if arguments.out and not chosen.together and len(arguments.runs) > 1:
        sys.stderr.write("{} is a file for each run: leave out --out, or name one run.\n".format(chosen.name))
        return USAGE
    try:
        runs = [told(load_run(name)) for name in arguments.runs]
        for path, content in files(chosen, runs, arguments.out):
            folder, name = (STDOUT, "") if path == STDOUT else os.path.split(os.path.abspath(path))
            written = write(folder, name, content)
            if written:
                sys.stdout.write(shown_path(written) + "\n")
    except (RecordError, PublishedError, AbsentError, OutputError, OSError) as error:
        sys.stderr.write("{}\n".format(error))
        return USAGE
    return 0


def files(chosen: Export, runs: List[Run], out: Optional[str]) -> Iterator[Tuple[str, Content]]:
    """Yield every file to be written, made one after the other."""
    if chosen.together:
        folder = runs[0].folder if len(runs) == 1 else caller_folder()
        yield out or os.path.join(folder, chosen.file), chosen.make(runs)
        return
    for run in runs:
        yield out or os.path.join(run.folder, chosen.file), chosen.make([run])


if __name__ == "__main__":
    sys.exit(main())
