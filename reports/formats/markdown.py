"""The report as Markdown: the same words and numbers as the page, for mail, issues and notebooks."""

from typing import Any, List, Sequence

from harness.words import Word
from reports.findings import Findings
from reports.findings.rows import Table
from reports.formats import energy_words, memory_words
from reports.formats import published_text as p
from reports.formats import texts as t
from reports.formats.difference_words import difference_rows
from reports.formats.files import Made, Options
from reports.formats.goals_text import goals_sheets
from reports.formats.roofline_text import roof_sheets
from reports.formats.sentence import headline_text
from reports.formats.sheets import Sheet, sheets
from reports.warning_words import Told
from reports.wording import QUANTITIES, value_text


def cell(text: Any) -> str:
    """Return ``text`` safe inside a Markdown table: no pipes, no line ends, no markup, no link of its own."""
    words = " ".join(str(text).split("\n"))
    for char in "\\`*_[]<>|#&~@":
        words = words.replace(char, "\\" + char)
    # what readers make a link of without being asked
    return words.replace("://", "\\://").replace("www.", "www\\.")


def code(text: Any) -> str:
    """Return ``text`` as code in one line; it cannot end the code itself."""
    return "`{}`".format(" ".join(str(text).split("\n")).replace("`", "'"))


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]], right: Sequence[int] = ()) -> List[str]:
    """Return the lines of a table; the columns in ``right`` are numbers."""
    lines = ["| {} |".format(" | ".join(heads)),
             "|{}|".format("|".join("--:" if i in right else "---" for i in range(len(heads))))]
    return lines + ["| {} |".format(" | ".join(cell(value) for value in row)) for row in rows]


def markdown(found: Findings) -> str:
    """Return the whole report as Markdown text."""
    about = found.about
    lines = ["# " + cell(headline_text(found)), "",
             "{} | {} | {} | run {}".format(cell(about.suite), cell(t.device_text(about.device)), cell(t.date(about)),
                                            cell(about.run)), "",
             *([cell(t.subline(found.summary)), ""] if found.summary.comparisons else [])]
    if found.summary.tally:
        lines += [", ".join("{} {} {}".format(cell(t.sign(one.state)), one.number, one.state)
                            for one in found.summary.tally), ""]
    goals = goals_sheets(found.goals)
    for sheet in goals:
        lines += [cell(sheet.title) + ".", ""]
    if found.warnings:
        lines += ["## Validity warnings", ""]
        lines += ["- " + warning(one) for one in t.warning_texts(found)] + [""]
    lines += ["## Speed, memory, energy", ""] if found.tables else []
    for gap in found.gaps:
        lines += [cell(t.gap_text(gap)) + ".", ""]
    for one in found.tables:
        lines += _comparison(found, one)
    lines += _close_calls(found) + _sheets(goals) + _sheets(sheets(found)) + _devices(found) + _published(found)
    lines += _memory(found) + _energy(found) + _sheets(roof_sheets(found.rooflines))
    return "\n".join(lines + _rest(found)).rstrip("\n") + "\n"


def warning(one: Told) -> str:
    """Return one validity warning in one line, its command as code."""
    text = cell(one.text)
    if one.next_step:
        text += " Next step: {}".format(cell(one.next_step))
        text += ", {}.".format(code(one.command)) if one.command else "."
    return text


def verdict(state: Word, sign: str) -> str:
    """Return sign and word of a state."""
    return "{} {}".format(sign, state)


def _comparison(found: Findings, one: Table) -> List[str]:
    lines = ["### {} ({})".format(cell(t.table_title(one)), cell(t.against_text(one))), ""]
    if one.note:
        lines += [cell(one.note), ""]
    heads = ["case", "verdict", "speed", "interval", "median"]
    heads += ["memory, {}".format(memory_words.memory_title(one.memory_kind))] if one.has_memory else []
    heads += ["energy per call"] if one.has_energy else []
    rows: List[List[Any]] = []
    for row in one.rows:
        word = verdict(row.state, t.sign(row.state))
        if row.reason is not None:
            rows.append([row.name, "{}: {}".format(word, t.row_reason(row))] + [""] * (len(heads) - 2))
            continue
        values = [row.name, word, t.speed_text(row) or "no ratio", t.interval_text(row) or "", t.median_text(row)]
        values += [memory_words.memory_text(row.memory, row.baseline)] if one.has_memory else []
        values += [energy_words.joules_text(row.energy) or t.amount_reason(row.energy)] if one.has_energy else []
        rows.append(values)
    lines += table(heads, rows, range(2, len(heads))) + [""]
    for gap in one.gaps:
        lines += [cell(t.gap_text(gap)) + ".", ""]
    lines += ["- {}: {}.".format(cell(", ".join(names)), cell(step)) for step, names in
              t.next_steps(one, found.about)]
    return lines + ([""] if lines[-1] else [])


def _close_calls(found: Findings) -> List[str]:
    if not found.close_calls:
        return []
    rows = [[call.row.name, t.title_of(call.title, call.cache, call.alone),
             verdict(call.row.state, t.sign(call.row.state)), t.speed_text(call.row), t.interval_text(call.row),
             t.next_step_text(call.row, found.about) or ""] for call in found.close_calls]
    return ["## Close calls", ""] + table(
        ["rival", "comparison", "verdict", "speed", "interval", "next step"], rows, (3, 4)) + [""]


def _devices(found: Findings) -> List[str]:
    if found.devices is None:
        return []
    labels = [cell(label) for label in t.column_labels(found.devices)]
    lines = ["All other parts of this report are from run {} alone.".format(cell(found.about.run)), "",
             "## The same rivals in every run", ""]
    alone = t.alone_text(found.devices)
    lines += [alone + ".", ""] if alone else []
    for one in found.devices.shared:
        lines += ["### {} ({})".format(cell(one.title), cell(t.baselines_text(one.baselines))), ""]
        rows = []
        for row in one.rows:
            cells = ["\u2013 this run has no such case" if c is None else "{} {}".format(
                t.sign(c.state), " ".join(filter(None, [t.speed_text(c) or c.state.value,
                                                       t.interval_text(c) or t.row_reason(c)]))) for c in row.cells]
            rows.append([row.name] + cells)
        lines += table(["rival"] + labels, rows) + [""]
    if found.devices.differences:
        lines += ["What differs:", ""] + table(
            [""] + labels, [(one.name,) + one.texts for one in difference_rows(found.devices.differences)]) + [""]
    return lines


def _sheets(shown: Sequence[Sheet]) -> List[str]:
    lines: List[str] = []
    for one in shown:
        lines += ["## " + cell(one.title), ""] + table(one.heads, one.rows, one.numbers) + [""]
        lines += ["- " + cell(note) for note in one.notes] + [""]
    return lines


def _published(found: Findings) -> List[str]:
    if not found.published:
        return []
    rows = [[one.name, one.title, QUANTITIES[one.printed.quantity], p.printed_text(one.printed) or "not given",
             p.measured_text(one) or p.why_not_measured(one), p.where_text(one.printed)] for one in found.published]
    return ["## Beside the published numbers", "", p.PUBLISHED_CAUTION, ""] + table(
        ["case", "comparison", "quantity", "published", "measured here", "where and how"], rows, (3, 4)) + [""]


def _memory(found: Findings) -> List[str]:
    lines = ["## Memory", ""] if found.memory_tables else []
    for one in found.memory_tables:
        rows: List[List[Any]] = [
            [row.name] + [memory_words.memory_text(row.of(kind), row.baseline) for kind in one.columns]
            for row in one.rows]
        lines += ["### " + cell(memory_words.memory_table_title(one)), ""]
        lines += table(["case"] + [str(memory_words.memory_title(kind)) for kind in one.columns], rows,
                       range(1, 1 + len(one.columns))) + [""]
        for gap in one.gaps:
            lines += [cell(t.gap_text(gap)) + ".", ""]
    return lines


def _energy(found: Findings) -> List[str]:
    lines = ["## Energy", ""]
    if found.no_energy:
        return lines + ["Not measured: {}.".format(cell(t.reasons_text(found.no_energy))), ""]
    for one in found.energy_tables:
        lines += ["### " + cell(one.title), ""]
        rows = [[row.name, energy_words.joules_text(row.per_call), energy_words.uncertainty_text(row) or "",
                 energy_words.energy_text(row.above_idle_j) or "", energy_words.energy_text(row.per_image_j),
                 energy_words.watts_text(row.mean_w) or "", energy_words.watts_text(row.peak_w) or "",
                 "" if row.saving is None else energy_words.saving_text(row.saving),
                 energy_words.energy_verdict_text(row) or ""] if row.per_call.value is not None else
                [row.name, t.amount_reason(row.per_call)] + [""] * 7 for row in one.rows]
        lines += table(["case", "per call", "uncertainty", "above idle", "per image", "mean power", "peak power",
                        "against the baseline", "verdict"], rows, range(1, 8)) + [""]
        windows = energy_words.energy_windows_text(one)
        lines += [cell(windows) + ".", ""] if windows else []
        lines += ["Read from {}.".format(cell(", ".join(one.sources))), ""] if one.sources else []
    return lines


def _rest(found: Findings) -> List[str]:
    lines = ["## How this was measured", ""]
    for section in found.environment:
        facts = ["{}: {}{}".format(fact.name, value_text(fact.value, fact.name),
                                   " ({})".format(fact.reason) if fact.reason else "") for fact in section.facts]
        lines += ["- **{}**: {}".format(cell(section.name), cell("; ".join(facts)))]
    lines += [""] if found.environment else []
    missing = t.unmeasured(found)
    if missing:
        lines += ["Not measured:", ""]
        lines += ["- {}: {}{}".format(cell(one.what), cell(one.reason), ". Remedy: " + cell(one.remedy)
                                      if one.remedy else "") for one in missing] + [""]
    return lines + ["Again: " + code(found.about.command), ""]


def make(found: Findings, options: Options) -> Made:
    """Return the Markdown file."""
    return Made([("report.md", markdown(found))])
