"""What is the matter with a run and what to do, in words made from the codes of its validity warnings."""

from typing import Callable, Dict, NamedTuple, Optional, Sequence, Tuple

from harness.reasons import whole_sentence
from reports.findings.about import About
from reports.findings.validity import ValidityWarning, WarningCode
from reports.numbers import count, hertz, listing, size
from reports.told import damage_note
from reports.wording import NO_REASON, flag_text, reason_text


class Told(NamedTuple):
    """A validity warning in words: what is the matter, what to do, and the command if there is one."""

    text: str
    next_step: Optional[str] = None
    command: Optional[str] = None


def warning_text(one: ValidityWarning, run: About) -> Told:
    """Return ``one`` in words."""
    return WARNINGS[one.code](one, run)


def _several(names: Sequence[str], noun: str) -> str:
    return listing(names) if len(names) < 3 else count(len(names), noun)


def _unfinished(one: ValidityWarning, run: About) -> Told:
    return Told("The run did not reach its end{}.".format(": " + reason_text(one.reason) if one.reason else ""),
                "finish it", "./run_bench.sh run --resume {}".format(run.resume))


def _damaged(one: ValidityWarning, run: About) -> Told:
    return Told(damage_note(one.numbers["damage"]), "restore the file from a copy, or measure it again",
                "./run_bench.sh run --resume {}".format(run.resume))


def _done_over(one: ValidityWarning, run: About) -> Told:
    return Told(damage_note(one.numbers["damage"], done_over=True))


def _failed(one: ValidityWarning, run: About) -> Told:
    units = one.numbers["units"]
    return Told("The {} pass of {} failed: {}.".format(one.numbers["pass"], _several(units, "unit"),
                                                     (whole_sentence(one.reason) or NO_REASON).rstrip(".")),
                "remove the cause and try again", "./run_bench.sh run --resume {} --retry-failed".format(run.resume))


def _throttled(one: ValidityWarning, run: About) -> Told:
    return Told("The clock moved between {} and {}: {} of {} are marked throttled and kept.".format(
        hertz(one.numbers["high_hz"]), hertz(one.numbers["low_hz"]), one.numbers["slow"],
        count(one.numbers["rounds"], "round")), *_locking("lock the clocks, add a fan", run))


def _unsteady(one: ValidityWarning, run: About) -> Told:
    numbers = one.numbers
    said = flag_text(one.flag) if one.flag is not None else NO_REASON
    remedy = "close other programs, lock the clocks, check fan and power mode"
    if numbers["rivals"] == 1:
        return Told("For {} at {}, {}.".format(numbers["name"], numbers["title"], said), remedy)
    return Told("The machine was unsteady for {} of {}: for {} at {}, {}.".format(
        numbers["rivals"], count(numbers["of"], "rival"), numbers["name"], numbers["title"], said), remedy)


def _locking(remedy: str, run: About) -> Tuple[str, str]:
    """Return how to lock the clocks, as a remedy and its command; what a refused try lacks comes first."""
    if run.lock_refused:
        return "give --lock-clocks the rights that it lacked in this run", "./run_bench.sh doctor"
    return remedy, "./run_bench.sh run {} --lock-clocks".format(run.source or run.suite)


def _unlocked(one: ValidityWarning, run: About) -> Told:
    told = ["{}{}".format(part.upper(), " (governor {})".format(governor) if governor else "")
            for part, governor in one.numbers["parts"]]
    return Told("Clocks were not locked: {}.".format(listing(told)), *_locking("lock them", run))


def _suspended(one: ValidityWarning, run: About) -> Told:
    return Told("The machine slept for {:.0f} s during {}: what came after began on cold caches and other "
                "clocks.".format(one.numbers["suspended_s"], _several(one.numbers["units"], "unit")),
                "keep it awake and run it again")


def _loaded(one: ValidityWarning, run: About) -> Told:
    numbers = one.numbers
    return Told("Other programs ran meanwhile: the load was up to {:.1f} with {} of this run, when {} of {} began."
                .format(numbers["load"], count(numbers["threads"], "thread"), numbers["launches"],
                        count(numbers["of"], "launch", "launches")), "close other programs and run it again")


def _changes_input(one: ValidityWarning, run: About) -> Told:
    return Told("{} left the shared input other than it was, and got one of its own.".format(
        _several(one.numbers["cases"], "case")), "let the layer write to a copy")


def _disturbs(one: ValidityWarning, run: About) -> Told:
    return Told("{} changed settings of the whole process ({}), which were put back after each call.".format(
        _several(one.numbers["cases"], "case"), listing(one.numbers["settings"])), "let the layer leave them alone")


def _governor(one: ValidityWarning, run: About) -> Told:
    return Told("The governor '{}' changes the CPU's clock as it likes; nothing tells whether it is locked.".format(
        one.numbers["governor"]), *_locking("lock the clocks", run))


def _pace(one: ValidityWarning, run: About) -> Told:
    numbers = one.numbers
    return Told("The energy of {} was read at another pace than the timed one: {} made {:.4g} calls per second "
                "instead of {:.4g}.".format(_several(numbers["cases"], "case"), numbers["case"],
                                            numbers["energy_per_s"], numbers["timed_per_s"]),
                "lock the clocks, close other programs")


def _swapped(one: ValidityWarning, run: About) -> Told:
    return Told("Swap grew by up to {} while {} ran, so memory and times hold a slow disk.".format(
        size(one.numbers["bytes"]), count(one.numbers["cases"], "case")),
        "close other programs or measure one comparison at a time (--only)")


def _noisy(one: ValidityWarning, run: About) -> Told:
    more = one.numbers["more"]
    return Told("Two copies of the baseline differ by {:.1f} % at {}{}: differences below that mean nothing there."
                .format(100.0 * one.numbers["floor"], one.numbers["title"],
                        " (and beyond the factor in {} more)".format(more) if more else ""),
                "lock the clocks, close other programs, use more launches")


def _quick(one: ValidityWarning, run: About) -> Told:
    launches = one.numbers["launches"]
    if launches == 1:
        told = "one launch, so a difference tied to one process would not be seen"
    else:
        told = "{} launches of the suite's smaller list{}".format(
            launches, ", and one process for each memory figure" if one.numbers["memory_repeats"] == 1 else "")
    return Told("A quick run: {}.".format(told), "confirm it",
                "./run_bench.sh run {}{}".format(run.source or run.suite, run.asked))


def _few_launches(one: ValidityWarning, run: About) -> Told:
    return Told("Only {}, four are the rule: a difference tied to one process may go unseen.".format(
        count(one.numbers["launches"], "launch", "launches")), "use --launches 4")


def _unsettled(one: ValidityWarning, run: About) -> Told:
    return Told("The times of {} had not settled when the warm-up ended.".format(_several(one.numbers["cases"],
                                                                                         "case")),
                "a cooler board or locked clocks")


def _unchecked(one: ValidityWarning, run: About) -> Told:
    return Told("The output of {} could not be checked against a reference.".format(
        _several(one.numbers["cases"], "case")))


def _sessions_differ(one: ValidityWarning, run: About) -> Told:
    return Told("The run was resumed in an unlike environment: {} changed.".format(listing(one.numbers["names"][:5])),
                "run it again in one piece")


def _uncommitted(one: ValidityWarning, run: About) -> Told:
    return Told("The code had changes that no commit holds, so nobody else can run the same.", "commit them first")


WARNINGS: Dict[WarningCode, Callable[[ValidityWarning, About], Told]] = {
    WarningCode.UNFINISHED: _unfinished, WarningCode.DAMAGED: _damaged, WarningCode.UNIT_FAILED: _failed,
    WarningCode.THROTTLED: _throttled,
    WarningCode.UNSTEADY: _unsteady, WarningCode.UNLOCKED: _unlocked, WarningCode.SWAPPED: _swapped,
    WarningCode.SUSPENDED: _suspended, WarningCode.LOADED: _loaded, WarningCode.CHANGES_INPUT: _changes_input,
    WarningCode.DISTURBS: _disturbs,
    WarningCode.GOVERNOR: _governor, WarningCode.PACE: _pace, WarningCode.NOISY: _noisy, WarningCode.QUICK: _quick,
    WarningCode.FEW_LAUNCHES: _few_launches, WarningCode.UNSETTLED: _unsettled, WarningCode.UNCHECKED: _unchecked,
    WarningCode.SESSIONS_DIFFER: _sessions_differ, WarningCode.UNCOMMITTED: _uncommitted,
    WarningCode.DONE_OVER: _done_over}
