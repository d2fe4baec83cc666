"""Many runs against the first, a line each: of a run nothing is kept but what its line says."""

from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple

from harness.record import Damage
from harness.words import State
from reports.findings.about import Device
from reports.findings.causes import grouped
from reports.findings.changes import Advantages, Tally, tally_of
from reports.findings.compared import DamagedRun, Gist
from reports.findings.environment import Difference, Facts, changes_by_itself


class RunLine(NamedTuple):
    """One run against the first.

    ``slower`` are the rivals whose advantage became smaller: case id and cache state, ``None`` where both runs have
    one state alone.
    """

    run: str
    device: Device
    same_board: bool
    tally: Tuple[Tally, ...]
    slower: Tuple[Tuple[str, Optional[str]], ...]


class Beside(NamedTuple):
    """What is kept of any other run until all are read."""

    line: RunLine
    facts: Facts
    damage: Damage


class Many(NamedTuple):
    """The runs after the ``first``, the names of what differs between the environments, and the damaged records."""

    first: str
    lines: Tuple[RunLine, ...]
    differing: Tuple[str, ...]
    damaged: Tuple[DamagedRun, ...]


def beside_of(gist: Gist, found: Advantages) -> Beside:
    """Return what is kept of the run of ``gist``, which is the second of ``found``."""
    several = len({case.cache for case in found.cases}) > 1
    slower = tuple((case.case, case.cache if several else None) for case in found.cases if found.same_board
                   and case.advantage is not None and case.advantage.state is State.SLOWER)
    line = RunLine(found.second.run, found.second.device, found.same_board, tally_of(found), slower)
    return Beside(line, gist.facts, gist.damage)


def many(first: Gist, others: Iterable[Beside]) -> Many:
    """Return what is said of ``others``, each of which is let go once it was looked at."""
    lines: List[RunLine] = []
    damaged = [DamagedRun(first.side.run, first.damage)] if first.damage.lines else []
    differs: Dict[str, bool] = dict.fromkeys(first.facts, False)
    for one in others:
        lines.append(one.line)
        if one.damage.lines:
            damaged.append(DamagedRun(one.line.run, one.damage))
        for name in one.facts:
            differs.setdefault(name, False)
        for name, known in differs.items():
            differs[name] = known or one.facts.get(name) != first.facts.get(name)
    groups = grouped([Difference(name, ()) for name, known in differs.items()
                      if known and not changes_by_itself(name)])
    return Many(first.side.run, tuple(lines), tuple(one.name for group in groups for one in group.differences),
                tuple(damaged))
