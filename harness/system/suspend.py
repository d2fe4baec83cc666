"""Whether the machine slept. No clock of a measurement counts that, but caches, clocks and temperatures change."""

import time

#: CLOCK_BOOTTIME of Linux, which Python names from 3.7 on.
_BOOTTIME = 7

#: The two clocks are read one after the other.
LEAST_S = 0.5


def asleep_s() -> float:
    """Return for how long the machine has been suspended since it started; 0 where the system does not tell."""
    try:
        return max(0.0, time.clock_gettime(_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC))
    except (AttributeError, OSError):
        return 0.0
