"""The claims' tables as Markdown and CSV, and the captions of their figures."""

from typing import Any, List, Sequence, Tuple

from reports.findings.claim_tables import ClaimTable
from reports.formats.claims_drawing import Drawn
from reports.formats.claims_text import (
    HOLDS,
    PRINTED_NOTE,
    caption,
    cell_reason,
    column_names,
    notes,
    rows_tested_text,
    sheet,
    verdict_text,
)
from reports.formats.markdown import cell as escaped
from reports.formats.markdown import table as markdown_table
from reports.formats.tables import csv_text

HEADS = ("claim", "paper", "row", "comparison", "case", "quantity", "unit", "column", "device", "published", "value",
         "low", "high", "time_s", "verdict", "size", "cannot", "reason", "source")
MARKS = " Hollow diamond: published; filled: measured."
UNMARKED = " A number without a mark is zero, or has no baseline in its own column to be a ratio to."


def markdown(tables: Sequence[ClaimTable]) -> str:
    """Return all claims as Markdown: the list of verdicts, then a table for each."""
    lines = ["# The papers' claims", "", PRINTED_NOTE, ""]
    lines += markdown_table(("claim", "paper", "verdict", "rows tested"), [
        (one.claim.id, "arXiv " + one.claim.paper, HOLDS[one.judged.holds], rows_tested_text(one))
        for one in tables], (3,))
    for one in tables:
        words = sheet(one)
        lines += ["", "## " + escaped(one.claim.id), "",
                  escaped("arXiv {}: {}.".format(one.claim.paper, one.claim.sentence)), "",
                  "**{}**".format(escaped(verdict_text(one))), ""]
        lines += markdown_table([escaped(head) for head in words.heads], words.rows, words.right)
        lines += [""] + [escaped(note) for note in notes(one)] + ["", escaped("Source: {}.".format(one.claim.source))]
    return "\n".join(lines) + "\n"


def csv(tables: Sequence[ClaimTable]) -> str:
    """Return every number of every claim, one a line, in base units; a claim without a run has its published ones."""
    rows: List[Sequence[Any]] = []
    for one in tables:
        claim = one.claim
        for index, row in enumerate(claim.rows):
            head = (claim.id, claim.paper, row.name, row.comparison, row.case, claim.quantity.value, claim.unit)
            if row.value is not None or not one.columns:
                rows.append(head + ("published", "", row.value, None, None, None, row.time_s, "", "", "", row.lacks,
                                    claim.source))
            for name, column in zip(column_names(one), one.columns):
                cell = column.cells[index]
                judged = cell.judged
                rows.append(head + (
                    column.run.about.run, name, None, cell.value, cell.low, cell.high, cell.time_s,
                    "" if judged is None else judged.holds.value,
                    "" if judged is None or judged.size is None else judged.size.value,
                    "" if judged is None or judged.cannot is None else judged.cannot.value,
                    "" if cell.value is not None else cell_reason(claim, cell), ""))
    return csv_text(HEADS, rows)


def captions(figures: Sequence[Tuple[ClaimTable, Drawn]]) -> str:
    """Return the captions of all figures."""
    return "\n\n".join("**{}** {}{}{}".format(
        escaped(one.claim.id), escaped(caption(one)), MARKS, UNMARKED * drawn.unmarked)
        for one, drawn in figures) + "\n"
