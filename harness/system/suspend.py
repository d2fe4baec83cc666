"""Whether the machine slept. No clock of a measurement counts that, but caches, clocks and temperatures change."""

import time

#: CLOCK_BOOTTIME of Linux, which Python names from 3.7 on.
_BOOTTIME = 7

#: The two clocks are read one after the other.
LEAST_S = 0.5

#: So close together the readings are where no other program had the processor between them, and so often it is tried.
CLOSE_S, TRIES = 1e-3, 100


def asleep_s() -> float:
    """Return for how long the machine has been suspended since it started; 0 where the system does not tell."""
    closest_s, found_s = float("inf"), 0.0
    try:
        for _ in range(TRIES):
            before_s = time.clock_gettime(time.CLOCK_MONOTONIC)
            since_start_s = time.clock_gettime(_BOOTTIME)
            apart_s = time.clock_gettime(time.CLOCK_MONOTONIC) - before_s
            if apart_s < closest_s:
                closest_s, found_s = apart_s, max(0.0, since_start_s - before_s)
            if apart_s < CLOSE_S:
                break
    except (AttributeError, OSError):
        return 0.0
    return found_s
