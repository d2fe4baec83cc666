"""One unit after the other: done by a worker, told to the user, and on the disk before the next begins."""

import time
from typing import Any, Callable, Dict, NamedTuple, Optional, Sequence, Set

from harness.allocator import heap_environment
from harness.jobs import job_of
from harness.plan import Comparison
from harness.process import Outcome, Worker, run_worker
from harness.progress import PlainProgress
from harness.reasons import Reason, sentence, whole_sentence
from harness.record import RecordWriter, Run, Unit, UnitLine
from harness.unit_lines import line_of
from harness.words import Heap, Pass, Status
from harness.work_units import is_done, work_of

Runner = Callable[..., Outcome]


class RunPlan(NamedTuple):
    """What a run is done with beside its own settings.

    ``no_energy`` is why no power can be read here, ``None`` where a meter answers; ``power`` names the meter.
    ``retry_failed`` does failed units over. ``versions`` are the folders of the commits that cases name, by label.
    """

    no_energy: Optional[Reason] = None
    power: Optional[str] = None
    retry_failed: bool = False
    versions: Dict[str, str] = {}


class UnitRunner:
    """Does units of ``run``; each new line goes to ``writer`` and into ``run``."""

    def __init__(self, run: Run, plan: RunPlan, writer: RecordWriter, progress: PlainProgress,
                 runner: Runner = run_worker, clock: Callable[[], float] = time.monotonic) -> None:
        self._record = run
        self._plan = plan
        self._writer = writer
        self._progress = progress
        self._runner = runner
        self._clock = clock
        self._limit_s = run.header.settings.limit_s
        self._tried: Set[Unit] = set()
        self._said: Set[str] = set()

    def is_done(self, unit: Unit) -> bool:
        """Whether nothing is left to do for ``unit``: the record has it, and it is not to be done over."""
        return is_done(self._record, unit, self._plan.retry_failed, self._tried)

    def job(self, name: Pass, comparison: Comparison, cases: Sequence[Optional[str]], **extra: Any) -> Dict[str, Any]:
        """Return the worker's job of the pass ``name`` on ``cases``."""
        return job_of(self._record, self._plan.versions, name, comparison, cases, **extra)

    def do(self, unit: Unit, job: Dict[str, Any], planned: bool = True) -> None:
        """Run ``job`` and record it, unless the record has it."""
        if self.is_done(unit):
            return
        self.begin(unit)
        self.finish(unit, self.work(unit, job), planned)

    def work(self, unit: Unit, job: Dict[str, Any], worker: Optional[Worker] = None) -> Outcome:
        """Run ``job`` of ``unit`` in ``worker``, by default one of its own, and return how it ended."""
        heap = Heap.WARM if unit.name is not Pass.MEMORY else unit.heap or Heap.PINNED
        folders = {job["folders"].get(case) for case in job["cases"]}  # a worker with several has workers of its own
        folder = folders.pop() if len(folders) == 1 else None
        outcome = self._runner(
            job, self._limit_s, extra_environment=heap_environment(heap),
            **({} if folder is None else {"folder": folder}), **({} if worker is None else {"worker": worker}),
            progress=lambda m: self._progress.within(m.done, m.total, m.what, m.left_s))
        if outcome.left:
            self._progress.note("{}: it left a process behind, which was ended: {}".format(
                unit, ", ".join(outcome.left)))
        return outcome

    def work_with_batch(self, job: Dict[str, Any], most_bytes: Optional[int], batch: int) -> Outcome:
        """Run ``job`` with so many images at once, in a worker that is ended above ``most_bytes``."""
        return self._runner(dict(job, batch=batch), self._limit_s, most_bytes=most_bytes,
                            extra_environment=heap_environment(Heap.PINNED), progress=lambda message: None)

    def begin(self, unit: Unit, parts: Sequence[Unit] = ()) -> None:
        """Say that ``unit`` is under way, or all of ``parts`` at once."""
        self._progress.unit(str(unit), work_of(parts or [unit]))

    def finish(self, unit: Unit, outcome: Outcome, planned: bool = True,
               load: Optional[float] = None, left_out: Optional[Dict[str, Reason]] = None) -> None:
        """Record how ``unit`` ended, and say so."""
        self._tried.add(unit)
        line = self._write(unit, Status.OK if outcome.ok else Status.FAILED, outcome, load, left_out)
        if outcome.ok and line.status is Status.OK:
            text = "{}: done in {:.1f} s".format(unit, outcome.seconds)
        else:
            text = "{}: failed: {}".format(unit, whole_sentence(line.reason))
        if planned:
            self._progress.unit_done(text, work_of([unit]), line.status is Status.FAILED)
        else:
            self._progress.note(text)

    def skip(self, unit: Unit, reason: Reason) -> None:
        """Record that ``unit`` was not tried, and why; each reason is said to the user once."""
        if self.is_done(unit):
            return
        self._write(unit, Status.SKIPPED, Outcome(None, reason, 0.0))
        if unit.name is not Pass.ENERGY or self._plan.no_energy is None:
            self._progress.skip(work_of([unit]))
        text = "{}: not measured: {}".format(unit.name if unit.name is Pass.ENERGY else unit, sentence(reason))
        if text not in self._said:
            self._said.add(text)
            self._progress.note(text)

    def note(self, unit: Unit, text: str) -> None:
        """Say something about ``unit``."""
        self._progress.note("{}: {}".format(unit, text))

    def leave_out(self, unit: Unit) -> None:
        """``unit`` turned out not to be needed."""
        self._progress.skip(work_of([unit]))

    def _write(self, unit: Unit, status: Status, outcome: Outcome, load: Optional[float] = None,
               left_out: Optional[Dict[str, Reason]] = None) -> UnitLine:
        line = line_of(unit, status, outcome, self._clock() - outcome.seconds, load, left_out)
        self._writer.append(line)
        self._record.add(line)
        return line
