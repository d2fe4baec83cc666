"""What ``compare`` says, as tables of words: the terminal, Markdown and the page print these."""

from typing import List, Optional, Sequence, Tuple, Union

from harness.statistics.between_runs import Change
from harness.words import State
from reports.findings.changes import ChangedCase, Changes, tally_of
from reports.findings.compared import CaseRow, CaseTable, Cell, Compared, DamagedRun, RunColumn, Won
from reports.findings.many import Many, RunLine
from reports.findings.rows import RowState
from reports.formats.change_words import change_interval, change_text, notes, tally_text
from reports.formats.difference_words import difference_rows
from reports.formats.memory_words import memory_title
from reports.formats.published_text import PUBLISHED_CAUTION
from reports.formats.roofline_text import above_notes, share_text
from reports.formats.sheets import Sheet
from reports.formats.texts import baselines_text, device_text, differ
from reports.numbers import SIGNS, interval, joules, listing, seconds, si, size, speed, times
from reports.told import damage_note

#: The key of the sheet of the environments.
ENVIRONMENTS = "environments"

LIMITS = ("The runs were made at different times, so whatever changed in between (temperature, clocks, software, "
          "other load) is part of a difference: the words say that figures differ, not why. The advantage is a "
          "rival's speed over the baseline of its own run, so what slows a whole machine down cancels in it.")


#: So many cases of a run are named in its line.
MOST_NAMED = 3

#: What can be told in tables of words.
Told = Union[Compared, Many]


def headline(found: Told) -> str:
    """Return the first line: what became of the second run's advantages, or which devices stand side by side."""
    if isinstance(found, Many):
        return "{} runs against {}.".format(len(found.lines), found.first)
    if len(found.changes) == 1 and found.changes[0].same_board:
        one = found.changes[0]
        return "{} against {}: {}.".format(one.second.run, one.first.run, tally_text(tally_of(one)))
    return "{} side by side.".format(" | ".join(column_names(found)))


def column_names(found: Compared) -> List[str]:
    """Return a short heading for each column: the device, and the run where devices are alike."""
    names = [column_name(column) for column in found.columns]
    return [name if names.count(name) == 1 else "{}, {}".format(name, column.run)
            for name, column in zip(names, found.columns)]


def column_name(column: RunColumn) -> str:
    """Return a column's device in words."""
    return "published: {}".format(column.device.name) if column.printed else device_text(column.device)


def compare_sheets(found: Told) -> List[Sheet]:
    """Return every table, in the order they are to be read."""
    sheets = [damage_sheet(found.damaged)] if found.damaged else []
    if isinstance(found, Many):
        return sheets + [runs_sheet(found)]
    measured = [column for column in found.columns if not column.printed]
    sheets += [environment_sheet(found)] if len(measured) > 1 else []
    for one in found.changes:
        if one.same_board:
            both = [advantage_sheet(one)] + ([own_sheet(one)] if _has_engines(one) else [])
            both += [time_sheet(one)] if one.cases else []
            # tables of several pairs are told apart by their titles
            sheets += both if len(found.changes) == 1 else [each._replace(title="{}: {} against {}".format(
                each.title, one.second.run, one.first.run)) for each in both]
    if side_by_side(found):
        sheets += [roof_sheet(found)] + [device_sheet(found, table) for table in found.tables]
        sheets += [winners_sheet(found)]
    return sheets


def runs_sheet(found: Many) -> Sheet:
    """Return one line for each run: what became of its advantages since the first run, and which became smaller."""
    rows = [(one.run, device_text(one.device), tally_text(one.tally) if one.same_board else "another board",
             _named_slower(one)) for one in found.lines]
    return Sheet("runs", "Runs", "Advantages against {}".format(found.first),
                 ("run", "device", "advantages", "slower"), rows, (),
                 ["Every figure: --format csv or json."] + (
                     ["What differs between the environments: {}.".format(listing(found.differing))]
                     if found.differing else []))


def _named_slower(line: RunLine) -> str:
    more = len(line.slower) - MOST_NAMED
    return listing([case if cache is None else "{} ({})".format(case, cache)
                    for case, cache in line.slower[:MOST_NAMED]] + (["{} more".format(more)] if more > 0 else []))


def damage_sheet(damaged: Sequence[DamagedRun]) -> Sheet:
    """Return which records have lines that could not be read."""
    return Sheet("damage", "Damage", "Damaged records", (), (), (),
                 [damage_note(one.damage, one.run) for one in damaged])


def side_by_side(found: Compared) -> bool:
    """Return whether the devices' tables say more than the changes: not for two runs of one board."""
    return len(found.columns) != 2 or not all(one.same_board for one in found.changes) or not found.changes


def environment_sheet(found: Compared) -> Sheet:
    """Return what differs around the runs, by what it explains."""
    rows = [(group.cause.value, one.name) + one.texts for group in found.groups
            for one in difference_rows(group.differences)]
    runs = [name for name, column in zip(column_names(found), found.columns) if not column.printed]
    title = "What differs between the environments" if rows else "The environments are alike"
    return Sheet(ENVIRONMENTS, "Environments", title, ("explains", "fact") + tuple(runs), rows, (), ())


def advantage_sheet(found: Changes) -> Sheet:
    """Return the advantages of both runs and what became of each."""
    engines = _has_engines(found)
    rows = [_advantage_cells(case, found, case.advantages, case.advantage) + ((case.against,) if engines else ())
            for case in found.cases if case.advantage is not None]
    return Sheet("advantage-" + found.second.run, "Advantages", "Advantage over the baseline",
                 ("rival", "old", "new", "advantage", "interval") + (("against",) if engines else ()), rows,
                 (1, 2, 4), ["old: {}; new: {}.".format(found.first.run, found.second.run)] + notes(found))


def own_sheet(found: Changes) -> Sheet:
    """Return the same over the form of the baseline's layer in each rival's own engine."""
    rows = [_advantage_cells(case, found, case.own_advantages, case.own_advantage) + (case.own_against or "",)
            for case in found.cases if case.own_advantage is not None]
    return Sheet("own-advantage-" + found.second.run, "Own engine",
                 "Advantage over the baseline's layer in the rival's own engine",
                 ("rival", "old", "new", "advantage", "interval", "against"), rows, (1, 2, 4), ())


def _advantage_cells(case: ChangedCase, found: Changes, both: Optional[Tuple[float, float]],
                     change: Optional[Change]) -> Tuple[str, ...]:
    old, new = ("", "") if both is None else (times(one) for one in both)
    return (_named(case.case, case.cache, found), old, new, "" if change is None else signed(change, found.usual),
            "" if change is None else change_interval(change))


def _has_engines(found: Changes) -> bool:
    return any(case.own_against is not None for case in found.cases)


def time_sheet(found: Changes) -> Sheet:
    """Return the times of both runs and what became of each."""
    rows = [(_named(case.case, case.cache, found), seconds(case.times_s[0]) or "", seconds(case.times_s[1]) or "",
             signed(case.time), change_interval(case.time)) for case in found.cases]
    return Sheet("time-" + found.second.run, "Times", "Time per call, with all that changed between the runs",
                 ("case", "old", "new", "time", "interval"), rows, (1, 2, 4), [LIMITS])


def signed(change: Change, usual: Optional[float] = None) -> str:
    """Return what became of a figure behind its sign."""
    sign = SIGNS[State.SAME.value if change.state is State.UNCHANGED else change.state.value]
    return "{} {}".format(sign, change_text(change, usual))


def _named(case: str, cache: str, found: Changes) -> str:
    several = len({one.cache for one in found.cases}) > 1
    return "{}{}".format(case, " ({})".format(cache) if several else "")


def roof_sheet(found: Compared) -> Sheet:
    """Return the devices with what each can do at most."""
    rows = [(name, column.run, si(column.roof.flops_per_s, "FLOP/s") or "not measured",
             si(column.roof.bytes_per_s, "B/s") or "not measured")
            for name, column in zip(column_names(found), found.columns)]
    above = {cell.above_roof for table in found.tables for row in table.rows for cell in row.cells}
    return Sheet("roofs", "Devices", "The devices and their roofs", ("device", "run", "multiply-add", "copy"), rows,
                 (2, 3), ("The roof is what a multiply-add loop and a copy past the caches reached in the same run; "
                          "a layer's share is of the roof of its own type and threads, or of a copy as large as what "
                          "it moves.",) + tuple(above_notes(above)) + (
                    (PUBLISHED_CAUTION,) if any(column.printed for column in found.columns) else ()))


def device_sheet(found: Compared, table: CaseTable) -> Sheet:
    """Return one comparison with a column for each device; the lines of a cell are parted by newlines."""
    names = column_names(found)
    several = differ(table.baselines)
    rows = [(row.name,) + tuple("\n".join(cell_lines(cell, baseline, column.printed, several, unlike(row)))
                                for cell, baseline, column in zip(row.cells, row.baseline, found.columns))
            for row in table.rows]
    return Sheet("devices-" + table.key, "Devices", "{} ({})".format(table.title, baselines_text(table.baselines)),
                 ("case",) + tuple(names), rows, (), ())


def unlike(row: CaseRow) -> bool:
    """Return whether the columns did not do the same work."""
    return len({cell.work for cell in row.cells if cell.work}) > 1


def cell_lines(cell: Cell, baseline: bool, printed: bool = False, several: bool = False,
               work: bool = False) -> List[str]:
    """Return time, advantage with its interval, memory, energy and share of the roof, as far as they are known.

    ``several`` says that columns have other baselines, so each advantage names its own; ``work`` that columns did
    other work, so each says which.
    """
    if cell.state is None:
        return ["\u2013 not published" if printed else "\u2013 no such case"]
    lines = ["of {}".format(cell.work)] * bool(work and cell.work)
    lines += [seconds(cell.median_s) or ("" if cell.speed or cell.memory_bytes else str(cell.state))]
    if cell.speed is not None and not baseline:
        ends = "" if cell.low is None or cell.high is None else " " + interval(cell.speed, cell.low, cell.high)
        word = "" if cell.state is RowState.NOT_MEASURED else SIGNS[cell.state.value] + " "
        doubt = " (cannot tell)" if cell.state is RowState.CANNOT_TELL else ""
        lines.append("{}{}{}{}".format(word, speed(cell.speed), ends, doubt))
        if several and cell.against is not None:
            lines.append("against {}".format(cell.against))
    if cell.own_speed is not None and cell.own_against not in (None, cell.against):
        ends = "" if cell.own_low is None or cell.own_high is None else " " + interval(
            cell.own_speed, cell.own_low, cell.own_high)
        lines.append("{}{}, against {}".format(speed(cell.own_speed), ends, cell.own_against))
    if cell.memory_bytes is not None:
        lines.append("{}{}".format(size(cell.memory_bytes), "" if cell.memory_kind is None else " " + str(
            memory_title(cell.memory_kind))))
    if cell.energy_per_image_j is not None:
        lines.append("{} per image".format(joules(cell.energy_per_image_j)))
    if cell.roof_times is not None:
        lines.append(share_text(cell.roof_share, cell.roof_times, " of its roof"))
    return [line for line in lines if line]


def winners_sheet(found: Compared) -> Sheet:
    """Return the map: which layer wins on which device."""
    rows = [(one.title,) + tuple(winner_text(cell) for cell in one.cells) for one in found.winners]
    return Sheet("winners", "Winners", "Which layer wins on which device", ("comparison",) + tuple(
        column_names(found)), rows, (), ("A rival wins where it is faster than the baseline; 'or' names those whose "
                                         "intervals reach into the winner's. The baseline wins where every rival is "
                                         "slower.",))


def winner_text(won: Optional[Won]) -> str:
    """Return who wins in words."""
    if won is None:
        return "\u2013 not measured"
    if won.name is None:
        return "? nobody: no rival is faster, and not all are slower"
    if won.speed == 1.0:
        return "{} (baseline)".format(won.name)
    return "{}{}{}".format(won.name, "" if won.speed is None else " " + times(won.speed),
                           "".join(" or " + other for other in won.level))

