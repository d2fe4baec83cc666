"""The index of a run that is being made: it keeps what the next unit needs and no samples.

On a 4 GB board the controller leaves the memory to the layers, however many cases the run has.
"""

from typing import Dict, Iterable, Optional, Tuple

from harness.record.amount_lines import EnergyLine, MemoryLine, SoakLine
from harness.record.index import Run, folder_of, median_call_s
from harness.record.reader import Entry, stream_record
from harness.record.time_lines import LaunchLine
from harness.words import Status


class WorkingRun(Run):
    """A :class:`Run` whose lines have lost their samples and traces; the record has them."""

    def __init__(self, folder: str, lines: Iterable[Entry]) -> None:
        self._call_s: Dict[str, Tuple[int, float]] = {}
        super(WorkingRun, self).__init__(folder, lines)

    def add(self, line: Entry) -> None:
        """See :class:`Run`."""
        if isinstance(line, LaunchLine) and line.status is Status.OK:
            for case in {case for series in line.series for case in series.entrants}:
                median, known = median_call_s([line], case), self._call_s.get(case)
                if median is not None and (known is None or line.launch <= known[0]):
                    self._call_s[case] = (line.launch, median)
        super(WorkingRun, self).add(slim(line))

    def call_s(self, comparison: str, case: str) -> Optional[float]:
        """See :class:`Run`."""
        known = self._call_s.get(case)
        return None if known is None else known[1]


def slim(line: Entry) -> Entry:
    """Return ``line`` without what fills memory: samples, traces, stages."""
    if isinstance(line, LaunchLine):
        return line._replace(warmup=(), series=tuple(
            series._replace(rounds=(), unfinished_round=None) for series in line.series))
    if isinstance(line, MemoryLine):
        return line._replace(stages={}, trace=None)
    if isinstance(line, EnergyLine):
        return line._replace(traces=None)
    if isinstance(line, SoakLine):
        return line._replace(blocks=(), trace=None)
    return line


def load_working_run(path: str) -> WorkingRun:
    """Read the run in folder ``path`` to go on with it. Raises :class:`harness.record.RecordError`."""
    return WorkingRun(folder_of(path), stream_record(path))
