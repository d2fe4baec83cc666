"""One engine against itself in workers of its own: what real runs of the lock step between processes gave.

Recorded with ONNX Runtime's 1x1 convolution of 1.3 ms on a shared virtual machine whose pace wanders by several
percent within tens of milliseconds: four launches of three processes, 240 rounds of 41 ms each.
"""

import numpy as np
import pytest
from recorded_noise import line, processes

from harness.rule import Rule
from harness.statistics.verdict import verdicts
from harness.words import State

LOCK_STEP = "lock_step_1ms_t1"
RULE = Rule()


def launches(slower=1.0, rounds=None, seed=0):
    """The recorded launches, each played to its end; the third process takes ``slower`` times as long.

    With ``rounds`` each launch is as many of its rounds, drawn with ``seed``.
    """
    draw, found = np.random.RandomState(seed), []
    for number, recorded in enumerate(processes(LOCK_STEP), 1):
        some = recorded if rounds is None else [recorded[index] for index in draw.randint(len(recorded), size=rounds)]
        made = line(number, [(order, [seconds * (slower if instance == 2 else 1.0) for instance, seconds
                                      in zip(order + order[::-1], sample_s)]) for order, sample_s in some])
        found.append(made._replace(series=(made.series[0]._replace(looks=(len(some),)),)))
    return found


def test_ten_seconds_a_launch_tell_no_difference_and_leave_open_no_more_than_two_and_a_half_percent():
    told, = verdicts(launches(), RULE)
    assert told.state in (State.SAME, State.CANNOT_TELL)
    assert told.low < 1.0 < told.high and max(1.0 / told.low, told.high) < 1.025


@pytest.mark.parametrize("seed", range(3))
def test_as_many_rounds_as_a_launch_may_have_are_enough_for_the_same(seed):
    told, = verdicts(launches(rounds=RULE.max_rounds, seed=seed), RULE)
    assert told.state is State.SAME


@pytest.mark.parametrize("slower, state", [(1.05, State.SLOWER), (1 / 1.05, State.FASTER)])
def test_five_percent_more_or_less_work_is_told(slower, state):
    told, = verdicts(launches(slower), RULE)
    assert told.state is state
    assert told.speed == pytest.approx(1.0 / slower, rel=0.015)
