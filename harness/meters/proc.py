"""RAM, temperature and clocks from /proc and /sys as a meter; it measures no power."""

import time
from typing import Dict

from harness.meters.ambient import Ambient
from harness.meters.base import Availability, MeterError, PolledMeter
from harness.meters.reading import Reading
from harness.system.memory import ram_used_bytes, read_meminfo


class ProcMeter(PolledMeter):
    """Used RAM of the whole system (tegrastats formula), thermal zones, CPU and GPU clocks."""

    name = "proc"
    quantities = ("ram", "temperature", "clock")
    period_s = 0.02

    def open(self) -> None:
        """Nothing to hold open but the place of the GPU."""
        self._ambient = Ambient(self.root)

    def read(self) -> Reading:
        """Read RAM, and now and then clocks and temperatures.

        Raises :class:`MeterError` where /proc/meminfo cannot be read.
        """
        try:
            used = ram_used_bytes(read_meminfo(self.root))
        except (OSError, KeyError) as error:
            raise MeterError("/proc/meminfo cannot be read ({})".format(error), "this needs Linux") from error
        return self._ambient.add(Reading(time.monotonic(), ram_used_bytes=used))

    def probe(self) -> Dict[str, Availability]:
        """Read once; say what the kernel lacks."""
        found = super().probe()
        for quantity, what in (("temperature", "thermal zones"), ("clock", "cpufreq or devfreq clocks")):
            if found["ram"].available and not found[quantity].available:
                found[quantity] = Availability(False, "the kernel shows no {}".format(what),
                                               "most virtual machines have none, then measure on the host")
        return found
