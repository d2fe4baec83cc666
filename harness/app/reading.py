"""The commands that read recorded runs: report, compare, export and serve. Each works in a process of its own."""

import os
import subprocess
import sys
from typing import List, Optional, Sequence, Tuple

import click

from harness.app.arguments import FolderType, ShareType, StatusCommand, UnreadableError, from_caller
from harness.nearest import unknown
from harness.notebook.run import REFERENCE, RESULTS, runs_in, search_run

#: What stands for the papers' printed numbers where runs are named.
PUBLISHED = "published"

SHARE = ShareType()
FOLDER = FolderType()


def find_run(name: str, out: str = RESULTS) -> str:
    """Return the folder of the run ``name``: a path, or a run's name in ``out``; raises ``ValueError``."""
    found = search_run([from_caller(name), name, os.path.join(out, name), os.path.join(REFERENCE, name)])
    if found is None:
        raise ValueError(unknown("run", name, runs_in([out])))
    return found


def report_process(folders: Sequence[str], options: Sequence[str] = (), module: str = "reports") -> int:
    """Make reports in a process of their own: pandas and templates would stay in this one's memory."""
    from harness.process import worker_environment

    return subprocess.call([sys.executable, "-m", module] + list(options) + list(folders), env=worker_environment({}))


def _find_all(names: Sequence[str]) -> Tuple[str, ...]:
    try:
        return tuple(find_run(name) for name in names)
    except ValueError as error:
        raise click.ClickException(str(error)) from None


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--format", "kind", type=click.Choice(["all", "terminal", "markdown", "html", "json"]), default="all",
              show_default=True, help="What to make.")
@click.option("--out", type=FOLDER, help="Folder for the files. Default: the run's own.")
@click.option("--figures", type=click.Choice(["some", "all", "none"]), default="some", show_default=True,
              help="Publication figures: 'some' stops at 24 comparisons.")
@click.option("--paper", is_flag=True, help="The papers' tables and figures instead: every claim with a verdict.")
def report(runs: Sequence[str], kind: str, out: Optional[str], figures: str, paper: bool) -> None:
    """Make the report of RUNS again from their records alone; several runs stand side by side."""
    if paper:
        if kind != "all":
            raise click.ClickException("--paper makes all of its formats: leave out --format")
        options = (["--out", out] if out else []) + (["--no-figures"] if figures == "none" else [])
        sys.exit(report_process(_find_all(runs), options, module="reports.paper"))
    options = ["--format", kind] + (["--out", out] if out else [])
    options += {"some": [], "all": ["--all-figures"], "none": ["--no-figures"]}[figures]
    sys.exit(report_process(_find_all(runs), options))


@click.command(cls=StatusCommand)
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN [RUN...]")
@click.option("--fail-on", type=SHARE, metavar="SHARE", help="The slowdown that counts, such as 5%. Default: any.")
@click.option("--format", "kind", type=click.Choice(["table", "markdown", "csv", "json", "html"]), default="table",
              show_default=True, help="What to print.")
def compare(runs: Sequence[str], fail_on: Optional[float], kind: str) -> None:
    """Compare runs case by case, each with the first; 'published' stands for the papers' printed numbers.

    The differences in environment come first, then each rival's advantage over the baseline of its own run, then the
    times. Runs of several devices stand side by side.

    Exit status: 0 nothing slower, 1 something slower, 2 nothing slower but something cannot be told, 3 a run
    could not be read.
    """
    try:
        folders = [name if name == PUBLISHED else find_run(name) for name in runs]
    except ValueError as error:
        raise UnreadableError(str(error)) from None
    sys.exit(report_process(folders, ["--format", kind] + fail_on_options(fail_on), module="reports.compare"))


def fail_on_options(share: Optional[float]) -> List[str]:
    """Return the option that hands ``share`` on to a report, if there is one."""
    return [] if share is None else ["--fail-on", "{:.9g}%".format(100.0 * share)]


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--to", "form", required=True, type=click.Choice(["pyperf", "github-action-benchmark", "csv", "parquet",
                                                                "json"]), help="The form.")
@click.option("--out", metavar="PATH", help="File to write, - for standard output. Default: one in the run's folder.")
def export(runs: Sequence[str], form: str, out: Optional[str]) -> None:
    """Write RUNS for other programs: every sample for pyperf, medians for dashboards, or one tidy table of all."""
    options = ["--to", form] + (["--out", out if out == "-" else from_caller(out)] if out else [])
    sys.exit(report_process(_find_all(runs), options, module="reports.export"))


@click.command()
@click.argument("folder", required=False, type=FOLDER)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes any free one.")
def serve(folder: Optional[str], port: int) -> None:
    """Show the runs in FOLDER (default: the project's results) in a browser, a running one with what it has so far.

    Answers on this machine alone; from another: ssh -L 8000:127.0.0.1:8000 BOARD.
    """
    from harness.process import worker_environment

    # In this process's place: Ctrl-C and its exit status are the server's own.
    os.execve(sys.executable, [sys.executable, "-m", "reports.server", "--port", str(port), folder or RESULTS],
              worker_environment({}))


COMMANDS = (report, compare, export, serve)
