"""What became of a figure between two runs, in words."""

import math
from typing import Dict, List, Optional, Sequence, Tuple

from harness.statistics.between_runs import Change
from harness.statistics.codes import WhyCode
from harness.words import State
from reports.findings.changes import ChangedCase, Changes, MovedBase, Tally
from reports.numbers import CLOSE, NARROW, TIMES, count, interval, listing, percent, speed
from reports.step_words import change_step_text

#: An interval that reaches so many times up or down tells nothing, and its ends would fill lines with digits.
FAR = 1000.0
#: So many cases that one run alone holds are named: runs of two suites have nothing else.
MOST_ALONE = 12


def within_text(within: float) -> str:
    """Return a relative change rounded up, ``8.1 %`` or ``24 %``: what is said to hold must hold."""
    value = 100.0 * within
    digits = 1 if value < 10.0 else 0
    step = 10.0 ** -digits
    return "{:.{}f}{}%".format(math.ceil(value / step - 1e-9) * step, digits, NARROW)


def change_text(change: Change, usual: Optional[float] = None) -> str:
    """Return ``faster by 6.2 %``, ``1.30x slower``, ``unchanged within 8.1 %``, or what can be said else."""
    if change.state in (State.FASTER, State.SLOWER) and change.speed is not None:
        if 1.0 / CLOSE < change.speed < CLOSE:
            return "{} by {}{}%".format(change.state, percent(change.speed, sign=False).lstrip("\u2212"), NARROW)
        return speed(change.speed)
    if change.state in (State.SAME, State.UNCHANGED):
        return "{}{}".format(change.state, "" if change.within is None else " within " + within_text(change.within))
    if change.why is WhyCode.ONE_LAUNCH:
        return "worth a look" if stands_out(change, usual) else "nothing shown"
    if change.why is WhyCode.WIDE_INTERVAL and change.within is not None and change.within < FAR:
        return "cannot tell within " + within_text(change.within)
    return str(change.state)


def stands_out(change: Change, usual: Optional[float]) -> bool:
    """Return whether two launches differ by more than such launches do by themselves."""
    return (usual is not None and change.why is WhyCode.ONE_LAUNCH and change.speed is not None
            and abs(math.log(change.speed)) > math.log1p(usual))


def change_interval(change: Change) -> str:
    """Return the interval of the change, empty where there is none; one that is too wide to tell anything says so."""
    if change.speed is None or change.low is None or change.high is None:
        return ""
    if change.low < 1.0 / FAR or change.high > FAR:
        return "wider than {:.0f}{}".format(FAR, TIMES)
    return interval(change.speed, change.low, change.high)


def tally_text(found: Sequence[Tally]) -> str:
    """Return how many advantages became what: the first thing to read."""
    told: List[str] = []
    for one in found:
        text = "{} {}".format(one.number, one.state)
        if one.state is State.UNCHANGED and one.narrowest is not None and one.widest is not None:
            text += " within " + (within_text(one.widest) if one.number == 1 else "{} to {}".format(
                within_text(one.narrowest), within_text(one.widest)))
        told.append(text)
    return ", ".join(told) or "No case was timed in both runs"


def notes(found: Changes) -> List[str]:
    """Return what holds for several cases, each said once, with its next step."""
    told: List[str] = []
    if found.same_run:
        told.append("This is one and the same run: what stands here is what it could tell from another like it.")
    told += [moved_text(one) for one in found.moved]
    single = [case for case in found.cases if case.advantage is not None
              and case.advantage.why is WhyCode.ONE_LAUNCH]
    if single:
        told.append(_single_text(found, single))
    for why, text in ((WhyCode.WIDE_INTERVAL, "the launches of a run differ too much"),
                      (WhyCode.NOT_IN_BOTH, "not timed in both runs")):
        own = [case for case in found.cases if case.advantage is not None and case.advantage.why is why]
        if own:
            step = own[0].advantage.next_step if own[0].advantage is not None else None
            told.append("{}: {}{}.".format(_names(own), text, "" if step is None else "; next step: " +
                                           change_step_text(step)))
    told += [unlike_text(found)] * bool(found.unlike)
    if found.alone:
        more = len(found.alone) - MOST_ALONE
        told.append("In one of the runs only: {}{}.".format(", ".join(found.alone[:MOST_ALONE]), " and {}".format(
            count(more, "more case")) if more > 0 else ""))
    return told


def unlike_text(found: Changes) -> str:
    """Return which cases were not compared, for their work is not the same in both runs."""
    works: Dict[Tuple[str, str], List[str]] = {}
    for one in found.unlike:
        works.setdefault((one.first, one.second), []).append(one.case)
    return "Not the same work in both runs, so not compared: {}.".format("; ".join(
        "{} (old: {}; new: {})".format(listing(cases), first, second) for (first, second), cases in works.items()))


def moved_text(moved: MovedBase) -> str:
    """Return that two runs have another fastest form, and which of them both advantages are over."""
    return "{}: the fastest {} {} is {} in the old run and {} in the new one; both advantages are over {}.".format(
        moved.title, moved.layer, "of all engines" if moved.engine is None else "in {}".format(moved.engine),
        moved.first, moved.second, moved.against)


def _single_text(found: Changes, single: Sequence[ChangedCase]) -> str:
    told = "{}: one launch each, which shows no spread of its own.".format(_names(single))
    if found.usual is not None:
        told += (" From run to run the advantages of single launches move by up to {} here by themselves{}."
                 .format(within_text(found.usual), "; only more than that is worth a look" if any(
                     case.advantage is not None and stands_out(case.advantage, found.usual) for case in single)
                     else ": nothing shown"))
    return told + " Next step: make both runs with 'run --for-compare'."


def _names(cases: Sequence[ChangedCase]) -> str:
    return ", ".join(case.case for case in cases) if len(cases) < 4 else count(len(cases), "case")
