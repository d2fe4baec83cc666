"""The run: takes a plan unit by unit through worker processes and records each before the next.

The controller imports neither torch nor pandas nor numpy: on a 4 GB board it must leave the memory to
the layers. All it decides is which unit comes next; what the samples mean is for reports.
"""

import contextlib
import time
from functools import partial
from typing import Any, Callable, Dict, Generator, Optional, Sequence

from harness.allocator import heap_environment
from harness.culprits import Played, play_past_culprits
from harness.fitness import measurable, why_not_timed, why_unfit
from harness.largest_batch import largest_batch
from harness.plan import Comparison
from harness.process import Outcome, run_worker
from harness.progress import PlainProgress
from harness.reasons import Code, Reason
from harness.record import RecordWriter, Run, Unit
from harness.record.codec import to_json
from harness.rule import PAIR_ROUNDS, Rule
from harness.standby import StandBy, Start, in_turns
from harness.system.load import load_1min
from harness.unit_lines import share
from harness.unit_runner import Runner, RunPlan, UnitRunner
from harness.words import Heap, Pass, Role, Status
from harness.work_units import all_units, time_shares, to_confirm, work_of


class Controller:
    """Works off what ``run`` lacks, pass by pass; each new line goes to ``writer`` and into ``run``."""

    def __init__(self, run: Run, plan: RunPlan, writer: RecordWriter, progress: PlainProgress,
                 runner: Runner = run_worker, clock: Callable[[], float] = time.monotonic,
                 stand_by: Optional[StandBy] = None) -> None:
        self.record = run
        self.plan = plan
        self.settings = run.header.settings
        self.progress = progress
        self._units = UnitRunner(run, plan, writer, progress, runner, clock)
        self._stand_by = stand_by
        self._clock = clock

    def run(self) -> None:
        """Do every unit that the record lacks. ``KeyboardInterrupt`` passes through; the record is whole."""
        passes = [name for name in self.settings.passes if name != Pass.ENERGY or self.plan.no_energy is None]
        units = [unit for comparison in self.record.comparisons
                 for unit in all_units(comparison, passes, self.settings.launches, self.settings.memory_repeats)]
        left = [unit for unit in units if not self._units.is_done(unit)]
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
                self._units.skip(unit, self.plan.no_energy)
        elif name is Pass.ENERGY:
            self._energy(comparison)
        else:
            self._memory(comparison)

    def _verify(self, comparison: Comparison) -> None:
        if comparison.apart:
            for unit in all_units(comparison, (Pass.VERIFY.value,)):
                self._units.do(unit, self._units.job(Pass.VERIFY, comparison, [unit.case]))
            return
        ids = [comparison.case_id(case) for case in comparison.cases]
        whole = Unit(Pass.VERIFY, comparison.id)
        self._units.do(whole, self._units.job(Pass.VERIFY, comparison, ids))
        if self.record.units[whole].status is Status.FAILED:
            # One case took the worker down with it: check them one by one to learn which.
            for name in ids:
                self._units.do(Unit(Pass.VERIFY, comparison.id, name),
                               self._units.job(Pass.VERIFY, comparison, [name]), planned=False)

    def _time(self, comparison: Comparison, comparisons_left: int) -> None:
        left_s = self.settings.budget_s - self.record.charged_s
        shares = time_shares(left_s, comparisons_left, self.settings.launches, self.settings.launch_cap_s)
        ids = measurable(self.record, comparison)
        whole = self.settings.every_launch or comparison.pairs
        for unit in all_units(comparison, (Pass.TIME.value,), self.settings.launches):
            if self._units.is_done(unit):
                continue
            launch = unit.launch or 1
            fresh = launch == 1 or whole and bool(self.record.timed(comparison.id))
            first = None if fresh else to_confirm(self.record.launches(comparison.id), launch)
            role = Role.WHOLE if whole else Role.FIRST if launch == 1 else Role.CONFIRM
            reason = why_not_timed(self.record, comparison, ids)
            if reason is not None and launch == 1:
                self._units.skip(unit, reason)
            elif reason is None and (fresh or first):
                job = self._units.job(
                    Pass.TIME, comparison, ids, launch=launch, rule=to_json(self._rule(comparison)), role=role.value,
                    first=None if first is None else to_json(first), budget_s=shares[launch - 1],
                    limit_s=0.8 * self.settings.limit_s)
                self._launch(unit, job)
            else:
                self._units.leave_out(unit)

    def _rule(self, comparison: Comparison) -> Rule:
        """Return the rule of the run; where all cases play all rounds, no more of them than decide."""
        rule = self.record.header.rule
        return rule._replace(max_rounds=min(rule.max_rounds, PAIR_ROUNDS)) if comparison.pairs else rule

    def _launch(self, unit: Unit, job: Dict[str, Any]) -> None:
        """Play one launch and record it; a case that ends its worker is left out of it, with its own reason."""
        self._units.begin(unit)
        load, first = load_1min(), job["first"]
        ids = [one for one in job["cases"] if first is None or one == job["cases"][0]
               or any(one in rivals for rivals in first.values())]

        def play(present: Sequence[str]) -> Outcome:
            kept = None if first is None else {
                cache: rivals for cache, every in first.items()
                for rivals in [{one: decision for one, decision in every.items() if one in present}] if rivals}
            return self._units.work(unit, dict(job, cases=list(present), first=kept))

        played = play_past_culprits(ids, play, partial(self._units.note, unit))
        self._units.finish(unit, played.outcome, load=load, left_out=played.left_out)

    def _memory(self, comparison: Comparison) -> None:
        fit = set(measurable(self.record, comparison))
        units = all_units(comparison, (Pass.MEMORY.value,), repeats=self.settings.memory_repeats)
        left = [unit for unit in units if unit.case in fit and not self._units.is_done(unit)]
        with contextlib.closing(self._in_turns(left, comparison)) as outcomes:
            for unit in units:
                if unit in left:
                    self._units.begin(unit)
                    self._units.finish(unit, next(outcomes))
                elif unit.case not in fit and unit.launch in (None, 1) and unit.heap is None:
                    self._units.skip(unit, why_unfit(self.record, comparison, unit.case or ""))
                elif unit.case not in fit:
                    self._units.leave_out(unit)

    def _in_turns(self, units: Sequence[Unit], comparison: Comparison) -> Generator[Outcome, None, None]:
        """Measure the memory of each of ``units``; workers on a CPU that run this project's own code load at once."""
        jobs = [self._units.job(Pass.MEMORY, comparison, [unit.case], heap=(unit.heap or Heap.PINNED).value)
                for unit in units]
        alone = self.settings.device != "cpu" or any(job["folders"] for job in jobs)
        return in_turns([Start(job, heap_environment(job["heap"])) for job in jobs],
                        lambda place, worker: self._units.work(units[place], jobs[place], worker),
                        None if alone else self._stand_by, self.settings.limit_s)

    def _energy(self, comparison: Comparison) -> None:
        """Measure all cases by turns in one worker, or each in its own where they are kept apart."""
        units = {unit.case or "": unit for unit in all_units(comparison, (Pass.ENERGY.value,))}
        fit = [case for case in measurable(self.record, comparison) if case in units]
        for case, unit in units.items():
            if case not in fit:
                self._units.skip(unit, why_unfit(self.record, comparison, case))
        if comparison.apart:
            for case in fit:
                self._energy_together(comparison, {case: units[case]})
        else:
            self._energy_together(comparison, {case: units[case] for case in fit})

    def _energy_together(self, comparison: Comparison, units: Dict[str, Unit]) -> None:
        """Measure the cases of ``units`` in one worker, all of them anew where one is left."""
        fit = list(units)
        left = [case for case in fit if not self._units.is_done(units[case])]
        if not left:
            return
        whole = Unit(Pass.ENERGY, comparison.id, fit[0] if comparison.apart else None)
        self._units.begin(whole, [units[case] for case in left])
        job = self._units.job(
            Pass.ENERGY, comparison, fit, power=self.plan.power, rule=to_json(self.record.header.rule),
            limit_s=0.8 * self.settings.limit_s,
            timed_call_s={case: self.record.call_s(comparison.id, case) for case in fit})

        def play(present: Sequence[str]) -> Outcome:
            return self._units.work(whole, dict(job, cases=list(present)))

        played = Played(Outcome(None, Reason(Code.NO_RIVAL_LEFT), 0.0), {})
        if fit[0] == comparison.case_id(comparison.baseline) and not comparison.apart:
            played = play_past_culprits(fit, play, partial(self._units.note, whole))
        if played.outcome.reason is not None and played.outcome.reason.code is Code.NO_RIVAL_LEFT:
            # unlike a time, an energy is worth something without another to compare it with
            played = played._replace(outcome=play([case for case in fit if case not in played.left_out]))
        for case in fit:
            self._units.finish(units[case], share(played, case, len(fit)), planned=case in left)

    def _fit(self, comparison: Comparison) -> None:
        fit, limit = set(measurable(self.record, comparison)), int(self.settings.fit_bytes or 0)
        for case, unit in zip(comparison.cases, all_units(comparison, (Pass.FIT.value,))):
            if self._units.is_done(unit):
                continue
            if unit.case not in fit:
                self._units.skip(unit, why_unfit(self.record, comparison, unit.case or ""))
                continue
            self._units.begin(unit)
            job = self._units.job(Pass.FIT, comparison, [unit.case], limit_bytes=limit)
            most_bytes = limit if case.device == "cpu" else None
            run_batch = partial(self._units.work_with_batch, job, most_bytes)
            self._units.finish(unit, largest_batch(run_batch, case.shape[0], limit, self.progress, self._clock))

    def _soak(self, comparison: Comparison) -> None:
        fit, baseline = measurable(self.record, comparison), comparison.case_id(comparison.baseline)
        for unit in all_units(comparison, (Pass.SOAK.value,)):
            reason = Reason(Code.KEPT_APART) if comparison.apart else why_not_timed(self.record, comparison, fit)
            if unit.case in fit and reason is None:
                self._units.do(unit, self._units.job(
                    Pass.SOAK, comparison, [baseline, unit.case], rival=unit.case, soak_s=self.settings.soak_s,
                    block_s=self.settings.soak_block_s, power=self.plan.power))
            else:
                self._units.skip(unit, reason or why_unfit(self.record, comparison, unit.case or ""))
