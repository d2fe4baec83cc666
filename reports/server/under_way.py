"""How far a run has come, told from its record alone."""

from typing import NamedTuple, Optional

from harness.record import Run
from harness.settings import format_duration
from harness.words import Pass
from harness.work_units import all_units, work_of


class UnderWay(NamedTuple):
    """``over`` of ``planned`` units are done or turned out not to be needed; ``now`` names the one under way.

    ``left_s`` is the time left at this run's own pace, ``None`` before the first unit and after the last.
    """

    over: int
    planned: int
    now: Optional[str]
    left_s: Optional[float]


def under_way(run: Run) -> UnderWay:
    """Return how far ``run`` has come: units are worked off in order, so what stands before the last one is over."""
    settings = run.header.settings
    passes = [name for name in settings.passes if name != Pass.ENERGY.value or not _without_power(run)]
    units = [unit for one in run.comparisons
             for unit in all_units(one, passes, settings.launches, settings.memory_repeats)]
    recorded = [unit in run.units for unit in units]
    over = max([number for number, there in enumerate(recorded, 1) if there] or [0])
    spent_s = sum(run.units[unit].seconds for unit, there in zip(units, recorded) if there)
    pace = spent_s / (work_of(unit for unit, there in zip(units, recorded) if there) or 1.0)
    left = units[over:]
    return UnderWay(over, len(units), str(left[0]) if left else None,
                    pace * work_of(left) if left and pace else None)


def _without_power(run: Run) -> bool:
    """Whether the last session found no power meter: it only notes of each energy unit that it has no number."""
    meters = [one for one in run.sessions[-1].environment.meters if one.quantity == "power"] if run.sessions else []
    return bool(meters) and not any(one.chosen for one in meters)


def under_way_text(found: UnderWay) -> str:
    """Return ``found`` in words."""
    left = "" if found.left_s is None else ", about {} left at the most".format(format_duration(found.left_s))
    now = "" if found.now is None else "; now: {}".format(found.now)
    return "{} of {} units{}{}".format(found.over, found.planned, left, now)
