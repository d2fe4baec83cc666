"""Why something is not there or ended, as a code with its numbers; the words are made in :func:`sentence`.

A reason stands in the record as ``{"code": ..., "numbers": {...}, "said": ...}``. ``said`` holds words that come
from outside (an exception's text, a program's last words, a meter's refusal) and is never looked into.
"""

from typing import Dict, NamedTuple, Optional, Union

from harness.text import printable
from harness.words import Word

Number = Union[int, float, str]


class Code(Word):
    """Every reason there is. The comment of each group says who gives it."""

    # how a worker ended, by the controller
    HUNG = "hung"                               # limit_s
    KILLED = "killed"                           # SIGKILL, most often for want of memory
    CRASHED = "crashed"                         # signal
    EXITED = "exited"                           # status: it ended without a result
    RAISED = "raised"                           # said: the exception
    FOREIGN = "foreign"                         # said: what its result lacks
    NO_MEMORY = "no-memory"                     # limit_bytes: it was given this much and took more
    NOT_STARTED = "not-started"                 # said: the system's refusal
    # why a unit was not tried, by the controller
    CHECK_FAILED = "check-failed"               # said or cause: the case's own check
    CHECK_UNFINISHED = "check-unfinished"
    BASELINE_UNFIT = "baseline-unfit"           # cause: the baseline's
    NO_RIVAL_FIT = "no-rival-fit"
    BASELINE_LOST = "baseline-lost"             # cause: how the time pass of the baseline ended
    NO_RIVAL_LEFT = "no-rival-left"             # every rival ended the time pass
    NO_METER = "no-meter"                       # said: the meters that were tried
    ENERGY_LEFT_OUT = "energy-left-out"         # a quick run
    KEPT_APART = "kept-apart"                   # a pass that has two cases in one process
    # what the check of a case found
    WRONG = "wrong"                             # error, allowed
    NOT_FINITE = "not-finite"                   # allowed
    WRONG_SHAPE = "wrong-shape"                 # said: the two shapes
    CANNOT_RUN = "cannot-run"                   # said: the exception
    UNAVAILABLE = "unavailable"                 # said: what it needs that is not here, and the remedy
    NO_REFERENCE = "no-reference"               # said: why
    NOT_FINITE_UNCHECKED = "not-finite-unchecked"  # said: why there is no reference
    # why a pass that ended well holds no number
    NO_NUMBER = "no-number"                     # said: the pass's own words
    # why a series of rounds ended, by the time pass
    ALL_DECIDED = "all-decided"                 # round
    MOST_ROUNDS = "most-rounds"                 # round
    BUDGET_ENDED = "budget-ended"               # budget_s, round
    BUDGET_TOO_SHORT = "budget-too-short"       # budget_s, round: the least number of rounds took longer
    BUDGET_OVERRUN = "budget-overrun"           # budget_s, round: rounds took longer than planned
    LIMIT_IN_WARM_UP = "limit-in-warm-up"       # limit_s
    LIMIT_REACHED = "limit-reached"             # limit_s, round
    # why the record holds nothing, by its index
    NOT_ASKED = "not-asked"                     # the run's passes leave it out
    TELLS_NOTHING = "tells-nothing"             # the suite leaves it out of this comparison
    NOT_REACHED = "not-reached"                 # the run stopped before it
    NO_SUCH_PASS = "no-such-pass"
    LINE_LOST = "line-lost"                     # lines: so many of the record are damaged, perhaps this one's
    NO_ROOF = "no-roof"                         # of the type that a case multiplies in
    ABOVE_ARITHMETIC = "above-arithmetic"       # of a share of the roof: faster than the operations measured
    ABOVE_COPY = "above-copy"                   # of the same: faster than the copy measured
    NOT_PLANNED = "not-planned"                 # of a goal: its comparison is not in this run
    TIMED_APART = "timed-apart"                 # of a goal: its two sides in different processes, in one launch
    FEW_ROUNDS = "few-rounds"                   # round: in which both sides of a goal took part
    LEFT_OUT = "left-out"                       # of the launches: decided earlier, or not in need of confirming
    # how a session ended
    STOPPED = "stopped"                         # by the user
    SIGNALLED = "signalled"                     # signal
    # records of format 1 hold sentences only
    TOLD = "told"                               # said


class Reason(NamedTuple):
    """A code with its numbers; ``cause`` is the code of what lies behind it, with ``said`` as that one's words."""

    code: Code
    numbers: Dict[str, Number] = {}
    said: Optional[str] = None
    cause: Optional[Code] = None

    @property
    def kind(self) -> Code:
        """The code to decide on: a told reason is what its place in an old record makes it."""
        return self.cause if self.code is Code.TOLD and self.cause is not None else self.code


def because(code: Code, said: Optional[str] = None, **numbers: Number) -> Reason:
    """Return a reason from ``code``, outside words and numbers by name."""
    return Reason(code, numbers, said)


def owing_to(code: Code, cause: Optional[Reason]) -> Reason:
    """Return ``code`` with ``cause`` as what lies behind it."""
    if cause is None:
        return Reason(code)
    return Reason(code, cause.numbers, cause.said, cause.code)


TEMPLATES: Dict[Code, str] = {
    Code.HUNG: "hung: it had not ended after {limit_s:.0f} s and was stopped; give it more time with --limit, or "
               "leave it out with --only",
    Code.KILLED: "killed (SIGKILL), most often by the kernel for want of memory: close programs, add swap or leave "
                 "the case out with --only",
    Code.CRASHED: "crashed ({signal})",
    Code.EXITED: "ended with status {status} and no result",
    Code.RAISED: "{said}",
    Code.FOREIGN: "its result could not be recorded: {said}",
    Code.NO_MEMORY: "it took more than the {limit_bytes} bytes that it was given",
    Code.NOT_STARTED: "could not be started: {said}",
    Code.CHECK_FAILED: "it did not pass the check",
    Code.CHECK_UNFINISHED: "its check did not end",
    Code.BASELINE_UNFIT: "the baseline did not pass the check",
    Code.NO_RIVAL_FIT: "no rival passed the check, so there is nothing to compare",
    Code.NO_METER: "no power meter answers here ({said}): './run_bench.sh doctor' gives each one's reason and remedy",
    Code.BASELINE_LOST: "the baseline ended the time pass",
    Code.NO_RIVAL_LEFT: "every rival ended the time pass, so there is nothing to compare",
    Code.ENERGY_LEFT_OUT: "left out by --quick, since each case needs half a minute: name a meter with "
                          "--power to have it",
    Code.KEPT_APART: "left out, for it keeps a case and its baseline busy in one process that they may not share",
    Code.WRONG: "largest error {error:.1e} of the reference's root mean square, allowed {allowed:.1e}; not timed",
    Code.NOT_FINITE: "largest error not finite of the reference's root mean square, allowed {allowed:.1e}; not timed",
    Code.WRONG_SHAPE: "{said}",
    Code.CANNOT_RUN: "it cannot run here: {said}",
    Code.UNAVAILABLE: "not available here: {said}",
    Code.NO_REFERENCE: "{said}",
    Code.NOT_FINITE_UNCHECKED: "its output holds NaN or infinity, and there is no reference: {said}",
    Code.NO_NUMBER: "{said}",
    Code.ALL_DECIDED: "every rival was decided by round {round}",
    Code.MOST_ROUNDS: "the largest number of rounds, {round}, was played",
    Code.BUDGET_ENDED: "the time budget of {budget_s:.4g} s ended at round {round}",
    Code.BUDGET_TOO_SHORT: "the {round} rounds that the rule needs at least took longer than the time budget of "
                           "{budget_s:.4g} s",
    Code.BUDGET_OVERRUN: "the time budget of {budget_s:.4g} s ended at round {round}: rounds took longer than the "
                         "warm-up had shown",
    Code.LIMIT_IN_WARM_UP: "the limit of {limit_s:.4g} s ended it in the warm-up",
    Code.LIMIT_REACHED: "the limit of {limit_s:.4g} s ended it after round {round}",
    Code.NOT_ASKED: "this pass was not asked for",
    Code.TELLS_NOTHING: "left out, for it would tell nothing of these cases",
    Code.NOT_REACHED: "not reached: the run stopped before it",
    Code.NO_SUCH_PASS: "this run has no such pass",
    Code.LINE_LOST: "the record has damaged lines that were skipped ({lines}), and nothing else in it tells",
    Code.NO_ROOF: "this run measured no roof of this type",
    Code.ABOVE_ARITHMETIC: "it did more operations a second than this run's own multiply-adds, so their roof is too "
                           "low for it: the machine was slower when the roof was measured, or the layer takes fewer "
                           "operations than are counted (as Winograd's form of a 3x3 convolution does)",
    Code.ABOVE_COPY: "it moved more bytes a second than this run's own copy of as many, so that roof is too low for "
                     "it: the machine was slower when the roof was measured, or the data stayed in a cache nearer "
                     "than the copy's",
    Code.NOT_PLANNED: "this run left it out: it is in the suite's full list, without --quick and --only",
    Code.TIMED_APART: "the two sides were timed in processes of their own, and one launch does not tell how much "
                      "such processes differ: take two with --launches 2",
    Code.FEW_ROUNDS: "the two sides share {round} rounds, too few for an interval",
    Code.LEFT_OUT: "the time pass left it out",
    Code.STOPPED: "stopped before its end",
    Code.SIGNALLED: "stopped by {signal}",
    Code.TOLD: "{said}",
}

#: Codes whose templates hold what was said; for the others it is put behind.
_SAID_INSIDE = frozenset(code for code, text in TEMPLATES.items() if "{said}" in text)


class _Numbers(dict):  # a record from elsewhere may lack a number: the sentence is made all the same
    def __missing__(self, key: str) -> "_Unknown":
        return _Unknown()


class _Unknown:
    def __format__(self, spec: str) -> str:
        return "an unknown number"


def sentence(reason: Optional[Reason]) -> Optional[str]:
    """Return ``reason`` in words, short and fit for a terminal, ``None`` for none.

    The only place where a code becomes a sentence.
    """
    if reason is None:
        return None
    if reason.code is Code.TOLD:
        return None if reason.said is None else printable(reason.said)
    text = _filled(reason.code, reason)
    return printable(text if reason.cause is None else "{}: {}".format(text, _filled(reason.cause, reason)))


def whole_sentence(reason: Optional[Reason]) -> Optional[str]:
    """Return :func:`sentence` with the last words of a program that died: once, where its end is told."""
    text = sentence(reason)
    if reason is None or not reason.said or (reason.cause or reason.code) in _SAID_INSIDE:
        return text
    return "{}; its last words: {}".format(text, printable(reason.said))


def _filled(code: Code, reason: Reason) -> str:
    values = _Numbers(reason.numbers)
    values["said"] = reason.said or "no reason was given"
    try:
        return TEMPLATES[code].format_map(values)
    except ValueError:  # a text where a number belongs
        return TEMPLATES[code].format_map(_Numbers(said=values["said"]))
