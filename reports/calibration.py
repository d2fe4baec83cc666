"""Says what a machine can tell, from a run of known loads: ``python -m reports.calibration RUN [--markdown]``.

Exit status: 0 every number given was right and no identical thing was called different; 1 otherwise; 3 the run could
not be read or holds no known loads.
"""

import argparse
import sys
from typing import Optional, Sequence

from harness.record import RecordError, load_run
from reports.findings import findings
from reports.findings.calibration import CalibrationError, calibration
from reports.formats.calibration_text import calibration_markdown, calibration_text
from reports.formats.terminal import terminal_of
from reports.told import told

GOOD, BAD, UNREADABLE = 0, 1, 3


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Print the tables and the sentence; return the exit status documented above."""
    parser = argparse.ArgumentParser(
        prog="python -m reports.calibration", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Say what a machine can tell, from a run of known loads.",
        epilog=(__doc__ or "").split("\n\n", 1)[1])
    parser.add_argument("run", help="folder of a run of the suite 'calibration'")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    arguments = parser.parse_args(argv)
    try:
        run = told(load_run(arguments.run))
        found = calibration(run, findings(run, published=()))
    except (RecordError, CalibrationError, OSError) as error:
        sys.stderr.write("{}\n".format(error))
        return UNREADABLE
    width, unicode_, colour = terminal_of(sys.stdout)
    sys.stdout.write(calibration_markdown(found) if arguments.markdown else
                     calibration_text(found, width, unicode_, colour))
    return GOOD if found.good else BAD


if __name__ == "__main__":
    sys.exit(main())
