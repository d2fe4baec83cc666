"""Warm-up of one entrant alone until its times settle, bounded, and recorded."""

from typing import Callable, List, NamedTuple

from harness.quantiles import median
from harness.timing.calibrate import calibrate, calls_for
from harness.timing.sampler import Call, Sampler


class WarmUpLimits(NamedTuple):
    """When a warm-up ends: settled (two groups of samples agree within ``tolerance``) or at a bound.

    ``least_s`` lets a clock governor react (tens of milliseconds on the boards); ``most_s`` bounds it.
    """

    group: int = 3
    tolerance: float = 0.03
    least_s: float = 0.05
    most_s: float = 0.5
    most_samples: int = 500


class WarmUp(NamedTuple):
    """The outcome: calls a sample for the rounds, seconds per call now, and all that was timed.

    ``host_per_call_s`` is what a call costs the host's clock with all that surrounds it (flushes, waiting
    for the device): budgets are reckoned from it, while ``per_call_s`` is the timed part alone.
    """

    calls: int
    per_call_s: float
    host_per_call_s: float
    calls_per_sample: List[int]
    sample_s: List[float]
    settled: bool


def warm_up(sampler: Sampler, call: Call, least_sample_s: float, now: Callable[[], float],
            limits: WarmUpLimits = WarmUpLimits()) -> WarmUp:  # noqa: B008 - an immutable default
    """Calibrate ``call``, repeat it until its times settle, and reckon the calls a sample from those.

    The number of calls rests on the fastest settled sample, so that a sample is long enough even after
    the clock has ramped up.
    """
    start = now()
    calls, stretches = calibrate(sampler, call, least_sample_s)
    host_s = now() - start
    counts = [count for count, _ in stretches]
    sample_s = [seconds for _, seconds in stretches]
    per_call = []  # type: List[float]
    host_per_call = []  # type: List[float]
    settled = False
    while len(per_call) < limits.most_samples:
        spent = now() - start
        if spent >= limits.most_s and (per_call or len(sample_s) > 1):
            break
        settled = _settled(per_call, limits)
        if settled and spent >= limits.least_s:
            break
        seconds = sampler.sample(call, calls).seconds
        host_per_call.append((now() - start - spent) / calls)
        counts.append(calls)
        sample_s.append(seconds)
        per_call.append(seconds / calls)
    recent = per_call[-limits.group:] or [sample_s[-1] / counts[-1]]
    host = host_per_call[-limits.group:] or [host_s / sum(counts)]
    return WarmUp(calls_for(min(recent), least_sample_s), median(recent), median(host), counts, sample_s, settled)


def _settled(per_call: List[float], limits: WarmUpLimits) -> bool:
    if len(per_call) < 2 * limits.group:
        return False
    new = median(per_call[-limits.group:])
    old = median(per_call[-2 * limits.group:-limits.group])
    return abs(new - old) <= limits.tolerance * old
