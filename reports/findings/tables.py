"""The comparison tables of a run by themselves, for whoever needs no more of it."""

from typing import Dict, List

from harness.record import Run
from reports.findings.energy import CaseEnergy, case_energies
from reports.findings.fair import fairly
from reports.findings.memory import CaseMemory, case_memories, main_kinds
from reports.findings.rows import Measured, Table, comparison_tables


def tables_of(run: Run) -> List[Table]:
    """Return the comparison tables of ``run``."""
    run = fairly(run)
    return comparison_tables(run, measured_of(run, case_memories(run), case_energies(run)))[0]


def measured_of(run: Run, memory: Dict[str, CaseMemory], energy: Dict[str, CaseEnergy]) -> Measured:
    """Return what the tables of ``run`` are made from."""
    return Measured(memory, energy, main_kinds(run.comparisons, memory))
