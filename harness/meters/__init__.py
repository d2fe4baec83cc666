"""Sources of readings: power, energy, memory, clocks and temperatures.

Three things make one: what it says (:mod:`harness.meters.reading`), the meter that polls or parses in a process of
its own (:mod:`harness.meters.base`, one file per meter), and the handle that starts and stops it there
(:mod:`harness.meters.handle`). :mod:`harness.meters.choice` knows them all and picks the best that answers.
"""

from harness.meters.choice import METERS, Choice, check_named, choose, make_meter, order, survey
from harness.meters.handle import MeterHandle

__all__ = ["METERS", "Choice", "MeterHandle", "check_named", "choose", "make_meter", "order", "survey"]
