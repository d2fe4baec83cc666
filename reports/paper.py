"""Makes the papers' tables and figures from recorded runs: ``python -m reports.paper RUN... [--out DIR]``.

Every claim of ``results/published/claims`` gets a table, a figure where something was measured, and one verdict.
"""

import argparse
import os
import sys
from typing import Any, Iterator, List, Optional, Sequence, Tuple

from harness.caller import shown_path
from harness.record import RecordError, folder_of, load_run
from reports.findings.claim_tables import ClaimTable, claim_tables
from reports.findings.claims import read_claims
from reports.findings.cleaned import cleaned
from reports.findings.evidence import evidence
from reports.findings.judging import Holds
from reports.findings.published import PublishedError, read_published
from reports.formats.claims_drawing import Drawn, drawn
from reports.formats.claims_files import captions, csv, markdown
from reports.formats.claims_latex import tex, tex_single
from reports.formats.claims_publication import claim_figures
from reports.formats.claims_svg import claim_svg
from reports.formats.claims_text import HOLDS, SEVERAL_HOLD
from reports.formats.files import Content
from reports.formats.publication import ABSENT
from reports.numbers import count
from reports.told import told
from reports.writing import OutputError, folder_of_several, write

USAGE = 2
FOLDER = "papers"


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Make what ``argv`` asks for; return 0, or 2 with one sentence on standard error."""
    arguments = parser().parse_args(argv)
    plotting = None if arguments.no_figures else matplotlib_or_none()
    try:
        runs = [evidence(told(load_run(path))) for path in arguments.runs]
        tables = cleaned(claim_tables(read_claims(read_published()), runs))
        out = arguments.out or default_folder(folder_of(arguments.runs[0]), [one.run.about.run for one in runs])
        for name, content in files(tables, plotting, not arguments.no_figures):
            write(out, name, content)
    except (RecordError, PublishedError, OutputError, OSError) as error:
        sys.stderr.write("{}\n".format(error))
        return USAGE
    if plotting is None and not arguments.no_figures:
        sys.stderr.write(ABSENT + "\n")
    sys.stdout.write("{}\n{}\n".format(tally(tables), shown_path(os.path.join(out, "claims.md"))))
    return 0


def default_folder(first: str, runs: Sequence[str]) -> str:
    """Return where the files go unless the user says: below the ``first`` run's folder, for several a new one."""
    return os.path.join(first, FOLDER) if len(runs) == 1 else folder_of_several(FOLDER, first, runs)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(prog="python -m reports.paper", description=(
        "Make the papers' tables and figures: every claim beside what the runs measured, with a verdict."))
    found.add_argument("runs", nargs="+", metavar="RUN", help="folder of a run")
    found.add_argument("--out", metavar="DIR", help="where to write (default: 'papers' in the run's folder, for "
                                                    "several runs a folder beside the first)")
    found.add_argument("--no-figures", action="store_true", help="write the tables alone")
    return found


def matplotlib_or_none() -> Any:
    """Return matplotlib, ``None`` where it is not installed."""
    try:
        import matplotlib
    except ImportError:
        return None
    return matplotlib


def files(tables: Sequence[ClaimTable], matplotlib: Any, figures: bool = True) -> Iterator[Tuple[str, Content]]:
    """Yield the name and content of every file: tables first, so that they are there whatever a figure does."""
    yield "claims.md", markdown(tables)
    yield "claims.csv", csv(tables)
    for one in tables:
        yield "tables/{}.tex".format(one.claim.id), tex(one)
        yield "tables/{}-single.tex".format(one.claim.id), tex_single(one)
    shown: List[Tuple[ClaimTable, Drawn]] = [(one, found) for one in tables for found in [drawn(one)]
                                             if found is not None] if figures else []
    if shown:
        yield "figures/captions.md", captions(shown)
    for one, found in shown:
        name = "figures/" + one.claim.id
        yield name + ".svg", claim_svg(found, "arXiv {}: {}".format(one.claim.paper, one.claim.sentence))
        if matplotlib is not None:
            for ending, content in claim_figures(matplotlib, found):
                yield "{}-{}".format(name, ending), content


def tally(tables: Sequence[ClaimTable]) -> str:
    """Return how many claims have which verdict, in one line."""
    found = [(word, sum(one.judged.holds is word for one in tables)) for word in Holds]
    return "{}: {}.".format(count(len(tables), "claim"), ", ".join(
        count(number, HOLDS[word].lower(), SEVERAL_HOLD[word]) for word, number in found if number))


if __name__ == "__main__":
    sys.exit(main())
