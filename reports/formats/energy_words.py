"""Energy and power as short texts."""

from typing import Optional

from reports.findings.amounts import Amount
from reports.findings.energy import CaseEnergy, EnergyTable, Saving
from reports.findings.traces import Trace
from reports.numbers import NARROW, count, interval, joules, percent, times, watts
from reports.wording import why_text


def joules_text(amount: Amount) -> Optional[str]:
    """Return an amount of energy."""
    return joules(amount.value)


def uncertainty_text(row: CaseEnergy) -> Optional[str]:
    """Return the stated uncertainty of the energy per call."""
    if row.uncertainty_j is None or not row.per_call.value:
        return None
    return "\u00b1\u202f" + str(joules(row.uncertainty_j))


def watts_text(value: Optional[float]) -> Optional[str]:
    """Return a power."""
    return watts(value)


def energy_text(value: Optional[float]) -> Optional[str]:
    """Return an energy."""
    return joules(value)


def saving_text(saving: Saving) -> str:
    """Return ``1.83x less [1.80, 1.86]``; within 10 % the sign says it, ``-3.0 % [-4.1, -1.9]``."""
    middle, low, high = saving
    if 1 / 1.1 < middle < 1.1:                           # here the reader expects energy, not speed: less is minus
        alone = "{}{}%".format(percent(1 / middle), NARROW)
        return alone if low is None or high is None else "{} [{}, {}]".format(alone, percent(1 / high),
                                                                              percent(1 / low))
    factor = times(middle) + " less" if middle > 1 else times(1 / middle) + " more"
    return factor if low is None or high is None else "{} {}".format(factor, interval(middle, low, high))


def energy_verdict_text(row: CaseEnergy) -> Optional[str]:
    """Return smaller, larger or same, or *cannot tell* with why; ``None`` where there is nothing to judge."""
    if row.verdict is None or row.per_call.value is None:
        return None
    state = row.verdict.state.value
    return state if row.verdict.why is None else "{}: {}".format(state, why_text(row.verdict.why))


def trace_name(trace: Trace) -> str:
    """Return whose readings a trace shows under load."""
    return "all cases by turns" if trace.by_turns else trace.name


def energy_windows_text(table: EnergyTable) -> Optional[str]:
    """Return how the windows of a comparison were taken, ``None`` for a record that has none."""
    base = table.rows[0]
    if not base.windows:
        return None
    told = "{} of each case, by turns in {}".format(count(base.windows, "window"), count(base.rounds or 0, "round"))
    if table.floor is not None:
        told += "; two copies of the baseline differ by {}{}%".format(percent(1 + table.floor, sign=False), NARROW)
    return told + "; one process, so a difference tied to one process would not be seen"


def sampling_cost_text(table: EnergyTable) -> Optional[str]:
    """Return what reading the meter cost, ``None`` where that was not found out."""
    costs = [row.sampling_cost for row in table.rows if row.sampling_cost]
    if not costs:
        return None
    return "reading the meter changed the time per call by {} to {}{}%".format(
        percent(min(costs)), percent(max(costs)), NARROW)
