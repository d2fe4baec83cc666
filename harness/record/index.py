"""A recorded run, indexed once on reading. Nobody outside this folder goes through lines."""

import os
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from harness.plan import Case, Comparison
from harness.reasons import Code, Reason, because
from harness.record.amount_lines import EnergyLine, FitLine, MemoryLine, SoakLine
from harness.record.damage import Damage, Damaged
from harness.record.lines import (
    CheckLine,
    CheckResult,
    End,
    Environment,
    Header,
    Session,
    Unit,
    UnitLine,
    has_failed,
    unit_of,
)
from harness.record.reader import Entry, stream_record
from harness.record.time_lines import LaunchLine
from harness.text import printable
from harness.words import Heap, Pass, RunStatus, Status


class Place(NamedTuple):
    """A planned case, the comparison it stands in, and its id in the run."""

    comparison: Comparison
    case: Case
    id: str


class Run:
    """A recorded run. Built from its lines in one pass; every question is answered from the index."""

    def __init__(self, folder: str, lines: Iterable[Entry]) -> None:
        rest = iter(lines)
        header = next(rest)
        assert isinstance(header, Header)
        self.folder = folder
        self.header = header
        self.sessions: Tuple[Session, ...] = ()
        self.end: Optional[End] = None
        self.units: Dict[Unit, UnitLine] = {}       # the last line of each unit, in recorded order
        self.retried = 0                            # lines that a later one of the same unit replaced
        self.charged_s = 0.0                        # of the budget, by the launches that count
        self.damage = Damage()                      # lines that could not be read and were not done over
        self.done_over = Damage()                   # lines that could not be read; a whole session did them over
        self._known = Damage()                      # lines of the damage that the last session knew of
        self._first_session_lost = False
        self._checks: Dict[str, CheckResult] = {}
        self._check_lines: Dict[str, List[CheckLine]] = {}
        self._launches: Dict[str, Dict[int, LaunchLine]] = {}
        self._memory: Dict[Tuple[str, Heap], Dict[int, MemoryLine]] = {}
        self._seen: Dict[Pass, int] = dict.fromkeys(Pass, 0)
        self._without = {one.id: one.without for one in header.comparisons}
        for line in rest:
            self.add(line)

    def add(self, line: Entry) -> None:
        """Take one more line into the index: a run that goes on does so with what it records."""
        if isinstance(line, Damaged):
            self.damage = self.damage.with_line(line)
        elif isinstance(line, Session):
            self.sessions += (line,)
            self.end = None
            # a line that was damaged after it had been read is one more than the session knew of
            knew = line.damaged_lines == self.done_over.lines + self.damage.lines and not self._first_session_lost
            self._known = self.damage if knew else Damage()
        elif isinstance(line, End):
            self.end = line
            if line.status is RunStatus.COMPLETE:
                self.done_over = self.done_over.plus(self._known)
                self.damage, self._known = self.damage.without(self._known), Damage()
        elif not isinstance(line, Header):
            unit = unit_of(line)
            self.end = None  # the session that did it is lost, or has not ended yet
            self._first_session_lost |= not self.sessions
            self.retried += unit in self.units
            self.units[unit] = line
            self._seen[unit.name] += 1
            if isinstance(line, CheckLine):
                self._check_lines.setdefault(line.comparison, []).append(line)
                self._checks.update((result.case, result) for result in line.results)
            elif isinstance(line, LaunchLine):
                self._take_launch(line)
            elif isinstance(line, MemoryLine):
                self._memory.setdefault((line.case, line.heap or Heap.PINNED), {})[line.repeat] = line

    def _take_launch(self, line: LaunchLine) -> None:
        launches = self._launches.setdefault(line.comparison, {})
        # those after it confirmed the one that this line replaces, or the one that is lost and was done over
        for number in [number for number in launches if number >= line.launch]:
            self.charged_s -= launches.pop(number).charge_s
            if number > line.launch:
                del self.units[Unit(Pass.TIME, line.comparison, None, number)]
                self.retried += 1
        launches[line.launch] = line
        self.charged_s += line.charge_s

    # The run ------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The run's identifier, also its folder's usual name."""
        return self.header.id

    @property
    def suite(self) -> str:
        """Name of the suite that was run."""
        return self.header.suite

    @property
    def comparisons(self) -> Tuple[Comparison, ...]:
        """The plan, in order."""
        return self.header.comparisons

    @property
    def environment(self) -> Environment:
        """The environment of the first session, an empty one if the run stopped before it or its line is lost."""
        return self.sessions[0].environment if self.sessions and not self._first_session_lost else Environment()

    @property
    def ended(self) -> bool:
        """Whether the run reached its end (a stopped run can be resumed)."""
        return self.end is not None and self.end.status is RunStatus.COMPLETE

    def places(self) -> List[Place]:
        """Return every planned case with its comparison and its id."""
        return [Place(comparison, case, comparison.case_id(case))
                for comparison in self.comparisons for case in comparison.cases]

    # The units ----------------------------------------------------------------------------------------

    def check(self, case: str) -> Optional[CheckResult]:
        """Return the last answer of the verify pass on ``case``, ``None`` if there is none."""
        return self._checks.get(case)

    def checks(self, comparison: str) -> Sequence[CheckLine]:
        """Return the verify lines of a comparison in recorded order, case by case ones included."""
        return self._check_lines.get(comparison, ())

    def launches(self, comparison: str) -> List[LaunchLine]:
        """Return the last line of each launch of a comparison, in order, whatever its status."""
        found = self._launches.get(comparison, {})
        return [found[number] for number in sorted(found)]

    def timed(self, comparison: str) -> List[LaunchLine]:
        """Return the launches of a comparison that hold samples, in order."""
        return [line for line in self.launches(comparison) if line.status is Status.OK]

    def call_s(self, comparison: str, case: str) -> Optional[float]:
        """Return the median seconds per call of ``case`` in the first launch that timed it, ``None`` if none did."""
        return median_call_s(self.timed(comparison), case)

    def memory_repeats(self, case: str, heap: Heap = Heap.PINNED) -> List[MemoryLine]:
        """Return the last line of each repeat of the memory pass of ``case``, in order, whatever its status."""
        found = self._memory.get((case, heap), {})
        return [found[number] for number in sorted(found)]

    def memory(self, case: str) -> Optional[MemoryLine]:
        """Return the first memory line of ``case`` that holds figures, else the last; ``None`` if there is none."""
        lines = self.memory_repeats(case)
        return next((line for line in lines if line.status is Status.OK), lines[-1] if lines else None)

    def energy(self, case: str) -> Optional[EnergyLine]:
        """Return the last energy line of ``case``, ``None`` if the run never got there."""
        line = self.units.get(Unit(Pass.ENERGY, case.rsplit("/", 1)[0], case))
        return line if isinstance(line, EnergyLine) else None

    def fit(self, case: str) -> Optional[FitLine]:
        """Return the last line of the pass ``fit`` of ``case``, ``None`` if there is none."""
        line = self.units.get(Unit(Pass.FIT, case.rsplit("/", 1)[0], case))
        return line if isinstance(line, FitLine) else None

    def soak(self, case: str) -> Optional[SoakLine]:
        """Return the last line of the pass ``soak`` of the rival ``case``, ``None`` if there is none."""
        line = self.units.get(Unit(Pass.SOAK, case.rsplit("/", 1)[0], case))
        return line if isinstance(line, SoakLine) else None

    def failed(self) -> List[UnitLine]:
        """Return the units that failed, or left a case out, and were not done over, in recorded order."""
        return [line for line in self.units.values() if has_failed(line)]

    # Why something is missing -------------------------------------------------------------------------

    def why_absent(self, name: Pass, place: Optional[str] = None) -> Reason:
        """Return why the run has no line of pass ``name`` for something that it planned.

        ``place`` is the id of a comparison or of a case, where it is known.
        """
        if name.value not in self.header.settings.passes:
            return Reason(Code.NOT_ASKED)
        if place is not None and name.value in self._without.get(place.split("/", 1)[0], ()):
            return Reason(Code.TELLS_NOTHING)
        if self.damage.may_hold(name, None if place is None else place.split("/", 1)[0]):
            return because(Code.LINE_LOST, lines=self.damage.lines)
        if self.ended and not self._seen[name]:
            return Reason(Code.NO_SUCH_PASS)
        return Reason(Code.NOT_REACHED)

    def why_not_timed(self, comparison: str, case: str) -> Reason:
        """Return why ``case`` has no time."""
        check = self.check(case)
        if check is not None and check.ok is False:
            return check.reason or Reason(Code.CHECK_FAILED)
        if check is None and Pass.VERIFY.value in self.header.settings.passes:
            failed = [line for line in self.checks(comparison) if line.status is Status.FAILED
                      and line.case in (None, case) and line.reason is not None]
            if failed:
                return failed[-1].reason or Reason(Code.CHECK_UNFINISHED)
        launches = self.launches(comparison)
        for line in launches:
            if case in line.left_out:
                return line.left_out[case]
        failed_launches = [line for line in launches if line.status is not Status.OK and line.reason is not None]
        if failed_launches:
            return failed_launches[-1].reason or Reason(Code.NOT_REACHED)
        if launches and not self.damage.may_hold(Pass.TIME, comparison):
            return Reason(Code.LEFT_OUT)
        return self.why_absent(Pass.TIME, comparison)

    def __repr__(self) -> str:
        return printable("<Run {}: {} of {}, {}>".format(self.id, self.suite, self.header.created, self.completeness))

    @property
    def completeness(self) -> str:
        """Whether the run reached its end, and how many lines of its record were skipped, in words."""
        skipped = self.damage.lines
        return "{}{}".format("complete" if self.ended else "not complete", "" if not skipped else
                             ", {} damaged {} skipped".format(skipped, "line" if skipped == 1 else "lines"))


def load_run(path: str) -> Run:
    """Read the run in folder ``path`` (or the record file itself).

    Raises :class:`harness.record.RecordError` if there is none or it cannot be read.
    """
    return Run(folder_of(path), stream_record(path))


def folder_of(path: str) -> str:
    """Return the folder of the run that ``path`` names, its folder or the record file itself."""
    return (os.path.dirname(path) or ".") if os.path.isfile(path) else path


def median_call_s(lines: Iterable[LaunchLine], case: str) -> Optional[float]:
    """Return the median seconds per call of ``case`` in the first of ``lines`` that holds it."""
    for line in lines:
        for series in line.series:
            if case in series.entrants:
                samples = sorted(series.samples_per_call_s(series.entrants.index(case)))
                return samples[len(samples) // 2] if samples else None
    return None
