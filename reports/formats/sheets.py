"""Tables of words that every format prints the same way: what fits, and what is sustained."""

from typing import List, Optional, Sequence, Tuple

from harness.reasons import Code, sentence
from harness.statistics.soak import Measure
from harness.statistics.verdict import Verdict
from harness.words import State
from reports.findings.fair import EngineTable
from reports.findings.findings import Findings
from reports.findings.fit import FitRow, FitTable
from reports.findings.power_modes import ModeTable
from reports.findings.soak import SoakRow, SoakTable
from reports.formats.protocol_text import script_sheet
from reports.formats.sheet import Sheet
from reports.numbers import (
    NARROW,
    SIGNS,
    count,
    interval,
    joules,
    seconds,
    si,
    significant,
    size,
    speed,
    times,
    watts,
)
from reports.wording import NO_REASON


def sheets(found: Findings) -> List[Sheet]:
    """Return the tables of scripts, engines, fits, soaks and power modes; empty for a run of none of them."""
    return said_once(
        [script_sheet(one, found.about) for one in found.scripts]
        + [engines_sheet(one) for one in found.engine_tables] + [fit_sheet(one) for one in found.fit_tables]
        + [soak_sheet(one) for one in found.soak_tables] + [power_modes_sheet(one) for one in found.power_modes])


def said_once(found: Sequence[Sheet]) -> List[Sheet]:
    """Return ``found`` with a note that several tables of a section have below the last of them alone."""
    return [one._replace(notes=[note for note in one.notes if not any(
        note in later.notes for later in found[number:] if later.section == one.section)])
            for number, one in enumerate(found, 1)]


def answer(found: Findings) -> Optional[str]:
    """Return the headline of a run that timed nothing but was asked what fits or what is sustained, else ``None``."""
    fitted = [(row, table) for table in found.fit_tables for row in table.rows
              if not row.baseline and row.ratio is not None]
    if fitted:
        row, table = max(fitted, key=lambda pair: pair[0].ratio or 0.0)
        base = next(one for one in table.rows if one.baseline)
        return "in {} {} runs a batch of {} at {}, {} one of {}.".format(
            size(table.limit_bytes), row.name, row.largest, table.title, base.name, base.largest)
    soaked = [row for table in found.soak_tables for row in table.rows if row.verdict is not None]
    if soaked:
        decided = [row for row in soaked if row.verdict is not None and row.verdict.state is not State.CANNOT_TELL]
        best = max(decided or soaked, key=lambda row: (row.verdict.speed or 0.0) if row.verdict else 0.0)
        return "sustained, {} is {} at {}.".format(best.name, _said(best), best.title)
    return None


def engines_sheet(table: EngineTable) -> Sheet:
    """Return the cases of one comparison in every engine, each beside the baselines of its own engine and of all."""
    notes = ["The fastest {} of all engines here is {} ({}): the harder baseline, the one of the headline. The other "
             "forms of it stand beside that one alone.".format(table.layer, table.fastest, seconds(table.fastest_s))]
    return Sheet("engines-" + table.id, "Engine by engine", "Engine by engine: {}".format(table.title),
                 ("case", "engine", "median", "beside the {} of its own engine".format(table.layer),
                  "beside the fastest of all, {}".format(table.fastest)),
                 [(row.name, row.engine or "", seconds(row.median_s) or "", _beside(row.own, row.own_baseline),
                   "the fastest itself" if row.name == table.fastest else _beside(row.fastest))
                  for row in table.rows], (2,), notes)


def _beside(verdict: Optional[Verdict], other: Optional[str] = None) -> str:
    """Return a verdict in words, against whom unless the column says that."""
    if verdict is None:
        return ""
    word, words = str(verdict.state), "" if verdict.speed is None else speed(verdict.speed)
    # "2.00x faster" holds the verdict's own word
    told = words if words.endswith(word) else ", ".join(filter(None, (word, words)))
    if verdict.speed is not None and verdict.low is not None and verdict.high is not None:
        told += " " + interval(verdict.speed, verdict.low, verdict.high)
    return "{} {}{}".format(SIGNS[verdict.state.value], told, " (against {})".format(other) if other else "")


def fit_sheet(table: FitTable) -> Sheet:
    """Return what fits in one comparison, in words."""
    whose = "the whole process, Python and torch included" if table.whole_process else "torch's allocator alone"
    notes = ["The limit is that of {}; a batch is the input's first dimension, and the largest that ran and the "
             "smallest that did not lie within 1{}% or one image.".format(whose, NARROW)]
    notes += ["{}: a batch of {} did not run for another reason than memory: {}.".format(
        row.name, row.refused, sentence(row.refused_for)) for row in table.rows
        if row.refused_for is not None and row.refused_for.code not in (Code.NO_MEMORY, Code.KILLED)]
    title = "Largest batch in {}: {}".format(size(table.limit_bytes), table.title)
    heads = ("case", "largest batch", "did not run", "against the baseline", "one more image", "before the input")
    return Sheet("fit-" + table.id, "Does it fit", title, heads,
                 [_fit_cells(row) for row in table.rows], (1, 2, 3, 4, 5), notes)


def _fit_cells(row: FitRow) -> Tuple[str, ...]:
    if row.largest is None:
        return (row.name, "not measured: {}".format(sentence(row.reason) or NO_REASON), "", "", "", "")
    against = "1" if row.baseline else "" if row.ratio is None else times(row.ratio)
    return (row.name, str(row.largest), "none tried" if row.refused is None else str(row.refused), against,
            size(row.per_image_bytes) or "", size(row.own_bytes) or "")


def soak_sheet(table: SoakTable) -> Sheet:
    """Return what is sustained in one comparison, in words."""
    notes = ["Burst is the first block, sustained the last third; the verdict is that of the sustained part, each "
             "pair of blocks one ratio."]
    for row in table.rows:
        verdict, line = row.verdict, row.line
        if verdict is None or line is None:
            continue
        if verdict.pairs < verdict.pairs_needed:
            notes.append("{}: {} in the sustained part and the interval needs {}: soak longer, or make the blocks "
                         "shorter with --soak-block.".format(row.name, count(
                             verdict.pairs, "pair of blocks lies", "pairs of blocks lie"), verdict.pairs_needed))
        if verdict.measure is Measure.SPEED and verdict.throttled_s is not None:
            notes.append("{}: no clock could be read, and its speed falls for other programs' sake too: close them "
                         "before you blame the heat.".format(row.name))
        lacks = [("clock", line.clock_reason), ("temperature", line.temperature_reason), ("power", line.power_reason)]
        notes += ["{}: {} not read: {}.".format(row.name, what, why) for what, why in lacks if why]
    return Sheet("soak-" + table.id, "Sustained", "Sustained: {} (against {})".format(table.title, table.baseline),
                 ("rival", "verdict", "sustained speed", "interval", "rival kept", "baseline kept", "throttled",
                  "hottest", "power"),
                 [_soak_cells(row) for row in table.rows], (2, 3, 4, 5, 6, 7, 8), notes)


def _soak_cells(row: SoakRow) -> Tuple[str, ...]:
    verdict = row.verdict
    if verdict is None:
        return (row.name, "{} not measured: {}".format(SIGNS["not measured"], sentence(row.reason) or NO_REASON)) + (
            "",) * 7
    ends = ("" if verdict.speed is None or verdict.low is None or verdict.high is None
            else interval(verdict.speed, verdict.low, verdict.high))
    kept = ["" if pace.kept is None else "{:.1f}{}%".format(100 * pace.kept, NARROW)
            for pace in (verdict.rival, verdict.baseline)]
    when = "never" if verdict.throttled_s is None else "after {}".format(si(verdict.throttled_s, "s"))
    heat = "" if row.hottest_c is None else "{:.1f}{}\u00b0C".format(row.hottest_c, NARROW)
    return (row.name, "{} {}".format(SIGNS[verdict.state.value], verdict.state),
            "" if verdict.speed is None else speed(verdict.speed), ends, kept[0], kept[1],
            "{} (by {})".format(when, verdict.measure), heat, watts(row.sustained_w) or "")


def power_modes_sheet(table: ModeTable) -> Sheet:
    """Return speed and power of one comparison in every power mode, in words."""
    without = [point for point in table.points if point.power_w is None]
    notes = ["Best: no other case in any mode is as fast with less power, or faster with as much (the Pareto line)."]
    reasons = list(dict.fromkeys(sentence(point.reason) or NO_REASON for point in without))
    notes += ["No power, so nothing is best: {}.".format(reason) for reason in reasons]
    rows = [(point.name, point.mode, "{}/s".format(significant(point.images_per_s)),
             watts(point.power_w) or "not known", joules(point.per_image_j) or "not known",
             "best" if point.best else "") for point in table.points]
    return Sheet("power-modes-" + table.id, "Power modes", "Power modes: {}".format(table.title),
                 ("case", "mode", "images", "mean power", "energy per image", "on the line"), rows, (2, 3, 4), notes)


def _said(row: SoakRow) -> str:
    verdict = row.verdict
    if verdict is None or verdict.speed is None or verdict.state is State.CANNOT_TELL:
        return "not told apart from its baseline"
    return "as fast as its baseline" if verdict.state is State.SAME else speed(verdict.speed) + " than its baseline"
