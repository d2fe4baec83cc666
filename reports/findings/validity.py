"""Validity warnings: the reader's reasons not to believe the headline, as codes with their numbers."""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.reasons import Reason
from harness.record import Run, unit_of
from harness.statistics.codes import Flag, FlagCode
from harness.words import Word
from reports.findings.environment import differences, environment_facts, failed_units, launches_of
from reports.findings.memory import CaseMemory
from reports.findings.rows import Table

#: Flags that speak of the machine and not of the rival.
OF_THE_MACHINE = (FlagCode.CLOCK_MOVED, FlagCode.UNSTEADY)
SWAP_BYTES = 1e6    # a few pages come and go on any machine
THROTTLED = 0.95    # a clock below this share of the run's highest marks its round as throttled
PACE = 0.05         # the energy pass at another pace than the timed one measured another load
GOVERNORS = ("ondemand", "schedutil", "powersave", "conservative", "interactive")
LAUNCHES = 4        # fewer may not see a difference that is tied to one process


class WarningCode(Word):
    """What weakens a run, the gravest first. The comment names the numbers beside it."""

    UNFINISHED = "unfinished"                   # reason: why it stopped
    DAMAGED = "damaged"                         # damage: lines, and the first with number, field and problem
    UNIT_FAILED = "unit-failed"                 # pass, units; reason
    THROTTLED = "throttled"                     # high_hz, low_hz, slow, rounds
    UNSTEADY = "unsteady"                       # rivals, of, name, title; flag: the first one's
    SUSPENDED = "suspended"                     # units: (pass, case or comparison); suspended_s: of all together
    LOADED = "loaded"                           # load, threads, launches, of: launches begun on a busy machine
    CHANGES_INPUT = "changes-input"             # cases
    DISTURBS = "disturbs"                       # cases, settings
    UNLOCKED = "unlocked"                       # parts: (cpu or gpu, governor or None)
    GOVERNOR = "governor"                       # governor: one that changes the clock as it likes
    PACE = "pace"                               # cases, case, energy_per_s, timed_per_s: the one furthest apart
    SWAPPED = "swapped"                         # bytes, cases
    NOISY = "noisy"                             # floor (relative), title, more
    QUICK = "quick"
    FEW_LAUNCHES = "few-launches"               # launches
    UNSETTLED = "unsettled"                     # cases
    UNCHECKED = "unchecked"                     # cases
    SESSIONS_DIFFER = "sessions-differ"         # names
    UNCOMMITTED = "uncommitted"
    DONE_OVER = "done-over"                     # damage: lines that were skipped, and that a later session did over


class ValidityWarning(NamedTuple):
    """A :class:`WarningCode` with its numbers, and the reason or the flag that it rests on."""

    code: WarningCode
    numbers: Dict[str, Any] = {}
    reason: Optional[Reason] = None
    flag: Optional[Flag] = None


def warnings(run: Run, tables: Sequence[Table], memory: Dict[str, CaseMemory]) -> Tuple[ValidityWarning, ...]:
    """Return everything that weakens ``run``, the gravest first; empty if nothing does."""
    found: List[Optional[ValidityWarning]] = [_unfinished(run), _damaged(run)]
    found.extend(_failed(run))
    found.append(_throttled(run) or _unsteady(tables))
    found.extend((_suspended(run), _loaded(run), _changes_input(run), _disturbs(run), _unlocked(run),
                  _governor(run), _pace(run), _swapped(memory), _noisy(tables, run.header.rule.factor),
                  _few_launches(run, tables), _unsettled(run), _unchecked(run), _sessions_differ(run),
                  _uncommitted(run), _done_over(run)))
    return tuple(one for one in found if one is not None)


def _warn(code: WarningCode, reason: Optional[Reason] = None, flag: Optional[Flag] = None,
          **numbers: Any) -> ValidityWarning:
    return ValidityWarning(code, numbers, reason, flag)


def _unfinished(run: Run) -> Optional[ValidityWarning]:
    if run.ended:
        return None
    return _warn(WarningCode.UNFINISHED, run.end.reason if run.end is not None else None)


def _damaged(run: Run) -> Optional[ValidityWarning]:
    return _warn(WarningCode.DAMAGED, damage=run.damage) if run.damage.lines else None


def _done_over(run: Run) -> Optional[ValidityWarning]:
    return _warn(WarningCode.DONE_OVER, damage=run.done_over) if run.done_over.lines else None


def _failed(run: Run) -> List[ValidityWarning]:
    """One entry per pass and reason, so that twenty cases without a meter do not fill the page."""
    groups: Dict[Tuple[str, str], ValidityWarning] = {}
    for unit in failed_units(run):
        # a reason holds a dict, so its writing is the key
        group = groups.setdefault((unit.name.value, repr(unit.reason)), ValidityWarning(
            WarningCode.UNIT_FAILED, {"pass": unit.name, "units": []}, unit.reason))
        where = unit.case or unit.comparison
        group.numbers["units"].append(where if unit.launch is None else "{}, launch {}".format(where, unit.launch))
    return list(groups.values())


def _throttled(run: Run) -> Optional[ValidityWarning]:
    pairs = [[value for value in played.clock_hz if value] for line in launches_of(run) for series in line.series
             for played in series.rounds if played.clock_hz]
    readings = [value for pair in pairs for value in pair]
    if not readings:
        return None
    top = max(readings)
    slow = sum(1 for pair in pairs if any(value < THROTTLED * top for value in pair))
    return _warn(WarningCode.THROTTLED, high_hz=top, low_hz=min(readings), slow=slow,
                 rounds=len(pairs)) if slow else None


def _unsteady(tables: Sequence[Table]) -> Optional[ValidityWarning]:
    """Return what the samples say of a clock, or a load, that moved where none could be read."""
    said = [(table, row, flag) for table in tables for row in table.rows if row.verdict is not None
            for flag in row.verdict.flags if flag.code in OF_THE_MACHINE]
    if not said:
        return None
    table, row, flag = said[0]
    return _warn(WarningCode.UNSTEADY, None, flag, rivals=len(said), of=sum(len(one.rows) - 1 for one in tables),
                 name=row.name, title=table.title)


def _suspended(run: Run) -> Optional[ValidityWarning]:
    slept = [line for line in run.units.values() if line.suspended_s]
    if not slept:
        return None
    return _warn(WarningCode.SUSPENDED, units=[str(unit_of(line)) for line in slept],
                 suspended_s=sum(line.suspended_s or 0.0 for line in slept))


def _loaded(run: Run) -> Optional[ValidityWarning]:
    """Return that launches began while more wanted to run than this run's own threads and one more.

    Where cases are kept apart a launch starts all their processes at once, so that the load is this run's own.
    """
    threads = {one.id: one.baseline.threads for one in run.comparisons if not one.apart}
    known = [(line.load_1min, threads[line.comparison]) for line in launches_of(run)
             if line.load_1min is not None and line.comparison in threads]
    over = [(load, own) for load, own in known if load > own + 1]
    if not over:
        return None
    load, own = max(over)
    return _warn(WarningCode.LOADED, load=load, threads=own, launches=len(over), of=len(known))


def _changes_input(run: Run) -> Optional[ValidityWarning]:
    cases = [place.id for place in run.places() for check in [run.check(place.id)]
             if check is not None and check.changes_input]
    return _warn(WarningCode.CHANGES_INPUT, cases=cases) if cases else None


def _disturbs(run: Run) -> Optional[ValidityWarning]:
    checks = [(place.id, check.disturbs) for place in run.places() for check in [run.check(place.id)]
              if check is not None and check.disturbs]
    if not checks:
        return None
    return _warn(WarningCode.DISTURBS, cases=[case for case, _ in checks],
                 settings=sorted({name for _, names in checks for name in names}))


def _governor(run: Run) -> Optional[ValidityWarning]:
    """Return a governor that was left as it is, where no warning of unlocked clocks names it."""
    clocks = run.environment.clocks
    governor = clocks.get("cpu_governor")
    if governor not in GOVERNORS or clocks.get("cpu_locked") is not None or clocks.get("locked_for_run") is True:
        return None
    return _warn(WarningCode.GOVERNOR, governor=governor)


def _pace(run: Run) -> Optional[ValidityWarning]:
    found = []
    for place in run.places():
        line = run.energy(place.id)
        if line is not None and line.calls_per_s and line.timed_calls_per_s:
            apart = abs(line.calls_per_s / line.timed_calls_per_s - 1.0)
            if apart > PACE:
                found.append((apart, place.id, line.calls_per_s, line.timed_calls_per_s))
    if not found:
        return None
    _, case, energy, timed = max(found)
    return _warn(WarningCode.PACE, cases=[one[1] for one in found], case=case, energy_per_s=energy, timed_per_s=timed)


def _unlocked(run: Run) -> Optional[ValidityWarning]:
    clocks = run.environment.clocks
    parts = [part for part in ("cpu", "gpu") if clocks.get(part + "_locked") is False]
    if not parts or clocks.get("locked_for_run") is True:
        return None
    return _warn(WarningCode.UNLOCKED, parts=[(part, clocks.get(part + "_governor")) for part in parts])


def _swapped(memory: Dict[str, CaseMemory]) -> Optional[ValidityWarning]:
    moved = [case.swap.value for case in memory.values() if (case.swap.value or 0) >= SWAP_BYTES]
    return _warn(WarningCode.SWAPPED, bytes=max(value or 0 for value in moved), cases=len(moved)) if moved else None


def _noisy(tables: Sequence[Table], factor: float) -> Optional[ValidityWarning]:
    over = [table for table in tables if table.floor is not None and table.floor > factor]
    if not over:
        return None
    worst = max(over, key=lambda table: table.floor or 0.0)
    return _warn(WarningCode.NOISY, floor=worst.floor, title=worst.title, more=len(over) - 1)


def _few_launches(run: Run, tables: Sequence[Table]) -> Optional[ValidityWarning]:
    settings = run.header.settings
    if settings.quick:
        return _warn(WarningCode.QUICK, launches=settings.launches, memory_repeats=settings.memory_repeats)
    if settings.launches < LAUNCHES and any(table.launches for table in tables):
        return _warn(WarningCode.FEW_LAUNCHES, launches=settings.launches)
    return None


def _unsettled(run: Run) -> Optional[ValidityWarning]:
    cases = sorted({entry.case for line in launches_of(run) for entry in line.warmup if entry.settled is False})
    return _warn(WarningCode.UNSETTLED, cases=cases) if cases else None


def _unchecked(run: Run) -> Optional[ValidityWarning]:
    checks = [(place.id, run.check(place.id)) for place in run.places()]
    cases = sorted(case for case, check in checks if check is not None and check.ok is None)
    return _warn(WarningCode.UNCHECKED, cases=cases) if cases else None


def _sessions_differ(run: Run) -> Optional[ValidityWarning]:
    facts = [environment_facts(session.environment) for session in run.sessions]
    names = [one.name for one in differences(facts)] if len(facts) > 1 else []
    if any(session.suite_file is not None for session in run.sessions):
        names.insert(0, "the suite's file")
    return _warn(WarningCode.SESSIONS_DIFFER, names=names) if names else None


def _uncommitted(run: Run) -> Optional[ValidityWarning]:
    return _warn(WarningCode.UNCOMMITTED) if run.environment.git.get("dirty") is True else None
