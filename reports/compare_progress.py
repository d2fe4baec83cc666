"""A line on a terminal that counts, while reading many runs takes longer than people wait without a word."""

import contextlib
import os
import sys
import time
from typing import Any, Callable, Iterable, Iterator, Optional, TypeVar

from reports.numbers import count

R = TypeVar("R")

#: So long nothing is said, and so much lies between two counts.
PATIENCE_S, STEP_S = 1.0, 0.2

#: Back to the line's beginning, and clear it.
CLEAR = "\r\x1b[K"


def counted(found: Iterable[R], of: int, stream: Any = None,
            clock: Callable[[], float] = time.monotonic) -> Iterator[R]:
    """Yield ``found``, ``of`` in all; where ``stream`` (standard error) is a terminal, say how many there were."""
    stream = stream or sys.stderr
    if not is_live(stream):
        for one in found:
            yield one
        return
    said: Optional[float] = None
    begin = clock()
    try:
        for number, one in enumerate(found, 1):
            now = clock()
            if now - begin >= PATIENCE_S and (said is None or now - said >= STEP_S):
                said = now
                _write(stream, "{}{} of {} read".format(CLEAR, number, count(of, "run")))
            yield one
    finally:
        if said is not None:
            _write(stream, CLEAR)


def is_live(stream: Any) -> bool:
    """Return whether ``stream`` is a terminal whose lines can be written anew."""
    return bool(getattr(stream, "isatty", lambda: False)()) and os.environ.get("TERM") != "dumb"


def _write(stream: Any, text: str) -> None:
    with contextlib.suppress(OSError):  # whoever watched is gone
        stream.write(text)
        stream.flush()
