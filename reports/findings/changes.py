"""One run against another, case by case: the advantage over the baseline first, the time second.

Both advantages of a case are over one and the same form. Where engines stand beside one another, the baseline of a
run is the fastest of them, which may be another in each run: both are then over the first run's.
"""

import math
from collections import OrderedDict
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.plan import Comparison
from harness.quantiles import mean
from harness.record import Run
from harness.rule import Rule
from harness.statistics.between_runs import (
    CaseLevels,
    Change,
    Wanted,
    all_case_levels,
    compare_levels,
    unchanged,
)
from harness.statistics.denominators import denominators, engine_of
from harness.words import State
from reports.findings.about import Device, device
from reports.findings.devices import Column
from reports.findings.timing import CACHES

#: The states in the order they are counted.
COUNTED = (State.SLOWER, State.FASTER, State.SAME, State.UNCHANGED, State.CANNOT_TELL)

#: So many rivals tell what one launch differs by from the next.
LEAST_FOR_USUAL = 5


class Levels(NamedTuple):
    """One case in one cache state: log time (s), and log advantage over each form by its id, one value a launch.

    ``work`` is the input and the way it is run: only the same work can be compared.
    """

    name: str
    advantages: Dict[str, Tuple[float, ...]]
    times: Tuple[float, ...]
    work: str = ""


#: The levels of a run by case id and cache state, in the order of the plan.
RunLevels = Dict[Tuple[str, str], Levels]


class Form(NamedTuple):
    """A form of the baseline's layer that others are held against, and its engine where the suite names one."""

    case: str
    name: str
    engine: Optional[str]


class Bases(NamedTuple):
    """What the cases of one comparison are held against in one run: the fastest of ``forms``, or of one engine's.

    ``engines`` names the engine of every case by its id; it is empty where there is one denominator for all.
    """

    title: str
    layer: str
    forms: Tuple[Form, ...]
    engines: Dict[str, Optional[str]]


class ChangedCase(NamedTuple):
    """One case in one cache state in both runs.

    ``advantages`` are the speeds over the form ``against`` in the first and in the second run, ``times_s`` the times
    per call; ``advantage`` (``None`` for a baseline) and ``time`` say what became of them. ``own_advantages`` and
    ``own_advantage`` are the same over ``own_against``, the form in the case's own engine, where there is one.
    """

    case: str
    name: str
    title: str
    cache: str
    baseline: bool
    against: str
    advantages: Optional[Tuple[float, float]]
    advantage: Optional[Change]
    times_s: Tuple[float, float]
    time: Change
    own_against: Optional[str] = None
    own_advantages: Optional[Tuple[float, float]] = None
    own_advantage: Optional[Change] = None


class MovedBase(NamedTuple):
    """A comparison whose runs have different fastest forms, of all or one ``engine``; both are over ``against``."""

    title: str
    layer: str
    engine: Optional[str]
    first: str
    second: str
    against: str


class UnlikeCase(NamedTuple):
    """A case of one name that stands for other work in each run: another input, type or way to run it."""

    case: str
    first: str
    second: str


class Changes(NamedTuple):
    """The second run against the first.

    ``same_board`` tells whether one may be called old and the other new. ``alone`` are the cases that one of them
    timed, ``unlike`` those that stand for other work in each. ``usual`` is the relative difference that rivals of
    one launch each show from run to run by themselves, as far as these two runs tell; ``None`` where too few rivals
    have one launch. ``moved`` are the denominators that differ between the runs.
    """

    first: Column
    second: Column
    same_board: bool
    same_run: bool
    cases: Tuple[ChangedCase, ...]
    alone: Tuple[str, ...]
    usual: Optional[float]
    moved: Tuple[MovedBase, ...] = ()
    unlike: Tuple[UnlikeCase, ...] = ()


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
    bases: Dict[str, Bases]  # by comparison


def side_of(run: Run) -> Side:
    """Return what a comparison needs of ``run``."""
    board = tuple(run.environment.board.get(name) for name in ("model", "soc"))
    bases = {one.id: _bases(run, one) for one in run.comparisons}
    return Side(run.id, device(run), board, run.header.rule, run_levels(run, bases), bases)


def _bases(run: Run, comparison: Comparison) -> Bases:
    found = denominators(comparison, run.timed(comparison.id))
    engines = {comparison.case_id(case): engine_of(case) for case in comparison.cases} if found.by_engine else {}
    return Bases(comparison.title, comparison.baseline.layer, tuple(
        Form(comparison.case_id(case), case.name, engine_of(case)) for case in found.forms), engines)


def changes(first: Side, second: Side) -> Changes:
    """Return a row for every case and cache state that both runs timed. The words follow the first run's rule."""
    old, new = first.levels, second.levels
    same_run = first.run == second.run and old == new
    both = {comparison_of(case) for case, _ in old if comparison_of(case) in second.bases}
    held = {name: Held(first.bases[name], second.bases[name], old, new) for name in both}
    cases = tuple(_changed(key, old[key], new[key], held[comparison_of(key[0])], first.rule, same_run)
                  for key in old if key in new and old[key].work == new[key].work)
    unlike = OrderedDict((key[0], UnlikeCase(key[0], old[key].work, new[key].work)) for key in old
                         if key in new and old[key].work != new[key].work)
    alone = tuple(sorted({case for case, _ in set(old) ^ set(new)}))
    return Changes(Column(first.run, first.device), Column(second.run, second.device), same_board(first, second),
                   same_run, cases, alone, None if same_run else usual_difference(cases),
                   tuple(one for name in first.bases if name in both for one in _moved(held[name])),
                   tuple(unlike.values()))


class Held(NamedTuple):
    """The denominators of one comparison in both runs, and what each run timed."""

    first: Bases
    second: Bases
    old: RunLevels
    new: RunLevels

    def against(self, cache: str, engine: Optional[str] = None) -> Optional[Form]:
        """Return the first run's fastest form (of ``engine``, or of all) among those that the second timed too.

        Its fastest where the second timed none of them; ``None`` if it timed none itself.
        """
        forms = [form for form in self.first.forms if engine is None or form.engine == engine]
        return next((form for form in forms if (form.case, cache) in self.old and (form.case, cache) in self.new),
                    forms[0] if forms else None)


def _moved(held: Held) -> List[MovedBase]:
    """Return which fastest forms are not the same in both runs, or were not timed in both."""
    found = []
    for engine in [None] + sorted({form.engine for form in held.first.forms if form.engine is not None}):
        sides = [[form for form in one.forms if engine is None or form.engine == engine]
                 for one in (held.first, held.second)]
        cache = next((cache for case, cache in held.old if case == sides[0][0].case), CACHES[0])
        against = held.against(cache, engine)
        if held.first.engines and all(sides) and against is not None and sides[0][0].case != sides[1][0].case:
            found.append(MovedBase(held.first.title, held.first.layer, engine, sides[0][0].name, sides[1][0].name,
                                   against.name))
    return found


def tally_of(found: Changes) -> Tuple[Tally, ...]:
    """Return how many advantages became what, in the order of :data:`COUNTED`; states of none are left out."""
    by_state: Dict[State, List[Change]] = {}
    for case in found.cases:
        if case.advantage is not None:
            by_state.setdefault(case.advantage.state, []).append(case.advantage)
    tallies = []
    for state in COUNTED:
        own = by_state.get(state, [])
        widths = [change.within for change in own if change.within is not None]
        if own:
            tallies.append(Tally(state, len(own), min(widths) if widths else None, max(widths) if widths else None))
    return tuple(tallies)


def comparison_of(case: str) -> str:
    """Return the id of the comparison of the case id ``case``."""
    return case.rsplit("/", 1)[0]


def same_board(first: Side, second: Side) -> bool:
    """Return whether both runs were made on the same kind of device."""
    return (first.device.name, first.device.cuda, first.board) == (
        second.device.name, second.device.cuda, second.board)


def run_levels(run: Run, bases: Dict[str, Bases]) -> RunLevels:
    """Return the levels of every case and cache state that ``run`` timed, over every form in ``bases``."""
    wanted = [(one, cache) for one in run.comparisons for cache in CACHES]
    levels = iter(all_case_levels([
        Wanted(run.timed(one.id), cache, form.case if one.pairs else None) for one, cache in wanted
        for form in bases[one.id].forms]))
    found: RunLevels = {}
    for one, cache in wanted:
        over = {form.case: next(levels) for form in bases[one.id].forms}
        found.update(_comparison_levels(one, cache, over))
    return found


def _comparison_levels(comparison: Comparison, cache: str, over: Dict[str, Dict[str, CaseLevels]]) -> RunLevels:
    """Return the levels of the cases of ``comparison``; ``over`` holds them over each form, the fastest first."""
    found: RunLevels = {}
    levels = next(iter(over.values()))
    for case in comparison.cases:
        ident = comparison.case_id(case)
        if ident in levels:
            advantages = {base: tuple(own[ident].advantages) for base, own in over.items()}
            found[ident, cache] = Levels(case.name, advantages, tuple(levels[ident].times), case.work)
    return found


def _changed(key: Tuple[str, str], old: Levels, new: Levels, held: Held, rule: Rule, same_run: bool) -> ChangedCase:
    case, cache = key
    time = compare_levels(old.times, new.times, rule)
    against = held.against(cache)
    assert against is not None  # a comparison has its planned baseline at least
    advantages, advantage = _advantage(case, old, new, against, rule, same_run)
    found = ChangedCase(case, old.name, held.first.title, cache, case == against.case, against.name, advantages,
                        advantage, (math.exp(mean(old.times)), math.exp(mean(new.times))),
                        unchanged(time) if same_run else time)
    engine = held.first.engines.get(case)
    own = None if engine is None else held.against(cache, engine)
    if own is None or own.case == case:
        return found
    advantages, advantage = _advantage(case, old, new, own, rule, same_run)
    return found._replace(own_against=own.name, own_advantages=advantages, own_advantage=advantage)


def _advantage(case: str, old: Levels, new: Levels, against: Form, rule: Rule,
               same_run: bool) -> Tuple[Optional[Tuple[float, float]], Optional[Change]]:
    """Return the speeds of ``case`` over ``against`` in both runs and what became of them, nothing for itself."""
    if case == against.case:
        return None, None
    first, second = old.advantages.get(against.case, ()), new.advantages.get(against.case, ())
    change = compare_levels(first, second, rule)
    both = (math.exp(-mean(first)), math.exp(-mean(second))) if first and second else None
    return both, unchanged(change) if same_run else change


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
