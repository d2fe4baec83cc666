"""What the command line makes of words: durations, wrong names, and the checks made before torch is loaded."""

import os
import shutil
from typing import Any, List, Optional

import click

from harness.caller import from_caller
from harness.nearest import unknown
from harness.plan import Suite, Target
from harness.planning import plan_comparisons
from harness.settings import parse_duration, parse_share, parse_size

#: Exit status of a comparison whose runs or arguments could not be read.
UNREADABLE = 3

#: As a shell counts a command that Ctrl-C ended.
STOPPED = 130

#: Columns of help: without a limit given, at least, and up to which names have no room beside what they mean.
MOST_COLUMNS, LEAST_COLUMNS, NARROW_COLUMNS = 80, 30, 58


class DurationType(click.ParamType):
    """A duration such as ``90s``, ``10m`` or ``1h30m``, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return seconds, or fail with one sentence."""
        try:
            return value if isinstance(value, float) else parse_duration(str(value))
        except ValueError as error:
            return self.fail(str(error), param, ctx)


class SizeType(click.ParamType):
    """An amount of memory such as ``500MB`` or ``4GB``, as bytes."""

    name = "size"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Return bytes, or fail with one sentence."""
        try:
            return value if isinstance(value, int) else parse_size(str(value))
        except ValueError as error:
            return self.fail(str(error), param, ctx)


class FolderType(click.Path):
    """A folder of the caller's; with ``dash`` also ``-``, standard output."""

    def __init__(self, dash: bool = False) -> None:
        super(FolderType, self).__init__(file_okay=False)
        self.dash = dash

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the path as the user meant it, or fail with one sentence."""
        if self.dash and value == "-":
            return value
        return super(FolderType, self).convert(from_caller(str(value)), param, ctx)


class ShareType(click.ParamType):
    """A share such as ``5%`` (also ``5``), as 0.05."""

    name = "share"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return the share, or fail with one sentence."""
        try:
            return value if isinstance(value, float) else parse_share(str(value))
        except ValueError as error:
            return self.fail(str(error), param, ctx)


class StatusCommand(click.Command):
    """A command whose exit statuses 1 and 2 are answers: what is wrong with its arguments ends with 3."""

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        """Take the arguments, or fail with status 3. Raises :class:`UnreadableError` for arguments that are none."""
        try:
            return super(StatusCommand, self).parse_args(ctx, args)
        except click.UsageError as error:
            click.echo(ctx.get_usage(), err=True)
            raise UnreadableError(error.format_message()) from None


class AgainstCommand(StatusCommand):
    """A command that answers with statuses 1 and 2 where ``--against`` is given."""

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        """Take the arguments, or fail with status 3 where a comparison was asked for."""
        asked = any(one == "--against" or one.startswith("--against=") for one in args)
        return super(AgainstCommand if asked else StatusCommand, self).parse_args(ctx, args)


class UnreadableError(click.ClickException):
    """What ends a comparison that cannot be made: with a status of its own, for 1 and 2 are answers."""

    exit_code = UNREADABLE


class TerminalFormatter(click.HelpFormatter):
    """Help as wide as the terminal is: click's own takes 50 columns at least, and half of them for the options."""

    def __init__(self, indent_increment: int = 2, width: Optional[int] = None,
                 max_width: Optional[int] = None) -> None:
        columns = min(shutil.get_terminal_size().columns, max_width or MOST_COLUMNS)
        super(TerminalFormatter, self).__init__(indent_increment, width or max(columns - 2, LEAST_COLUMNS), max_width)

    def write_dl(self, rows: Any, col_max: int = 30, col_spacing: int = 2) -> None:
        """Write ``rows`` of a name and what it means; on a narrow terminal the meaning stands below a long name."""
        super(TerminalFormatter, self).write_dl(rows, col_max if self.width > NARROW_COLUMNS else 8, col_spacing)


class TerminalContext(click.Context):
    """A context whose help fits the terminal."""

    formatter_class = TerminalFormatter


class NearestGroup(click.Group):
    """A click group that answers an unknown command with the nearest known one, and Ctrl-C as a shell counts it."""

    context_class = TerminalContext

    def add_command(self, cmd: click.Command, name: Optional[str] = None) -> None:
        """Take ``cmd``, whose help is to fit the terminal too."""
        cmd.context_class = TerminalContext
        super(NearestGroup, self).add_command(cmd, name)

    def invoke(self, ctx: click.Context) -> Any:
        """Do what was asked for; click would make Ctrl-C a 1, which is an answer of 'compare'."""
        try:
            return super(NearestGroup, self).invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(STOPPED)

    def resolve_command(self, ctx: click.Context, args: List[str]) -> Any:
        """Find the command, or fail with the nearest name."""
        if args and self.get_command(ctx, args[0]) is None:
            ctx.fail(unknown("command", args[0], self.list_commands(ctx)))
        return super(NearestGroup, self).resolve_command(ctx, args)


def check_selection(suite: Suite, device: Optional[str], threads: Optional[int], quick: bool,
                    only: Optional[str]) -> None:
    """Raise ``ValueError`` in one sentence if ``suite`` has nothing to run for any machine this may be.

    Which device and how many threads torch has is known only once a worker has loaded it, which takes seconds
    (a minute from an SD card). What is wrong on every one of them is said before.
    """
    error: Optional[ValueError] = None
    for each_device in [device] if device else ["cpu", "cuda"]:
        for each_threads in [threads] if threads else sorted({1, os.cpu_count() or 1}):
            try:
                plan_comparisons(suite, Target(each_device, each_threads), quick, only)
                return
            except ValueError as found:
                error = error or found
    if error is not None:
        raise error
