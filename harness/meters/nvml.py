"""NVML through nvidia-ml-py: power and energy of a desktop or server GPU.

On a Jetson NVML can start and still answer every question with "not supported", so what counts is a
reading, never the start.
"""

import os
import time
from typing import Any, Dict, Mapping, Optional

from harness.meters.base import MeterError, PolledMeter, Reading
from harness.meters.rails import InputRail, RailSensor

FIELD_POWER_INSTANT = 186  # NVML_FI_DEV_POWER_INSTANT; older bindings lack the name
REMEDY = "install the NVIDIA driver, and 'pip install nvidia-ml-py'"


class NvmlMeter(PolledMeter):
    """Energy counter (Volta on) or else power of one GPU, with its temperature and SM clock."""

    name = "nvml"
    quantities = ("power", "temperature", "clock")
    period_s = 0.05  # the sensors refresh every 20 to 100 ms, and polling much faster disturbs the driver

    def __init__(self, root: str = "/", library: Optional[Any] = None) -> None:
        super().__init__(root)
        self._library: Any = library
        self._handle: Any = None
        self._first_mj: Optional[int] = None

    def open(self) -> None:
        """Load the library and find the GPU this process would use first."""
        if self.root != "/" and self._library is None:
            raise MeterError("NVML speaks to the real machine's driver, not to a tree below another root: use '/'")
        if self._library is None:
            try:
                import pynvml
            except ImportError as error:
                raise MeterError("the Python package nvidia-ml-py is not installed: " + REMEDY) from error
            self._library = pynvml
        try:
            self._library.nvmlInit()
            self._handle = gpu_handle(self._library, os.environ)
        except self._library.NVMLError as error:
            raise MeterError("NVML does not start ({}): {}".format(error, REMEDY)) from error
        self._first_mj = None

    def read(self) -> Reading:
        """Ask for energy, power, temperature and clock; what is not supported is left out."""
        nvml = self._library
        time_s = time.monotonic()
        energy_mj = self._ask(nvml.nvmlDeviceGetTotalEnergyConsumption)
        middle_s = 0.5 * (time_s + time.monotonic())
        power_w: Dict[str, float] = {}
        energy_j: Dict[str, float] = {}
        if energy_mj:  # a counter stuck at 0 is one that is not supported
            if self._first_mj is None:
                self._first_mj = energy_mj
            energy_j["GPU"] = (energy_mj - self._first_mj) / 1e3
        else:
            power_mw = self._instant_power_mw()
            if power_mw:
                power_w["GPU"] = power_mw / 1e3
        celsius = self._ask(nvml.nvmlDeviceGetTemperature, nvml.NVML_TEMPERATURE_GPU)
        mhz = self._ask(nvml.nvmlDeviceGetClockInfo, nvml.NVML_CLOCK_SM)
        if not (power_w or energy_j):
            raise MeterError("NVML starts but gives neither energy nor power on this device: on a Jetson use ina3221 "
                             "or tegrastats")
        return Reading(middle_s, power_w=power_w, energy_j=energy_j,
                       temperature_c={} if celsius is None else {"GPU": float(celsius)},
                       clock_hz={} if not mhz else {"gpu": mhz * 1e6})

    def _ask(self, function: Any, *arguments: Any) -> Optional[int]:
        try:
            return function(self._handle, *arguments)
        except self._library.NVMLError as error:
            if _is_lost(self._library, error):
                raise MeterError("the GPU was lost ({}): restart the machine".format(error)) from error
            return None

    def _instant_power_mw(self) -> Optional[int]:
        """Return the present power; the older query is a mean over the last second on most newer GPUs."""
        nvml = self._library
        try:
            value = nvml.nvmlDeviceGetFieldValues(self._handle, [FIELD_POWER_INSTANT])[0]
            if value.nvmlReturn == nvml.NVML_SUCCESS and value.value.uiVal:
                return value.value.uiVal
        except (nvml.NVMLError, AttributeError):
            pass  # an older driver or binding: the older query answers
        return self._ask(nvml.nvmlDeviceGetPowerUsage)

    def close(self) -> None:
        """Let the library go."""
        if self._handle is not None:
            self._handle = None
            try:
                self._library.nvmlShutdown()
            except self._library.NVMLError:
                pass  # it is gone already

    def input_rail(self, mean_power_w: Mapping[str, float]) -> InputRail:
        """The GPU's board power; the rest of the computer is not in it."""
        return InputRail(("GPU",)) if "GPU" in mean_power_w else InputRail((), "NVML gave no power")

    def sensor(self, rail: Optional[str]) -> RailSensor:
        """Unknown: it differs from GPU to GPU and is found from the readings."""
        return RailSensor()


def _is_lost(nvml: Any, error: Exception) -> bool:
    return getattr(error, "value", None) == getattr(nvml, "NVML_ERROR_GPU_IS_LOST", -1)


def gpu_handle(nvml: Any, environment: Mapping[str, str]) -> Any:
    """Return the handle of the first GPU that CUDA would show this process.

    A number in ``CUDA_VISIBLE_DEVICES`` is taken in NVML's order (by bus), which is CUDA's too with
    ``CUDA_DEVICE_ORDER=PCI_BUS_ID`` or a single GPU. Raises ``nvml.NVMLError``.
    """
    first = environment.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip()
    if first.startswith(("GPU-", "MIG-")):
        return nvml.nvmlDeviceGetHandleByUUID(first)
    return nvml.nvmlDeviceGetHandleByIndex(int(first) if first.isdigit() else 0)
