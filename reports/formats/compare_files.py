"""Runs compared, as Markdown, CSV, JSON and an offline page."""

import csv
import io
import json
from typing import Any, Dict, List, Optional

from markupsafe import Markup

from harness.reasons import Reason, sentence
from harness.statistics.between_runs import Change
from reports.findings.changes import ChangedCase
from reports.findings.compared import Compared
from reports.findings.findings import data_of
from reports.formats import markdown as md
from reports.formats.compare_sheets import Told, column_names, compare_sheets, headline
from reports.formats.page import breakable, cell_class, environment
from reports.formats.style import style
from reports.numbers import unbroken

#: The columns of the CSV: one row per case and column of the comparison. ``change`` is the run's advantage over that
#: of the first run, ``time_change`` the first run's time over its own; both are above 1 where the run is faster.
#: ``advantage`` is over ``against``, the baseline of the run itself, both sides of ``change`` over
#: ``change_against``: where engines stand beside one another the runs may have another fastest. ``own_`` is the same
#: in the case's own engine.
CSV_COLUMNS = (
    "run", "device", "comparison", "case", "name", "baseline", "state", "median_s", "advantage", "advantage_low",
    "advantage_high", "memory_bytes", "memory_kind", "energy_per_image_j", "roof_share", "change_state", "change",
    "change_low", "change_high", "change_within", "launches_first", "launches", "time_change_state", "time_change",
    "time_change_low", "time_change_high", "time_change_within", "against", "change_against", "own_against",
    "own_advantage", "own_advantage_low", "own_advantage_high", "own_change_against", "own_change_state",
    "own_change", "own_change_low", "own_change_high", "own_change_within", "roof_times", "roof_share_reason")


def markdown_text(found: Told) -> str:
    """Return the comparison as Markdown."""
    lines = ["# " + md.cell(headline(found)), ""]
    for sheet in compare_sheets(found):
        lines += ["## " + md.cell(sheet.title), ""]
        if sheet.rows:
            rows = [[text.replace("\n", "; ") for text in row] for row in sheet.rows]
            lines += md.table([md.cell(head) for head in sheet.heads], rows, sheet.numbers) + [""]
        for note in sheet.notes:
            lines += [md.cell(note), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def json_text(found: Compared) -> str:
    """Return the comparison as JSON: codes and numbers in base units, no sentence of ours."""
    return json.dumps(data_of(found), allow_nan=False, indent=1, sort_keys=True) + "\n"


def csv_text(found: Compared) -> str:
    """Return one row per case and column, with the change against the first column where there is one."""
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    names = column_names(found)
    hot: List[Dict[str, ChangedCase]] = []
    for one in found.changes:
        kept: Dict[str, ChangedCase] = {}
        for case in one.cases:  # the tables hold the first state of the caches
            kept.setdefault(case.case, case)
        hot.append(kept)
    for table in found.tables:
        for row in table.rows:
            for index, (cell, column) in enumerate(zip(row.cells, found.columns)):
                if cell.state is None:
                    continue
                values: Dict[str, Any] = {
                    "run": column.run, "device": names[index], "comparison": table.key, "case": row.case,
                    "name": row.name, "baseline": row.baseline[index], "state": cell.state.value,
                    "median_s": cell.median_s, "advantage": cell.speed, "advantage_low": cell.low,
                    "advantage_high": cell.high, "memory_bytes": cell.memory_bytes,
                    "memory_kind": None if cell.memory_kind is None else cell.memory_kind.value,
                    "energy_per_image_j": cell.energy_per_image_j, "roof_share": cell.roof_share,
                    "against": cell.against, "own_against": cell.own_against, "own_advantage": cell.own_speed,
                    "own_advantage_low": cell.own_low, "own_advantage_high": cell.own_high,
                    "roof_times": cell.roof_times,
                    "roof_share_reason": sentence(None if cell.above_roof is None else Reason(cell.above_roof))}
                changed = hot[index - 1].get(row.case) if 0 < index <= len(hot) else None
                if changed is not None:
                    values.update(_change_cells("change", changed.advantage))
                    values.update(_change_cells("time_change", changed.time))
                    values.update(_change_cells("own_change", changed.own_advantage))
                    values.update(change_against=None if changed.advantage is None else changed.against,
                                  own_change_against=changed.own_against)
                    values.update(launches_first=changed.time.launches[0], launches=changed.time.launches[1])
                writer.writerow({key: "" if value is None else value for key, value in values.items()})
    return out.getvalue()


def _change_cells(name: str, change: Optional[Change]) -> Dict[str, Any]:
    if change is None:
        return {}
    return {name + "_state": change.state.value, name: change.speed, name + "_low": change.low,
            name + "_high": change.high, name + "_within": change.within}


def html_text(found: Told) -> str:
    """Return one offline page of ASCII, without script."""
    text = environment().get_template("compare.html.j2").render(
        headline=headline(found), sheets=compare_sheets(found), style=Markup(style()), breakable=breakable,
        cell_class=cell_class, unbroken=unbroken)
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")

