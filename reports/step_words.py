"""What would decide a verdict, in words: the next step of a row, and of two runs."""

from typing import Callable, Dict, Sequence

from harness.reasons import Code, Reason
from harness.statistics.codes import Flag, FlagCode, NextStep, StepCode
from reports.findings.about import About
from reports.wording import flag_text, reason_text

BUDGET = (Code.BUDGET_ENDED, Code.BUDGET_OVERRUN, Code.BUDGET_TOO_SHORT)
STILL = "lock the clocks and close other programs"
STEADY = "lock the clocks, check the fan and the power mode"


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
        return told + "resume the run with --resume {}".format(run.resume)
    ended = any(reason.kind in BUDGET for reason in stopped)
    return told + ("the time budget ended, so run it again with a larger --budget" if ended else "run it again")


def _again_step(step: NextStep, run: About, stopped: Sequence[Reason]) -> str:
    return "launch {} failed: {}; remove the cause and run it again with --resume {} --retry-failed".format(
        step.numbers["launch"], reason_text(step.cause).rstrip("."), run.resume)


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
CHANGE_STEPS = {
    StepCode.TIME_BOTH: "time the case in both runs",
    StepCode.RUN_FOR_COMPARE: "make both runs with 'run --for-compare'",
    StepCode.QUIET_MACHINE: "about {launches} launches in each run would be needed: lock the clocks, close other "
                            "programs, or put both versions into one run with 'run --against'",
}


def change_step_text(step: NextStep) -> str:
    """Return the next step for two runs."""
    return CHANGE_STEPS[step.code].format(**step.numbers)
