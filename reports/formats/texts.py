"""Findings as short texts: what page, Markdown, terminal and figures print in the same words."""

from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

from harness.reasons import Reason, sentence
from harness.words import Heap
from reports.findings import Findings
from reports.findings.about import About, Device
from reports.findings.amounts import Amount, Gap
from reports.findings.devices import Devices
from reports.findings.energy import CaseEnergy, EnergyTable, Saving
from reports.findings.headline import Summary
from reports.findings.memory import Figure, Kind, MemoryTable
from reports.findings.rows import Row, RowState, Table
from reports.findings.samples import Strip
from reports.findings.traces import Trace
from reports.findings.validity import OF_THE_MACHINE
from reports.numbers import (
    NARROW,
    SIGNS,
    count,
    interval,
    joules,
    percent,
    seconds,
    significant,
    size,
    speed,
    times,
    watts,
)
from reports.wording import FLAG_WORDS, Told, flag_text, reason_text, step_text, warning_text, why_text

CACHES = {"hot": "caches warm", "cold": "caches cold"}
#: Short title and meaning of each kind of memory.
MEMORY = {
    Kind.TORCH_ALLOCATED: ("torch allocated", "largest sum of live tensors in torch's own count"),
    Kind.TORCH_RESERVED: ("torch reserved", "what torch's allocator held, gaps and cache included"),
    Kind.RSS: ("process RSS", "resident memory of the process above its level with the input alone"),
    Kind.USS: ("process USS", "the part of it that no other process shares"),
    Kind.RAM: ("system RAM", "used memory of the whole system (tegrastats formula; pages that wait on a processor's "
               "list are free) above that level"),
    Kind.NVMAP: ("NvMap", "memory the Jetson's GPU driver handed out"),
}
#: What a process ran on.
HEAPS = {Heap.PINNED: "pinned heap", Heap.DEFAULT: "default heap"}
GAPS = {"energy": "Energy", "memory": "Memory"}
GAPS.update({kind.value: MEMORY[kind][0] for kind in Kind})
GLOSSARY = (
    ("faster, slower", "all launches agree, and the mean of their speeds lies beyond the practical factor and beyond "
     "what two copies of the baseline differ by"),
    ("same", "the interval lies inside the practical factor"),
    ("cannot tell", "neither holds; the next step says what would decide it"),
    ("wrong", "the output differs from the float64 reference by more than allowed, so it was not timed"),
    ("speed", "baseline time / rival time per call, the mean of the launches' estimates: bigger is faster"),
    ("interval", "exact signed-rank interval of the first launch at 99 %, stretched to hold every launch's estimate"),
    ("round", "every entrant once in shuffled order and once more backwards: one ratio; no sample is dropped"),
    ("launch", "one fresh process; the later ones confirm the first"),
    ("A/A", "the baseline runs twice as two entrants; their difference is the noise floor of the run"),
    ("median", "time per call over all samples of all launches; P5 to P95 hold the middle 90 % of them"),
)


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


def against_text(table: Table) -> str:
    """Return whom a table is against, its median, and what the comparison itself ran on: it may have own threads."""
    parts = ["against " + table.baseline, median_text(table.rows[0]),
             "CUDA" if table.device == "cuda" else "CPU, " + count(table.threads, "thread")]
    return ", ".join(part for part in parts if part)


def memory_table_title(table: MemoryTable) -> str:
    """Return the title of a memory table, with its heap where the comparison was measured on two."""
    return table.title if table.heap is None else "{}, {}".format(table.title, HEAPS[table.heap])


def memory_title(kind: Optional[Kind]) -> Optional[str]:
    """Return the short title of ``kind``."""
    return None if kind is None else MEMORY[kind][0]


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


def bytes_text(figure: Figure) -> Optional[str]:
    """Return an amount of memory."""
    return size(figure.value)


def memory_spread_text(figure: Figure) -> Optional[str]:
    """Return the least and the most of the repeats, ``None`` where only one has a number."""
    if figure.low is None or figure.repeats < 2:
        return None
    return "[{}, {}]".format(size(figure.low), size(figure.high))


def memory_width_text(figure: Figure) -> Optional[str]:
    """Return how far the repeats lie from their median at most, ``None`` where only one has a number."""
    if figure.value is None or figure.low is None or figure.high is None or figure.repeats < 2:
        return None
    return "\u00b1\u202f" + str(size(max(figure.high - figure.value, figure.value - figure.low)))


def memory_verdict_text(figure: Figure, baseline: bool) -> Optional[str]:
    """Return smaller, larger, same or cannot tell, or that one process has no spread; ``None`` for the baseline."""
    if baseline or figure.value is None:
        return None
    if figure.verdict is not None:
        return figure.verdict.state.value
    return "one process, no spread" if figure.of == 1 else "the baseline has no number"


def memory_text(figure: Figure, baseline: bool) -> str:
    """Return the figure with its spread, its verdict, and what some repeats lack; else why there is none."""
    if figure.value is None:
        return figure_reason(figure) or reason_text(None)
    return ", ".join([str(bytes_text(figure))] + memory_notes(figure, baseline))


def memory_notes(figure: Figure, baseline: bool) -> List[str]:
    """Return what stands beside a figure: its spread, its verdict, and what some repeats lack."""
    lacking = "{} of {} processes gave a number: {}".format(figure.repeats, figure.of, figure_reason(figure))
    return [told for told in (memory_spread_text(figure), memory_verdict_text(figure, baseline),
                              lacking if figure.repeats < figure.of else None) if told]


def figure_reason(figure: Figure) -> Optional[str]:
    """Return why a figure, or some of its repeats, is missing."""
    if not figure.reasons:
        return None
    return "; ".join(reason_text(reason) for reason in figure.reasons)


def joules_text(amount: Amount) -> Optional[str]:
    """Return an amount of energy."""
    return joules(amount.value)


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
    parts = [count(row.times.samples, "sample"), count(table.launches, "launch", "launches")]
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
    """Return the line under the headline: how much was compared and what this run could tell."""
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


# Samples, energy ----------------------------------------------------------------------------------------


def spread_text(strip: Strip) -> str:
    """Return the middle 90 % of a row's samples."""
    return "{} to {}".format(seconds(strip.p5_s), seconds(strip.p95_s))


def beyond_text(strip: Strip) -> Optional[str]:
    """Return how many samples lie beyond the axis and how far they go, ``None`` if none does."""
    if not strip.beyond:
        return None
    return "{} beyond, up to {:.1f}\u00d7".format(count(strip.beyond, "sample"), strip.farthest)


def uncertainty_text(row: CaseEnergy) -> Optional[str]:
    """Return the stated uncertainty of the energy per call."""
    if row.uncertainty_j is None or not row.per_call.value:
        return None
    return "\u00b1\u202f" + str(joules(row.uncertainty_j))


def watts_text(value: Optional[float]) -> Optional[str]:
    """Return a power."""
    return watts(value)


def energy_text(value: Optional[float]) -> Optional[str]:
    """Return an energy."""
    return joules(value)


def saving_text(saving: Saving) -> str:
    """Return ``1.83x less [1.80, 1.86]``; within 10 % the sign says it, ``-3.0 % [-4.1, -1.9]``."""
    middle, low, high = saving
    if 1 / 1.1 < middle < 1.1:                           # here the reader expects energy, not speed: less is minus
        alone = "{}{}%".format(percent(1 / middle), NARROW)
        return alone if low is None or high is None else "{} [{}, {}]".format(alone, percent(1 / high),
                                                                              percent(1 / low))
    factor = times(middle) + " less" if middle > 1 else times(1 / middle) + " more"
    return factor if low is None or high is None else "{} {}".format(factor, interval(middle, low, high))


def energy_verdict_text(row: CaseEnergy) -> Optional[str]:
    """Return smaller, larger or same, or *cannot tell* with why; ``None`` where there is nothing to judge."""
    if row.verdict is None or row.per_call.value is None:
        return None
    state = row.verdict.state.value
    return state if row.verdict.why is None else "{}: {}".format(state, why_text(row.verdict.why))


def trace_name(trace: Trace) -> str:
    """Return whose readings a trace shows under load."""
    return "all cases by turns" if trace.by_turns else trace.name


def energy_windows_text(table: EnergyTable) -> Optional[str]:
    """Return how the windows of a comparison were taken, ``None`` for a record that has none."""
    base = table.rows[0]
    if not base.windows:
        return None
    told = "{} of each case, by turns in {}".format(count(base.windows, "window"), count(base.rounds or 0, "round"))
    if table.floor is not None:
        told += "; two copies of the baseline differ by {}{}%".format(percent(1 + table.floor, sign=False), NARROW)
    return told + "; one process, so a difference tied to one process would not be seen"


def sampling_cost_text(table: EnergyTable) -> Optional[str]:
    """Return what reading the meter cost, ``None`` where that was not found out."""
    costs = [row.sampling_cost for row in table.rows if row.sampling_cost]
    if not costs:
        return None
    return "reading the meter changed the time per call by {} to {}{}%".format(
        percent(min(costs)), percent(max(costs)), NARROW)
