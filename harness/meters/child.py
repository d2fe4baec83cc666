"""A meter in a process of its own: ``python -m harness.meters.child NAME``, started by :mod:`harness.meters.handle`.

Reads the meter at a period and writes each reading, stamped with the system-wide monotonic clock, to standard output
as one JSON line. If the parent dies, standard input closes: this process ends, and takes its own children with it.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
from typing import Any, Dict, List, Optional

from harness.meters.ambient import Ambient
from harness.meters.choice import make_meter
from harness.meters.reading import reading_to_dict
from harness.system.errors import RemedyError


def _end_with_parent() -> None:
    """Wait in a thread for the parent to close our standard input (also by dying), then end this process."""
    def wait() -> None:
        try:
            while os.read(0, 1024):
                pass
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _stop(_number: int, _frame: Any) -> None:
    raise SystemExit(0)  # unwinds the meter's stream, which ends its own children


def main(argv: Optional[List[str]] = None) -> int:
    """Stream one meter to standard output until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("meter")
    parser.add_argument("--root", default="/")
    parser.add_argument("--period", type=float, required=True)
    options = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent, which ends us in order
    _end_with_parent()
    output = sys.stdout

    def send(message: Dict[str, Any]) -> None:
        output.write(json.dumps(message, separators=(",", ":")) + "\n")
        output.flush()

    try:
        meter = make_meter(options.meter, options.root)
        ambient = Ambient(options.root)
        with contextlib.closing(meter.stream(options.period)) as stream:  # type: ignore[type-var]
            for reading in stream:
                send(reading_to_dict(ambient.add(reading)))
        trouble = RemedyError("meter {} ended by itself".format(options.meter))
    except BrokenPipeError:
        return 1  # nobody reads any more
    except RemedyError as error:
        trouble = error
    except ValueError as error:
        trouble = RemedyError(str(error))
    except Exception as error:  # whatever a library throws must reach the record as a sentence
        trouble = RemedyError("meter {} failed ({}: {})".format(options.meter, type(error).__name__, error))
    send({"error": trouble.reason, "remedy": trouble.remedy})
    return 1


if __name__ == "__main__":
    sys.exit(main())
