"""One run against another, case by case: the advantage over the baseline first, the time second.

Both advantages of a case are over one and the same form. Where engines stand beside one another, the baseline of a
run is the fastest of them, which may be another in each run: both are then over the first run's.
"""

import math
from collections import OrderedDict
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from harness.quantiles import mean
from harness.rule import Rule
from harness.statistics.between_runs import Change, compare_levels, unchanged
from harness.words import State
from reports.findings.devices import Column
from reports.findings.sides import Bases, Form, Levels, RunLevels, Side, comparison_of, same_board
from reports.findings.timing import CACHES

#: The states in the order they are counted.
COUNTED = (State.SLOWER, State.FASTER, State.SAME, State.UNCHANGED, State.CANNOT_TELL)

#: So many rivals tell what one launch differs by from the next.
LEAST_FOR_USUAL = 5


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


class AdvantageChange(NamedTuple):
    """What became of the advantage of one case in one cache state over ``against``; ``None`` for that itself."""

    case: str
    cache: str
    against: Form
    advantage: Optional[Change]


class Advantages(NamedTuple):
    """What became of every advantage: the part of :class:`Changes` that a line among many runs says."""

    first: Column
    second: Column
    same_board: bool
    same_run: bool
    cases: Tuple[AdvantageChange, ...]
    alone: Tuple[str, ...]
    unlike: Tuple[UnlikeCase, ...]


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


def advantages(first: Side, second: Side) -> Advantages:
    """Return what became of the advantage of every case and cache state that both runs timed.

    The words follow the first run's rule.
    """
    old, new = first.levels, second.levels
    same_run = first.run == second.run and old == new
    held = _held(first, second)
    over: Dict[Tuple[str, str], Form] = {}
    cases = []
    unlike: Dict[str, UnlikeCase] = OrderedDict()
    for (case, cache), own in old.items():
        other = new.get((case, cache))
        if other is not None and own.work != other.work:
            unlike[case] = UnlikeCase(case, own.work, other.work)
        elif other is not None:
            name = comparison_of(case), cache
            against = over[name] if name in over else held[name[0]].against(cache)
            assert against is not None  # a comparison has its planned baseline at least
            over[name] = against
            cases.append(AdvantageChange(case, cache, against, _advantage(
                case, own, other, against, first.rule, same_run)))
    return Advantages(Column(first.run, first.device), Column(second.run, second.device), same_board(first, second),
                      same_run, tuple(cases), tuple(sorted({case for case, _ in set(old) ^ set(new)})),
                      tuple(unlike.values()))


def changes(first: Side, second: Side) -> Changes:
    """Return a row for every case and cache state that both runs timed. The words follow the first run's rule."""
    found, held = advantages(first, second), _held(first, second)
    cases = tuple(_changed(one, first.levels[one.case, one.cache], second.levels[one.case, one.cache],
                           held[comparison_of(one.case)], first.rule, found.same_run) for one in found.cases)
    return Changes(found.first, found.second, found.same_board, found.same_run, cases, found.alone,
                   None if found.same_run else usual_difference(cases),
                   tuple(one for name in first.bases if name in held for one in _moved(held[name])), found.unlike)


def _held(first: Side, second: Side) -> Dict[str, "Held"]:
    """Return the denominators of every comparison that both runs may have timed."""
    both = {comparison_of(case) for case, _ in first.levels}
    return {name: Held(first.bases[name], second.bases[name], first.levels, second.levels)
            for name in both if name in second.bases}


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


def tally_of(found: Union[Changes, Advantages]) -> Tuple[Tally, ...]:
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


def _changed(one: AdvantageChange, old: Levels, new: Levels, held: Held, rule: Rule, same_run: bool) -> ChangedCase:
    time, against = compare_levels(old.times, new.times, rule), one.against
    found = ChangedCase(one.case, old.name, held.first.title, one.cache, one.case == against.case, against.name,
                        _speeds(one.case, old, new, against), one.advantage,
                        (math.exp(mean(old.times)), math.exp(mean(new.times))), unchanged(time) if same_run else time)
    engine = held.first.engines.get(one.case)
    own = None if engine is None else held.against(one.cache, engine)
    if own is None or own.case == one.case:
        return found
    return found._replace(own_against=own.name, own_advantages=_speeds(one.case, old, new, own),
                          own_advantage=_advantage(one.case, old, new, own, rule, same_run))


def _advantage(case: str, old: Levels, new: Levels, against: Form, rule: Rule, same_run: bool) -> Optional[Change]:
    """Return what became of the speed of ``case`` over ``against``, nothing for itself."""
    if case == against.case:
        return None
    change = compare_levels(old.advantages.get(against.case, ()), new.advantages.get(against.case, ()), rule)
    return unchanged(change) if same_run else change


def _speeds(case: str, old: Levels, new: Levels, against: Form) -> Optional[Tuple[float, float]]:
    """Return the speeds of ``case`` over ``against`` in both runs, nothing for itself."""
    first, second = old.advantages.get(against.case, ()), new.advantages.get(against.case, ())
    if case == against.case or not first or not second:
        return None
    return math.exp(-mean(first)), math.exp(-mean(second))


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
