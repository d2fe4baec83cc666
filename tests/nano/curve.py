"""The power that the rehearsal's tegrastats shows, as a function of the system-wide monotonic clock."""

import math

SWING_W = 0.4
PERIOD_S = 3.1
CLIMB_W_PER_S = 0.002


def power_w(time_s):
    """Return the watts at ``time_s``: a swing on a slow climb, so that no two stretches are alike."""
    return 3.0 + CLIMB_W_PER_S * (time_s % 500.0) + SWING_W * math.sin(2 * math.pi * time_s / PERIOD_S)


def mean_w(start_s, end_s, steps=20000):
    """Return the mean of the curve from ``start_s`` to ``end_s`` (midpoint rule)."""
    step = (end_s - start_s) / steps
    return sum(power_w(start_s + (number + 0.5) * step) for number in range(steps)) / steps
