"""Clock and temperature beside every power reading, from /sys, for meters that do not give them."""

from typing import Mapping

from harness.meters.reading import Reading
from harness.system.sensors import cpu_clock_files, gpu_devfreq, highest_hz, temperatures_c, thermal_zones
from harness.system.tree import Tree

PERIOD_S = 0.5  # they change slowly, and a thermal zone can take a millisecond to answer


class Ambient:
    """Adds clocks and temperatures to readings, read afresh at most every ``PERIOD_S``.

    Which files there are is looked up once: searching for them costs more than reading them.
    """

    def __init__(self, root: str = "/") -> None:
        self._tree = Tree(root)
        self._zones = thermal_zones(self._tree)
        self._cpus = cpu_clock_files(self._tree)
        self._gpu = gpu_devfreq(self._tree)
        self._next_s = float("-inf")

    def add(self, reading: Reading) -> Reading:
        """Return ``reading``, with clocks and temperatures where they are due and not in it already."""
        if reading.time_s < self._next_s:
            return reading
        self._next_s = reading.time_s + PERIOD_S
        if not reading.clock_hz:
            reading = reading._replace(clock_hz=self._clocks())
        if not reading.temperature_c:
            reading = reading._replace(temperature_c=temperatures_c(self._tree, self._zones))
        return reading

    def _clocks(self) -> Mapping[str, float]:
        clocks = {}
        highest = highest_hz(self._tree, self._cpus)
        if highest is not None:
            clocks["cpu"] = highest
        if self._gpu is not None:
            hertz = self._tree.try_int(self._gpu + "/cur_freq")
            if hertz is not None:
                clocks["gpu"] = float(hertz)
        return clocks
