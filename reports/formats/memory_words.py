"""Amounts of memory as short texts."""

from typing import List, Optional, Sequence

from harness.words import Heap
from reports.findings.amounts import Gap
from reports.findings.memory import CaseMemory, Figure, Kind, MemoryTable
from reports.numbers import size
from reports.wording import reason_text

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
ONE_PROCESS = "One process for each rival: no spread, so no verdict"
#: What a process ran on.
HEAPS = {Heap.PINNED: "pinned heap", Heap.DEFAULT: "default heap"}


def memory_table_title(table: MemoryTable) -> str:
    """Return the title of a memory table, with its heap where the comparison was measured on two."""
    return table.title if table.heap is None else "{}, {}".format(table.title, HEAPS[table.heap])


def memory_title(kind: Optional[Kind]) -> Optional[str]:
    """Return the short title of ``kind``."""
    return None if kind is None else MEMORY[kind][0]


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


def one_process_each(table: MemoryTable) -> bool:
    """Return whether no rival of the table was measured in more than one process: said once, not in every cell."""
    numbers = [row.of(kind).of for row in table.rows if not row.baseline for kind in table.columns]
    return bool(numbers) and max(numbers) == 1


def common_memory_gaps(tables: Sequence[MemoryTable]) -> List[Gap]:
    """Return what no table has, each for the same reason: said once above them all."""
    return [gap for gap in tables[0].gaps if all(gap in table.gaps for table in tables)] if len(tables) > 1 else []


def common_lacking(row: CaseMemory, kinds: Sequence[Kind]) -> Optional[str]:
    """Return what some repeats of a case lack, where it is one reason for all of several ``kinds``: said once."""
    told = {_lacking(row.of(kind)) for kind in kinds if row.of(kind).value is not None}
    alike = len(kinds) > 1 and len(told) == 1 and all(row.of(kind).value is not None for kind in kinds)
    return told.pop() if alike else None


def _lacking(figure: Figure) -> Optional[str]:
    if figure.repeats >= figure.of:
        return None
    return "{} of {} processes gave a number: {}".format(figure.repeats, figure.of, figure_reason(figure))


def memory_notes(figure: Figure, baseline: bool, said: bool = False, shared: Optional[str] = None) -> List[str]:
    """Return what stands beside a figure: its spread, its verdict, and what some repeats lack.

    ``said`` tells that the one process of each case is spoken of elsewhere, ``shared`` what all repeats lack is.
    """
    lacking = None if shared is not None else _lacking(figure)
    verdict = None if said and figure.of == 1 else memory_verdict_text(figure, baseline)
    return [told for told in (memory_spread_text(figure), verdict, lacking) if told]


def figure_reason(figure: Figure) -> Optional[str]:
    """Return why a figure, or some of its repeats, is missing."""
    if not figure.reasons:
        return None
    return "; ".join(reason_text(reason) for reason in figure.reasons)


def common_figure_reason(row: CaseMemory, kinds: Sequence[Kind]) -> Optional[str]:
    """Return why a case has no figure of any of ``kinds``, where it is one reason for all of several."""
    figures = [row.of(kind) for kind in kinds]
    reasons = {figure_reason(figure) for figure in figures}
    alike = len(figures) > 1 and len(reasons) == 1 and all(figure.value is None for figure in figures)
    return reasons.pop() if alike else None
