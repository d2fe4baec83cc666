# ruff: noqa: N802
"""A stand-in for pynvml with one GPU or several, and the ways a real one refuses."""

import functools

from harness.system.cuda_gpu import GpuId
from harness.system.nvml import Gpu


class NVMLError(Exception):
    def __init__(self, value=3):
        super().__init__("NVML error {}".format(value))
        self.value = value


class _Field:
    def __init__(self, milliwatts):
        self.nvmlReturn = 0
        self.value = type("Value", (), {"uiVal": milliwatts})()


class FakeNvml:
    NVMLError = NVMLError
    NVML_SUCCESS = 0
    NVML_TEMPERATURE_GPU = 0
    NVML_CLOCK_SM = 1
    NVML_CLOCK_GRAPHICS = 0
    NVML_ERROR_GPU_IS_LOST = 15

    def __init__(self, energy_mj=None, power_mw=None, instant_mw=None, starts=True, may_lock=True, lost=False,
                 gpus=("GPU-1234",), buses=("00000000:01:00.0",), clocks_mhz=(1980,)):
        self.energy_mj = list(energy_mj or [])
        self.power_mw = power_mw
        self.instant_mw = instant_mw
        self.starts = starts
        self.may_lock = may_lock
        self.lost = lost
        self.locked = None
        self.opened = 0
        self.gpus, self.buses, self.clocks_mhz = gpus, buses, clocks_mhz
        self.asked = set()

    def nvmlInit(self):
        if not self.starts:
            raise NVMLError(9)
        self.opened += 1

    def nvmlShutdown(self):
        self.opened -= 1

    def _handle(self, names, name):
        if name.decode("ascii") not in names:
            raise NVMLError(6)
        number = names.index(name.decode("ascii"))
        self.asked.add(self.gpus[number])
        return number

    def nvmlDeviceGetHandleByUUID(self, uuid):
        return self._handle(self.gpus, uuid)

    def nvmlDeviceGetHandleByPciBusId(self, bus):
        return self._handle(self.buses, bus)

    def nvmlDeviceGetUUID(self, handle):
        return self.gpus[handle].encode("ascii")

    def nvmlDeviceGetName(self, handle):
        return "Fake {}".format(handle).encode("ascii")

    def _answer(self, value):
        if self.lost:
            raise NVMLError(15)
        if value is None:
            raise NVMLError(3)
        return value

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        if len(self.energy_mj) > 1:
            return self._answer(self.energy_mj.pop(0))
        return self._answer(self.energy_mj[0] if self.energy_mj else None)

    def nvmlDeviceGetPowerUsage(self, handle):
        return self._answer(self.power_mw)

    def nvmlDeviceGetFieldValues(self, handle, fields):
        assert fields == [186]
        return [_Field(self._answer(self.instant_mw))]

    def nvmlDeviceGetTemperature(self, handle, sensor):
        return self._answer(41 if self.energy_mj or self.power_mw or self.instant_mw else None)

    def nvmlDeviceGetClockInfo(self, handle, kind):
        return self._answer(self.clocks_mhz[handle])

    def nvmlDeviceGetMaxClockInfo(self, handle, kind):
        return self._answer(2100)

    def nvmlDeviceGetDefaultApplicationsClock(self, handle, kind):
        return self._answer(1410)

    def nvmlDeviceSetGpuLockedClocks(self, handle, low, high):
        if not self.may_lock:
            raise NVMLError(4)
        self.locked = (low, high)

    def nvmlDeviceResetGpuLockedClocks(self, handle):
        if not self.may_lock:
            raise NVMLError(4)
        self.locked = None


def fake_gpu(library, uuid="GPU-1234"):
    """Return what makes a Gpu on ``library``, where CUDA's first device is ``uuid``; ``None``: CUDA shows none."""
    found = GpuId(uuid=uuid) if uuid else GpuId(reason="the CUDA driver answered cuDeviceGet with error 101")
    return functools.partial(Gpu, library=library, which=lambda: found)
