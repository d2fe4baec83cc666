"""Whole comparisons on the fake machine, through the real engine: launches, rounds, looks and verdicts."""

import gc
from typing import NamedTuple

import numpy as np
from fake_machine import FakeMachine

from harness.record import LaunchLine
from harness.rule import Rule
from harness.statistics.verdict import verdicts
from harness.timing.engine import run_time_pass
from harness.timing.warmup import WarmUpLimits
from harness.words import Role, Status
from harness.work_units import to_confirm

RULE = Rule(budget_s=1e9)
QUICK_WARM_UP = WarmUpLimits(group=2, tolerance=0.5, least_s=0.0)


class Outcome(NamedTuple):
    first: str  # launch 1 alone
    state: str  # the whole rule
    samples: int  # per entrant, all launches


def rule_for(name):
    """The clock of 20 steps is the one kind measured below the rule's 100 steps a sample."""
    return RULE._replace(sample_steps=20) if name.startswith("clock of 20 steps") else RULE


def play(kind, ratio, seed, rule=RULE):
    """Return the recorded launches of baseline, copy and one rival ``ratio`` times as slow."""
    random = np.random.RandomState(seed)
    lines = []
    first = None
    while len(lines) < rule.launches and (first or not lines):
        machine = FakeMachine(kind, [1.0, 1.0, ratio], random)
        entrants = list(zip(("c/baseline", "c/baseline", "c/rival"), machine.calls))
        launch = len(lines) + 1
        figures = run_time_pass(entrants, machine.timer(), rule, seed, Role.CONFIRM if first else Role.FIRST, first,
                                launch=launch, warm_up_limits=QUICK_WARM_UP)
        lines.append(LaunchLine("c", launch, Status.OK, series=figures.series, timer=figures.timer))
        first = to_confirm(lines, launch + 1)
    return lines


def outcome(kind, ratio, seed, rule=RULE):
    lines = play(kind, ratio, seed, rule)
    verdict, = verdicts(lines, rule)
    return Outcome(verdict.launches[0].decision.state, verdict.state, verdict.samples)


def outcomes(kind, ratio, runs, seed=0, rule=RULE):
    """Return ``runs`` outcomes with consecutive seeds; the collector is off meanwhile (it would dominate)."""
    gc.collect()
    gc.disable()
    try:
        return [outcome(kind, ratio, seed * 100003 + run, rule) for run in range(runs)]
    finally:
        gc.enable()


def share(found, state, field="state"):
    return sum(1 for item in found if getattr(item, field) == state) / float(len(found))
