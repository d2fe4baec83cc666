"""How many calls make one sample: enough to be long against the timer, no more."""

from typing import List, NamedTuple

from harness.timing.sampler import Call, Sampler

GROWTH = 10  # largest step: a first call that lies low must not lead to a stretch of minutes
MOST_CALLS = 10 ** 6


class Calibration(NamedTuple):
    """Calls a sample, and the stretches it took to find out: (calls, seconds) each, the first call first."""

    calls: int
    stretches: List[tuple]


def target_s(resolution_s: float, sample_s: float, sample_steps: int) -> float:
    """Return the least length of a sample (s): ``sample_s`` and ``sample_steps`` steps of the timer."""
    return max(sample_s, sample_steps * resolution_s)


def calls_for(per_call_s: float, least_s: float) -> int:
    """Return the smallest number of calls of ``per_call_s`` seconds that lasts at least ``least_s``."""
    if per_call_s <= 0.0:
        return MOST_CALLS
    calls = max(1, int(least_s / per_call_s))
    while calls * per_call_s < least_s:
        calls += 1
    return min(calls, MOST_CALLS)


def calibrate(sampler: Sampler, call: Call, least_s: float) -> Calibration:
    """Find the smallest number of calls whose stretch lasts ``least_s``, growing from one call.

    The first call (lazy set-up, cold code) is timed and kept in ``stretches`` but never used to decide.
    """
    first_s = sampler.sample(call, 1).seconds
    stretches = [(1, first_s)]
    calls = 1
    while True:
        if calls == 1 and first_s > 100.0 * least_s:
            # A call this long needs no grouping, set-up cost or not, and may be too dear to repeat.
            return Calibration(1, stretches)
        stretch_s = sampler.sample(call, calls).seconds
        stretches.append((calls, stretch_s))
        if stretch_s >= least_s or calls >= MOST_CALLS:
            return Calibration(calls_for(stretch_s / calls, least_s), stretches)
        wanted = calls_for(stretch_s / calls, least_s)
        calls = min(max(wanted + wanted // 16, calls + 1), calls * GROWTH, MOST_CALLS)
