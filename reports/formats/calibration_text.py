"""What a calibration found, for a terminal and as Markdown: tables, then one sentence about the machine."""

import io
from typing import Dict, List, NamedTuple, Sequence, Tuple

from reports.findings.calibration import BUDGET, Calibration, Twins
from reports.formats.markdown import table as markdown_table
from reports.formats.memory_words import HEAPS
from reports.formats.terminal import MEMORY_HEADS, Show
from reports.formats.terminal_table import console_for, fold, print_rows
from reports.formats.texts import device_text, reasons_text
from reports.numbers import NARROW, count, listing, percent, plain, significant, size
from reports.warning_words import warning_text
from reports.wording import reason_text

RIGHT = {True: "right", False: "WRONG", None: "no number"}


class Sheet(NamedTuple):
    """One table, and what is said under it."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def sheets(one: Calibration) -> List[Sheet]:
    """Return every table of ``one``."""
    made = [_loads(one), _twins(one)]
    if one.work:
        made.append(Sheet("Exactly more work", ("load", "verdict", "time ratio", "interval", "answer"), [
            (work.name, work.state.value, significant(work.ratio, 4) if work.ratio else "",
             "[{:.3f}, {:.3f}]".format(work.low, work.high) if work.low and work.high else reason_text(work.reason),
             RIGHT[work.right]) for work in one.work]))
    measured = [duty for duty in one.duty if duty.ratio is not None]
    if measured:
        made.append(Sheet("Known share of busy time", ("load", "energy above idle", "uncertainty", "answer"), [
            (duty.name, significant(duty.ratio or 0.0), "\u00b1\u202f" + significant(duty.uncertainty or 0.0),
             RIGHT[duty.right]) for duty in measured]))
    return made


def _loads(one: Calibration) -> Sheet:
    kinds = [said.kind for said in one.loads[0].columns] if one.loads else []
    rows: List[List[str]] = []
    lacking: Dict[str, List[str]] = {}
    for load in one.loads:
        cells, name = [], "{}, {}".format(load.name, HEAPS[load.heap])
        for said in load.columns:
            if said.value is None or said.error_bytes is None:
                cells += ["none", ""]
                lacking.setdefault(MEMORY_HEADS[said.kind], []).append("{}: {}".format(
                    name, reason_text(said.reason)))
            else:
                error = ("+" if said.error_bytes > 0 else "") + (size(said.error_bytes) or "")
                cells += [size(said.value) or "", error + ("" if said.right else " WRONG")]
        rows.append([name] + cells)
    notes = ["{} has no number for {} of {} loads; the first is {}".format(head, len(found), len(one.loads), found[0])
             for head, found in lacking.items()]
    heads = ["held"] + [text for kind in kinds for text in (MEMORY_HEADS[kind], "error")]
    return Sheet("Loads of known size: right within 2 % or 1 MB", heads, rows, notes)


def _twins(one: Calibration) -> Sheet:
    def row(name: str, twins: Twins, apart: str) -> Tuple[str, ...]:
        same = twins.verdicts - twins.undecided - len(twins.different)
        return (name, str(twins.verdicts), str(same), str(twins.undecided), str(len(twins.different)), apart)

    rows = [row("time", one.time, percent(1 + one.time.apart, sign=False) + NARROW + "%" if one.time.apart is not None
                else ""),
            row("memory", one.memory, size(one.memory.apart) or "")]
    heads = ("quantity", "verdicts", "same", "cannot tell", "different", "largest difference")
    return Sheet("Identical layers", heads, rows, one.different)


def closing(one: Calibration) -> str:
    """Return the one sentence about this machine in its present state."""
    return "This machine ({}), as it is now: in time {}; in memory {}; in energy {}; {}; {}.".format(
        device_text(one.about.device), _time(one), _memory(one), _energy(one), _alarms(one), _first(one))


def _time(one: Calibration) -> str:
    if one.least is None:
        return "nothing was timed"
    tells = one.tells
    if tells is None:
        return "no difference of up to {}{}% can be told".format(max(work.percent for work in one.work), NARROW)
    text = "differences from {}{}% on can be told".format(percent(1 + tells, sign=False), NARROW)
    told = ["{}{}%".format(work.percent, NARROW) for work in one.work if work.told]
    missed = ["{}{}%".format(work.percent, NARROW) for work in one.work if not work.told]
    if told or missed:
        text += " (of exactly more work it told {}{})".format(
            listing(told) or "none", ", not " + listing(missed, "or") if missed else "")
    return text


def _memory(one: Calibration) -> str:
    given = [said for load in one.loads for said in load.columns if said.right is not None]
    if not given:
        return "no column gave a number"
    right = sum(1 for said in given if said.right)
    worst = max(given, key=lambda said: abs(said.error_bytes or 0.0))
    text = "{} of {} numbers were right (largest error {} in {})".format(
        right, len(given), size(abs(worst.error_bytes or 0.0)), MEMORY_HEADS[worst.kind])
    silent = sum(len(load.columns) for load in one.loads) - len(given)
    return text + (", {} left out with a reason".format(silent) if silent else "")


def _energy(one: Calibration) -> str:
    measured = [duty for duty in one.duty if duty.right is not None]
    if measured:
        return "{} of {} shares of busy time came out right".format(sum(1 for duty in measured if duty.right),
                                                                    len(measured))
    reasons = tuple(duty.reason for duty in one.duty if duty.reason is not None) or one.no_energy
    return "nothing can be told ({})".format(reasons_text(reasons) if reasons else "no load was measured")


def _alarms(one: Calibration) -> str:
    verdicts = one.time.verdicts + one.memory.verdicts
    if not verdicts:
        return "no two identical things were compared"
    return "it called identical things different {} in {} ({:.0f}{}% may be)".format(
        count(len(one.different), "time"), count(verdicts, "verdict"), 100 * BUDGET, NARROW)


def _first(one: Calibration) -> str:
    if one.first is not None:
        told = warning_text(one.first, one.about)
        return "change first: {}".format(told.next_step or told.text.rstrip("."))
    kinds = sorted({MEMORY_HEADS[said.kind] for load in one.loads for said in load.columns if said.right is False})
    if kinds:
        return ("change first: close other programs and calibrate again, and until then believe no number in "
                + listing(kinds))
    if one.different:
        return "change first: lock the clocks and close other programs"
    return "nothing needs to be changed first"


def calibration_text(one: Calibration, width: int = 80, unicode_: bool = True, colour: bool = False) -> str:
    """Return the answer for a terminal of ``width`` columns."""
    show: Show = str if unicode_ else plain
    out = io.StringIO()
    console = console_for(out, width, colour)
    for sheet in sheets(one):
        print_rows(console, show(sheet.title), [show(head) for head in sheet.heads],
                   [[show(cell) for cell in row] for row in sheet.rows], unicode_, 1)
        for note in sheet.notes:
            console.print(fold(show("- " + note), width))
    console.print()
    console.print(fold(show(closing(one)), width))
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def calibration_markdown(one: Calibration) -> str:
    """Return the answer as Markdown."""
    lines: List[str] = []
    for sheet in sheets(one):
        lines += ["### " + sheet.title, ""]
        lines += markdown_table(sheet.heads, sheet.rows, range(1, len(sheet.heads))) + [""]
        lines += ["- " + note for note in sheet.notes] + ([""] if sheet.notes else [])
    return "\n".join(lines + [closing(one)]) + "\n"
