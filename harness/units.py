"""The units of work of a run and which of them remain, as pure functions on plan and record.

A unit is one worker's job: a pass of a comparison, of a case, or one launch of the time pass. A unit
with a line in the record is finished, whatever its outcome, and is never repeated.
"""

from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence

from harness.plan import Comparison

#: The passes in the order they run inside a comparison.
ORDER = ("verify", "time", "memory", "energy")

#: Seconds of sampling that any launch may take.
LEAST_SHARE_S = 2.0


#: Rough seconds of one unit of each pass: only the time left shown to the user rests on them.
TYPICAL_S = {"verify": 6.0, "time": 15.0, "memory": 2.5, "energy": 20.0}


class Unit(NamedTuple):
    """One job: ``case`` is a case id or ``None`` for the whole comparison; ``launch`` counts from 1."""

    name: str
    comparison: str
    case: Optional[str] = None
    launch: Optional[int] = None

    def __str__(self) -> str:
        where = self.case or self.comparison
        return "{} {}{}".format(self.name, where, ", launch {}".format(self.launch) if self.launch else "")


def work_of(units: Iterable[Unit]) -> float:
    """Return how much work ``units`` are, in typical seconds."""
    return sum(TYPICAL_S[unit.name] for unit in units)


def unit_of(line: Dict[str, Any]) -> Unit:
    """Return the unit that a record's ``pass`` line finished."""
    return Unit(line["pass"], line["comparison"], line.get("case"), line.get("launch"))


def all_units(comparison: Comparison, passes: Sequence[str], launches: int) -> List[Unit]:
    """Return every unit a comparison may need, in order."""
    units: List[Unit] = []
    for name in ORDER:
        if name not in passes:
            continue
        if name == "verify":
            units.append(Unit(name, comparison.id))
        elif name == "time":
            units.extend(Unit(name, comparison.id, None, launch) for launch in range(1, launches + 1))
        else:
            units.extend(Unit(name, comparison.id, comparison.case_id(case)) for case in comparison.cases)
    return units


def verified(comparison: Comparison, lines: Sequence[Dict[str, Any]]) -> Dict[str, Dict[str, Any]]:
    """Return the verify result of each case, by case id. Later lines win: they checked case by case."""
    return {result["case"]: result for line in lines
            if line["pass"] == "verify" and line["comparison"] == comparison.id and line["status"] == "ok"
            for result in line["results"]}


def runnable(comparison: Comparison, lines: Sequence[Dict[str, Any]]) -> List[str]:
    """Return the ids of the cases that were not found wrong, in the plan's order."""
    results = verified(comparison, lines)
    ids = [comparison.case_id(case) for case in comparison.cases]
    return [name for name in ids if name in results and results[name]["ok"] is not False]


def time_shares(budget_s: float, comparisons_left: int, launches: int, cap_s: float) -> List[float]:
    """Split what is left of the budget: seconds of sampling for each launch of the next comparison.

    Confirming launches start at a quarter of the first one's rounds, so they get half its share each. Even
    with nothing left each gets :data:`LEAST_SHARE_S`, since a comparison half done tells nothing.
    """
    share = max(0.0, budget_s) / max(1, comparisons_left)
    weights = [1.0] + [0.5] * (launches - 1)
    return [max(LEAST_SHARE_S, min(cap_s, share * weight / sum(weights))) for weight in weights]


def to_confirm(launches: Sequence[Dict[str, Any]], launch: int) -> Dict[str, Dict[str, Any]]:
    """Return launch 1's decisions that ``launch`` has to confirm, by cache state and rival; empty if none.

    ``launches`` are the finished time lines of one comparison in order. A rival is out once launch 1 did not
    decide it or a later launch did not agree; a launch that failed ends the confirming of all.
    """
    earlier = [line for line in launches if line["launch"] < launch]
    if [line["launch"] for line in earlier] != list(range(1, launch)):
        return {}
    found = {}
    for series in earlier[0]["series"]:
        answers = [later["decisions"] for line in earlier[1:] for later in line["series"]
                   if later["cache"] == series["cache"]]
        still_open = {rival: decision for rival, decision in series["decisions"].items()
                      if decision["state"] != "undecided" and len(answers) == len(earlier) - 1
                      and all(answer.get(rival, {}).get("state") == "agrees" for answer in answers)}
        if still_open:
            found[series["cache"]] = still_open
    return found
