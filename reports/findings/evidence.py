"""What the claims are tested on, taken from a run."""

from typing import Dict, Sequence, Tuple

from harness.record import Run
from harness.words import Heap
from reports.findings.about import about
from reports.findings.claim_tables import ClaimRun, Evidence
from reports.findings.environment import run_facts
from reports.findings.fair import fairly
from reports.findings.memory import CaseMemory, case_memories
from reports.findings.rows import Table
from reports.findings.tables import tables_of

#: Facts of the environment that a caption names.
VERSIONS = ("python.version", "torch.version", "torch.cuda", "git.commit", "clocks.power_mode",
            "clocks.locked_for_run")


def evidence(run: Run) -> Evidence:
    """Return what the claims need of ``run``: none of its samples."""
    run = fairly(run)
    return evidence_of(run, tables_of(run), (case_memories(run), case_memories(run, Heap.DEFAULT)))


def evidence_of(run: Run, tables: Sequence[Table], heaps: Tuple[Dict[str, CaseMemory], ...]) -> Evidence:
    """Return what the claims need of ``run``, whose ``tables`` and memory on each heap are known already."""
    facts = run_facts(run)
    rows = {row.case: (row, table) for table in tables if table.main for row in table.rows}
    return Evidence(ClaimRun(about(run), tuple((name, facts.get(name)) for name in VERSIONS), run.header.rule.level),
                    rows, heaps)
