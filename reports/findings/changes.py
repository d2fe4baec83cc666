"""One run against another, case by case: the advantage over the baseline first, the time second."""

import math
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.plan import Comparison
from harness.quantiles import mean
from harness.record import LaunchLine, Run
from harness.rule import Rule
from harness.statistics.between_runs import (
    Change,
    case_levels,
    compare_levels,
    unchanged,
)
from reports.findings.about import Device, device
from reports.findings.devices import Column
from reports.findings.timing import CACHES

#: So many rivals tell what one launch differs by from the next.
LEAST_FOR_USUAL = 5


class Levels(NamedTuple):
    """One case in one cache state: log advantage (empty for a baseline) and log time (s), one value a launch."""

    title: str
    name: str
    baseline: bool
    advantages: Tuple[float, ...]
    times: Tuple[float, ...]


#: The levels of a run by case id and cache state, in the order of the plan.
RunLevels = Dict[Tuple[str, str], Levels]


class ChangedCase(NamedTuple):
    """One case in one cache state in both runs.

    ``advantages`` are the speeds over the baseline in the first and in the second run, ``times_s`` the times per
    call; ``advantage`` (``None`` for a baseline) and ``time`` say what became of them.
    """

    case: str
    name: str
    title: str
    cache: str
    baseline: bool
    advantages: Optional[Tuple[float, float]]
    advantage: Optional[Change]
    times_s: Tuple[float, float]
    time: Change


class Changes(NamedTuple):
    """The second run against the first.

    ``same_board`` tells whether one may be called old and the other new. ``alone`` are the cases that one of them
    timed. ``usual`` is the relative difference that rivals of one launch each show from run to run by themselves, as
    far as these two runs tell; ``None`` where too few rivals have one launch.
    """

    first: Column
    second: Column
    same_board: bool
    same_run: bool
    cases: Tuple[ChangedCase, ...]
    alone: Tuple[str, ...]
    usual: Optional[float]


class Side(NamedTuple):
    """What a comparison needs of one run; ``board`` is what tells boards apart beside the device's name."""

    run: str
    device: Device
    board: Tuple[Optional[str], ...]
    rule: Rule
    levels: RunLevels


def side_of(run: Run) -> Side:
    """Return what a comparison needs of ``run``."""
    board = tuple(run.environment.board.get(name) for name in ("model", "soc"))
    return Side(run.id, device(run), board, run.header.rule, run_levels(run))


def changes(first: Side, second: Side) -> Changes:
    """Return a row for every case and cache state that both runs timed. The words follow the first run's rule."""
    old, new = first.levels, second.levels
    same_run = first.run == second.run and old == new
    cases = tuple(_changed(key, old[key], new[key], first.rule, same_run) for key in old if key in new)
    alone = tuple(sorted({case for case, _ in set(old) ^ set(new)}))
    return Changes(Column(first.run, first.device), Column(second.run, second.device), same_board(first, second),
                   same_run, cases, alone, None if same_run else usual_difference(cases))


def same_board(first: Side, second: Side) -> bool:
    """Return whether both runs were made on the same kind of device."""
    return (first.device.name, first.device.cuda, first.board) == (
        second.device.name, second.device.cuda, second.board)


def run_levels(run: Run) -> RunLevels:
    """Return the levels of every case and cache state that ``run`` timed."""
    found: RunLevels = {}
    for comparison in run.comparisons:
        lines = run.timed(comparison.id)
        for cache in CACHES:
            found.update(_comparison_levels(comparison, lines, cache))
    return found


def _comparison_levels(comparison: Comparison, lines: Sequence[LaunchLine], cache: str) -> RunLevels:
    found: RunLevels = {}
    levels = case_levels(lines, cache)
    for case in comparison.cases:
        ident, baseline = comparison.case_id(case), case == comparison.baseline
        if ident in levels:
            found[ident, cache] = Levels(comparison.title, case.name, baseline, tuple(levels[ident].advantages),
                                         tuple(levels[ident].times))
    return found


def _changed(key: Tuple[str, str], old: Levels, new: Levels, rule: Rule, same_run: bool) -> ChangedCase:
    advantage = None if old.baseline else compare_levels(old.advantages, new.advantages, rule)
    time = compare_levels(old.times, new.times, rule)
    if same_run:
        advantage, time = None if advantage is None else unchanged(advantage), unchanged(time)
    both = None if not old.advantages or not new.advantages else (
        math.exp(-mean(old.advantages)), math.exp(-mean(new.advantages)))
    return ChangedCase(key[0], old.name, old.title, key[1], old.baseline, both, advantage,
                       (math.exp(mean(old.times)), math.exp(mean(new.times))), time)


def usual_difference(cases: Sequence[ChangedCase]) -> Optional[float]:
    """Return what the advantages of one launch each differ by, by themselves (relative).

    Most rivals are taken to be unchanged: three times the median of the absolute log ratios, which holds 19 of 20
    normal ones. Real changes of many rivals only make it larger.
    """
    moved: List[float] = sorted(abs(math.log(case.advantage.speed)) for case in cases
                                if case.advantage is not None and case.advantage.launches == (1, 1)
                                and case.advantage.speed is not None)
    if len(moved) < LEAST_FOR_USUAL:
        return None
    return math.expm1(3.0 * moved[len(moved) // 2])
