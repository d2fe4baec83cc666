"""Compares two runs case by case: ``python -m reports.compare OLD NEW``.

Exit status: 0 no case became slower and every case has a verdict; 1 at least one case became slower;
2 none became slower, but at least one cannot be told (or is not in both runs); 3 a run could not be read.
"""

import argparse
import sys
from typing import Optional, Sequence

from harness.record import RecordError, load_run
from harness.words import State
from reports.findings.changes import Changes, changes
from reports.formats.changes_text import changes_text
from reports.formats.terminal import terminal_of

FINE, SLOWER, CANNOT_TELL, UNREADABLE = 0, 1, 2, 3


def exit_status(found: Changes) -> int:
    """Return the exit status for the words of ``found``; ids that only one run has cannot be told."""
    states = [case.change.state for case in found.cases]
    if State.SLOWER in states:
        return SLOWER
    return CANNOT_TELL if State.CANNOT_TELL in states or found.alone or not states else FINE


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Compare two runs; return the exit status documented above."""
    parser = argparse.ArgumentParser(
        prog="python -m reports.compare", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Compare two runs case by case.", epilog=(__doc__ or "").split("\n\n", 1)[1])
    parser.add_argument("old", help="folder of the older run")
    parser.add_argument("new", help="folder of the newer run")
    arguments = parser.parse_args(argv)
    try:
        found = changes(load_run(arguments.old), load_run(arguments.new))
    except (RecordError, OSError) as error:
        sys.stderr.write("{}\n".format(error))
        return UNREADABLE
    width, unicode_, colour = terminal_of(sys.stdout)
    sys.stdout.write(changes_text(found, width, unicode_, colour))
    return exit_status(found)


if __name__ == "__main__":
    sys.exit(main())
