"""Words made from codes, once and at the edge: of reasons, of the rule, of quantities and of the environment.

Those of reasons are in :func:`harness.reasons.sentence`. Nothing may look into what is made here.
"""

import re
from typing import Any, Optional

from harness.reasons import Code, Reason, sentence
from harness.statistics.codes import Flag, FlagCode, Why, WhyCode
from reports.findings.published import Lack, Quantity
from reports.numbers import si

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


# The environment --------------------------------------------------------------------------------------------


def value_text(value: Any, name: str = "") -> str:
    """Return a value of the environment in words; the end of its ``name`` tells its unit, before its size or type."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(value_text(one, name) for one in value) if value else "none"
    if isinstance(value, dict):
        return ", ".join("{} {}".format(key, value_text(value[key], str(key))) for key in value) if value else "none"
    if isinstance(value, (int, float)):
        measure = re.sub(r"_by_(size|dtype)\.[^.]*$", "", name)
        unit = next((unit for ending, unit in UNIT_ENDINGS if measure.endswith(ending)), None)
        if unit is not None:
            return str(si(value, unit))
        if isinstance(value, float):
            return ("{:.6g}" if abs(value) < 1e6 else "{:.0f}").format(value)
        return str(value)
    return str(value)


#: Large numbers of the environment by the end of their names, longest first.
UNIT_ENDINGS = (("flops_per_s", "FLOP/s"), ("bytes_per_s", "B/s"), ("_bytes", "B"), ("_hz", "Hz"))
