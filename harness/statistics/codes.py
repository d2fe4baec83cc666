"""What the rule can say beside a state, as codes with their numbers. The words are made in ``reports/wording.py``."""

from typing import Any, Dict, NamedTuple, Optional

from harness.reasons import Reason
from harness.words import Word


class WhyCode(Word):
    """Why a verdict is *cannot tell*."""

    COARSE_CLOCK = "coarse-clock"
    FIRST_UNDECIDED = "first-undecided"
    LAUNCH_UNDECIDED = "launch-undecided"           # launch
    LAUNCH_CONTRADICTS = "launch-contradicts"       # launch
    LAUNCH_FAILED = "launch-failed"                 # launch, cause
    LAUNCHES_MISSING = "launches-missing"           # recorded, wanted
    BEYOND_HALF_FACTOR = "beyond-half-factor"       # same: the mean
    LAUNCH_BEYOND_FACTOR = "launch-beyond-factor"   # same: one launch beyond one and a half factors
    WITHIN_FACTOR = "within-factor"                 # faster, slower: the mean
    WITHIN_FLOOR = "within-floor"                   # faster, slower: the mean, by the A/A floor
    # of energy
    ACROSS = "across"                               # the interval reaches across the factor
    NOT_BY_TURNS = "not-by-turns"                   # measured one after the other: a warming board tells them apart
    NO_ENERGY = "no-energy"                         # one of the two has no number
    FEW_ROUNDS = "few-rounds"                       # recorded, wanted
    NO_FLOOR = "no-floor"                           # no second copy of the baseline was measured
    # between runs
    NOT_IN_BOTH = "not-in-both"
    ONE_LAUNCH = "one-launch"
    WIDE_INTERVAL = "wide-interval"


class Why(NamedTuple):
    """A :class:`WhyCode` with its numbers; ``cause`` is what made a launch fail."""

    code: WhyCode
    launch: Optional[int] = None
    recorded: Optional[int] = None
    wanted: Optional[int] = None
    cause: Optional[Reason] = None


class FlagCode(Word):
    """What weakens a verdict, found in the raw samples."""

    COARSE_CLOCK = "coarse-clock"       # who, steps, least
    LAUNCH_BOUND = "launch-bound"       # baseline_share and rival_share, where beyond the limit
    LAUNCHES_TIMED = "launches-timed"   # who, share: samples whose launches the device did not wait for
    CLOCK_MOVED = "clock-moved"         # low_hz, high_hz: by its readings
    UNSTEADY = "unsteady"               # difference, share: by samples of one entrant in one round


class Flag(NamedTuple):
    """A :class:`FlagCode` with its numbers."""

    code: FlagCode
    numbers: Dict[str, Any] = {}


class StepCode(Word):
    """The one next step after *cannot tell*."""

    MORE_CALLS = "more-calls"                   # a coarse clock: raise the calls per sample
    MORE_LIMIT = "more-limit"                   # rounds, least: raise the time limit
    RESUME = "resume"                           # recorded, wanted
    RUN_AGAIN = "run-again"                     # launch, cause: remove the cause, try the failed units again
    QUOTE_INTERVAL = "quote-interval"           # low, high (relative): right at the factor
    MORE_LAUNCHES_FLOOR = "more-launches-floor"  # floor (relative), launches, align
    STEADY_CLOCK = "steady-clock"               # low_hz, high_hz
    STEADY_MACHINE = "steady-machine"           # difference, share
    QUIET_MACHINE = "quiet-machine"             # times, rounds: more rounds would not do
    MORE_BUDGET = "more-budget"                 # rounds, seconds
    MORE_ROUNDS = "more-rounds"                 # rounds, seconds, wanted, most
    MORE_LAUNCHES = "more-launches"             # speeds, launches: the launches disagree
    # between runs
    TIME_BOTH = "time-both"
    RUN_FOR_COMPARE = "run-for-compare"


class NextStep(NamedTuple):
    """A :class:`StepCode` with its numbers; ``cause`` is what made a launch fail."""

    code: StepCode
    numbers: Dict[str, Any] = {}
    cause: Optional[Reason] = None


def step(code: StepCode, cause: Optional[Reason] = None, **numbers: Any) -> NextStep:
    """Return a next step from its code and its numbers by name."""
    return NextStep(code, numbers, cause)
