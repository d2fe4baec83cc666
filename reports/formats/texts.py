"""Findings as short texts: what page, Markdown, terminal and figures print in the same words."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from harness.reasons import Reason, sentence
from reports.findings import Findings
from reports.findings.about import About, Device
from reports.findings.amounts import Amount, Gap
from reports.findings.devices import Devices
from reports.findings.headline import Summary
from reports.findings.memory import Figure, Kind
from reports.findings.rows import Row, RowState, Table
from reports.findings.samples import Strip
from reports.findings.validity import OF_THE_MACHINE
from reports.formats.memory_words import MEMORY
from reports.numbers import (
    NARROW,
    SIGNS,
    count,
    interval,
    percent,
    seconds,
    significant,
    speed,
)
from reports.step_words import step_text
from reports.warning_words import Told, warning_text
from reports.wording import FLAG_WORDS, flag_text, reason_text, why_text

CACHES = {"hot": "caches warm", "cold": "caches cold"}
GAPS = {"energy": "Energy", "memory": "Memory"}
GAPS.update({kind.value: MEMORY[kind][0] for kind in Kind})


def sign(state: RowState) -> str:
    """Return the sign that stands before the word of ``state``."""
    return SIGNS[state]


def css_class(state: RowState) -> str:
    """Return the class that colours ``state``."""
    return state.value.replace(" ", "-")


def device_name(device: Device) -> str:
    """Return the device's name, ``this machine`` if nothing names it."""
    return device.name or "this machine"


def device_text(device: Device) -> str:
    """Return the device with what decides its speed: ``Jetson Nano, CUDA`` or ``Xeon E5, CPU, 2 threads``."""
    if device.cuda:
        return "{}, CUDA".format(device_name(device))
    return "{}, CPU{}".format(device_name(device),
                              ", " + count(device.threads, "thread") if device.threads else "")


def date(run: About) -> str:
    """Return the day the run was made on."""
    return run.created[:10]


def column_labels(devices: Devices) -> List[str]:
    """Return a heading for each run: its device, and its identifier where two devices are alike."""
    names = [device_text(column.device) for column in devices.columns]
    return [name if names.count(name) == 1 else "{}, {}".format(name, column.run)
            for name, column in zip(names, devices.columns)]


def alone_text(devices: Devices) -> Optional[str]:
    """Return how many comparisons are not shown side by side, for one run alone holds them; ``None`` for none."""
    alone = len(devices.tables) - len(devices.shared)
    if not alone:
        return None
    return "1 comparison stands in one run alone and is left out here" if alone == 1 else (
        "{} comparisons stand in one run alone and are left out here".format(alone))


def cache_text(cache: Optional[str], alone: bool) -> Optional[str]:
    """Return the state of the caches where there are several, ``None`` else."""
    return None if alone else CACHES.get(cache or "", cache)


def title_of(title: str, cache: Optional[str], alone: bool) -> str:
    """Return a table's title with the state of its caches."""
    told = cache_text(cache, alone)
    return title + (", " + told if told else "")


def table_title(table: Table) -> str:
    """Return the title of a comparison table."""
    return title_of(table.title, table.cache, table.alone)


def differ(baselines: Sequence[Optional[str]]) -> bool:
    """Return whether the runs that have a comparison have other baselines of it: each its own fastest engine's."""
    return len(set(baselines) - {None}) > 1


def baselines_text(baselines: Sequence[Optional[str]]) -> str:
    """Return whom one comparison in several runs is against."""
    if not differ(baselines):
        return "against {}".format(next(iter(set(baselines) - {None}), ""))
    return "each run against its own fastest: {}".format(" | ".join(one or "\u2013" for one in baselines))


def against_text(table: Table) -> str:
    """Return whom a table is against, its median, and what the comparison itself ran on: it may have own threads."""
    parts = ["against " + table.baseline, median_text(table.rows[0]),
             "CUDA" if table.device == "cuda" else "CPU, " + count(table.threads, "thread")]
    return ", ".join(part for part in parts if part)


# Rows -------------------------------------------------------------------------------------------------------


def row_reason(row: Row) -> Optional[str]:
    """Return why the row has no time, ``None`` if it has one."""
    return None if row.reason is None else reason_text(row.reason)


def speed_text(row: Row) -> Optional[str]:
    """Return the speed in words; the baseline's is ``1``."""
    if row.baseline:
        return None if row.times is None else "1"
    return None if row.speed is None else speed(row.speed)


def interval_text(row: Row) -> Optional[str]:
    """Return the interval of the speed, ``None`` if there is none."""
    if row.speed is None or row.low is None or row.high is None:
        return None
    return interval(row.speed, row.low, row.high)


def median_text(row: Row) -> Optional[str]:
    """Return the median time per call."""
    return seconds(row.median_s)


def amount_reason(amount: Union[Amount, Figure]) -> Optional[str]:
    """Return why an amount is missing."""
    return None if amount.value is not None else reason_text(amount.reason)


class Remark(NamedTuple):
    """What a reader must know about a case beside its numbers; ``long`` says more where there is more to say."""

    short: str
    long: Optional[str] = None

    def __str__(self) -> str:
        return self.short + (": " + self.long if self.long else "")


def remarks(row: Row) -> List[Remark]:
    """Return the remarks on a row."""
    found = []
    if row.form_reason:
        found.append(Remark("runs as {}".format(row.form), row.form_reason))
    if row.unchecked is not None:
        found.append(Remark("not checked", reason_text(row.unchecked)))
    if row.verdict is not None:
        found.extend(Remark(FLAG_WORDS[flag.code]) for flag in row.verdict.flags if flag.code not in OF_THE_MACHINE)
        if row.speed is not None and row.low is None:
            found.append(Remark("no interval", "fewer than {} rounds give none".format(row.verdict.least_rounds)))
    return found


def long_remarks(table: Table) -> List[Tuple[Remark, List[str]]]:
    """Return the remarks that need more words than their row has room for, each with the names of its rivals."""
    found: Dict[Remark, List[str]] = {}
    for row in table.rows:
        for remark in remarks(row):
            if remark.long:
                found.setdefault(remark, []).append(row.name)
    return list(found.items())


def next_step_text(row: Row, run: About) -> Optional[str]:
    """Return the next step of a row that cannot be told, ``None`` for the others."""
    if row.verdict is None or row.verdict.next_step is None:
        return None
    return step_text(row.verdict.next_step, run, [launch.stopped for launch in row.verdict.launches])


def next_steps(table: Table, run: About) -> List[Tuple[str, List[str]]]:
    """Return the next steps of a table in words, each with the names of the rivals it is for."""
    found: List[Tuple[str, List[str]]] = []
    for row in table.rows:
        text = next_step_text(row, run)
        if text is not None:
            names = next((names for said, names in found if said == text), None)
            if names is None:
                found.append((text, [row.name]))
            else:
                names.append(row.name)
    return found


def detail(row: Row, table: Table) -> str:
    """Return what the row's hover says: nothing that already stands in the row."""
    if row.times is None:
        return ""
    verdict = row.verdict
    launches = table.launches if verdict is None else len(verdict.launch_speeds)  # it may be left out of some
    parts = [count(row.times.samples, "sample"), count(launches, "launch", "launches")]
    if verdict is not None:
        parts.insert(1, count(verdict.rounds, "round"))
    lines = [", ".join(parts)]
    lines.append("middle 90 %: {} to {}".format(seconds(row.times.p5_s), seconds(row.times.p95_s)))
    if verdict is not None and len(verdict.launch_speeds) > 1:
        lines.append("speed by launch: " + ", ".join(significant(one) for one in verdict.launch_speeds))
    floor = verdict.floor if verdict is not None and verdict.floor is not None else table.floor
    if floor is not None:
        lines.append("two copies of the baseline differ by {} %".format(percent(1 + floor, sign=False)))
    if verdict is not None:
        lines.extend(flag_text(flag) for flag in verdict.flags)
        lines.extend([why_text(verdict.why)] if verdict.why is not None else [])
        stopped = sentence(verdict.stopped)
        lines.extend([stopped] if stopped else [])
    return "\n".join(lines)


def gap_text(gap: Gap) -> str:
    """Return what a table lacks and why, as a sentence without its full stop."""
    return "{} not measured: {}".format(GAPS.get(gap.what, gap.what), reason_text(gap.reason))


# The run ----------------------------------------------------------------------------------------------------


def subline(summary: Summary) -> str:
    """Return the line under the headline: how much was compared and what this run could tell; empty for nothing."""
    if not summary.comparisons:
        return ""
    text = "{} in {}.".format(count(summary.rivals, "rival"), count(summary.comparisons, "comparison"))
    if summary.launches == 1:
        text += (" One launch, not confirmed: 99{n}% intervals over its rounds hold for this process alone, and the "
                 "smallest difference this run could tell is not known.".format(n=NARROW))
    elif summary.least is not None:
        text += " 99{n}% intervals over rounds, {l}; the smallest difference this run could tell is {p}{n}%.".format(
            n=NARROW, p=percent(1 + summary.least, sign=False).replace(".0", ""),
            l=count(summary.launches, "launch", "launches"))
    return text


def warning_texts(found: Findings) -> List[Told]:
    """Return the validity warnings in words."""
    return [warning_text(one, found.about) for one in found.warnings]


def reasons_text(reasons: Sequence[Reason]) -> str:
    """Return several reasons in one line."""
    return "; ".join(sorted({reason_text(reason) for reason in reasons}))


class Unmeasured(NamedTuple):
    """Something that this run could not measure, in words."""

    what: str
    reason: str
    remedy: Optional[str]


def unmeasured(found: Findings) -> List[Unmeasured]:
    """Return the meters that refused and the units that failed."""
    told = [Unmeasured("{} from {}".format(meter.quantity, meter.name), meter.reason or "no reason recorded",
                       meter.remedy) for meter in found.refused]
    for unit in found.failed:
        launch = " launch {}".format(unit.launch) if unit.launch is not None else ""
        told.append(Unmeasured("{}{} of {}".format(unit.name, launch, unit.case or unit.comparison),
                               reason_text(unit.reason), None))
    return told


# Samples ----------------------------------------------------------------------------------------------------


def spread_text(strip: Strip) -> str:
    """Return the middle 90 % of a row's samples."""
    return "{} to {}".format(seconds(strip.p5_s), seconds(strip.p95_s))


def beyond_text(strip: Strip) -> Optional[str]:
    """Return how many samples lie beyond the axis and how far they go, ``None`` if none does."""
    if not strip.beyond:
        return None
    return "{} beyond, up to {:.1f}\u00d7".format(count(strip.beyond, "sample"), strip.farthest)


