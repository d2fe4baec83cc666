"""The board's power in the rehearsal, as a function of the system-wide monotonic clock, and what its sensor shows."""

import math

LEVEL_W = 3.0
SWING_W = 0.4
PERIOD_S = 3.1
CLIMB_W_PER_S = 0.002
CLIMBS_S = 500.0
#: A Nano's INA3221 averages 64 sweeps of 0.84 ms: a low-pass of the first order.
LAG_S = 0.054


def power_w(time_s):
    """Return the watts at ``time_s``: a swing on a slow climb, so that no two stretches are alike."""
    return LEVEL_W + CLIMB_W_PER_S * (time_s % CLIMBS_S) + SWING_W * math.sin(2 * math.pi * time_s / PERIOD_S)


def shown_w(time_s):
    """Return what the sensor shows at ``time_s``: the response of its low-pass to the curve."""
    turn = 2 * math.pi * LAG_S / PERIOD_S
    swing_w = SWING_W / math.sqrt(1 + turn * turn) * math.sin(2 * math.pi * time_s / PERIOD_S - math.atan(turn))
    return LEVEL_W + CLIMB_W_PER_S * ((time_s - LAG_S) % CLIMBS_S) + swing_w


def energy_j(start_s, end_s, steps=4000):
    """Return the energy from ``start_s`` to ``end_s`` (midpoint rule)."""
    step = (end_s - start_s) / steps
    return step * sum(power_w(start_s + (number + 0.5) * step) for number in range(steps))
