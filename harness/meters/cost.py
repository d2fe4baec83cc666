"""What sampling costs: ``python -m harness.meters.cost [--meter NAME] [--period S] [--seconds S]``.

Runs a meter as a run does, in a process of its own, and reads that process's own CPU time from /proc.
Without a board a fake Nano's files are made in a temporary folder: opening and formatting are the same,
only the two bus transfers of a real sensor are missing.
"""

import argparse
import os
import sys
import tempfile
import time
from typing import List, NamedTuple, Optional

from harness.meters.base import MeterError
from harness.meters.choice import make_meter
from harness.meters.handle import MeterHandle
from harness.system.processes import cpu_seconds
from harness.system.tree import Tree

FAKE_FILES = {
    "/sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/rail_name_{}": ("POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"),
    "/sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power{}_input": ("2132", "78", "275"),
    "/sys/class/thermal/thermal_zone{}/type": ("CPU-therm", "GPU-therm", "AO-therm"),
    "/sys/class/thermal/thermal_zone{}/temp": ("36500", "36000", "39500"),
    "/sys/devices/system/cpu/cpu{}/cpufreq/scaling_cur_freq": ("1479000", "1479000", "1479000", "1479000"),
}


class Cost(NamedTuple):
    """CPU seconds the meter's process used per second, as a share of one core, and how often it read."""

    share_of_core: float
    readings_per_s: float
    cpu_per_reading_s: float
    start_s: float


def measure_cost(meter: str, root: str = "/", period_s: float = 0.1, seconds: float = 10.0) -> Cost:
    """Run ``meter`` for ``seconds`` and return its cost; starting the process is told apart.

    Raises :class:`MeterError`.
    """
    handle = MeterHandle(make_meter(meter, root))
    begin_s = time.monotonic()
    handle.start(period_s)
    started_s = time.monotonic()
    try:
        before_s, count = cpu_seconds(handle.pid, Tree()), len(handle.poll())
        while time.monotonic() - started_s < seconds:
            time.sleep(min(0.5, seconds))
            handle.poll()
        elapsed_s = time.monotonic() - started_s
        used_s = cpu_seconds(handle.pid, Tree()) - before_s
        readings = len(handle.poll()) - count
    finally:
        handle.stop()
    return Cost(used_s / elapsed_s, readings / elapsed_s, used_s / max(readings, 1), started_s - begin_s)


def make_fake_nano(root: str) -> None:
    """Make the files of a Nano's power monitor, thermal zones and clocks below ``root``."""
    for pattern, texts in FAKE_FILES.items():
        for number, text in enumerate(texts):
            path = os.path.join(root, pattern.format(number).lstrip("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(text + "\n")


def main(argv: Optional[List[str]] = None) -> int:
    """Measure and print the cost in one sentence."""
    parser = argparse.ArgumentParser(description="Measure what sampling costs.")
    parser.add_argument("--meter", default="ina3221")
    parser.add_argument("--period", type=float, default=0.1, help="seconds between readings (default 0.1)")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        root = "/"
        if options.meter == "ina3221" and not make_meter("ina3221").availability().available:
            make_fake_nano(folder)
            root = folder
        try:
            cost = measure_cost(options.meter, root, options.period, options.seconds)
        except (MeterError, ValueError) as error:
            print(error)
            return 1
    print("{}{}: {:.2f} % of one core at {:.1f} readings per second ({:.0f} us of CPU time per reading; starting the "
          "process took {:.2f} s)".format(options.meter, " on a fake Nano's files" if root != "/" else "",
                                          100 * cost.share_of_core, cost.readings_per_s,
                                          1e6 * cost.cpu_per_reading_s, cost.start_s))
    return 0


if __name__ == "__main__":
    sys.exit(main())
