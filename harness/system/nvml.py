"""The one door to NVML (nvidia-ml-py): power, energy, clocks and temperature of the GPU that CUDA uses.

On a Jetson NVML can start and still answer every question with "not supported", so what counts is an answer to a
question, never the start.
"""

from typing import Any, Callable, Optional

from harness.system.cuda_gpu import GpuId, identify
from harness.system.errors import RemedyError

FIELD_POWER_INSTANT = 186  # NVML_FI_DEV_POWER_INSTANT; older bindings lack the name
INSTALL = "install the NVIDIA driver, and 'pip install nvidia-ml-py'"


class NvmlError(RemedyError):
    """NVML is not there or refuses."""


def load_library() -> Any:
    """Import nvidia-ml-py. Raises :class:`NvmlError`."""
    try:
        import pynvml
    except ImportError as error:
        raise NvmlError("the Python package nvidia-ml-py is not installed", INSTALL) from error
    return pynvml


class Gpu:
    """One GPU: :meth:`open`, questions, :meth:`close`; also a context manager.

    Opened is the GPU ``uuid``, or else the one that ``which()`` names: CUDA's first device of this process.
    ``library`` stands in for nvidia-ml-py.
    Answers are ``None`` where the GPU or its driver does not support the question.
    """

    def __init__(self, uuid: Optional[str] = None, library: Optional[Any] = None,
                 which: Callable[[], GpuId] = identify) -> None:
        self._library: Any = library
        self._which = which if uuid is None else lambda: GpuId(uuid=uuid)
        self._handle: Any = None

    def open(self) -> "Gpu":
        """Start the library and find the GPU. Raises :class:`NvmlError`."""
        if self._library is None:
            self._library = load_library()
        try:
            self._library.nvmlInit()
        except self._library.NVMLError as error:
            raise NvmlError("NVML does not start ({})".format(error), INSTALL) from error
        try:
            self._handle = self._find(self._which())
        except self._library.NVMLError as error:
            self._shut_down()
            raise NvmlError("NVML does not know the GPU that CUDA uses ({})".format(error), INSTALL) from error
        except NvmlError:
            self._shut_down()
            raise
        return self

    def _find(self, gpu: GpuId) -> Any:
        nvml = self._library
        if gpu.uuid is not None:
            return nvml.nvmlDeviceGetHandleByUUID(gpu.uuid.encode("ascii"))
        if gpu.pci_bus_id is not None:
            return nvml.nvmlDeviceGetHandleByPciBusId(gpu.pci_bus_id.encode("ascii"))
        raise NvmlError("it cannot be told which GPU CUDA uses ({})".format(gpu.reason),
                        "check that torch sees it: './run_bench.sh doctor'")

    def close(self) -> None:
        """Let the library go; harmless where it was not opened."""
        if self._handle is not None:
            self._handle = None
            self._shut_down()

    def _shut_down(self) -> None:
        try:
            self._library.nvmlShutdown()
        except self._library.NVMLError:
            pass  # it is gone already

    def __enter__(self) -> "Gpu":
        return self.open()

    def __exit__(self, *error: Any) -> None:
        self.close()

    # Questions -----------------------------------------------------------------------------------

    def uuid(self) -> str:
        """Return the GPU's unique name. Raises :class:`NvmlError`."""
        return _text(self._must(self._library.nvmlDeviceGetUUID))

    def name(self) -> Optional[str]:
        """Return what the GPU is called."""
        name = self._ask(self._library.nvmlDeviceGetName)
        return None if name is None else _text(name)

    def energy_mj(self) -> Optional[int]:
        """Return the counter of millijoules since the driver was loaded; one that stands at 0 is not supported."""
        return self._ask(self._library.nvmlDeviceGetTotalEnergyConsumption) or None

    def power_mw(self) -> Optional[int]:
        """Return the present power; the older query is a mean over the last second on most newer GPUs."""
        nvml = self._library
        try:
            value = nvml.nvmlDeviceGetFieldValues(self._handle, [FIELD_POWER_INSTANT])[0]
            if value.nvmlReturn == nvml.NVML_SUCCESS and value.value.uiVal:
                return value.value.uiVal
        except (nvml.NVMLError, AttributeError):
            pass  # an older driver or binding: the older query answers
        return self._ask(nvml.nvmlDeviceGetPowerUsage) or None

    def temperature_c(self) -> Optional[int]:
        """Return the chip's temperature."""
        return self._ask(self._library.nvmlDeviceGetTemperature, self._library.NVML_TEMPERATURE_GPU)

    def clock_hz(self) -> Optional[float]:
        """Return the present SM clock."""
        return self._clock_hz(self._library.nvmlDeviceGetClockInfo)

    def highest_clock_hz(self) -> Optional[float]:
        """Return the highest SM clock."""
        return self._clock_hz(self._library.nvmlDeviceGetMaxClockInfo)

    def _clock_hz(self, function: Any) -> Optional[float]:
        mhz = self._ask(function, self._library.NVML_CLOCK_SM)
        return mhz * 1e6 if mhz else None

    def sustained_mhz(self) -> int:
        """Return the clock to lock at (MHz): the default application clock, which the GPU can hold, else its highest.

        Raises :class:`NvmlError` where it names none.
        """
        nvml = self._library
        for function in (nvml.nvmlDeviceGetDefaultApplicationsClock, nvml.nvmlDeviceGetMaxClockInfo):
            mhz = self._ask(function, nvml.NVML_CLOCK_GRAPHICS)
            if mhz:
                return int(mhz)
        raise NvmlError("NVML names no clock to lock this GPU at", "leave it unlocked")

    # Changes -------------------------------------------------------------------------------------

    def lock_clock(self, mhz: int) -> None:
        """Lock the GPU's clock. Raises :class:`NvmlError` without the rights."""
        try:
            self._library.nvmlDeviceSetGpuLockedClocks(self._handle, mhz, mhz)
        except self._library.NVMLError as error:
            raise NvmlError("the GPU clock could not be locked ({})".format(error), "run 'sudo nvidia-smi -lgc "
                            "{},{}' before and 'sudo nvidia-smi -rgc' after the run".format(mhz, mhz)) from error

    def unlock_clock(self) -> None:
        """Give the clock back to the driver. Raises :class:`NvmlError` without the rights."""
        try:
            self._library.nvmlDeviceResetGpuLockedClocks(self._handle)
        except self._library.NVMLError as error:
            raise NvmlError("the GPU clock could not be given back ({})".format(error),
                            "run 'sudo nvidia-smi -rgc'") from error

    # Asking --------------------------------------------------------------------------------------

    def _ask(self, function: Any, *arguments: Any) -> Any:
        """Return the answer, ``None`` where it is refused. Raises :class:`NvmlError` if the GPU is lost."""
        try:
            return function(self._handle, *arguments)
        except self._library.NVMLError as error:
            if getattr(error, "value", None) == getattr(self._library, "NVML_ERROR_GPU_IS_LOST", -1):
                raise NvmlError("the GPU was lost ({})".format(error), "restart the machine") from error
            return None

    def _must(self, function: Any) -> Any:
        try:
            return function(self._handle)
        except self._library.NVMLError as error:
            raise NvmlError("NVML refuses to answer ({})".format(error), INSTALL) from error


def _text(name: Any) -> str:
    return name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)


MakeGpu = Callable[..., Gpu]
"""What takes the arguments of :class:`Gpu`; tests hand in one with a library and a machine of their own."""
