"""The papers' script played again, in words: its rounds, and a paragraph on each claim that it settles."""

from typing import List

from reports.findings.about import About
from reports.findings.claim_tables import ClaimTable
from reports.findings.claims import Cannot
from reports.findings.protocol import Script, ScriptRow
from reports.formats.claims_text import CANNOT, HOLDS, SIZES, amount, measured, where
from reports.formats.sheet import Sheet
from reports.formats.texts import device_text
from reports.numbers import seconds

SECTION = "The papers' script, played again"
#: Rounds shown; all of them stand in the record.
SHOWN = 5


def script_sheet(script: Script, about: About) -> Sheet:
    """Return one comparison by the papers' script."""
    notes = [claim_text(one, script, about) for one in script.claims]
    notes.append("The first round is kept and marked: what an engine does once (weights packed, memory asked for) "
                 "falls into it. The rounds shown are those that each case played alone, in this order, before the "
                 "interleaved ones that the verdict rests on.")
    return Sheet("script-" + script.id, SECTION, script.title,
                 ("case", "what ran", "published time", "first round (marked)", "rounds after it"),
                 [_cells(row) for row in script.rows], (2, 3), notes)


def _cells(row: ScriptRow) -> List[str]:
    later = ", ".join(str(seconds(one)) for one in row.later_s[:SHOWN])
    more = len(row.later_s) - SHOWN
    return [row.name, row.ran or "", seconds(row.published_s) or "not given", seconds(row.first_s) or "not timed",
            later + (" and {} more".format(more) if more > 0 else "")]


def claim_text(table: ClaimTable, script: Script, about: About) -> str:
    """Return the paragraph on one claim: does it hold, by how much, on what engine and machine."""
    claim = table.claim
    told = []
    for row, cell in zip(claim.rows, table.columns[0].cells if table.columns else ()):
        if cell.judged is None:
            continue
        ran = {one.case: one for one in script.rows}
        own = ran.get("{}/{}".format(row.comparison, row.case))
        sides = "{} against {}".format(own.name if own is not None else row.name, script.baseline)
        if own is not None and own.ran is not None:
            sides += " ({})".format(own.ran)
        if cell.value is None or cell.judged.cannot is not None:
            why = CANNOT[cell.judged.cannot or Cannot.NOT_MEASURED].format(suite="protocol")
            told.append("{}: {}{}, {}".format(HOLDS[cell.judged.holds].lower(),
                                              "" if cell.value is None else measured(claim, cell) + ", ", why, sides))
            continue
        size = "" if cell.judged.size is None else " ({})".format(SIZES[cell.judged.size])
        told.append("{}: {} measured, {} published{}, {}".format(
            HOLDS[cell.judged.holds].lower(), measured(claim, cell), amount(claim, row.value), size, sides))
    return "\u201c{}\u201d (arXiv {}) {} on {}.".format(
        claim.sentence, claim.paper, "; ".join(told) or "cannot be tested: no case of it was planned",
        where(table.columns[0]) if table.columns else device_text(about.device))
