"""Fake /proc and /sys trees of the boards, built in a temporary folder. Shared by several test folders."""

import os

MEMINFO = """MemTotal:        4059144 kB
MemFree:          803180 kB
MemAvailable:    2233412 kB
Buffers:           77676 kB
Cached:          1483396 kB
SwapCached:            0 kB
SwapTotal:       2029568 kB
SwapFree:        2024448 kB
HugePages_Total:       7
"""

STAT = "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 50 0 50 350 50 0 0 0 0 0\ncpu1 50 0 50 350 50 0 0 0 0 0\nintr 1 2\n"


def write(root, name, text):
    """Create the file ``name`` below ``root``."""
    path = os.path.join(str(root), name.lstrip("/"))
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        os.makedirs(folder)
    with open(path, "w") as file:
        file.write(str(text) + "\n")
    return path


def read(root, name):
    with open(os.path.join(str(root), name.lstrip("/"))) as file:
        return file.read().strip()


def snapshot(root):
    """Return the text of every file below ``root``."""
    found = {}
    for folder, _, names in os.walk(str(root)):
        for name in names:
            path = os.path.join(folder, name)
            with open(path) as file:
                found[os.path.relpath(path, str(root))] = file.read().strip()
    return found


def any_linux(root):
    write(root, "/proc/meminfo", MEMINFO)
    write(root, "/proc/stat", STAT)
    return str(root)


def cpufreq(root, cpus, minimum, maximum, current, governor="schedutil"):
    for number in range(cpus):
        folder = "/sys/devices/system/cpu/cpu{}/cpufreq/".format(number)
        write(root, folder + "scaling_min_freq", minimum)
        write(root, folder + "scaling_max_freq", maximum)
        write(root, folder + "scaling_cur_freq", current)
        write(root, folder + "cpuinfo_max_freq", maximum)
        write(root, folder + "scaling_governor", governor)
        write(root, folder + "scaling_available_governors", "performance schedutil powersave")


def thermal(root, zones):
    for number, (kind, milli) in enumerate(zones):
        write(root, "/sys/class/thermal/thermal_zone{}/type".format(number), kind)
        write(root, "/sys/class/thermal/thermal_zone{}/temp".format(number), milli)


NANO_INA = "/sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/"


def nano_without_ina3221(root):
    """The Nano 2 GB kit: everything but the power monitor."""
    any_linux(root)
    write(root, "/proc/device-tree/model", "NVIDIA Jetson Nano Developer Kit\0")
    write(root, "/proc/device-tree/compatible", "nvidia,p3449-0000-b00+p3448-0000-b00\0nvidia,tegra210\0")
    cpufreq(root, 4, 102000, 1479000, 1326000)
    gpu = "/sys/devices/57000000.gpu/"
    write(root, gpu + "load", 345)
    for name, value in (("cur_freq", 76800000), ("min_freq", 76800000), ("max_freq", 921600000),
                        ("governor", "nvhost_podgov")):
        write(root, gpu + "devfreq/57000000.gpu/" + name, value)
    thermal(root, [("AO-therm", 39500), ("CPU-therm", 36500), ("GPU-therm", 36000), ("PLL-therm", 34000),
                   ("PMIC-Die", 100000), ("thermal-fan-est", 36250), ("iwlwifi", -256000)])
    return str(root)


def nano(root, rails=(("POM_5V_IN", 2132, 4960, 432), ("POM_5V_GPU", 78, 4960, 16), ("POM_5V_CPU", 275, 4960, 56))):
    nano_without_ina3221(root)
    for number, (label, mw, mv, ma) in enumerate(rails):
        write(root, NANO_INA + "rail_name_{}".format(number), label)
        write(root, NANO_INA + "in_power{}_input".format(number), mw)
        write(root, NANO_INA + "in_voltage{}_input".format(number), mv)
        write(root, NANO_INA + "in_current{}_input".format(number), ma)
    return str(root)


def hwmon_chip(root, address, number, channels):
    """One chip of the newer driver; ``channels`` are (channel, label, mV, mA)."""
    folder = "/sys/bus/i2c/drivers/ina3221/{}/hwmon/hwmon{}/".format(address, number)
    write(root, folder + "name", "ina3221")
    write(root, folder + "update_interval", 54)
    write(root, folder + "samples", 64)
    for channel, label, mv, ma in channels:
        write(root, folder + "in{}_label".format(channel), label)
        write(root, folder + "in{}_input".format(channel), mv)
        write(root, folder + "curr{}_input".format(channel), ma)
        write(root, folder + "shunt{}_resistor".format(channel), 2000)
    write(root, folder + "in7_label", "sum of shunt voltages")
    write(root, folder + "in7_input", 5)
    return folder


def orin_nano(root):
    any_linux(root)
    write(root, "/proc/device-tree/model", "NVIDIA Jetson Orin Nano Developer Kit\0")
    write(root, "/proc/device-tree/compatible", "nvidia,p3768-0000+p3767-0005\0nvidia,tegra234\0")
    hwmon_chip(root, "1-0040", 1, [(1, "VDD_IN", 5000, 964), (2, "VDD_CPU_GPU_CV", 5000, 104),
                                   (3, "VDD_SOC", 5000, 296)])
    cpufreq(root, 6, 729600, 1510400, 729600)
    gpu = "/sys/class/devfreq/17000000.ga10b/"
    for name, value in (("cur_freq", 306000000), ("min_freq", 306000000), ("max_freq", 624750000),
                        ("governor", "nvhost_podgov"), ("device/of_node/name", "ga10b\0")):
        write(root, gpu + name, value)
    write(root, "/sys/class/devfreq/15340000.vic/device/of_node/name", "vic\0")
    write(root, "/sys/devices/platform/gpu.0/load", 630)
    thermal(root, [("cpu-thermal", 50031), ("gpu-thermal", 49031)])
    return str(root)


def agx_orin(root):
    orin_nano(root)
    hwmon_chip(root, "1-0040", 1, [(1, "VDD_GPU_SOC", 19000, 120), (2, "VDD_CPU_CV", 19000, 40),
                                   (3, "VIN_SYS_5V0", 5000, 800)])
    hwmon_chip(root, "1-0041", 2, [(1, "NC", 0, 0), (2, "VDDQ_VDD2_1V8AO", 5000, 200), (3, "NC", 0, 0)])
    return str(root)


def powercap(root, name, label, energy_uj, limit_uj=262143328850):
    folder = "/sys/class/powercap/" + name + "/"
    write(root, folder + "name", label)
    write(root, folder + "energy_uj", energy_uj)
    write(root, folder + "max_energy_range_uj", limit_uj)
    return folder


def desktop(root):
    """Two packages, DRAM, the sub-domains inside the package and the second view of it, and psys."""
    any_linux(root)
    cpufreq(root, 2, 800000, 4200000, 1200000, governor="powersave")
    powercap(root, "intel-rapl:0", "package-0", 1000000)
    powercap(root, "intel-rapl:0:0", "core", 400000)
    powercap(root, "intel-rapl:0:1", "dram", 300000)
    powercap(root, "intel-rapl:1", "package-1", 2000000)
    powercap(root, "intel-rapl:1:0", "dram", 500000)
    powercap(root, "intel-rapl:2", "psys", 9000000)
    powercap(root, "intel-rapl-mmio:0", "package-0", 1000000)
    thermal(root, [("x86_pkg_temp", 45000), ("acpitz", 30000), ("acpitz", 31000)])
    return str(root)
