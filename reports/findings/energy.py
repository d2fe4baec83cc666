"""Energy: joules per call, above idle and per image, and how they compare with the baseline."""

import math
from typing import Dict, NamedTuple, Optional, Tuple

from harness.plan import Comparison
from harness.reasons import Reason
from harness.record import EnergyLine, Run
from harness.rule import Rule
from harness.statistics.energy import EnergyVerdict, energy_verdict, parted
from harness.words import Pass
from reports.findings.amounts import OF_THE_CHECK, Amount, absent, distinct


class Saving(NamedTuple):
    """Baseline energy over rival energy per call, above 1 the rival needs less, with its interval if there is one."""

    ratio: float
    low: Optional[float]
    high: Optional[float]


class CaseEnergy(NamedTuple):
    """Energy of one case in joules per call and watts; ``reached`` tells whether the record has a line of it.

    ``verdict`` is against the comparison's baseline, ``None`` for that itself and where one of the two was not
    reached. ``windows`` counts the stretches that the number is made of, ``copy_j`` is the baseline's second copy.
    """

    case: str
    name: str
    baseline: bool
    images: int
    reached: bool
    per_call: Amount
    above_idle_j: Optional[float] = None
    uncertainty_j: Optional[float] = None
    mean_w: Optional[float] = None
    peak_w: Optional[float] = None
    meter: Optional[str] = None
    rail: Optional[str] = None
    sampling_cost: Optional[float] = None       # time per call with the meter being read over that without
    saving: Optional[Saving] = None             # against the comparison's baseline
    verdict: Optional[EnergyVerdict] = None
    windows: int = 0
    rounds: Optional[int] = None
    copy_j: Optional[float] = None

    @property
    def per_image_j(self) -> Optional[float]:
        """Joules per image."""
        return None if self.per_call.value is None else self.per_call.value / self.images

    @property
    def source(self) -> str:
        """Meter and rail."""
        return " ".join(part for part in (self.meter, self.rail) if part)


class EnergyTable(NamedTuple):
    """The energy of one comparison."""

    id: str
    title: str
    rows: Tuple[CaseEnergy, ...]
    sources: Tuple[str, ...]

    @property
    def floor(self) -> Optional[float]:
        """The relative difference of two copies of the baseline, ``None`` where there was one only."""
        return next((row.verdict.floor for row in self.rows if row.verdict is not None), None)

    @property
    def measured(self) -> bool:
        """Whether any case has a number."""
        return any(row.per_call.value is not None for row in self.rows)

    @property
    def reasons(self) -> Tuple[Reason, ...]:
        """The reasons of the cases without a number."""
        return distinct(tuple(row.per_call.reason for row in self.rows if row.per_call.reason is not None))


def case_energies(run: Run) -> Dict[str, CaseEnergy]:
    """Return the energy of every planned case by its id."""
    found: Dict[str, CaseEnergy] = {}
    for comparison in run.comparisons:
        base: Optional[CaseEnergy] = None
        for case in comparison.cases:
            ident = comparison.case_id(case)
            own = _case(ident, case.name, base is None, case.shape[0], run.energy(ident), run)
            found[ident] = own if base is None else _against(base, own, run, run.header.rule)
            base = base or own
    return found


def _case(ident: str, name: str, baseline: bool, images: int, line: Optional[EnergyLine], run: Run) -> CaseEnergy:
    if line is None:
        return CaseEnergy(ident, name, baseline, images, False, absent(None, run.why_absent(Pass.ENERGY, ident)))
    value = line.energy_per_call_j
    cost = line.sampling_cost.ratio if line.sampling_cost is not None else None
    return CaseEnergy(ident, name, baseline, images, True,
                      absent(None, line.reason) if value is None else Amount(value),
                      line.energy_above_idle_per_call_j, line.uncertainty_j, line.mean_w, line.peak_w, line.meter,
                      line.rail, cost, windows=len(parted(line)[0]), rounds=line.rounds,
                      copy_j=line.copy_energy_per_call_j)


def _against(base: CaseEnergy, rival: CaseEnergy, run: Run, rule: Rule) -> CaseEnergy:
    """Return ``rival`` with its verdict and ratio; from a record without windows there is the ratio alone."""
    mine, theirs = run.energy(rival.case), run.energy(base.case)
    if mine is None or theirs is None:
        return rival
    verdict = energy_verdict(theirs, mine, rule)
    by_turns = None if verdict.ratio is None else Saving(verdict.ratio, verdict.low, verdict.high)
    return rival._replace(verdict=verdict, saving=by_turns or saving(base, rival))


def saving(base: CaseEnergy, rival: CaseEnergy) -> Optional[Saving]:
    """Return baseline energy / rival energy per call of two cases that were measured one after the other.

    The ends take the two stated uncertainties together as independent relative errors; ``None`` if
    either number or uncertainty is missing.
    """
    mine, theirs = rival.per_call.value, base.per_call.value
    if not mine or not theirs or mine < 0 or theirs < 0:
        return None
    if rival.uncertainty_j is None or base.uncertainty_j is None:
        return None
    spread = math.hypot(rival.uncertainty_j / mine, base.uncertainty_j / theirs)
    ratio = theirs / mine
    return Saving(ratio, ratio * math.exp(-spread), ratio * math.exp(spread))


def energy_table(comparison: Comparison, cases: Dict[str, CaseEnergy]) -> Optional[EnergyTable]:
    """Return the energy table of one comparison, ``None`` if the run reached the energy of no case."""
    rows = tuple(row for row in (cases[comparison.case_id(case)] for case in comparison.cases) if row.reached)
    if not rows:
        return None
    return EnergyTable(comparison.id, comparison.title, rows, tuple(sorted({row.source for row in rows} - {""})))


def why_no_energy(run: Run, cases: Dict[str, CaseEnergy]) -> Tuple[Reason, ...]:
    """Return why there is no energy at all, empty if there is some."""
    reached = [case for case in cases.values() if case.reached]
    if not reached:
        # the suite may leave it out of comparisons, each with its cases
        return distinct(tuple(run.why_absent(Pass.ENERGY, case) for case in cases)) or (run.why_absent(Pass.ENERGY),)
    if any(case.per_call.value is not None for case in reached):
        return ()
    reasons = distinct(tuple(case.per_call.reason for case in reached if case.per_call.reason is not None))
    # that a wrong layer was left out says nothing about the meters
    return tuple(reason for reason in reasons if reason.kind not in OF_THE_CHECK) or reasons
