"""Words made from codes, once and at the edge: of the rule, of runs compared, of validity warnings.

Those of reasons are in :func:`harness.reasons.sentence`. Nothing may look into what is made here.
"""

from typing import Any, Callable, Dict, NamedTuple, Optional, Sequence, Tuple

from harness.reasons import Code, Reason, sentence, whole_sentence
from harness.statistics.codes import Flag, FlagCode, NextStep, StepCode, Why, WhyCode
from reports.findings.about import About
from reports.findings.published import Lack, Quantity
from reports.findings.validity import ValidityWarning, WarningCode
from reports.numbers import count, hertz, listing, si, size

NO_REASON = "the record gives no reason"

FLAG_WORDS = {FlagCode.COARSE_CLOCK: "coarse clock", FlagCode.LAUNCH_BOUND: "launch-bound",
              FlagCode.LAUNCHES_TIMED: "launches timed",
              FlagCode.CLOCK_MOVED: "clock moved", FlagCode.UNSTEADY: "unsteady"}
QUANTITIES = {Quantity.TIME: "time, ten images", Quantity.TEST_SET_TIME: "time, whole test set",
              Quantity.SPEED: "speed", Quantity.CLAIMED_SPEED: "speed, as claimed", Quantity.MEMORY: "memory",
              Quantity.MEMORY_SAVING: "memory saved, as claimed", Quantity.PARAMETERS: "parameters",
              Quantity.PARAMETER_SAVING: "parameters saved", Quantity.MACS: "multiply-adds per image",
              Quantity.MAC_SAVING: "multiply-adds saved, as claimed", Quantity.ACCURACY: "accuracy"}
LACKS = {Lack.NOT_STATED: "the layer does not say", Lack.NOT_MEASURED: "this harness does not measure it"}
BUDGET = (Code.BUDGET_ENDED, Code.BUDGET_OVERRUN, Code.BUDGET_TOO_SHORT)

STILL = "lock the clocks and close other programs"
STEADY = "lock the clocks, check the fan and the power mode"


def reason_text(reason: Optional[Reason]) -> str:
    """Return ``reason`` in words, also where the record holds none."""
    return sentence(reason) or NO_REASON if reason is not None and reason != Reason(Code.NO_NUMBER) else NO_REASON


# The rule ---------------------------------------------------------------------------------------------------


def why_text(why: Why) -> str:
    """Return why a verdict is *cannot tell*."""
    if why.code is WhyCode.LAUNCH_FAILED:
        return "launch {} failed: {}".format(why.launch, reason_text(why.cause))
    return WHY[why.code].format(launch=why.launch, recorded=why.recorded, wanted=why.wanted)


WHY = {
    WhyCode.COARSE_CLOCK: "coarse clock",
    WhyCode.FIRST_UNDECIDED: "launch 1 undecided",
    WhyCode.LAUNCH_UNDECIDED: "launch {launch} undecided",
    WhyCode.LAUNCH_CONTRADICTS: "launch {launch} contradicts",
    WhyCode.LAUNCHES_MISSING: "{recorded} of {wanted} launches recorded",
    WhyCode.BEYOND_HALF_FACTOR: "mean beyond half the factor",
    WhyCode.LAUNCH_BEYOND_FACTOR: "a launch beyond one and a half factors",
    WhyCode.WITHIN_FACTOR: "mean within the factor",
    WhyCode.WITHIN_FLOOR: "mean within the A/A floor",
    WhyCode.ACROSS: "the interval reaches across the factor",
    WhyCode.NOT_BY_TURNS: "not measured by turns with the baseline, so a board that warms up could tell them apart",
    WhyCode.NO_ENERGY: "one of the two has no number",
    WhyCode.FEW_ROUNDS: "{recorded} of the {wanted} rounds of windows that a verdict needs: use a faster meter, or "
                        "give the worker more time with --limit",
    WhyCode.NO_FLOOR: "the baseline was measured once only, so there is no noise floor",
    WhyCode.NOT_IN_BOTH: "not timed in both runs",
    WhyCode.ONE_LAUNCH: "one launch each",
    WhyCode.WIDE_INTERVAL: "the launches of a run differ too much",
}


def flag_text(flag: Flag) -> str:
    """Return what the raw samples show, with its numbers."""
    numbers = flag.numbers
    if flag.code is FlagCode.COARSE_CLOCK:
        return "half of the samples of the {} last under {:.0f} timer steps, fewer than {}".format(
            numbers["who"], numbers["steps"] + 0.5, numbers["least"])
    if flag.code is FlagCode.LAUNCH_BOUND:
        bound = ["the {} ({:.0f} % of its device time)".format(who, 100.0 * numbers[who + "_share"])
                 for who in ("baseline", "rival") if who + "_share" in numbers]
        return ("enqueuing the calls costs the host more than {:.0f} % of the device time for {}: a fused kernel or "
                "fewer launches would show".format(100.0 * numbers["limit"], " and ".join(bound)))
    if flag.code is FlagCode.LAUNCHES_TIMED:
        return ("the host could not be hidden in {:.0f} % of the samples of the {}: gaps between its launches count "
                "as work".format(100.0 * numbers["share"], numbers["who"]))
    if flag.code is FlagCode.CLOCK_MOVED:
        return "the clock moved between {:.0f} and {:.0f} MHz".format(numbers["low_hz"] / 1e6,
                                                                     numbers["high_hz"] / 1e6)
    return ("the two samples of the {} in a round differ by more than {:.0f} % in {:.0f} % of the rounds: the clock "
            "or the load moved".format(numbers["who"], 100.0 * numbers["difference"], 100.0 * numbers["share"]))


def step_text(step: NextStep, run: About, stopped: Sequence[Reason] = ()) -> str:
    """Return the next step after *cannot tell* in ``run``; ``stopped`` is why the launches' series ended."""
    return STEPS[step.code](step, run, stopped)


def _coarse_step(step: NextStep, run: About, stopped: Sequence[Reason]) -> str:
    return "{}: raise the calls per sample".format(flag_text(Flag(FlagCode.COARSE_CLOCK, step.numbers)))


def _limit_step(step: NextStep, run: About, stopped: Sequence[Reason]) -> str:
    if not step.numbers["rounds"]:
        return "no round was played: raise the time limit"
    return "only {} rounds were played: raise the time limit to hold {}".format(step.numbers["rounds"],
                                                                             step.numbers["least"])


def _resume_step(step: NextStep, run: About, stopped: Sequence[Reason]) -> str:
    told = "only {recorded} of {wanted} launches recorded: ".format(**step.numbers)
    if not run.complete:
        return told + "resume the run with --resume {}".format(run.run)
    ended = any(reason.kind in BUDGET for reason in stopped)
    return told + ("the time budget ended, so run it again with a larger --budget" if ended else "run it again")


def _again_step(step: NextStep, run: About, stopped: Sequence[Reason]) -> str:
    return "launch {} failed: {}; remove the cause and run it again with --resume {} --retry-failed".format(
        step.numbers["launch"], reason_text(step.cause).rstrip("."), run.run)


def _quote_step(step: NextStep, run: About, stopped: Sequence[Reason]) -> str:
    return ("the rival's time differs by {:+.1f} to {:+.1f} %: right at the factor, so more rounds will not help; "
            "quote the interval".format(100.0 * step.numbers["low"], 100.0 * step.numbers["high"]))


def _depends(launches: int) -> str:
    return ("the time depends on the launch (memory addresses, chosen algorithm): use --launches {} or pin the "
            "algorithm".format(launches))


def _floor_step(step: NextStep, run: About, stopped: Sequence[Reason]) -> str:
    text = "two copies of the baseline differ by {:.1f} % here: {}".format(
        100.0 * step.numbers["floor"], _depends(step.numbers["launches"]))
    return text + "; align CPU arrays to 64 bytes" if step.numbers["align"] else text


def _clock_step(step: NextStep, run: About, stopped: Sequence[Reason]) -> str:
    return "{}; {}".format(flag_text(Flag(FlagCode.CLOCK_MOVED, step.numbers)), STEADY)


def _machine_step(step: NextStep, run: About, stopped: Sequence[Reason]) -> str:
    return "{}; {}, close other programs".format(flag_text(Flag(FlagCode.UNSTEADY, step.numbers)), STEADY)


def _quiet_step(step: NextStep, run: About, stopped: Sequence[Reason]) -> str:
    return "more than {:.0f} times the {} rounds would be needed: {}".format(step.numbers["times"],
                                                                         step.numbers["rounds"], STILL)


def _rounds_step(step: NextStep, run: About, stopped: Sequence[Reason]) -> str:
    seconds = step.numbers.get("seconds")
    length = "" if seconds is None else " ({} s)".format("{:.0f}".format(seconds) if seconds >= 10.0 else
                                                          "{:.2g}".format(seconds))
    remedy = "raise the budget" if step.code is StepCode.MORE_BUDGET else (
        "use --rounds {wanted} instead of {most}, and a --budget for them".format(**step.numbers))
    return "about {} rounds{} more would decide: {}".format(step.numbers["rounds"], length, remedy)


def _launches_step(step: NextStep, run: About, stopped: Sequence[Reason]) -> str:
    return "the launches disagree (speeds {}): {}".format(
        ", ".join("{:.3f}".format(speed) for speed in step.numbers["speeds"]), _depends(step.numbers["launches"]))


STEPS: Dict[StepCode, Callable[[NextStep, About, Sequence[Reason]], str]] = {
    StepCode.MORE_CALLS: _coarse_step, StepCode.MORE_LIMIT: _limit_step, StepCode.RESUME: _resume_step,
    StepCode.RUN_AGAIN: _again_step, StepCode.QUOTE_INTERVAL: _quote_step, StepCode.MORE_LAUNCHES_FLOOR: _floor_step,
    StepCode.STEADY_CLOCK: _clock_step, StepCode.STEADY_MACHINE: _machine_step, StepCode.QUIET_MACHINE: _quiet_step,
    StepCode.MORE_BUDGET: _rounds_step, StepCode.MORE_ROUNDS: _rounds_step, StepCode.MORE_LAUNCHES: _launches_step}


# Between runs -----------------------------------------------------------------------------------------------


CHANGE_STEPS = {
    StepCode.TIME_BOTH: "time the case in both runs",
    StepCode.RUN_FOR_COMPARE: "make both runs with 'run --for-compare'",
    StepCode.QUIET_MACHINE: "about {launches} launches in each run would be needed: lock the clocks, close other "
                            "programs, or put both versions into one run with 'run --against'",
}


def change_why_text(code: WhyCode) -> str:
    """Return why two runs cannot be told apart."""
    return WHY[code]


def change_step_text(step: NextStep) -> str:
    """Return the next step for two runs."""
    return CHANGE_STEPS[step.code].format(**step.numbers)


# Validity ---------------------------------------------------------------------------------------------------


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
                "finish it", "./run_bench.sh run --resume {}".format(run.run))


def _failed(one: ValidityWarning, run: About) -> Told:
    units = one.numbers["units"]
    return Told("The {} pass of {} failed: {}.".format(one.numbers["pass"], _several(units, "unit"),
                                                     (whole_sentence(one.reason) or NO_REASON).rstrip(".")),
                "remove the cause and try again", "./run_bench.sh run --resume {} --retry-failed".format(run.run))


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
    return remedy, "./run_bench.sh run {} --lock-clocks".format(run.suite)


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
    return Told("A quick run: one launch, so a difference tied to one process would not be seen.", "confirm it",
                "./run_bench.sh run {}".format(run.suite))


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
    WarningCode.UNFINISHED: _unfinished, WarningCode.UNIT_FAILED: _failed, WarningCode.THROTTLED: _throttled,
    WarningCode.UNSTEADY: _unsteady, WarningCode.UNLOCKED: _unlocked, WarningCode.SWAPPED: _swapped,
    WarningCode.SUSPENDED: _suspended, WarningCode.LOADED: _loaded, WarningCode.CHANGES_INPUT: _changes_input,
    WarningCode.DISTURBS: _disturbs,
    WarningCode.GOVERNOR: _governor, WarningCode.PACE: _pace, WarningCode.NOISY: _noisy, WarningCode.QUICK: _quick,
    WarningCode.FEW_LAUNCHES: _few_launches, WarningCode.UNSETTLED: _unsettled, WarningCode.UNCHECKED: _unchecked,
    WarningCode.SESSIONS_DIFFER: _sessions_differ, WarningCode.UNCOMMITTED: _uncommitted}


# The environment --------------------------------------------------------------------------------------------


def value_text(value: Any, name: str = "") -> str:
    """Return a value of the environment in words; the end of its ``name`` tells its unit."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(value_text(one, name) for one in value) if value else "none"
    if isinstance(value, dict):
        return ", ".join("{} {}".format(key, value_text(value[key], str(key))) for key in value) if value else "none"
    if isinstance(value, (int, float)):
        unit = next((unit for ending, unit in UNIT_ENDINGS if name.endswith(ending)), None)
        if unit is not None:
            return str(si(value, unit))
        if isinstance(value, float):
            return ("{:.6g}" if abs(value) < 1e6 else "{:.0f}").format(value)
        return str(value)
    return str(value)


#: Large numbers of the environment by the end of their names, longest first.
UNIT_ENDINGS = (("flops_per_s", "FLOP/s"), ("bytes_per_s", "B/s"), ("_bytes", "B"), ("_hz", "Hz"))
