"""How the live lines of a run look: what is going on on one, below it the bar with its numbers."""

from typing import Any, Callable, Iterable, Optional

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from harness.settings import format_duration

#: Below so many columns the time since the start gives its room to the bar.
NARROW = 60


class LeftColumn(ProgressColumn):
    """The time left, asked anew whenever the line is drawn."""

    def __init__(self, left_s: Callable[[], Optional[float]]) -> None:
        super(LeftColumn, self).__init__()
        self._left_s = left_s

    def render(self, task: Task) -> Text:
        """Return the time left, nothing while it is not known."""
        left = self._left_s()
        return Text("" if left is None else "{} left".format(format_duration(left)), no_wrap=True)


class TwoLines(Progress):
    """The description above the bar: beside it, it would leave the bar no room."""

    def get_renderables(self) -> Iterable[Any]:
        """Yield both lines; the upper one is cut with an ellipsis, for nothing may fold here."""
        for task in self.tasks:
            yield Text(task.description, no_wrap=True, overflow="ellipsis")
        yield self.make_tasks_table(self.tasks)


def bar_of(left_s: Callable[[], Optional[float]], console: Optional[Console] = None) -> Progress:
    """Return the live lines; ``left_s`` tells the seconds left, and the bar takes what the numbers leave."""
    console = console or Console()
    elapsed = [TimeElapsedColumn()] if console.width >= NARROW else []
    return TwoLines(BarColumn(bar_width=None), TextColumn("{task.completed:.0f}/{task.total:.0f}"), *elapsed,
                    LeftColumn(left_s), console=console, expand=True)
