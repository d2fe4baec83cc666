"""A host clock that only moves when calls or readings move it."""


import math
import random


class FakeClock:
    def __init__(self, step_s=0.0, reading_s=0.0):
        self.time_s = 100.0
        self.step_s = step_s
        self.reading_s = reading_s
        self.played = []

    def now(self):
        self.time_s += self.reading_s
        return self.time_s if not self.step_s else int(self.time_s / self.step_s + 1e-9) * self.step_s

    def call(self, name, *seconds):
        """Return a call that lasts each of ``seconds`` in turn, the last one for ever."""
        left = list(seconds)

        def run():
            self.played.append(name)
            self.time_s += left.pop(0) if len(left) > 1 else left[0]
        return run

    def noisy(self, seconds, spread, steady=0):
        """Return a call of ``seconds`` with seeded log-normal noise of size ``spread`` after ``steady`` calls."""
        draw = random.Random(1)
        made = []

        def run():
            made.append(None)
            self.time_s += seconds * math.exp(draw.gauss(0.0, spread) if len(made) > steady else 0.0)
        return run
