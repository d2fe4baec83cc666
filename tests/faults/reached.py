"""Which lines of the project a piece of work reaches that nothing before it has: the guide of the fuzzer."""

import dis
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OURS = tuple(os.path.join(ROOT, name) + os.sep for name in ("harness", "reports"))


class Reached:
    """The lines reached so far. Functions of which every line is known are not traced any more, so it stays quick."""

    def __init__(self):
        self._unknown = {}      # by code object: its lines that nothing has reached yet
        self._fresh = set()

    def by(self, work):
        """Run ``work``; return the lines, as (code object, number), that it is the first to reach."""
        self._fresh = set()
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            work()
        finally:
            sys.settrace(before)
        return frozenset(self._fresh)

    def know(self, lines):
        """Count ``lines`` as reached from now on."""
        for code, number in lines:
            self._unknown[code].discard(number)

    def _called(self, frame, event, argument):
        code = frame.f_code
        if code not in self._unknown:
            self._unknown[code] = {number for _, number in dis.findlinestarts(code) if number} if (
                code.co_filename.startswith(OURS)) else set()
        return self._line if self._unknown[code] else None

    def _line(self, frame, event, argument):
        if event == "line" and frame.f_lineno in self._unknown[frame.f_code]:
            self._fresh.add((frame.f_code, frame.f_lineno))
        return self._line
