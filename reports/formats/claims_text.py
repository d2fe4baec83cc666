"""Claims in words: numbers, verdicts, why something is blank, captions. Every format of the papers prints these."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from reports.findings.claim_tables import ClaimCell, ClaimColumn, ClaimTable, row_verdicts
from reports.findings.claims import COUNTS, SPEEDS, Cannot, Claim, ClaimRow
from reports.findings.judging import Holds, Judged, Size
from reports.findings.published import PERCENT, Quantity
from reports.formats.memory_words import HEAPS
from reports.formats.published_text import as_printed, value_with_unit
from reports.formats.texts import date, device_text
from reports.formats.version_words import versions_text
from reports.numbers import NARROW, count, listing, seconds, significant, times
from reports.wording import QUANTITIES, reason_text

DASH = "\u2013"
BARS = "Error bars: "
PRINTED_NOTE = ("Published numbers are as printed, from the source's runtime and board; none of them was measured "
                "here.")
HOLDS = {Holds.HOLDS: "Holds", Holds.IN_PART: "Holds in part", Holds.DOES_NOT: "Does not hold here",
         Holds.CANNOT_TEST: "Cannot be tested"}
SEVERAL_HOLD = {Holds.HOLDS: "hold", Holds.IN_PART: "hold in part", Holds.DOES_NOT: "do not hold here",
                Holds.CANNOT_TEST: "cannot be tested"}
SIZES = {Size.AS_PUBLISHED: "as published", Size.MORE: "more than published",
         Size.LESS: "less than published", Size.CANNOT_TELL: "how it compares with that cannot be told",
         Size.NOT_GIVEN: "no size is published"}
CANNOT = {
    Cannot.OTHER_LAYERS: "the layers replaced here need not be those the source replaced",
    Cannot.NO_RIVAL: "no suite here holds what the source measured",
    Cannot.NOT_PUBLISHED: "the source, as far as it was available, gives no number",
    Cannot.ON_A_CPU: "it is about devices of high parallelism, and a CPU is none; './run_bench.sh run {suite} "
                     "--device cuda' tests it",
    Cannot.NOT_IN_RUNS: "no run given here holds its cases; './run_bench.sh run {suite}' measures them",
    Cannot.NOT_MEASURED: "the run holds no number of it",
    Cannot.NO_INTERVAL: "one process, or too few rounds, so that nothing says how sure the number is; measure again "
                        "with the default settings",
    Cannot.CANNOT_TELL: "the interval leaves open whether there is the advantage; more launches would tell"}
#: Of one row in one run: another may hold it.
NOT_IN_RUN = "this run does not hold it; './run_bench.sh run {suite}' measures it"


class Sheet(NamedTuple):
    """One claim's table in words: ``right`` are the columns of numbers, ``notes`` say why cells are blank."""

    heads: Tuple[str, ...]
    rows: Tuple[Tuple[str, ...], ...]
    right: Tuple[int, ...]
    notes: Tuple[str, ...]


def quantity_text(claim: Claim) -> str:
    """Return what is claimed, as a column's heading."""
    return "speed" if claim.quantity in SPEEDS else QUANTITIES[claim.quantity].replace(", as claimed", "")


def amount(claim: Claim, value: Optional[float]) -> Optional[str]:
    """Return ``value`` (base unit) in words, ``None`` for none."""
    if value is None:
        return None
    if claim.unit in PERCENT:
        return "{}{}%".format(significant(100 * value, 4), NARROW)
    if claim.quantity in SPEEDS:
        return times(value)
    return value_with_unit(value, claim.unit)


def as_published(claim: Claim, value: Optional[float]) -> Optional[str]:
    """Return a published ``value`` (base unit) in words, ``None`` for none."""
    return as_printed(None if value is None else 100 * value if claim.unit in PERCENT else value, claim.unit)


def measured(claim: Claim, cell: ClaimCell) -> str:
    """Return a measured cell with its interval, a dash where there is no number."""
    if cell.value is None:
        return DASH
    if cell.baseline and claim.quantity not in COUNTS:
        return "baseline"
    text = str(amount(claim, cell.value))
    if cell.low is None or cell.high is None:
        return text
    low, high = (str(amount(claim, end)).replace(NARROW + "%", "").rstrip("\u00d7") for end in (cell.low, cell.high))
    return "{} [{}, {}]".format(text, low, high)


def column_names(table: ClaimTable) -> List[str]:
    """Return a heading for each run: its device, and the run where devices are alike."""
    names = [where(column) for column in table.columns]
    return [name if names.count(name) == 1 else "{}, {}".format(name, column.run.about.run)
            for name, column in zip(names, table.columns)]


def where(column: ClaimColumn) -> str:
    """Return the device of a column with the threads of its comparison."""
    return device_text(column.run.about.device._replace(threads=column.threads))


class SourceCells(NamedTuple):
    """What one source says of one row: the published number or a run's; ``time`` is a dash where there is none."""

    time: str
    number: str
    verdict: str = ""


def source_names(table: ClaimTable) -> List[str]:
    """Return what the numbers are from: the published column first, then each run's."""
    return ["published"] + column_names(table)


def source_cells(table: ClaimTable, index: int) -> List[SourceCells]:
    """Return row ``index`` in words, for each of :func:`source_names`."""
    claim, row = table.claim, table.claim.rows[index]
    cells = [column.cells[index] for column in table.columns]
    return [SourceCells(seconds(row.time_s) or DASH, printed(claim, row, cells))] + [
        SourceCells(seconds(cell.time_s) or DASH, measured(claim, cell),
                    "" if cell.judged is None else verdict_word(cell.judged)) for cell in cells]


def verdicts_text(sources: Sequence[SourceCells]) -> str:
    """Return the verdicts on one row, one word where all agree."""
    words = [one.verdict for one in sources if one.verdict]
    return words[0] if len(set(words)) == 1 else listing(words)


def sheet(table: ClaimTable) -> Sheet:
    """Return the table of a claim."""
    claim = table.claim
    timed = claim.quantity in SPEEDS
    heads = ["layer"]
    for name in source_names(table):
        heads += ["{}, time".format(name)] * timed + ["{}, {}".format(name, quantity_text(claim))]
    right = list(range(1, len(heads)))
    rows: List[Tuple[str, ...]] = []
    for index, row in enumerate(claim.rows):
        words = [row.name]
        sources = source_cells(table, index)
        for one in sources:
            words += [one.time] * timed + [one.number]
        if table.columns:
            words.append(verdicts_text(sources))
        rows.append(tuple(words))
    if table.columns:
        heads.append("verdict")
    return Sheet(tuple(heads), tuple(rows), tuple(right), tuple(blanks(table)))


def verdict_word(judged: Judged) -> str:
    """Return the verdict on one row in a word."""
    return HOLDS[judged.holds].lower()


def printed(claim: Claim, row: ClaimRow, cells: Sequence[ClaimCell]) -> str:
    """Return the published number of a row, ``baseline`` where it is what the others are compared with."""
    text = as_published(claim, row.value)
    if text is not None:
        return text
    return "baseline" if claim.quantity not in COUNTS and any(cell.baseline for cell in cells) else DASH


def blanks(table: ClaimTable) -> List[str]:
    """Return a sentence for each reason why cells of the table are blank."""
    claim = table.claim
    found: Dict[str, List[str]] = {}
    for index, row in enumerate(claim.rows):
        cells = [column.cells[index] for column in table.columns]
        if printed(claim, row, cells) == DASH or claim.quantity in SPEEDS and row.time_s is None:
            found.setdefault("not published: " + (row.lacks or "the source gives no number of this row"),
                             []).append(row.name)
        for name, cell in zip(column_names(table), cells):
            if cell.value is None:
                found.setdefault("{}: {}".format(name, cell_reason(claim, cell)), []).append(row.name)
            elif cell.judged is not None and cell.judged.cannot is Cannot.NO_INTERVAL:
                found.setdefault("{}, no interval: {}".format(name, CANNOT[Cannot.NO_INTERVAL]), []).append(row.name)
    return ["{} ({})".format(listing(names), why) for why, names in found.items()]


def cell_reason(claim: Claim, cell: ClaimCell) -> str:
    """Return why a cell has no number."""
    if cell.reason is not None:
        return reason_text(cell.reason)
    if cell.cannot is Cannot.NOT_IN_RUNS:
        return NOT_IN_RUN.format(suite=claim.suite)
    return CANNOT[cell.cannot or Cannot.NOT_MEASURED].format(suite=claim.suite)


def verdict_text(table: ClaimTable) -> str:
    """Return the one sentence of verdict."""
    claim, judged = table.claim, table.judged
    if judged.holds is Holds.CANNOT_TEST:
        return "{}: {}.".format(HOLDS[judged.holds], _why_not(table))
    parts = [part for name, column in zip(column_names(table), table.columns)
             for part in [_part(claim, name, column)] if part]
    return "{}: {}.".format(HOLDS[judged.holds], "; ".join(parts))


def _why_not(table: ClaimTable) -> str:
    """Return why a claim cannot be tested: each reason once, and of how many rows where there are several."""
    why = [one.cannot or Cannot.NOT_IN_RUNS for one in row_verdicts(table)]
    return "; ".join("{}{}".format(CANNOT[one].format(suite=table.claim.suite), "" if len(set(why)) == 1 else
                                   " ({} of {})".format(why.count(one), count(len(why), "row")))
                     for one in reversed(tuple(Cannot)) if one in why)


def rows_tested_text(table: ClaimTable) -> str:
    """Return of how many of the rows that a claim is about any run could tell, ``5 of 8``."""
    rows = row_verdicts(table)
    return "{} of {}".format(sum(one.holds is not Holds.CANNOT_TEST for one in rows), len(rows))


def _part(claim: Claim, name: str, column: ClaimColumn) -> str:
    """Return what one run says of a claim: its numbers for one row, a tally for several."""
    # one launch says nothing of the next, as the run's own report has it
    name += " (one launch, not confirmed)" * (claim.quantity in SPEEDS and column.launches == 1)
    judged = [(row, cell, cell.judged) for row, cell in zip(claim.rows, column.cells) if cell.judged is not None]
    if len(judged) > 1:
        numbers = [(word, sum(one.holds is word for _, _, one in judged)) for word in Holds]
        tally = ["{} for {}".format(HOLDS[word].lower(), number) for word, number in numbers if number]
        return "on {} it {} of {}".format(name, listing(tally), count(len(judged), "row"))
    if not judged or judged[0][2].size is None:
        return ""
    row, cell, one = judged[0]
    said = "" if row.value is None else " where {} is published".format(as_published(claim, row.value))
    return "on {} the {} of {} is {}{}: {}".format(name, quantity_text(claim), row.name,
                                                  measured(claim, cell), said, SIZES[one.size or Size.NOT_GIVEN])


def notes(table: ClaimTable) -> List[str]:
    """Return what a reader must know beside a table: the claim's own note, the heap, what is blank."""
    claim = table.claim
    found = [claim.note[:1].upper() + claim.note[1:] + "."] if claim.note else []
    return found + memory_note(table) + ["Blank: {}.".format(text) for text in sheet(table).notes]


def memory_note(table: ClaimTable) -> List[str]:
    """Return what is meant by memory, nothing where none was measured."""
    heaps = sorted({HEAPS[cell.heap] for column in table.columns for cell in column.cells if cell.heap is not None})
    return ["Memory is that of the whole process at its peak ({}).".format(listing(heaps))] if heaps else []


def caption(table: ClaimTable) -> str:
    """Return a caption: claim, verdict, device, protocol, versions, launches and what the interval is."""
    claim = table.claim
    runs = ["{}: run {} of {}, {} protocol, {}; {}".format(
        name, column.run.about.run, date(column.run.about), column.protocol,
        count(column.launches, "launch", "launches"), versions_text(column.run.versions))
        for name, column in zip(column_names(table), table.columns)]
    return " ".join(["arXiv {}: {}.".format(claim.paper, claim.sentence), verdict_text(table), "Source: {}.".format(
        claim.source)] + ["{}.".format(one) for one in runs] + [interval_text(table), PRINTED_NOTE])


def short_caption(table: ClaimTable) -> str:
    """Return a caption for a printed table: claim, verdict, devices and intervals; :func:`caption` has the rest."""
    claim, bars = table.claim, "Brackets: " + interval_text(table)[len(BARS):]
    words = ["arXiv {}: {}.".format(claim.paper, claim.sentence), HOLDS[table.judged.holds] + "."]
    words += ["Measured here: {}; published: as printed, on the source's own board.".format(
        "; ".join(column_names(table)))] * bool(table.columns)
    words += memory_note(table)  # without it the number means something else
    return " ".join(words + [bars] * any(cell.low is not None for column in table.columns for cell in column.cells))


def interval_text(table: ClaimTable) -> str:
    """Return what the error bars of a claim's numbers are."""
    claim = table.claim
    if claim.quantity in SPEEDS:
        levels = sorted({"{:.0f}".format(100 * (1 - column.run.level)) for column in table.columns})
        return (BARS + "exact signed-rank interval of the first launch at {} %, stretched to hold every "
                "launch's estimate.".format(listing(levels) or "the run's level"))
    if claim.quantity is Quantity.MEMORY_SAVING:
        return BARS + "from the least to the most of the processes ({} of each case at least).".format(
            min([column.processes for column in table.columns] or [0]))
    return "Counted, not sampled: no error bars."
