"""The units of work of a run and which of them remain, as pure functions on plan and record.

A unit is one worker's job: a pass of a comparison, of a case, or one launch of the time pass. A unit
with a line in the record is finished, whatever its outcome, and is not repeated unless it failed and the user
asks for it.
"""

from typing import Container, Dict, Iterable, List, Sequence

from harness.plan import Comparison
from harness.record import LaunchLine, Run, SeriesDecision, Unit, has_failed
from harness.words import Heap, Pass, State, Status

#: Seconds of sampling that any launch may take.
LEAST_SHARE_S = 2.0

#: Rough seconds of one unit of each pass: only the time left shown to the user rests on them.
TYPICAL_S = {Pass.VERIFY: 6.0, Pass.TIME: 15.0, Pass.MEMORY: 1.0, Pass.ENERGY: 30.0, Pass.FIT: 20.0,
             Pass.SOAK: 600.0}


def work_of(units: Iterable[Unit]) -> float:
    """Return how much work ``units`` are, in typical seconds."""
    return sum(TYPICAL_S[unit.name] for unit in units)


def all_units(comparison: Comparison, passes: Sequence[str], launches: int = 1, repeats: int = 1) -> List[Unit]:
    """Return every unit a comparison may need, in order.

    The repeats of the memory pass go round the cases, and the baseline plays twice in each round; where both heaps
    are wanted each case has its two one after the other. Cases that are kept apart are checked one by one.
    """
    units: List[Unit] = []
    for name in Pass:
        if name.value not in passes or name.value in comparison.without:
            continue
        if name is Pass.VERIFY and not comparison.apart:
            units.append(Unit(name, comparison.id))
        elif name is Pass.TIME:
            units.extend(Unit(name, comparison.id, None, launch) for launch in range(1, launches + 1))
        elif name is Pass.MEMORY:
            ids = [comparison.case_id(case) for case in comparison.cases]
            heaps = (None, Heap.DEFAULT) if comparison.both_heaps else (None,)
            units.extend(Unit(name, comparison.id, ident, number, heap) for repeat in range(1, repeats + 1)
                         for ident, number in [(ident, repeat) for ident in ids] + [(ids[0], repeats + repeat)]
                         for heap in heaps)
        else:
            # a rival is soaked with its baseline in turns
            cases = comparison.rivals if name is Pass.SOAK else comparison.cases
            units.extend(Unit(name, comparison.id, comparison.case_id(case)) for case in cases)
    return units


def is_done(run: Run, unit: Unit, retry_failed: bool, retried: Container[Unit]) -> bool:
    """Whether ``run`` has ``unit``; with ``retry_failed`` a failed one counts once it was ``retried``."""
    line = run.units.get(unit)
    if line is None:
        return False
    if not retry_failed or unit in retried:
        return True
    earlier = [] if unit.name is not Pass.TIME else [
        unit._replace(launch=number) for number in range(1, unit.launch or 1)]
    # a launch done over has to be confirmed anew
    lines = [line] + [run.units[one] for one in earlier if one not in retried and one in run.units]
    return not any(has_failed(one) for one in lines)


def time_shares(budget_s: float, comparisons_left: int, launches: int, cap_s: float) -> List[float]:
    """Split what is left of the budget: seconds of sampling for each launch of the next comparison.

    Confirming launches start at a quarter of the first one's rounds, so they get half its share each. Even
    with nothing left each gets :data:`LEAST_SHARE_S`, since a comparison half done tells nothing.
    """
    share = max(0.0, budget_s) / max(1, comparisons_left)
    weights = [1.0] + [0.5] * (launches - 1)
    return [max(LEAST_SHARE_S, min(cap_s, share * weight / sum(weights))) for weight in weights]


def to_confirm(launches: Sequence[LaunchLine], launch: int) -> Dict[str, Dict[str, SeriesDecision]]:
    """Return launch 1's decisions that ``launch`` has to confirm, by cache state and rival; empty if none.

    ``launches`` are the time lines of one comparison in order. A rival is out once launch 1 did not
    decide it or a later launch did not agree; a launch that failed ends the confirming of all.
    """
    earlier = [line for line in launches if line.launch < launch and line.status is Status.OK]
    if [line.launch for line in earlier] != list(range(1, launch)):
        return {}
    found = {}
    for series in earlier[0].series:
        answers = [later.decisions for line in earlier[1:] for later in line.series if later.cache == series.cache]
        still_open = {rival: decision for rival, decision in series.decisions.items()
                      if decision.state is not State.UNDECIDED and len(answers) == len(earlier) - 1
                      and all(rival in answer and answer[rival].state is State.AGREES for answer in answers)}
        if still_open:
            found[series.cache] = still_open
    return found
