"""Memory: six kinds kept apart, and the one that stands in the comparison tables."""

from typing import Dict, List, NamedTuple, Optional, Tuple

from harness.plan import Comparison
from harness.reasons import Reason
from harness.record import Run
from harness.words import Pass, Status, Word
from reports.findings.amounts import Amount, Gap, absent


class Kind(Word):
    """A kind of memory under its name in the record."""

    TORCH_ALLOCATED = "torch_peak_allocated_bytes"
    TORCH_RESERVED = "torch_peak_reserved_bytes"
    RSS = "rss_delta_peak_bytes"
    USS = "uss_delta_peak_bytes"
    RAM = "ram_delta_peak_bytes"
    NVMAP = "nvmap_delta_bytes"


KINDS = tuple(Kind)
#: What may stand beside the times, the first that was measured: torch's count on CUDA, the process on a CPU.
ON_CUDA = (Kind.TORCH_ALLOCATED, Kind.RSS, Kind.USS, Kind.RAM)
ON_CPU = (Kind.RSS, Kind.USS, Kind.RAM, Kind.TORCH_ALLOCATED)


class CaseMemory(NamedTuple):
    """Memory of one case in bytes, one amount for each of :data:`KINDS`.

    ``peak`` is the whole process at the peak, ``step_bytes`` the smallest step of a reading of the process.
    """

    case: str
    name: str
    baseline: bool
    reached: bool
    amounts: Tuple[Amount, ...]
    swap: Amount
    peak: Amount
    step_bytes: Optional[int]

    def of(self, kind: Kind) -> Amount:
        """Return the amount of ``kind``."""
        return self.amounts[KINDS.index(kind)]

    @property
    def reason(self) -> Optional[Reason]:
        """The one reason why no kind was measured, ``None`` if there is a number or there are several reasons."""
        first = self.amounts[0].reason
        return first if all(amount == Amount(None, first) for amount in self.amounts) else None


class MemoryTable(NamedTuple):
    """The memory of one comparison: ``columns`` are the kinds that any case has, ``gaps`` those that none has."""

    id: str
    title: str
    columns: Tuple[Kind, ...]
    rows: Tuple[CaseMemory, ...]
    gaps: Tuple[Gap, ...]


def case_memories(run: Run) -> Dict[str, CaseMemory]:
    """Return the memory of every planned case by its id."""
    return {place.id: _case(run, place.id, place.case.name, place.case == place.comparison.baseline)
            for place in run.places()}


def _case(run: Run, ident: str, name: str, baseline: bool) -> CaseMemory:
    line = run.memory(ident)
    if line is None or line.status is not Status.OK:
        why = run.why_absent(Pass.MEMORY) if line is None else line.reason
        nothing = absent(None, why)
        return CaseMemory(ident, name, baseline, line is not None, (nothing,) * len(KINDS), nothing, nothing, None)
    # the fields of a kind are named after it
    amounts = [Amount(value) if value is not None else absent(said, line.reason) for value, said in (
        (getattr(line, kind.value), getattr(line, kind.value + "_reason")) for kind in KINDS)]
    swap = absent(line.swap_delta_bytes_reason) if line.swap_delta_bytes is None else Amount(line.swap_delta_bytes)
    peak = absent(None) if line.rss_peak_bytes is None else Amount(line.rss_peak_bytes)
    return CaseMemory(ident, name, baseline, True, tuple(amounts), swap, peak, line.ram_resolution_bytes)


def main_kind(cases: Dict[str, CaseMemory], cuda: bool) -> Optional[Kind]:
    """Return the kind shown beside the times: one for the whole run, so that no table mixes two."""
    return next((kind for kind in (ON_CUDA if cuda else ON_CPU)
                 if any(case.of(kind).value is not None for case in cases.values())), None)


def memory_table(comparison: Comparison, cases: Dict[str, CaseMemory]) -> Optional[MemoryTable]:
    """Return the memory table of one comparison, ``None`` if the run reached the memory of no case."""
    rows = [case for case in (cases[comparison.case_id(one)] for one in comparison.cases) if case.reached]
    if not rows:
        return None
    columns: List[Kind] = []
    gaps: List[Gap] = []
    told = [row for row in rows if row.reason is None]
    for kind in KINDS:
        if told and all(row.of(kind).value is None for row in rows):
            gaps.append(Gap(kind.value, told[0].of(kind).reason or absent(None).reason))  # type: ignore[arg-type]
        else:
            columns.append(kind)
    return MemoryTable(comparison.id, comparison.title, tuple(columns), tuple(rows), tuple(gaps))
