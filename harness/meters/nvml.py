"""The power, energy, temperature and SM clock of the GPU that CUDA uses, through NVML."""

import time
from typing import Any, Mapping, Optional

from harness.meters.base import MeterError, PolledMeter, Sees
from harness.meters.rails import InputRail, RailSensor
from harness.meters.reading import Reading
from harness.system.nvml import Gpu, NvmlError
from harness.system.sensors import gpu_devfreq
from harness.system.tree import Tree


class NvmlMeter(PolledMeter):
    """Energy counter (Volta on) or else power of one desktop or server GPU, with its temperature and SM clock."""

    name = "nvml"
    quantities = ("power", "temperature", "clock")
    sees = Sees.GPU
    period_s = 0.05  # the sensors refresh every 20 to 100 ms, and polling much faster disturbs the driver

    def __init__(self, root: str = "/", gpu: Optional[Any] = None) -> None:
        super().__init__(root)
        self._gpu: Any = Gpu() if gpu is None and root == "/" else gpu
        self._first_mj: Optional[int] = None

    def open(self) -> None:
        """Load the library and find the GPU that CUDA uses.

        Raises :class:`MeterError` where there is no such GPU or driver.
        """
        if self._gpu is None:
            raise MeterError("NVML speaks to the real machine's driver, not to a tree below another root",
                             "use '/'")
        try:
            self._gpu.open()
        except NvmlError as error:
            if gpu_devfreq(Tree(self.root)) is not None:  # no driver to install would change it
                raise MeterError("a Jetson's GPU has no NVML", "use ina3221 or tegrastats") from error
            raise MeterError(error.reason, error.remedy) from error
        self._first_mj = None

    def read(self) -> Reading:
        """Ask for energy or else power, temperature and clock; what is not supported is left out.

        Raises :class:`MeterError` where NVML gives neither energy nor power, or fails.
        """
        try:
            return self._read(self._gpu)
        except NvmlError as error:
            raise MeterError(error.reason, error.remedy) from error

    def _read(self, gpu: Gpu) -> Reading:
        time_s = time.monotonic()
        energy_mj = gpu.energy_mj()
        middle_s = 0.5 * (time_s + time.monotonic())
        power_mw = None
        if energy_mj is None:
            power_mw = gpu.power_mw()
            if power_mw is None:
                raise MeterError("NVML starts but gives neither energy nor power on this device",
                                 "on a Jetson use ina3221 or tegrastats")
        elif self._first_mj is None:
            self._first_mj = energy_mj
        celsius, hertz = gpu.temperature_c(), gpu.clock_hz()
        return Reading(middle_s, power_w={} if power_mw is None else {"GPU": power_mw / 1e3},
                       energy_j={} if energy_mj is None else {"GPU": (energy_mj - (self._first_mj or 0)) / 1e3},
                       temperature_c={} if celsius is None else {"GPU": float(celsius)},
                       clock_hz={} if hertz is None else {"gpu": hertz})

    def close(self) -> None:
        """Let the library go."""
        self._gpu.close()

    def input_rail(self, mean_power_w: Mapping[str, float]) -> InputRail:
        """The GPU's board power; the rest of the computer is not in it."""
        return InputRail(("GPU",)) if "GPU" in mean_power_w else InputRail((), "NVML gave no power")

    def sensor(self, rail: Optional[str]) -> RailSensor:
        """Unknown: it differs from GPU to GPU and is found from the readings."""
        return RailSensor()
