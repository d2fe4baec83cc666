"""A seeded fake machine: a clock that calls advance, with every kind of noise the rule was made for.

A machine lives for one launch. Noise multiplies the cost of a call; most kinds act on the call's place in
time (``multipliers``), some on who called last or on the process (``entrant_factors``).
"""

import math

import numpy as np

from harness.timing.cpu_timer import CpuTimer

CALL_S = 0.012  # above the length under which settling calls are made, so that one call is one sample
BASE_SD = 0.02


class Noise:
    """White noise of relative size ``sd``; the other kinds add to it. One object for one launch."""

    switch = 1.0  # factor on the first call after another entrant's
    steps_per_call = None  # resolution of the clock: steps in one call

    def __init__(self, random, entrants, sd=BASE_SD):
        self.random = random
        self.entrants = entrants
        self.sd = sd
        self.setup()

    def setup(self):
        """Draw what holds for the whole launch."""

    def entrant_factors(self):
        return np.ones(self.entrants)

    def shape(self, places):
        """Return the factor at each place in time (an array of call numbers)."""
        return np.ones(len(places))

    def multipliers(self, start, count):
        white = np.exp(self.sd * self.random.standard_normal(count))
        return white * self.shape(np.arange(start, start + count))


class Heavy(Noise):
    def shape(self, places):
        slow = self.random.random_sample(len(places)) < 0.05
        return np.where(slow, 1.5 + self.random.exponential(0.5, len(places)), 1.0)


class Bursts(Noise):
    def shape(self, places):
        starts = self.random.random_sample(len(places)) < 0.01
        inside = np.convolve(starts, np.ones(8))[:len(places)] > 0
        return np.where(inside, 1.4, 1.0)


class Drift(Noise):
    def setup(self):
        self.sign = self.random.choice([-1.0, 1.0])

    def shape(self, places):
        return 1.0 + self.sign * 0.15 * np.minimum(places / 600.0, 1.0)


class Throttle(Noise):
    def setup(self):
        self.period = math.exp(self.random.uniform(math.log(3.0), math.log(300.0)))
        self.phase = self.random.random_sample()

    def shape(self, places):
        return np.where((places / self.period + self.phase) % 1.0 < 0.5, 1.3, 1.0)


class ThrottleInStep(Throttle):
    def setup(self):
        self.period = 2.0 * self.entrants
        self.phase = self.random.random_sample()


class Step(Noise):
    def setup(self):
        self.at = self.random.randint(20, 150)

    def shape(self, places):
        return np.where(places < self.at, 1.0, 1.25)


class CoarseClock(Noise):
    steps_per_call = 20


class Correlated(Noise):
    def setup(self):
        self.level = 0.05 * self.random.standard_normal()

    def shape(self, places):
        found = np.empty(len(places))
        shocks = 0.05 * math.sqrt(1.0 - 0.98 ** 2) * self.random.standard_normal(len(places))
        for index, shock in enumerate(shocks):
            self.level = 0.98 * self.level + shock
            found[index] = self.level
        return np.exp(found)


class TwoModesPerCall(Noise):
    def shape(self, places):
        return np.where(self.random.random_sample(len(places)) < 0.5, 1.0, 1.1)


class AntiCorrelated(Noise):
    def shape(self, places):
        shocks = 0.03 * self.random.standard_normal(len(places) + 1)
        return np.exp(shocks[1:] - shocks[:-1])


class Switch(Noise):
    switch = 1.1


class LaunchEffect(Noise):
    """A difference between two entrants of a process, of standard deviation ``effect``."""

    effect = 0.01

    def entrant_factors(self):
        return np.exp(self.effect / math.sqrt(2.0) * self.random.standard_normal(self.entrants))


class LaunchModes(Noise):
    apart = 0.04

    def entrant_factors(self):
        return np.where(self.random.random_sample(self.entrants) < 0.5, 1.0, 1.0 + self.apart)


def launch_effect(effect):
    return type("LaunchEffect", (LaunchEffect,), {"effect": effect})


def launch_modes(apart):
    return type("LaunchModes", (LaunchModes,), {"apart": apart})


def white(sd):
    def make(random, entrants):
        return Noise(random, entrants, sd)

    return make


KINDS = {
    "white, 1 %": white(0.01),
    "white, 3 %": white(0.03),
    "white, 10 %": white(0.10),
    "5 % of calls 1.5x and more": Heavy,
    "bursts of 8 slow calls": Bursts,
    "slow drift of 15 %": Drift,
    "throttling 1.3x, any period": Throttle,
    "throttling in step with the round": ThrottleInStep,
    "one step of 25 %": Step,
    "clock of 20 steps a sample": CoarseClock,
    "correlated, lag-1 0.98": Correlated,
    "two modes per call, 10 % apart": TwoModesPerCall,
    "neighbours anti-correlated": AntiCorrelated,
    "first call after a switch +10 %": Switch,
    "launch effect, sd 1 %": launch_effect(0.01),
    "launch effect, sd 2 %": launch_effect(0.02),
    "launch effect, sd 4 %": launch_effect(0.04),
    "launch effect, sd 10 %": launch_effect(0.10),
    "two modes per launch, 4 % apart": launch_modes(0.04),
    "two modes per launch, 10 % apart": launch_modes(0.10),
}


class FakeMachine:
    """One launch's process: entrants whose calls advance a clock.

    ``true_times`` are relative costs of the entrants (baseline, its copy, rivals).
    """

    def __init__(self, noise, true_times, random, call_s=CALL_S):
        self.time_s = 0.0
        self.calls_made = 0
        self.last = None
        made = noise(random, len(true_times))
        self.noise = made
        self.call_s = call_s
        self.switch = made.switch
        self.step_s = call_s / made.steps_per_call if made.steps_per_call else None
        self.costs = [call_s * float(factor) * true for factor, true in zip(made.entrant_factors(), true_times)]
        self.factors = self._factors()
        self.calls = [self._call(index) for index in range(len(true_times))]

    def _factors(self):
        start, count = 0, 128
        while True:
            for value in self.noise.multipliers(start, count).tolist():
                yield value
            start, count = start + count, min(count * 2, 2048)

    def _call(self, index):
        cost, draw, switch = self.costs[index], self.factors.__next__, self.switch

        if switch == 1.0:
            def call():
                self.time_s += cost * draw()
        else:
            def call():
                self.time_s += cost * draw() * (1.0 if self.last == index else switch)
                self.last = index
        return call

    def now(self):
        return self.time_s if self.step_s is None else math.floor(self.time_s / self.step_s) * self.step_s

    def timer(self):
        if self.step_s is None:
            return CpuTimer(lambda: self.time_s, resolution_s=1e-9, overhead_s=0.0)
        return CpuTimer(self.now, resolution_s=self.step_s, overhead_s=0.0)
