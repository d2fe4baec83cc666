"""Everything a report says, as typed values: made once from the index of a run, read by every format."""

from enum import Enum
from typing import Any, NamedTuple, Optional, Sequence, Tuple

from harness.reasons import Reason
from harness.record import LaunchLine, Run
from harness.words import Heap, Pass
from reports.findings.about import About, about
from reports.findings.amounts import Gap
from reports.findings.cleaned import cleaned
from reports.findings.close_calls import CloseCall, close_calls
from reports.findings.devices import Devices, side_by_side
from reports.findings.energy import EnergyTable, case_energies, energy_table, why_no_energy
from reports.findings.environment import (
    FailedUnit,
    Meter,
    SectionFacts,
    failed_units,
    launches_of,
    refused_meters,
    section_facts,
)
from reports.findings.fair import EngineTable, engine_tables, fairly
from reports.findings.fit import FitTable, fit_tables
from reports.findings.goals import GoalRow, goal_rows
from reports.findings.headline import Headline, Summary, headline, summary
from reports.findings.memory import CaseMemory, MemoryTable, case_memories, memory_tables
from reports.findings.power_modes import ModeTable, mode_tables
from reports.findings.protocol import Script, scripts
from reports.findings.published import Published, PublishedRow, published_rows, read_published
from reports.findings.rooflines import Roofline, RoofPoint, roof_points, rooflines
from reports.findings.rows import Table, common_gaps, comparison_tables
from reports.findings.samples import StripTable, shown_tables, strip_tables
from reports.findings.soak import SoakTable, soak_tables
from reports.findings.sweeps import Sweep, sweeps
from reports.findings.tables import measured_of, tables_of
from reports.findings.traces import Trace, traces
from reports.findings.validity import ValidityWarning, warnings

FORMAT = 2


class Findings(NamedTuple):
    """What a report says of one run, and beside it of others (``devices``).

    ``gaps`` are what every table lacks; ``memory`` holds every planned case, ``default_heap`` those
    measured on the heap of a user's own process too; ``no_energy`` tells why there is no
    energy at all; ``strips_left_out`` counts the main tables whose samples are not drawn. ``launches`` are the raw
    samples as recorded: the one field that :func:`as_data` leaves out.
    """

    format: int
    about: About
    headline: Headline
    summary: Summary
    warnings: Tuple[ValidityWarning, ...]
    goals: Tuple[GoalRow, ...]
    tables: Tuple[Table, ...]
    gaps: Tuple[Gap, ...]
    close_calls: Tuple[CloseCall, ...]
    strips: Tuple[StripTable, ...]
    strips_left_out: int
    memory: Tuple[CaseMemory, ...]
    default_heap: Tuple[CaseMemory, ...]
    memory_tables: Tuple[MemoryTable, ...]
    energy_tables: Tuple[EnergyTable, ...]
    no_energy: Tuple[Reason, ...]
    engine_tables: Tuple[EngineTable, ...]
    scripts: Tuple[Script, ...]
    fit_tables: Tuple[FitTable, ...]
    soak_tables: Tuple[SoakTable, ...]
    traces: Tuple[Trace, ...]
    sweeps: Tuple[Sweep, ...]
    rooflines: Tuple[Roofline, ...]
    roof_points: Tuple[RoofPoint, ...]
    published: Tuple[PublishedRow, ...]
    environment: Tuple[SectionFacts, ...]
    refused: Tuple[Meter, ...]
    failed: Tuple[FailedUnit, ...]
    devices: Optional[Devices]
    power_modes: Tuple[ModeTable, ...]
    launches: Tuple[LaunchLine, ...]


def findings(run: Run, published: Optional[Sequence[Published]] = None, others: Sequence[Run] = ()) -> Findings:
    """Return what ``run`` found, the same for the same record.

    ``published`` are the printed numbers to stand beside the measured ones (default: those in
    ``results/published``); ``others`` are further runs to stand beside this one.
    """
    run = fairly(run)
    printed = read_published() if published is None else published
    memory, elsewhere = case_memories(run), case_memories(run, Heap.DEFAULT)
    energy = case_energies(run)
    tables, behind = comparison_tables(run, measured_of(run, memory, energy))
    if Pass.TIME.value not in run.header.settings.passes:
        tables = tables[:0]  # it was asked something else: tables of nothing would only hide the answer
    gaps = common_gaps(tables)
    # the strips of the main tables only: a second cache state would double the page
    main = [table for table in tables if table.main]
    shown = shown_tables(main)
    every = [tables] + [tables_of(other) for other in others]
    factor = run.header.rule.factor
    return cleaned(Findings(
        FORMAT, about(run), headline(tables), summary(tables, factor), warnings(run, tables, memory),
        goal_rows(run, tables),
        tuple(table._replace(gaps=tuple(gap for gap in table.gaps if gap not in gaps)) for table in tables), gaps,
        close_calls(tables, factor), strip_tables(shown, behind), len(main) - len(shown), tuple(memory.values()),
        tuple(elsewhere.values()), memory_tables(run.comparisons, memory, elsewhere),
        tuple(one for one in (energy_table(each, energy) for each in run.comparisons) if one is not None),
        why_no_energy(run, energy), engine_tables(run),
        scripts(run, tables, (memory, elsewhere), printed), fit_tables(run), soak_tables(run), traces(run, tables),
        sweeps(run, tables), rooflines(run, tables), roof_points(run, tables),
        published_rows(tables, (memory, elsewhere), printed),
        section_facts(run.environment), refused_meters(run.environment), failed_units(run),
        side_by_side([run] + list(others), every) if others else None,
        mode_tables([run] + list(others), every) if others else (), ()))._replace(launches=tuple(launches_of(run)))


def as_data(found: Findings) -> Any:
    """Return ``found`` as JSON-ready data, without the raw samples (they stand in the record and in samples.csv)."""
    return data_of(found._replace(launches=()), ("launches",))


def data_of(value: Any, without: Sequence[str] = ()) -> Any:
    """Return typed values as JSON-ready data, the fields ``without`` left out of the outermost."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: data_of(one) for name, one in zip(value._fields, value) if name not in without}
    if isinstance(value, dict):
        return {str(key): data_of(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [data_of(one) for one in value]
    return value
