"""The commands that read what is there: report, compare, export and serve. Each works in a process of its own."""

import contextlib
import os
import subprocess
import sys
from typing import Dict, List, Optional, Sequence, Tuple

import click

from harness.app.arguments import STOPPED, FolderType, ShareType, StatusCommand, UnreadableError
from harness.caller import from_caller
from harness.nearest import unknown
from harness.notebook.run import REFERENCE, RESULTS, runs_in, search_run
from harness.plan import slug
from harness.record import FILE_NAME
from harness.signals import Ended, ending_signals_raise
from harness.system.children import end_process

#: What stands for the papers' printed numbers where runs are named.
PUBLISHED = "published"

#: What ``export`` makes of runs, and of layers.
RUN_FORMS = ["pyperf", "github-action-benchmark", "csv", "parquet", "json"]
MODEL_FORMS = ["onnx", "tflite", "ncnn"]

SHARE = ShareType()
FOLDER = FolderType()


def find_run(name: str, out: str = RESULTS) -> str:
    """Return the folder of the run ``name``: a path (also of its record), or a run's name in ``out``.

    Raises ``ValueError`` in one sentence.
    """
    path = from_caller(name)
    found = search_run([path, name, os.path.join(out, name), os.path.join(REFERENCE, name)])
    if found is None and os.path.basename(path) == FILE_NAME and os.path.isfile(path):
        return os.path.dirname(path) or "."
    if found is None and os.path.exists(path):
        raise ValueError("{} holds no {}: name the folder of one run".format(name, FILE_NAME))
    if found is None:
        raise ValueError(unknown("run", name, runs_in([out, REFERENCE])))
    return found


def report_process(folders: Sequence[str], options: Sequence[str] = (), module: str = "reports") -> int:
    """Make reports in a process of their own: pandas and templates would stay in this one's memory.

    It ends with this one: whoever ends the command wants no more of it.
    """
    from harness.process import worker_environment

    command = [sys.executable, "-m", module] + list(options) + list(folders)
    with contextlib.ExitStack() as stack:
        try:
            with ending_signals_raise():
                process = subprocess.Popen(command, env=worker_environment({}))
                stack.callback(end_process, process)
                return process.wait()
        except KeyboardInterrupt:  # the process had it too; click would make it a 1, which is an answer of 'compare'
            return STOPPED
        except Ended as ended:
            return 128 + ended.number


def _find_all(names: Sequence[str]) -> Tuple[str, ...]:
    try:
        return tuple(find_run(name) for name in names)
    except ValueError as error:
        raise click.ClickException(str(error)) from None


@click.command(short_help="Make the report of runs again from their records.")
@click.argument("runs", nargs=-1, required=True)
@click.option("--format", "kind", type=click.Choice(["all", "terminal", "markdown", "html", "json"]), default="all",
              show_default=True, help="What to make.")
@click.option("--out", type=FolderType(dash=True), help="Folder for the files, - for standard output. Default: the "
                                                        "run's own.")
@click.option("--figures", type=click.Choice(["some", "all", "none"]), default="some", show_default=True,
              help="Publication figures: 'some' stops at 24 comparisons.")
@click.option("--paper", is_flag=True, help="The papers' tables and figures instead: every claim with a verdict.")
@click.option("--json", "as_json", is_flag=True, help="As JSON on standard output, for programs.")
def report(runs: Sequence[str], kind: str, out: Optional[str], figures: str, paper: bool, as_json: bool) -> None:
    """Make the report of RUNS again from their records alone; several runs stand side by side."""
    if as_json:
        if kind not in ("all", "json") or paper or out:
            raise click.ClickException("--json prints one thing: leave out --format, --paper and --out")
        kind, out = "json", "-"
    if paper:
        if kind != "all":
            raise click.ClickException("--paper makes all of its formats: leave out --format")
        options = (["--out", out] if out else []) + (["--no-figures"] if figures == "none" else [])
        sys.exit(report_process(_find_all(runs), options, module="reports.paper"))
    options = ["--format", kind] + (["--out", out] if out else [])
    options += {"some": [], "all": ["--all-figures"], "none": ["--no-figures"]}[figures]
    sys.exit(report_process(_find_all(runs), options))


@click.command(cls=StatusCommand, short_help="Compare runs case by case; exit status for CI.")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN [RUN...]")
@click.option("--fail-on", type=SHARE, metavar="SHARE", help="The slowdown that counts, such as 5%. Default: any.")
@click.option("--format", "kind", type=click.Choice(["table", "markdown", "csv", "json", "html"]), default="table",
              show_default=True, help="What to print.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs: --format json.")
def compare(runs: Sequence[str], fail_on: Optional[float], kind: str, as_json: bool) -> None:
    """Compare runs case by case, each with the first; 'published' stands for the papers' printed numbers.

    The differences in environment come first, then each rival's advantage over the baseline of its own run, then the
    times. Runs of several devices stand side by side.

    Exit status: 0 nothing slower, 1 something slower, 2 nothing slower but something cannot be told, 3 a run
    could not be read.
    """
    if as_json and kind not in ("table", "json"):
        raise UnreadableError("--json or --format {}: not both".format(kind))
    kind = "json" if as_json else kind
    try:
        folders = [name if name == PUBLISHED else find_run(name) for name in runs]
    except ValueError as error:
        raise UnreadableError(str(error)) from None
    sys.exit(report_process(folders, ["--format", kind] + fail_on_options(fail_on), module="reports.compare"))


def fail_on_options(share: Optional[float]) -> List[str]:
    """Return the option that hands ``share`` on to a report, if there is one."""
    return [] if share is None else ["--fail-on", "{:.9g}%".format(100.0 * share)]


@click.command(short_help="Write runs, or a layer, for other programs.")
@click.argument("names", nargs=-1, required=True, metavar="RUN... | LAYER")
@click.option("--to", "form", required=True, type=click.Choice(RUN_FORMS + MODEL_FORMS), help="The form.")
@click.option("--out", metavar="PATH", help="File to write, of runs - for standard output. Default: one in the run's "
                                            "folder, for a table of several or a model one here.")
@click.option("--shape", metavar="NxCxHxW", help="Of a model: its input. Default: 1x256x14x14, of a network "
                                                 "1x3x224x224.")
@click.option("--variant", metavar="VARIANT", help="Of a network: dense, fwht, ... Default: dense.")
@click.option("--form", "model_form", metavar="FORM", help="Of a model: stock, int8, ... Default: the layer's first.")
def export(names: Sequence[str], form: str, out: Optional[str], **model: Optional[str]) -> None:
    """Write RUNS for other programs, or a LAYER as a model for other engines.

    Of runs: every sample for pyperf, medians for dashboards, or one tidy table of all.

    A LAYER (such as conv1x1, wht1d-two-stage, wht1d-fused), a network (mobilenet_v2) or FILE.py:ENTRY goes to onnx,
    tflite or ncnn; what was written is run at once and held against float64, where its engine is installed.
    """
    where = None if out is None else out if out == "-" else from_caller(out)
    if form in MODEL_FORMS:
        sys.exit(_export_model(names, form, where, model))
    given = [name for name, value in model.items() if value]
    if given:
        raise click.ClickException("--{} is for models (--to {}), not for runs".format(
            given[0].replace("model_", ""), ", ".join(MODEL_FORMS)))
    options = ["--to", form] + (["--out", where] if where else [])
    sys.exit(report_process(_find_all(names), options, module="reports.export"))


def _export_model(names: Sequence[str], form: str, out: Optional[str], model: Dict[str, Optional[str]]) -> int:
    if len(names) > 1 or out == "-":
        raise click.ClickException("--to {} writes one layer to files: name one, and a path with --out".format(form))
    layer, colon, entry = names[0].partition(".py:")
    options = ["--to", form, "--out", out or from_caller(slug(" ".join(filter(None, (
        entry or layer, model["variant"], model["model_form"])))))]
    for name, value in model.items():
        options += ["--" + name.replace("model_", ""), value] if value else []
    named = from_caller(layer + ".py") + ":" + entry if colon else layer
    return report_process([named], options, module="suites.export")


@click.command(short_help="Show a folder of runs in a browser.")
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
