"""Processor clocks, thermal zones and a Jetson's GPU clock, where the kernel keeps them in /sys."""

from typing import Dict, List, Optional

from harness.system.tree import Tree

GPU_NODE_NAMES = ("gpu", "gp10b", "gv11b", "ga10b", "gb10b")
"""Names of the GPU in a Jetson's device tree (Nano, TX2, Xavier, Orin, Thor)."""


def cpu_policies(tree: Tree) -> List[str]:
    """Return the cpufreq folders, one for each group of CPUs that share a clock where the kernel groups them."""
    return (tree.glob("/sys/devices/system/cpu/cpufreq/policy[0-9]*")
            or tree.glob("/sys/devices/system/cpu/cpu[0-9]*/cpufreq"))


def cpu_clock_files(tree: Tree, cpus: Optional[List[int]] = None) -> List[str]:
    """Return the files with each CPU's present clock in kHz, of the numbers ``cpus`` or of all, in order."""
    if cpus is None:
        return tree.glob("/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")
    return ["/sys/devices/system/cpu/cpu{}/cpufreq/scaling_cur_freq".format(cpu) for cpu in cpus]


def highest_hz(tree: Tree, files: List[str]) -> Optional[float]:
    """Return the highest clock in ``files`` (kHz each) in Hz, ``None`` if none can be read."""
    khz = [value for value in map(tree.try_int, files) if value is not None]
    return max(khz) * 1e3 if khz else None


def thermal_zones(tree: Tree) -> Dict[str, str]:
    """Return the file that holds each thermal zone's temperature, by zone type.

    Left out: PMIC-Die, a dummy constant on every Jetson. Zones of one type are numbered from the second
    on (``acpitz``, ``acpitz 2``).
    """
    zones: Dict[str, str] = {}
    for zone in tree.glob("/sys/class/thermal/thermal_zone[0-9]*"):
        kind = tree.text(zone + "/type")
        if not kind or kind.startswith("PMIC"):
            continue
        name, number = kind, 1
        while name in zones:
            number += 1
            name = "{} {}".format(kind, number)
        zones[name] = zone + "/temp"
    return zones


def temperatures_c(tree: Tree, zones: Optional[Dict[str, str]] = None) -> Dict[str, float]:
    """Return each zone's temperature in degrees Celsius, of ``zones`` if they are known already.

    Left out: zones that are switched off (the read fails or says -256).
    """
    values = {name: tree.try_int(file) for name, file in (thermal_zones(tree) if zones is None else zones).items()}
    return {name: value / 1000.0 for name, value in values.items() if value not in (None, -256, -256000)}


def gpu_devfreq(tree: Tree) -> Optional[str]:
    """Return the devfreq folder of a Jetson's GPU, ``None`` if there is none."""
    for folder in tree.glob("/sys/class/devfreq/*"):
        node = tree.text(folder + "/device/of_node/name")
        if node in GPU_NODE_NAMES:
            return folder
    folders = (tree.glob("/sys/devices/*.gpu/devfreq/*.gpu")
               + tree.glob("/sys/class/devfreq/*.g[pvab]*") + tree.glob("/sys/class/devfreq/*gpu*"))
    return folders[0] if folders else None
