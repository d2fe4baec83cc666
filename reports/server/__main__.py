"""Serves the runs of a folder until Ctrl-C: ``python -m reports.server FOLDER [--port N]``."""

import argparse
import errno
import os
import signal
import sys
from typing import Any, Optional, Sequence

from reports.server.library import Library
from reports.server.serving import LOOPBACK, Server

PORT = 8000
#: Whoever watches a run must not slow it down.
NICENESS = 10


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Serve the folder that ``argv`` names; return the exit status: 0 after Ctrl-C, 2 if it could not begin."""
    found = argparse.ArgumentParser(prog="python -m reports.server", description=(
        "List the runs of a folder, with each run's report and what a running one has done so far, on this "
        "machine's own address."))
    found.add_argument("folder")
    found.add_argument("--port", type=int, default=PORT)
    arguments = found.parse_args(argv)
    if not os.path.isdir(arguments.folder):
        sys.stderr.write("There is no folder {}: make a run first, or name the folder that holds runs.\n".format(
            arguments.folder))
        return 2
    signal.signal(signal.SIGTERM, _stop)
    os.nice(NICENESS)
    try:
        server = Server(Library(arguments.folder), arguments.port)
    except (OSError, OverflowError) as error:
        sys.stderr.write(_why(error, arguments.port) + "\n")
        return 2
    try:
        sys.stderr.write("The runs of {} are at {} (Ctrl-C ends it). From another machine: ssh -L {}:{}:{} and that "
                         "address there.\n".format(arguments.folder, server.address, server.port, LOOPBACK,
                                                   server.port))
        sys.stderr.flush()
        server.serve_forever()
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
    finally:
        server.server_close()
    return 0


def _stop(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _why(error: Exception, port: int) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return "Port {} is taken by another program: name another with --port, such as --port {}.".format(
            port, port + 1 if port < 65535 else port - 1)
    if number == errno.EACCES:
        return "Port {} may be used by root alone: name one above 1023 with --port.".format(port)
    return "Port {} cannot be used ({}): name one from 1024 to 65535 with --port.".format(port, error)


if __name__ == "__main__":
    sys.exit(main())
