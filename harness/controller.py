"""The run: takes a plan unit by unit through worker processes and records each before the next.

The controller imports neither torch nor pandas nor numpy: on a 4 GB board it must leave the memory to
the layers. All it decides is which unit comes next; what the samples mean is for reports.
"""

import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Set

from harness.allocator import heap_environment
from harness.plan import Comparison, comparison_to_dict
from harness.process import Outcome, run_worker
from harness.progress import PlainProgress
from harness.record import RecordWriter
from harness.settings import Settings
from harness.units import ORDER, Unit, all_units, runnable, time_shares, to_confirm, unit_of, verified, work_of

Runner = Callable[..., Outcome]


class RunPlan(NamedTuple):
    """What a controller works through: ``rule`` goes to the time pass as it stands in the record."""

    comparisons: Sequence[Comparison]
    settings: Settings
    rule: Dict[str, Any]
    no_energy: Optional[str] = None  # why no power can be read here; None where a meter answers


class Controller:
    """Works off a :class:`RunPlan`; ``lines`` are the record's ``pass`` lines of earlier sessions."""

    def __init__(self, plan: RunPlan, writer: RecordWriter, lines: List[Dict[str, Any]],
                 progress: PlainProgress, runner: Runner = run_worker,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.plan = plan
        self.settings = plan.settings
        self.writer = writer
        self.lines = lines
        self.progress = progress
        self._runner = runner
        self._clock = clock
        self._sampled_s = 0.0  # spent of the budget
        self._said: Set[str] = set()

    def run(self) -> None:
        """Do every unit that the record lacks. ``KeyboardInterrupt`` passes through; the record is whole."""
        passes = [name for name in self.settings.passes if name != "energy" or self.plan.no_energy is None]
        units = {unit for comparison in self.plan.comparisons
                 for unit in all_units(comparison, passes, self.settings.launches)}
        left = units - set(map(unit_of, self.lines))
        self.progress.begin(len(units), len(units) - len(left), work_of(left))
        for index, comparison in enumerate(self.plan.comparisons):
            to_go = len(self.plan.comparisons) - index
            steps = {"verify": self._verify, "time": lambda c: self._time(c, to_go),  # noqa: B023 called at once
                     "memory": self._memory, "energy": self._energy}
            for name in ORDER:
                if name in self.settings.passes:
                    steps[name](comparison)

    # One method per pass -------------------------------------------------------------------------

    def _verify(self, comparison: Comparison) -> None:
        ids = [comparison.case_id(case) for case in comparison.cases]
        line = self._unit(Unit("verify", comparison.id), self._job("verify", comparison, ids))
        if line is not None and line["status"] == "failed":
            # One case took the worker down with it: check them one by one to learn which.
            for name in ids:
                self._unit(Unit("verify", comparison.id, name), self._job("verify", comparison, [name]),
                           planned=False)

    def _time(self, comparison: Comparison, comparisons_left: int) -> None:
        shares = time_shares(self.settings.budget_s - self._sampled_s, comparisons_left,
                             self.settings.launches, self.settings.launch_cap_s)
        ids = self._runnable(comparison)
        baseline = comparison.case_id(comparison.baseline)
        units = [unit for unit in all_units(comparison, ("time",), self.settings.launches) if not self._is_done(unit)]
        for unit in units:
            launch = unit.launch or 1
            first = to_confirm(self._launches(comparison), launch) if launch > 1 else None
            reason = self._not_timed(comparison, ids, baseline)
            if reason is not None and launch == 1:
                self._skip(unit, reason)
            elif reason is None and (launch == 1 or first):
                job = self._job("time", comparison, ids, launch=launch, rule=self.plan.rule,
                                role="first" if launch == 1 else "confirm", first=first,
                                budget_s=shares[launch - 1], limit_s=0.8 * self.settings.limit_s)
                started = self._clock()
                self._unit(unit, job)
                self._sampled_s += self._clock() - started
            else:
                self.progress.skip(work_of([unit]))

    def _memory(self, comparison: Comparison) -> None:
        self._case_by_case("memory", comparison)

    def _energy(self, comparison: Comparison) -> None:
        if self.plan.no_energy is None:
            self._case_by_case("energy", comparison, power=self.settings.power)
            return
        for unit in all_units(comparison, ("energy",), 1):
            if not self._is_done(unit):
                self._skip(unit, self.plan.no_energy)

    def _case_by_case(self, name: str, comparison: Comparison, **extra: Any) -> None:
        fit = set(self._runnable(comparison))
        for unit in all_units(comparison, (name,), 1):
            if unit.case in fit:
                self._unit(unit, self._job(name, comparison, [unit.case], **extra))
            elif not self._is_done(unit):
                self._skip(unit, self._why_unfit(comparison, unit.case))

    # What earlier lines say ----------------------------------------------------------------------

    def _is_done(self, unit: Unit) -> bool:
        return any(unit_of(line) == unit for line in self.lines)

    def _runnable(self, comparison: Comparison) -> List[str]:
        if "verify" not in self.settings.passes:
            return [comparison.case_id(case) for case in comparison.cases]
        return runnable(comparison, self.lines)

    def _why_unfit(self, comparison: Comparison, case: Optional[str]) -> str:
        result = verified(comparison, self.lines).get(case or "")
        return "not measured, since it did not pass the check: {}".format(
            result["reason"] if result else "its check did not end")

    def _not_timed(self, comparison: Comparison, ids: Sequence[str], baseline: str) -> Optional[str]:
        if baseline not in ids:
            return "the baseline {}".format(self._why_unfit(comparison, baseline))
        return None if len(ids) > 1 else "no rival passed the check, so there is nothing to compare"

    def _launches(self, comparison: Comparison) -> List[Dict[str, Any]]:
        return sorted((line for line in self.lines if line["pass"] == "time" and line["status"] == "ok"
                       and line["comparison"] == comparison.id), key=lambda line: line["launch"])

    # Doing and recording -------------------------------------------------------------------------

    def _job(self, name: str, comparison: Comparison, cases: Sequence[Optional[str]], **extra: Any) -> Dict[str, Any]:
        pinned = {case: result["pinned"] for case, result in verified(comparison, self.lines).items()
                  if result.get("pinned")}
        return dict({"pass": name, "comparison": comparison_to_dict(comparison), "cases": list(cases),
                     "pinned": pinned, "seed": self.settings.seed, "quick": self.settings.quick}, **extra)

    def _unit(self, unit: Unit, job: Dict[str, Any], planned: bool = True) -> Optional[Dict[str, Any]]:
        """Run ``job`` unless the record has it; return the new line, ``None`` if it was there."""
        if self._is_done(unit):
            return None
        self.progress.unit(str(unit))
        heap = "warm" if unit.name in ("verify", "time") else "default"
        outcome = self._runner(
            job, self.settings.limit_s, extra_environment=heap_environment(heap),
            progress=lambda m: self.progress.within(m["done"], m["total"], m["what"], m.get("left_s")))
        return self._record(unit, outcome, planned)

    def _skip(self, unit: Unit, reason: str) -> None:
        """Record that ``unit`` was not tried, and why; each reason is said to the user once."""
        self._write(unit, "skipped", Outcome(None, reason, 0.0))
        if unit.name != "energy" or self.plan.no_energy is None:
            self.progress.skip(work_of([unit]))
        text = "{}: not measured: {}".format(unit.name if unit.name == "energy" else unit, reason)
        if text not in self._said:
            self._said.add(text)
            self.progress.note(text)

    def _record(self, unit: Unit, outcome: Outcome, planned: bool = True) -> Dict[str, Any]:
        line = self._write(unit, "ok" if outcome.ok else "failed", outcome)
        text = "{}: {}".format(unit, "done in {:.1f} s".format(outcome.seconds) if outcome.ok else
                               "failed: {}".format(outcome.reason))
        if planned:
            self.progress.unit_done(text, work_of([unit]))
        else:
            self.progress.note(text)
        return line

    def _write(self, unit: Unit, status: str, outcome: Outcome) -> Dict[str, Any]:
        payload = outcome.payload or {}
        # A pass that ended well may still say why it has no number, as the energy pass does.
        reason = payload.get("reason") if outcome.reason is None else outcome.reason
        line = dict(payload, kind="pass", comparison=unit.comparison, case=unit.case, status=status,
                    reason=reason, seconds=round(outcome.seconds, 3),
                    started_s=round(self._clock() - outcome.seconds, 3))
        line["pass"] = unit.name
        if unit.launch is not None:
            line["launch"] = unit.launch
        self.writer.append(line)
        self.lines.append(line)
        return line
