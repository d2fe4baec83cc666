"""What the user sees while a run goes on: a bar on a terminal, plain lines anywhere else."""

import contextlib
import sys
import time
from typing import Any, Callable, Optional

from harness.settings import format_duration
from harness.text import printable


class PlainProgress:
    """One line for each finished unit, with the time left; fit for a log file."""

    def __init__(self, write: Callable[[str], Any] = print, clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._started = clock()
        self.done = 0
        self.total = 0
        self._work_done = 0.0
        self._work_left = 0.0
        self._unit_work = 0.0
        self._part = 0.0
        self._own_left_s: Optional[float] = None
        self._told_s = 0.0

    def begin(self, total: int, done: int, work_left: float) -> None:
        """Say how many units there are, how many an earlier session finished, and the work left (any measure)."""
        self._started, self.done, self.total = self._clock(), done, total
        self._work_done, self._work_left = 0.0, work_left
        self._between()

    def unit(self, text: str, work: float = 0.0) -> None:
        """A unit named ``text`` starts, which is so much of the work. Plain lines come when it ends."""
        self._unit_work = work

    def within(self, done: float, total: float, text: str, left_s: Optional[float]) -> None:
        """The unit under way has done ``done`` of ``total`` steps and needs ``left_s`` seconds more, if it knows."""
        self._part = min(1.0, done / float(total)) if total else 0.0
        self._own_left_s, self._told_s = left_s, self._clock()

    def unit_done(self, text: str, work: float, failed: bool = False) -> None:
        """The unit ended; ``text`` says how, ``work`` how much of the work it was."""
        self.done += 1
        self._between()
        self._work_done += work
        self._work_left -= work
        self._write("[{}/{}] {}{}".format(self.done, self.total, printable(text), self._left()))

    def skip(self, work: float) -> None:
        """A planned unit turned out not to be needed."""
        self.total -= 1
        self._work_left -= work

    def note(self, text: str) -> None:
        """Say something between two units."""
        self._write(printable(text))

    def close(self) -> None:
        """The run is over."""

    def _between(self) -> None:
        self._told_s = self._clock()
        self._unit_work, self._part, self._own_left_s = 0.0, 0.0, None

    def left_s(self) -> Optional[float]:
        """Return the seconds left as they look now, ``None`` while nothing tells the pace.

        The unit under way counts with its own estimate, or with the pace so far where it has none; the whole runs
        down between two words from it.
        """
        done = self._work_done + self._part * self._unit_work
        if self.done >= self.total or not done:
            return None
        pace = (self._told_s - self._started) / done
        own = pace * (1.0 - self._part) * self._unit_work if self._own_left_s is None else self._own_left_s
        return max(0.0, own + pace * (self._work_left - self._unit_work) - (self._clock() - self._told_s))

    def _left(self) -> str:
        left = self.left_s()
        return "" if left is None else " (about {} left)".format(format_duration(left))


class BarProgress(PlainProgress):
    """Two live lines drawn by rich, what is going on and a bar with the time left; notes stay above them."""

    def __init__(self, console: Any = None, clock: Callable[[], float] = time.monotonic) -> None:
        from harness.progress_bar import bar_of

        super(BarProgress, self).__init__(write=lambda text: None, clock=clock)
        self._bar = bar_of(self.left_s, console)
        self._task = self._bar.add_task("starting", total=1)
        self._bar.start()

    def begin(self, total: int, done: int, work_left: float) -> None:
        """See :class:`PlainProgress`."""
        super(BarProgress, self).begin(total, done, work_left)
        self._bar.update(self._task, total=total, completed=done)

    def unit(self, text: str, work: float = 0.0) -> None:
        """See :class:`PlainProgress`."""
        super(BarProgress, self).unit(text, work)
        self._name = text = printable(text)
        self._bar.update(self._task, description=text)

    def within(self, done: float, total: float, text: str, left_s: Optional[float]) -> None:
        """See :class:`PlainProgress`."""
        super(BarProgress, self).within(done, total, text, left_s)
        self._bar.update(self._task, completed=self.done + self._part,
                         description="{}: {}".format(self._name, printable(text)))

    def unit_done(self, text: str, work: float, failed: bool = False) -> None:
        """See :class:`PlainProgress`."""
        super(BarProgress, self).unit_done(text, work, failed)
        self._bar.update(self._task, completed=self.done)
        if failed:
            self._bar.console.print(printable(text), markup=False, highlight=False)

    def skip(self, work: float) -> None:
        """See :class:`PlainProgress`."""
        super(BarProgress, self).skip(work)
        self._bar.update(self._task, total=self.total)

    def note(self, text: str) -> None:
        """See :class:`PlainProgress`."""
        self._bar.console.print(printable(text), markup=False, highlight=False)

    def close(self) -> None:
        """See :class:`PlainProgress`."""
        self._bar.stop()


class Unwatched:
    """A stream that may lose its reader, a terminal that is closed say: what is written then is nobody's loss."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write ``text`` if anybody reads it."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Pass on what was written if anybody reads it."""
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def make_progress(stream: Any = None) -> PlainProgress:
    """Return a bar where ``stream`` (standard error) is a terminal that can show one, else plain lines on it."""
    stream = Unwatched(stream or sys.stderr)
    encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
    if stream.isatty() and encoding == "utf8":
        from rich.console import Console

        return BarProgress(Console(file=stream))
    return PlainProgress(lambda text: print(text, file=stream, flush=True))
