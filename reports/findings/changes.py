"""One run against another, case by case: the advantage over the baseline first, the time second."""

import math
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

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
from harness.words import State
from reports.findings.about import Device, device
from reports.findings.devices import Column
from reports.findings.timing import CACHES

#: The states in the order they are counted.
COUNTED = (State.SLOWER, State.FASTER, State.SAME, State.UNCHANGED, State.CANNOT_TELL)

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


class Advantages(NamedTuple):
    """What became of each rival's advantage from one run to another, by case id and cache state.

    ``some_alone`` tells whether one of them timed a case that the other did not, ``caches`` counts the cache states
    that both have.
    """

    same_board: bool
    same_run: bool
    changes: Dict[Tuple[str, str], Change]
    some_alone: bool
    caches: int


class Tally(NamedTuple):
    """How many advantages became ``state``, with the least and the largest width of those that have one."""

    state: State
    number: int
    narrowest: Optional[float]
    widest: Optional[float]


class Side(NamedTuple):
    """What a comparison needs of one run; ``board`` is what tells boards apart beside the device's name."""

    run: str
    device: Device
    board: Tuple[Optional[str], ...]
    rule: Rule
    levels: RunLevels


def side_of(run: Run, times: bool = True) -> Side:
    """Return what a comparison needs of ``run``; :func:`advantages` needs no ``times``."""
    board = tuple(run.environment.board.get(name) for name in ("model", "soc"))
    return Side(run.id, device(run), board, run.header.rule, run_levels(run, times))


def changes(first: Side, second: Side) -> Changes:
    """Return a row for every case and cache state that both runs timed. The words follow the first run's rule."""
    old, new, found = first.levels, second.levels, advantages(first, second)
    cases = tuple(_changed(key, old[key], new[key], first.rule, found) for key in old if key in new)
    alone = tuple(sorted({case for case, _ in set(old) ^ set(new)}))
    return Changes(Column(first.run, first.device), Column(second.run, second.device), found.same_board,
                   found.same_run, cases, alone, None if found.same_run else usual_difference(cases))


def advantages(first: Side, second: Side) -> Advantages:
    """Return what became of the advantages alone: all that a line of many runs says."""
    old, new = first.levels, second.levels
    same_run = first.run == second.run and old == new
    found = [(key, compare_levels(old[key].advantages, new[key].advantages, first.rule))
             for key in old if key in new and not old[key].baseline]
    return Advantages(same_board(first, second), same_run,
                      {key: unchanged(change) if same_run else change for key, change in found},
                      old.keys() != new.keys(), len({key[1] for key in old if key in new}))


def tally_of(found: Iterable[Change]) -> Tuple[Tally, ...]:
    """Return how many of ``found`` became what, in the order of :data:`COUNTED`; states of none are left out."""
    by_state: Dict[State, List[Change]] = {}
    for change in found:
        by_state.setdefault(change.state, []).append(change)
    tallies = []
    for state in COUNTED:
        own = by_state.get(state, [])
        widths = [change.within for change in own if change.within is not None]
        if own:
            tallies.append(Tally(state, len(own), min(widths) if widths else None, max(widths) if widths else None))
    return tuple(tallies)


def same_board(first: Side, second: Side) -> bool:
    """Return whether both runs were made on the same kind of device."""
    return (first.device.name, first.device.cuda, first.board) == (
        second.device.name, second.device.cuda, second.board)


def run_levels(run: Run, times: bool = True) -> RunLevels:
    """Return the levels of every case and cache state that ``run`` timed."""
    found: RunLevels = {}
    for comparison in run.comparisons:
        lines = run.timed(comparison.id)
        for cache in CACHES:
            found.update(_comparison_levels(comparison, lines, cache, times))
    return found


def _comparison_levels(comparison: Comparison, lines: Sequence[LaunchLine], cache: str, times: bool) -> RunLevels:
    found: RunLevels = {}
    levels = case_levels(lines, cache, times)
    for case in comparison.cases:
        ident, baseline = comparison.case_id(case), case == comparison.baseline
        if ident in levels:
            found[ident, cache] = Levels(comparison.title, case.name, baseline, tuple(levels[ident].advantages),
                                         tuple(levels[ident].times))
    return found


def _changed(key: Tuple[str, str], old: Levels, new: Levels, rule: Rule, found: Advantages) -> ChangedCase:
    time = compare_levels(old.times, new.times, rule)
    both = None if not old.advantages or not new.advantages else (
        math.exp(-mean(old.advantages)), math.exp(-mean(new.advantages)))
    return ChangedCase(key[0], old.name, old.title, key[1], old.baseline, both, found.changes.get(key),
                       (math.exp(mean(old.times)), math.exp(mean(new.times))),
                       unchanged(time) if found.same_run else time)


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
