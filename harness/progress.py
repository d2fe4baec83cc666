"""What the user sees while a run goes on: a bar on a terminal, plain lines anywhere else."""

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

    def begin(self, total: int, done: int, work_left: float) -> None:
        """Say how many units there are, how many an earlier session finished, and the work left (any measure)."""
        self._started, self.done, self.total = self._clock(), done, total
        self._work_done, self._work_left = 0.0, work_left

    def unit(self, text: str) -> None:
        """A unit named ``text`` starts. Plain lines come when it ends."""

    def within(self, done: int, total: int, text: str, left_s: Optional[float]) -> None:
        """The unit under way has done ``done`` of ``total`` steps."""

    def unit_done(self, text: str, work: float, failed: bool = False) -> None:
        """The unit ended; ``text`` says how, ``work`` how much of the work it was."""
        self.done += 1
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

    def _left(self) -> str:
        if self.done >= self.total or not self._work_done:
            return ""
        left = (self._clock() - self._started) / self._work_done * self._work_left
        return " (about {} left)".format(format_duration(max(0.0, left)))


class BarProgress(PlainProgress):
    """A live bar with the time left, drawn by rich; failures and notes stay above it."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        super(BarProgress, self).__init__(write=lambda text: None)
        self._bar = Progress(TextColumn("{task.description}"), BarColumn(bar_width=24),
                             TextColumn("{task.completed:.0f}/{task.total:.0f}"), TimeElapsedColumn(),
                             TextColumn("{task.fields[left]}"))
        self._task = self._bar.add_task("starting", total=1, left="")
        self._bar.start()

    def begin(self, total: int, done: int, work_left: float) -> None:
        """See :class:`PlainProgress`."""
        super(BarProgress, self).begin(total, done, work_left)
        self._bar.update(self._task, total=total, completed=done)

    def unit(self, text: str) -> None:
        """See :class:`PlainProgress`."""
        self._name = text = printable(text)
        self._bar.update(self._task, description=text)

    def within(self, done: int, total: int, text: str, left_s: Optional[float]) -> None:
        """See :class:`PlainProgress`."""
        part = min(1.0, done / float(total)) if total else 0.0
        self._bar.update(self._task, completed=self.done + part,
                         description="{}: {}".format(self._name, printable(text)))

    def unit_done(self, text: str, work: float, failed: bool = False) -> None:
        """See :class:`PlainProgress`."""
        super(BarProgress, self).unit_done(text, work, failed)
        self._bar.update(self._task, completed=self.done, left=self._left())
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


def make_progress(stream: Any = sys.stderr) -> PlainProgress:
    """Return a bar where ``stream`` is a terminal that can show one, else plain lines on it."""
    encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
    if stream.isatty() and encoding == "utf8":
        return BarProgress()
    return PlainProgress(lambda text: print(text, file=stream, flush=True))
