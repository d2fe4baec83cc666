"""The run: takes a plan unit by unit through worker processes and records each before the next.

The controller imports neither torch nor pandas nor numpy: on a 4 GB board it must leave the memory to
the layers. All it decides is which unit comes next; what the samples mean is for reports.
"""

import contextlib
import time
from functools import partial
from typing import Any, Callable, Dict, Generator, NamedTuple, Optional, Sequence, Set

from harness.allocator import heap_environment
from harness.culprits import Played, play_past_culprits
from harness.fitness import measurable, why_not_timed, why_unfit
from harness.jobs import job_of
from harness.largest_batch import largest_batch
from harness.plan import Comparison
from harness.process import Outcome, Worker, run_worker
from harness.progress import PlainProgress
from harness.reasons import Code, Reason, sentence, whole_sentence
from harness.record import RecordWriter, Run, Unit, UnitLine
from harness.record.codec import to_json
from harness.rule import PAIR_ROUNDS, Rule
from harness.standby import StandBy, Start, in_turns
from harness.system.load import load_1min
from harness.unit_lines import line_of, share
from harness.words import Heap, Pass, Role, Status
from harness.work_units import all_units, is_done, time_shares, to_confirm, work_of

Runner = Callable[..., Outcome]


class RunPlan(NamedTuple):
    """What a controller does beside the run's own settings.

    ``no_energy`` is why no power can be read here, ``None`` where a meter answers; ``power`` names the meter.
    ``retry_failed`` does failed units over. ``versions`` are the folders of the commits that cases name, by label.
    """

    no_energy: Optional[Reason] = None
    power: Optional[str] = None
    retry_failed: bool = False
    versions: Dict[str, str] = {}


class Controller:
    """Works off what ``run`` lacks; each new line goes to ``writer`` and into ``run``."""

    def __init__(self, run: Run, plan: RunPlan, writer: RecordWriter, progress: PlainProgress,
                 runner: Runner = run_worker, clock: Callable[[], float] = time.monotonic,
                 stand_by: Optional[StandBy] = None) -> None:
        self.record = run
        self.plan = plan
        self.settings = run.header.settings
        self.writer = writer
        self.progress = progress
        self._runner = runner
        self._stand_by = stand_by
        self._clock = clock
        self._retried: Set[Unit] = set()
        self._said: Set[str] = set()

    def run(self) -> None:
        """Do every unit that the record lacks. ``KeyboardInterrupt`` passes through; the record is whole."""
        passes = [name for name in self.settings.passes if name != Pass.ENERGY or self.plan.no_energy is None]
        units = [unit for comparison in self.record.comparisons
                 for unit in all_units(comparison, passes, self.settings.launches, self.settings.memory_repeats)]
        left = [unit for unit in units if not self._is_done(unit)]
        self.progress.begin(len(units), len(units) - len(left), work_of(left))
        timed_left = sum(Pass.TIME.value not in one.without for one in self.record.comparisons)
        for comparison in self.record.comparisons:
            for name in Pass:
                if name.value in self.settings.passes:
                    self._do(name, comparison, timed_left)
            timed_left -= Pass.TIME.value not in comparison.without

    # One method per pass -------------------------------------------------------------------------

    def _do(self, name: Pass, comparison: Comparison, comparisons_left: int) -> None:
        if name is Pass.VERIFY:
            self._verify(comparison)
        elif name is Pass.TIME:
            self._time(comparison, comparisons_left)
        elif name is Pass.FIT:
            self._fit(comparison)
        elif name is Pass.SOAK:
            self._soak(comparison)
        elif name is Pass.ENERGY and self.plan.no_energy is not None:
            for unit in all_units(comparison, (name.value,)):
                self._skip(unit, self.plan.no_energy)
        elif name is Pass.ENERGY:
            self._energy(comparison)
        else:
            self._memory(comparison)

    def _verify(self, comparison: Comparison) -> None:
        if comparison.apart:
            for unit in all_units(comparison, (Pass.VERIFY.value,)):
                self._unit(unit, self._job(Pass.VERIFY, comparison, [unit.case]))
            return
        ids = [comparison.case_id(case) for case in comparison.cases]
        whole = Unit(Pass.VERIFY, comparison.id)
        self._unit(whole, self._job(Pass.VERIFY, comparison, ids))
        if self.record.units[whole].status is Status.FAILED:
            # One case took the worker down with it: check them one by one to learn which.
            for name in ids:
                self._unit(Unit(Pass.VERIFY, comparison.id, name), self._job(Pass.VERIFY, comparison, [name]),
                           planned=False)

    def _time(self, comparison: Comparison, comparisons_left: int) -> None:
        left_s = self.settings.budget_s - self.record.charged_s
        shares = time_shares(left_s, comparisons_left, self.settings.launches, self.settings.launch_cap_s)
        ids = measurable(self.record, comparison)
        whole = self.settings.every_launch or comparison.pairs
        for unit in all_units(comparison, (Pass.TIME.value,), self.settings.launches):
            if self._is_done(unit):
                continue
            launch = unit.launch or 1
            fresh = launch == 1 or whole and bool(self.record.timed(comparison.id))
            first = None if fresh else to_confirm(self.record.launches(comparison.id), launch)
            role = Role.WHOLE if whole else Role.FIRST if launch == 1 else Role.CONFIRM
            reason = why_not_timed(self.record, comparison, ids)
            if reason is not None and launch == 1:
                self._skip(unit, reason)
            elif reason is None and (fresh or first):
                job = self._job(Pass.TIME, comparison, ids, launch=launch, rule=to_json(self._rule(comparison)),
                                role=role.value, first=None if first is None else to_json(first),
                                budget_s=shares[launch - 1], limit_s=0.8 * self.settings.limit_s)
                self._launch(unit, job)
            else:
                self.progress.skip(work_of([unit]))

    def _rule(self, comparison: Comparison) -> Rule:
        """Return the rule of the run; where all cases play all rounds, no more of them than decide."""
        rule = self.record.header.rule
        return rule._replace(max_rounds=min(rule.max_rounds, PAIR_ROUNDS)) if comparison.pairs else rule

    def _launch(self, unit: Unit, job: Dict[str, Any]) -> None:
        """Play one launch and record it; a case that ends its worker is left out of it, with its own reason."""
        self._begin(unit)
        load, first = load_1min(), job["first"]
        ids = [one for one in job["cases"] if first is None or one == job["cases"][0]
               or any(one in rivals for rivals in first.values())]

        def play(present: Sequence[str]) -> Outcome:
            kept = None if first is None else {
                cache: rivals for cache, every in first.items()
                for rivals in [{one: decision for one, decision in every.items() if one in present}] if rivals}
            return self._work(unit, dict(job, cases=list(present), first=kept))

        played = play_past_culprits(ids, play, lambda text: self.progress.note("{}: {}".format(unit, text)))
        self._finish(unit, played.outcome, load=load, left_out=played.left_out)

    def _memory(self, comparison: Comparison) -> None:
        fit = set(measurable(self.record, comparison))
        units = all_units(comparison, (Pass.MEMORY.value,), repeats=self.settings.memory_repeats)
        left = [unit for unit in units if unit.case in fit and not self._is_done(unit)]
        with contextlib.closing(self._in_turns(left, comparison)) as outcomes:
            for unit in units:
                if unit in left:
                    self._begin(unit)
                    self._finish(unit, next(outcomes))
                elif unit.case not in fit and unit.launch in (None, 1) and unit.heap is None:
                    self._skip(unit, why_unfit(self.record, comparison, unit.case or ""))
                elif unit.case not in fit:
                    self.progress.skip(work_of([unit]))

    def _in_turns(self, units: Sequence[Unit], comparison: Comparison) -> Generator[Outcome, None, None]:
        """Measure the memory of each of ``units``; workers on a CPU that run this project's own code load at once."""
        jobs = [self._job(Pass.MEMORY, comparison, [unit.case], heap=(unit.heap or Heap.PINNED).value)
                for unit in units]
        alone = self.settings.device != "cpu" or any(job["folders"] for job in jobs)
        return in_turns([Start(job, heap_environment(job["heap"])) for job in jobs],
                        lambda place, worker: self._work(units[place], jobs[place], worker),
                        None if alone else self._stand_by, self.settings.limit_s)

    def _energy(self, comparison: Comparison) -> None:
        """Measure all cases by turns in one worker, or each in its own where they are kept apart."""
        units = {unit.case or "": unit for unit in all_units(comparison, (Pass.ENERGY.value,))}
        fit = [case for case in measurable(self.record, comparison) if case in units]
        for case, unit in units.items():
            if case not in fit:
                self._skip(unit, why_unfit(self.record, comparison, case))
        if comparison.apart:
            for case in fit:
                self._energy_together(comparison, {case: units[case]})
        else:
            self._energy_together(comparison, {case: units[case] for case in fit})

    def _energy_together(self, comparison: Comparison, units: Dict[str, Unit]) -> None:
        """Measure the cases of ``units`` in one worker, all of them anew where one is left."""
        fit = list(units)
        left = [case for case in fit if not self._is_done(units[case])]
        if not left:
            return
        whole = Unit(Pass.ENERGY, comparison.id, fit[0] if comparison.apart else None)
        self._begin(whole, [units[case] for case in left])
        job = self._job(Pass.ENERGY, comparison, fit, power=self.plan.power, rule=to_json(self.record.header.rule),
                        limit_s=0.8 * self.settings.limit_s,
                        timed_call_s={case: self.record.call_s(comparison.id, case) for case in fit})

        def play(present: Sequence[str]) -> Outcome:
            return self._work(whole, dict(job, cases=list(present)))

        played = Played(Outcome(None, Reason(Code.NO_RIVAL_LEFT), 0.0), {})
        if fit[0] == comparison.case_id(comparison.baseline) and not comparison.apart:
            played = play_past_culprits(fit, play, lambda text: self.progress.note("{}: {}".format(whole, text)))
        if played.outcome.reason is not None and played.outcome.reason.code is Code.NO_RIVAL_LEFT:
            # unlike a time, an energy is worth something without another to compare it with
            played = played._replace(outcome=play([case for case in fit if case not in played.left_out]))
        for case in fit:
            self._retried.add(units[case])
            self._finish(units[case], share(played, case, len(fit)), planned=case in left)

    def _fit(self, comparison: Comparison) -> None:
        fit, limit = set(measurable(self.record, comparison)), int(self.settings.fit_bytes or 0)
        for case, unit in zip(comparison.cases, all_units(comparison, (Pass.FIT.value,))):
            if self._is_done(unit):
                continue
            if unit.case not in fit:
                self._skip(unit, why_unfit(self.record, comparison, unit.case or ""))
                continue
            self._begin(unit)
            job = self._job(Pass.FIT, comparison, [unit.case], limit_bytes=limit)
            run_batch = partial(self._fit_worker, job, limit if case.device == "cpu" else None)
            self._finish(unit, largest_batch(run_batch, case.shape[0], limit, self.progress, self._clock))

    def _fit_worker(self, job: Dict[str, Any], most_bytes: Optional[int], batch: int) -> Outcome:
        return self._runner(dict(job, batch=batch), self.settings.limit_s, most_bytes=most_bytes,
                            extra_environment=heap_environment(Heap.PINNED), progress=lambda message: None)

    def _soak(self, comparison: Comparison) -> None:
        fit, baseline = measurable(self.record, comparison), comparison.case_id(comparison.baseline)
        for unit in all_units(comparison, (Pass.SOAK.value,)):
            reason = Reason(Code.KEPT_APART) if comparison.apart else why_not_timed(self.record, comparison, fit)
            if unit.case in fit and reason is None:
                self._unit(unit, self._job(
                    Pass.SOAK, comparison, [baseline, unit.case], rival=unit.case, soak_s=self.settings.soak_s,
                    block_s=self.settings.soak_block_s, power=self.plan.power))
            else:
                self._skip(unit, reason or why_unfit(self.record, comparison, unit.case or ""))

    # Doing and recording -------------------------------------------------------------------------

    def _is_done(self, unit: Unit) -> bool:
        return is_done(self.record, unit, self.plan.retry_failed, self._retried)

    def _job(self, name: Pass, comparison: Comparison, cases: Sequence[Optional[str]],
             **extra: Any) -> Dict[str, Any]:
        return job_of(self.record, self.plan.versions, name, comparison, cases, **extra)

    def _unit(self, unit: Unit, job: Dict[str, Any], planned: bool = True) -> None:
        """Run ``job`` and record it, unless the record has it."""
        if self._is_done(unit):
            return
        self._begin(unit)
        self._finish(unit, self._work(unit, job), planned)

    def _work(self, unit: Unit, job: Dict[str, Any], worker: Optional[Worker] = None) -> Outcome:
        heap = Heap.WARM if unit.name is not Pass.MEMORY else unit.heap or Heap.PINNED
        folders = {job["folders"].get(case) for case in job["cases"]}  # a worker with several has workers of its own
        folder = folders.pop() if len(folders) == 1 else None
        outcome = self._runner(
            job, self.settings.limit_s, extra_environment=heap_environment(heap),
            **({} if folder is None else {"folder": folder}), **({} if worker is None else {"worker": worker}),
            progress=lambda m: self.progress.within(m.done, m.total, m.what, m.left_s))
        if outcome.left:
            self.progress.note("{}: it left a process behind, which was ended: {}".format(
                unit, ", ".join(outcome.left)))
        return outcome

    def _begin(self, unit: Unit, parts: Sequence[Unit] = ()) -> None:
        """Say that ``unit`` is under way, or all of ``parts`` at once."""
        self._retried.add(unit)
        self.progress.unit(str(unit), work_of(parts or [unit]))

    def _finish(self, unit: Unit, outcome: Outcome, planned: bool = True,
                load: Optional[float] = None, left_out: Optional[Dict[str, Reason]] = None) -> None:
        line = self._write(unit, Status.OK if outcome.ok else Status.FAILED, outcome, load, left_out)
        if outcome.ok and line.status is Status.OK:
            text = "{}: done in {:.1f} s".format(unit, outcome.seconds)
        else:
            text = "{}: failed: {}".format(unit, whole_sentence(line.reason))
        if planned:
            self.progress.unit_done(text, work_of([unit]), line.status is Status.FAILED)
        else:
            self.progress.note(text)

    def _skip(self, unit: Unit, reason: Reason) -> None:
        """Record that ``unit`` was not tried, and why; each reason is said to the user once."""
        if self._is_done(unit):
            return
        self._write(unit, Status.SKIPPED, Outcome(None, reason, 0.0))
        if unit.name is not Pass.ENERGY or self.plan.no_energy is None:
            self.progress.skip(work_of([unit]))
        text = "{}: not measured: {}".format(unit.name if unit.name is Pass.ENERGY else unit, sentence(reason))
        if text not in self._said:
            self._said.add(text)
            self.progress.note(text)

    def _write(self, unit: Unit, status: Status, outcome: Outcome, load: Optional[float] = None,
               left_out: Optional[Dict[str, Reason]] = None) -> UnitLine:
        line = line_of(unit, status, outcome, self._clock() - outcome.seconds, load, left_out)
        self.writer.append(line)
        self.record.add(line)
        return line
