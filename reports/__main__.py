"""Makes the report of recorded runs: ``python -m reports RUN... [--format ...] [--out DIR] [--no-figures]``."""

import argparse
import io
import os
import sys
from typing import Any, Dict, List, Optional, Sequence

from harness.record import RecordError, Run, load_run
from reports.figures import all_figures
from reports.markdown import markdown
from reports.page import render_page
from reports.page_data import all_traces, page_data
from reports.publication import MOST, make_figures
from reports.published import PublishedError
from reports.tables import energy_csv, memory_csv, published_csv, samples_csv, speed_csv
from reports.terminal import print_report

FORMATS = ("terminal", "markdown", "html", "all")
USAGE = 2


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Make the reports ``argv`` asks for; return the exit status: 0, or 2 with one sentence on standard error."""
    arguments = parser().parse_args(argv)
    try:
        runs = [load_run(path) for path in arguments.runs]
        out = arguments.out or default_folder(runs)
        data = page_data(runs[0], others=runs[1:])
        wanted = arguments.format
        written: List[str] = []
        if wanted != "terminal":
            most = 0 if arguments.no_figures else sys.maxsize if arguments.all_figures else MOST
            written = write_report(runs[0], data, out, wanted, most)
        if wanted in ("terminal", "all"):
            page = os.path.join(out, "report.html")
            print_report(data, os.path.relpath(page) if page in written else None)
        else:
            print(os.path.relpath(written[0]))
    except (RecordError, PublishedError, OSError) as error:
        sys.stderr.write("{}\n".format(error))
        return USAGE
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(prog="python -m reports", description=(
        "Make the report of a recorded run again, from its record alone. Several runs stand side by side."))
    found.add_argument("runs", nargs="+", metavar="RUN", help="folder of a run, such as results/<run id>")
    found.add_argument("--format", choices=FORMATS, default="all", help="what to make (default: all)")
    found.add_argument("--out", metavar="DIR", help="where to write (default: the run's own folder; for several "
                                                    "runs a folder 'side-by-side' beside the first)")
    figures = found.add_mutually_exclusive_group()
    figures.add_argument("--no-figures", action="store_true", help="write no figures")
    figures.add_argument("--all-figures", action="store_true", help="figures for papers of every comparison, not "
                                                                    "only of the first {}".format(MOST))
    return found


def default_folder(runs: Sequence[Run]) -> str:
    """Return where the files go unless the user says: the folder of the run, or one beside the first of several."""
    if len(runs) == 1:
        return runs[0].folder
    return os.path.join(os.path.dirname(os.path.abspath(runs[0].folder)), "side-by-side")


def write_report(run: Run, data: Dict[str, Any], out: str, wanted: str, figures: int) -> List[str]:
    """Write the files of format ``wanted`` below ``out``; return their paths, the page first where there is one.

    ``figures`` is the number of comparisons to draw for papers; 0 writes no figures at all.
    """
    written = []
    if wanted in ("html", "all"):
        written.append(write(out, "report.html", render_page(data)))
    if wanted in ("markdown", "all"):
        written.append(write(out, "report.md", markdown(data)))
    if wanted == "all":
        tables = {"speed": speed_csv(data), "memory": memory_csv(run), "energy": energy_csv(data),
                  "samples": samples_csv(run), "published": published_csv(data)}
        written += [write(out, os.path.join("tables", name + ".csv"), tables[name]) for name in sorted(tables)]
        if figures:
            folder = os.path.join(out, "figures")
            written += [write(folder, name, svg) for name, svg in all_figures(data, all_traces(run, data))]
            paths, absent = make_figures(data, folder, figures)
            written += paths
            if absent:
                sys.stderr.write(absent + "\n")
    return written


def write(folder: str, name: str, content: str) -> str:
    """Write text with LF line ends, as UTF-8; return its path."""
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with io.open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(content)
    return path


if __name__ == "__main__":
    sys.exit(main())
