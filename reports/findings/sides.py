"""What a comparison needs of one run: how each case fared, launch by launch, and over what."""

from typing import Dict, NamedTuple, Optional, Tuple

from harness.plan import Comparison
from harness.record import Run
from harness.rule import Rule
from harness.statistics.between_runs import CaseLevels, Wanted, all_case_levels
from harness.statistics.denominators import denominators, engine_of
from reports.findings.about import Device, device
from reports.findings.timing import CACHES


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
    for case in comparison.cases if levels else ():
        ident = comparison.case_id(case)
        if ident in levels:
            advantages = {base: tuple(own[ident].advantages) for base, own in over.items()}
            found[ident, cache] = Levels(case.name, advantages, tuple(levels[ident].times), case.work)
    return found
