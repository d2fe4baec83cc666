"""The clock of a desktop or server GPU through NVML. A Jetson's GPU is set through devfreq instead."""

import os
from typing import Any, Dict, Optional

from harness.meters.nvml import gpu_handle


class NvmlGpuError(Exception):
    """NVML is not there or refuses; one sentence with the remedy."""


class NvmlGpu:
    """The first GPU that CUDA would show this process; opened on entering, let go on leaving."""

    def __init__(self, library: Optional[Any] = None, uuid: Optional[str] = None) -> None:
        self._library: Any = library
        self._uuid = uuid
        self._handle: Any = None

    def __enter__(self) -> "NvmlGpu":
        if self._library is None:
            try:
                import pynvml
            except ImportError as error:
                raise NvmlGpuError("nvidia-ml-py is not installed: 'pip install nvidia-ml-py'") from error
            self._library = pynvml
        try:
            self._library.nvmlInit()
            environment = os.environ if self._uuid is None else {"CUDA_VISIBLE_DEVICES": self._uuid}
            self._handle = gpu_handle(self._library, environment)
        except self._library.NVMLError as error:
            raise NvmlGpuError("NVML does not start ({}): install the NVIDIA driver".format(error)) from error
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            self._library.nvmlShutdown()
        except self._library.NVMLError:
            pass  # it is gone already

    def uuid(self) -> str:
        """Return the GPU's unique name."""
        name = self._library.nvmlDeviceGetUUID(self._handle)
        return name.decode("ascii") if isinstance(name, bytes) else name

    def clocks_hz(self) -> Dict[str, Optional[float]]:
        """Return the present and the highest SM clock, ``None`` where NVML does not tell."""
        nvml = self._library
        return {"current": self._hz(nvml.nvmlDeviceGetClockInfo), "max": self._hz(nvml.nvmlDeviceGetMaxClockInfo)}

    def _hz(self, function: Any) -> Optional[float]:
        try:
            return function(self._handle, self._library.NVML_CLOCK_SM) * 1e6
        except self._library.NVMLError:
            return None

    def sustained_mhz(self) -> int:
        """Return the clock to lock at: the GPU's default application clock, which it can hold, else its highest."""
        nvml = self._library
        for function in (nvml.nvmlDeviceGetDefaultApplicationsClock, nvml.nvmlDeviceGetMaxClockInfo):
            try:
                mhz = function(self._handle, nvml.NVML_CLOCK_GRAPHICS)
            except nvml.NVMLError:
                continue
            if mhz:
                return int(mhz)
        raise NvmlGpuError("NVML names no clock to lock this GPU at: leave it unlocked")

    def lock(self, mhz: int) -> None:
        """Lock the GPU's clock. Raises :class:`NvmlGpuError` without the rights."""
        try:
            self._library.nvmlDeviceSetGpuLockedClocks(self._handle, mhz, mhz)
        except self._library.NVMLError as error:
            raise NvmlGpuError("the GPU clock could not be locked ({}): run 'sudo nvidia-smi -lgc {},{}' before "
                               "and 'sudo nvidia-smi -rgc' after the run".format(error, mhz, mhz)) from error

    def reset(self) -> None:
        """Give the clock back to the driver. Raises :class:`NvmlGpuError` without the rights."""
        try:
            self._library.nvmlDeviceResetGpuLockedClocks(self._handle)
        except self._library.NVMLError as error:
            raise NvmlGpuError("the GPU clock could not be given back ({}): run 'sudo nvidia-smi -rgc'".format(
                error)) from error
