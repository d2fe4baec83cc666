"""RAPL energy counters of Intel and AMD processors through the kernel's powercap."""

import os
import time
from typing import Dict, List, Mapping, NamedTuple, Optional

from harness.meters.base import MeterError, PolledMeter, Sees
from harness.meters.rails import InputRail, RailSensor
from harness.meters.reading import Reading
from harness.system.tree import Tree, why

ZONES = "/sys/class/powercap/intel-rapl:*"
REMEDY = "run 'sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj' (it lasts until the next boot)"


class Zone(NamedTuple):
    """One counter: a name unique on the machine, its folder and the value at which it wraps to 0."""

    name: str
    folder: str
    limit_uj: int


class RaplMeter(PolledMeter):
    """Energy of all processor packages, and of DRAM where there is a counter for it."""

    name = "rapl"
    quantities = ("power",)
    sees = Sees.CPU
    period_s = 0.05

    def __init__(self, root: str = "/") -> None:
        super().__init__(root)
        self._tree = Tree(root)
        self._zones: List[Zone] = []
        self._files: Dict[str, int] = {}
        self._last_uj: Dict[str, int] = {}
        self._sum_uj: Dict[str, int] = {}

    def open(self) -> None:
        """Find the counters and hold their files open.

        Raises :class:`MeterError` where there are none or they may not be read.
        """
        zones = find_zones(self._tree)
        if not zones:
            raise MeterError("the kernel shows no RAPL counters in /sys/class/powercap",
                             "on a PC load them with 'sudo modprobe intel_rapl_msr'; most virtual machines have "
                             "none, then measure on the host")
        for zone in zones:
            name = zone.folder + "/energy_uj"
            try:
                self._files[zone.name] = os.open(self._tree.path(name), os.O_RDONLY)
            except PermissionError as error:
                self.close()
                raise MeterError("the RAPL counters are there but only root may read them", REMEDY) from error
            except OSError as error:
                self.close()
                raise MeterError(why(name, error), "use another meter") from error
        self._zones = zones
        self._last_uj = {}
        self._sum_uj = dict.fromkeys(self._files, 0)

    def read(self) -> Reading:
        """Read every counter once; the joules count from the first reading.

        Raises :class:`MeterError` for a counter that gives no value.
        """
        time_s = time.monotonic()
        for zone in self._zones:
            try:
                value_uj = int(os.pread(self._files[zone.name], 64, 0))
            except (OSError, ValueError) as error:
                raise MeterError("RAPL counter {} gave no value ({})".format(zone.name, error),
                                 "use another meter") from error
            step_uj = value_uj - self._last_uj.get(zone.name, value_uj)
            if step_uj < 0:
                step_uj += zone.limit_uj + 1
            self._sum_uj[zone.name] += step_uj
            self._last_uj[zone.name] = value_uj
        return Reading(0.5 * (time_s + time.monotonic()),
                       energy_j={name: total / 1e6 for name, total in self._sum_uj.items()})

    def close(self) -> None:
        """Close the files."""
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files = {}

    def input_rail(self, mean_power_w: Mapping[str, float]) -> InputRail:
        """Return the sum of all packages and DRAM: they do not overlap."""
        return InputRail(tuple(sorted(mean_power_w)))

    def sensor(self, rail: Optional[str]) -> RailSensor:
        """The counters have no averaging and a tiny unit, and are updated about every millisecond (Intel SDM)."""
        return RailSensor(refresh_s=0.001)


def find_zones(tree: Tree) -> List[Zone]:
    """Return the packages and the DRAM of each.

    Left out because they are inside a package or hold one: ``core``, ``uncore``, ``psys``. The
    ``intel-rapl-mmio`` tree is a second view of the same counters and does not match.
    """
    zones = []
    labels = {folder.rsplit("/", 1)[1]: (folder, tree.text(folder + "/name") or "")
              for folder in tree.glob(ZONES)}
    for key, (folder, label) in sorted(labels.items()):
        name = label
        if label == "dram":
            name = "dram of " + labels.get(":".join(key.split(":")[:2]), ("", "package"))[1]
        elif not label.startswith("package"):
            continue
        limit_uj = tree.try_int(folder + "/max_energy_range_uj")
        if tree.exists(folder + "/energy_uj") and limit_uj:
            zones.append(Zone(name, folder, limit_uj))
    return zones
