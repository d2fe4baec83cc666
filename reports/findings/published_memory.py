"""A printed memory beside what means the same here: the whole process and the layer alone, in each heap."""

from typing import Dict, NamedTuple, Optional, Sequence, Tuple

from harness.statistics.memory import MemoryVerdict
from harness.words import Heap, State
from reports.findings.memory import CaseMemory, Figure, Kind


class Share(NamedTuple):
    """A memory, or what is saved of it against the baseline (a share), from the least to the most of the processes.

    ``state`` is smaller, larger, same or cannot tell against the baseline by the rule for memory, ``None`` for the
    baseline itself and where one of the two was measured in one process only.
    """

    value: Optional[float]
    low: Optional[float]
    high: Optional[float]
    state: Optional[State]


class Shares(NamedTuple):
    """What a printed memory may mean, on one heap.

    ``process`` is the whole process at its peak, ``runtime_bytes`` what it held of that before the input was made:
    Python, torch and the libraries and handles that any case of the kind loads. ``own`` is the layer alone, of kind
    ``kind``.
    """

    heap: Heap
    process: Share
    runtime_bytes: Optional[float]
    own: Share
    kind: Kind


def shares(saved: bool, kind: Kind, case: str, base: str,
           heaps: Sequence[Dict[str, CaseMemory]]) -> Tuple[Shares, ...]:
    """Return the shares of ``case`` on each heap that it was measured on; ``saved`` against ``base``."""
    found = []
    for memory in heaps:
        if case in memory and memory[case].reached:
            mine, theirs = memory[case], memory[base]
            found.append(Shares(mine.heap, _share(saved, mine.peak, theirs.peak), mine.runtime.value,
                                _share(saved, mine.of(kind), theirs.of(kind)), kind))
    return tuple(found)


def _share(saved: bool, mine: Figure, theirs: Figure) -> Share:
    state = _state(mine.verdict)
    if not saved:
        return Share(mine.value, mine.low, mine.high, state)
    return Share(saving(mine.value, theirs.value), saving(mine.high, theirs.low), saving(mine.low, theirs.high),
                 state)


def _state(verdict: Optional[MemoryVerdict]) -> Optional[State]:
    return None if verdict is None else verdict.state


def saving(own: Optional[float], base: Optional[float]) -> Optional[float]:
    """Return the share of ``base`` that ``own`` saves, ``None`` without both."""
    return None if own is None or not base else 1.0 - own / float(base)
