"""The INA3221 power monitor of a Jetson, straight from sysfs: the cheapest and fastest source there.

Two drivers: ``ina3221x`` (L4T r32: milliwatts by ``rail_name_N``) and ``ina3221`` (r34 on: hwmon, volts
and amperes by ``inN_label``).
"""

import math
import os
import time
from typing import Dict, List, NamedTuple, Optional

from harness.meters.base import MeterError, PolledMeter, Sees
from harness.meters.rails import RailSensor, sensor_of
from harness.meters.reading import Reading
from harness.system.tree import Tree, why

OLD_DRIVER = "/sys/bus/i2c/drivers/ina3221x/*/iio:device*"
NEW_DRIVER = "/sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*"
SHUNT_LSB_UV = 40.0  # INA3221 datasheet: one bit of the shunt voltage
SWEEP_S = 0.001
NOT_CONNECTED = ("", "NC")


class Channel(NamedTuple):
    """One rail: files in mW, or in mV and mA, and what its driver says about the sensor."""

    rail: str
    power: Optional[str]
    voltage: str
    current: str
    sensor: RailSensor

    @property
    def sources(self) -> List[str]:
        """The files a reading needs."""
        return [self.voltage, self.current] if self.power is None else [self.power]


class Ina3221Meter(PolledMeter):
    """Power by rail, at the driver's own resolution."""

    name = "ina3221"
    quantities = ("power",)
    sees = Sees.BOARD
    period_s = 0.05  # a Nano's sensor averages over 54 ms: faster holds no more information

    def __init__(self, root: str = "/") -> None:
        super().__init__(root)
        self._tree = Tree(root)
        self._channels: List[Channel] = []
        self._files: Dict[str, int] = {}

    def open(self) -> None:
        """Find the channels by label and hold their files open.

        Raises :class:`MeterError` where there is none or it may not be read.
        """
        channels = find_channels(self._tree)
        if not channels:
            raise MeterError("there is no INA3221 power monitor in /sys", "a Jetson other than the Nano "
                             "2 GB has one, on other machines use nvml or rapl")
        self._files = {}
        for channel in channels:
            for name in channel.sources:
                try:
                    self._files[name] = os.open(self._tree.path(name), os.O_RDONLY)
                except PermissionError as error:
                    self.close()
                    raise MeterError("the power monitor is there but only root may read it",
                                     "run 'sudo chmod a+r {}' (it lasts until the next boot); for good: {}".format(
                                         _pattern(channels), _udev_rule(channels))) from error
                except OSError as error:
                    self.close()
                    raise MeterError(why(name, error), "use another meter") from error
        self._channels = channels

    def read(self) -> Reading:
        """Read every rail once."""
        time_s = time.monotonic()
        power_w = {}
        for channel in self._channels:
            values = [self._value(name) for name in channel.sources]
            power_w[channel.rail] = values[0] / 1e3 if len(values) == 1 else values[0] * values[1] / 1e6
        # The reading lies between the first and the last transfer on the bus.
        return Reading(0.5 * (time_s + time.monotonic()), power_w=power_w)

    def _value(self, name: str) -> float:
        try:
            return float(os.pread(self._files[name], 64, 0))
        except (OSError, ValueError) as error:
            raise MeterError("the power monitor gave no value for {} ({})".format(name, error),
                             "use another meter") from error

    def close(self) -> None:
        """Close the files."""
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files = {}

    def sensor(self, rail: Optional[str]) -> RailSensor:
        """Return step and lag as the driver tells them, else as known for the board.

        The rounding errors of added rails add as squares. A sweep of all channels takes about a millisecond.
        """
        named = (rail or "").split("+")
        told = [channel.sensor for channel in find_channels(self._tree) if channel.rail in named]
        known = sensor_of(rail)
        if not told:
            return known
        steps_w = [sensor.step_w for sensor in told if sensor.step_w]
        step_w = math.sqrt(sum(step * step for step in steps_w)) if len(steps_w) == len(told) else known.step_w
        return RailSensor(step_w, told[0].lag_s or known.lag_s, SWEEP_S)


def find_channels(tree: Tree) -> List[Channel]:
    """Return every connected channel of every chip; labels count, indices do not."""
    channels = []
    for folder in tree.glob(OLD_DRIVER):
        for name in tree.glob(folder + "/rail_name_*"):
            number = name.rsplit("_", 1)[1]
            label = tree.text(name)
            stem = "{}/in_{{}}{}_input".format(folder, number)
            power = stem.format("power")
            if label not in NOT_CONNECTED and label is not None:
                channels.append(Channel(label, power if tree.exists(power) else None, stem.format("voltage"),
                                        stem.format("current"), RailSensor()))
    for folder in tree.glob(NEW_DRIVER):
        for number in ("1", "2", "3"):  # 7 is the sum of the shunt voltages, no rail
            label = tree.text("{}/in{}_label".format(folder, number))
            if label not in NOT_CONNECTED and label is not None:
                channels.append(Channel(label, None, "{}/in{}_input".format(folder, number),
                                        "{}/curr{}_input".format(folder, number), _sensor(tree, folder, number)))
    return channels


def _sensor(tree: Tree, folder: str, number: str) -> RailSensor:
    """Step = 40 uV over the shunt times the rail's voltage; lag = the chip's averaging time.

    ``update_interval`` (ms) covers all channels and averages, and the averaging is recursive: it is the
    time constant of a first-order low-pass.
    """
    shunt_uohm = tree.try_int("{}/shunt{}_resistor".format(folder, number))
    voltage_mv = tree.try_int("{}/in{}_input".format(folder, number))
    interval_ms = tree.try_int(folder + "/update_interval")
    step_w = SHUNT_LSB_UV / shunt_uohm * voltage_mv / 1e3 if shunt_uohm and voltage_mv else None
    return RailSensor(step_w, interval_ms / 1e3 if interval_ms else None)


def _pattern(channels: List[Channel]) -> str:
    """Return the shell words that name the files all channels need."""
    if channels[0].power is not None:
        return "/sys/bus/i2c/drivers/ina3221x/*/iio:device*/in_power*_input"
    if "ina3221x" in channels[0].voltage:
        return "/sys/bus/i2c/drivers/ina3221x/*/iio:device*/in_*_input"
    return "/sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*/*_input"


def _udev_rule(channels: List[Channel]) -> str:
    """Return the shell words that make the rails readable for everyone at every boot."""
    old = "ina3221x" in channels[0].voltage
    subsystem, driver, files = ("iio", "ina3221x", "in_*_input") if old else ("hwmon", "ina3221", "*_input")
    rule = 'SUBSYSTEM=="{}", DRIVERS=="{}", RUN+="/bin/sh -c \'chmod a+r /sys%p/{}\'"'.format(
        subsystem, driver, files)
    return ("sudo tee /etc/udev/rules.d/99-ina3221.rules <<< \"{}\" && sudo udevadm control --reload && sudo udevadm "
            "trigger --subsystem-match={}".format(rule.replace('"', '\\"'), subsystem))
