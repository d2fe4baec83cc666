"""Memory: six kinds kept apart, and the one that stands in the comparison tables."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.plan import Comparison
from harness.reasons import Code, Reason
from harness.record import MemoryLine, MemoryTrace, Run
from harness.statistics.memory import MemoryVerdict, compare_memory, level
from harness.words import Heap, Pass, Status, Word
from reports.findings.amounts import Gap, absent, distinct


class Kind(Word):
    """A kind of memory under its name in the record."""

    TORCH_ALLOCATED = "torch_peak_allocated_bytes"
    TORCH_RESERVED = "torch_peak_reserved_bytes"
    RSS = "rss_delta_peak_bytes"
    USS = "uss_delta_peak_bytes"
    RAM = "ram_delta_peak_bytes"
    NVMAP = "nvmap_delta_bytes"

    @property
    def of_torch(self) -> bool:
        """Whether it is torch's own count, which holds the input as well."""
        return self in (Kind.TORCH_ALLOCATED, Kind.TORCH_RESERVED)


KINDS = tuple(Kind)
#: What may stand beside the times, the first that was measured: torch's count on CUDA, the process on a CPU.
ON_CUDA = (Kind.TORCH_ALLOCATED, Kind.RSS, Kind.USS, Kind.RAM)
ON_CPU = (Kind.RSS, Kind.USS, Kind.RAM, Kind.TORCH_ALLOCATED)
SHOWN = {"cpu": ON_CPU, "cuda": ON_CUDA}


class Figure(NamedTuple):
    """One kind of memory of one case in bytes: the median over its repeats, with the least and the most.

    ``repeats`` counts those with a number, ``of`` all of them; ``reasons`` are why some, or all, have none.
    ``verdict`` compares with the baseline's, ``None`` for the baseline and where one of the two was measured in one
    process only or has no number.
    """

    value: Optional[float] = None
    low: Optional[float] = None
    high: Optional[float] = None
    repeats: int = 0
    of: int = 0
    reasons: Tuple[Reason, ...] = ()
    verdict: Optional[MemoryVerdict] = None

    @property
    def reason(self) -> Optional[Reason]:
        """Why there is no number, the first of several; ``None`` if there is one."""
        return self.reasons[0] if self.value is None and self.reasons else None


class CaseMemory(NamedTuple):
    """Memory of one case in bytes, one figure for each of :data:`KINDS`.

    ``peak`` is the whole process at the peak, ``runtime`` what it held before the input was made: Python, torch, and
    the libraries and handles that any case of the kind loads. ``heap`` is what the processes ran on,
    ``trace`` the first one's resident memory while the calls ran.
    """

    case: str
    name: str
    baseline: bool
    reached: bool
    figures: Tuple[Figure, ...]
    swap: Figure
    peak: Figure
    runtime: Figure
    heap: Heap = Heap.PINNED
    trace: Optional[MemoryTrace] = None

    def of(self, kind: Kind) -> Figure:
        """Return the figure of ``kind``."""
        return self.figures[KINDS.index(kind)]

    @property
    def reason(self) -> Optional[Reason]:
        """The one reason why no kind was measured, ``None`` if there is a number or there are several reasons."""
        first = self.figures[0]
        alike = all(figure.value is None and figure.reasons == first.reasons for figure in self.figures)
        return first.reason if alike and len(first.reasons) == 1 else None


class MemoryTable(NamedTuple):
    """The memory of one comparison: ``columns`` are the kinds that any case has, ``gaps`` those that none has.

    ``heap`` tells the two tables of a comparison that was measured on both apart, ``None`` where there is one.
    """

    id: str
    title: str
    columns: Tuple[Kind, ...]
    rows: Tuple[CaseMemory, ...]
    gaps: Tuple[Gap, ...]
    heap: Optional[Heap] = None


def case_memories(run: Run, heap: Heap = Heap.PINNED) -> Dict[str, CaseMemory]:
    """Return the memory on ``heap`` of every case that was planned to be measured on it, by its id."""
    found: Dict[str, CaseMemory] = {}
    for comparison in run.comparisons:
        if heap is Heap.PINNED or comparison.both_heaps:
            base = comparison.case_id(comparison.baseline)
            for case in comparison.cases:
                ident = comparison.case_id(case)
                found[ident] = _case(run, ident, case.name, base, heap)
    return found


def values_of(lines: Sequence[MemoryLine], kind: str) -> List[Optional[float]]:
    """Return what each repeat says of the field ``kind``, ``None`` where it failed or has no number."""
    return [getattr(line, kind) if line.status is Status.OK else None for line in lines]


def _case(run: Run, ident: str, name: str, base: str, heap: Heap) -> CaseMemory:
    lines = run.memory_repeats(ident, heap)
    if not any(line.status is Status.OK for line in lines):
        nothing = _nothing(run, ident, lines)
        return CaseMemory(ident, name, ident == base, bool(lines), (nothing,) * len(KINDS), nothing, nothing, nothing,
                          heap)
    against = [] if ident == base else run.memory_repeats(base, heap)
    figures = tuple(_figure(lines, kind.value, against) for kind in KINDS)
    runtime = [line.stages["warm"].rss_bytes if "warm" in line.stages else None for line in lines]
    return CaseMemory(ident, name, ident == base, True, figures, _figure(lines, "swap_delta_bytes", []),
                      _figure(lines, "rss_peak_bytes", against), _of_values(runtime, (Reason(Code.NO_NUMBER),)), heap,
                      next((line.trace for line in lines if line.trace is not None), None))


def _nothing(run: Run, ident: str, lines: Sequence[MemoryLine]) -> Figure:
    """Return the figure of a case of which no repeat was measured: why there is none."""
    return Figure(of=len(lines), reasons=distinct(tuple(
        absent(None, line.reason).reason or Reason(Code.NO_NUMBER) for line in lines)) or (
            run.why_absent(Pass.MEMORY, ident),))


def main_figures(run: Run) -> Tuple[Dict[str, Optional[Kind]], Dict[str, Figure]]:
    """Return :func:`main_kinds` and the figure of that kind of every case, and none of the other kinds."""
    repeats = {place.id: run.memory_repeats(place.id) for place in run.places()}
    kinds: Dict[str, Optional[Kind]] = {}
    for device, known in SHOWN.items():
        there = [line for place in run.places() if place.case.device == device for line in repeats[place.id]
                 if line.status is Status.OK]
        kinds[device] = next((kind for kind in known if any(
            getattr(line, kind.value) is not None for line in there)), None)
    figures: Dict[str, Figure] = {}
    for place in run.places():
        lines, base = repeats[place.id], place.comparison.case_id(place.comparison.baseline)
        measured = any(line.status is Status.OK for line in lines)
        figures[place.id] = _nothing(run, place.id, lines) if not measured else _figure(
            lines, (kinds[place.case.device] or Kind.RSS).value, [] if place.id == base else repeats[base])
    return kinds, figures


def _figure(lines: Sequence[MemoryLine], field: str, against: Sequence[MemoryLine]) -> Figure:
    values = values_of(lines, field)
    # the fields that say why are named after the kind
    reasons = tuple(reason for line, value in zip(lines, values) if value is None for reason in [
        absent(getattr(line, field + "_reason", None) if line.status is Status.OK else None, line.reason).reason]
        if reason is not None)
    figure = _of_values(values, distinct(reasons))
    theirs = values_of(against, field)
    if level(theirs) is None or figure.value is None or len(lines) < 2 or len(against) < 2:
        return figure
    return figure._replace(verdict=compare_memory(theirs, values))


def _of_values(values: Sequence[Optional[float]], reasons: Tuple[Reason, ...]) -> Figure:
    found = level(values)
    if found is None:
        return Figure(of=len(values), reasons=reasons)
    return Figure(found.median, found.low, found.high, found.repeats, len(values),
                  reasons if found.repeats < len(values) else ())


def main_kinds(comparisons: Sequence[Comparison], cases: Dict[str, CaseMemory]) -> Dict[str, Optional[Kind]]:
    """Return by device the kind shown beside the times: one for all tables of a device, so that none mixes two."""
    found: Dict[str, Optional[Kind]] = {}
    for device, kinds in SHOWN.items():
        there = [cases[one.case_id(case)] for one in comparisons for case in one.cases if case.device == device]
        found[device] = next((kind for kind in kinds if any(case.of(kind).value is not None for case in there)), None)
    return found


def memory_tables(comparisons: Sequence[Comparison], cases: Dict[str, CaseMemory],
                  elsewhere: Dict[str, CaseMemory]) -> Tuple[MemoryTable, ...]:
    """Return the table of each comparison of which the run reached any case; ``elsewhere`` is the default heap's."""
    found = []
    for one in comparisons:
        found.append(_table(one, cases, Heap.PINNED if one.both_heaps else None))
        if one.both_heaps:
            found.append(_table(one, elsewhere, Heap.DEFAULT))
    return tuple(table for table in found if table is not None)


def _table(comparison: Comparison, cases: Dict[str, CaseMemory], heap: Optional[Heap]) -> Optional[MemoryTable]:
    rows = [case for case in (cases[comparison.case_id(one)] for one in comparison.cases) if case.reached]
    if not rows:
        return None
    columns: List[Kind] = []
    gaps: List[Gap] = []
    told = [row for row in rows if row.reason is None]
    for kind in KINDS:
        if told and all(row.of(kind).value is None for row in rows):
            gaps.append(Gap(kind.value, told[0].of(kind).reason or Reason(Code.NO_NUMBER)))
        else:
            columns.append(kind)
    return MemoryTable(comparison.id, comparison.title, tuple(columns), tuple(rows), tuple(gaps), heap)
