"""The comparison tables of a run by themselves, for whoever needs no more of it."""

from typing import Dict, List

from harness.record import Run
from reports.findings.energy import CaseEnergy, case_energies
from reports.findings.fair import fairly
from reports.findings.memory import CaseMemory, Kind, main_figures, main_kinds
from reports.findings.rows import Measured, Table, comparison_tables


def tables_of(run: Run) -> List[Table]:
    """Return the comparison tables of ``run``."""
    run = fairly(run)
    kinds, figures = main_figures(run)
    return comparison_tables(run, Measured(figures, case_energies(run), kinds))[0]


def measured_of(run: Run, memory: Dict[str, CaseMemory], energy: Dict[str, CaseEnergy]) -> Measured:
    """Return what the tables of ``run`` are made from."""
    kinds = main_kinds(run.comparisons, memory)
    return Measured({place.id: memory[place.id].of(kinds[place.case.device] or Kind.RSS) for place in run.places()},
                    energy, kinds)
