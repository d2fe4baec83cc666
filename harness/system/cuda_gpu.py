"""Which GPU of this machine CUDA's device number means, by a name that other libraries know too.

CUDA counts the devices it shows to this process (``CUDA_VISIBLE_DEVICES``), the fastest first unless
``CUDA_DEVICE_ORDER`` says otherwise; NVML counts all of them by bus. A number is therefore never carried from one to
the other, only a UUID or a PCI bus address.
"""

import ctypes
import uuid as uuids
from typing import Any, Callable, NamedTuple, Optional, Tuple

DRIVER_LIBRARY = "libcuda.so.1"


class GpuId(NamedTuple):
    """A GPU's UUID as NVML writes it (``GPU-...``) or its PCI bus address; both ``None`` with a ``reason``."""

    uuid: Optional[str] = None
    pci_bus_id: Optional[str] = None
    reason: Optional[str] = None


class CudaDriverError(Exception):
    """CUDA's driver library is missing or refuses; one sentence."""


class CudaDriver:
    """The few questions to CUDA's own driver library that need no context on a device (CUDA Driver API)."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def gpu_uuid(self, index: int) -> str:
        """Return the UUID of the whole GPU behind device ``index``. Raises :class:`CudaDriverError`."""
        device = ctypes.c_int()
        raw = (ctypes.c_ubyte * 16)()
        self._call("cuInit", 0)
        self._call("cuDeviceGet", ctypes.byref(device), index)
        self._call("cuDeviceGetUuid", ctypes.byref(raw), device)
        return "GPU-{}".format(uuids.UUID(bytes=bytes(raw)))

    def version(self) -> Tuple[int, int]:
        """Return the newest CUDA release this driver speaks, such as ``(12, 2)``. Raises :class:`CudaDriverError`."""
        number = ctypes.c_int()
        self._call("cuDriverGetVersion", ctypes.byref(number))
        return number.value // 1000, number.value % 1000 // 10

    def attribute(self, number: int, index: int) -> int:
        """Return the device attribute ``number`` (CUdevice_attribute). Raises :class:`CudaDriverError`."""
        device, value = ctypes.c_int(), ctypes.c_int()
        self._call("cuInit", 0)
        self._call("cuDeviceGet", ctypes.byref(device), index)
        self._call("cuDeviceGetAttribute", ctypes.byref(value), number, device)
        return value.value

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._library, name)(*arguments)
        if status != 0:
            raise CudaDriverError("the CUDA driver answered {} with error {}".format(name, status))


def load_driver(load: Callable[[str], Any] = ctypes.CDLL) -> CudaDriver:
    """Load CUDA's driver library. Raises :class:`CudaDriverError`."""
    try:
        return CudaDriver(load(DRIVER_LIBRARY))
    except OSError as error:
        raise CudaDriverError("{} cannot be loaded ({})".format(DRIVER_LIBRARY, error)) from error


def identify(torch: Any = None, index: int = 0, driver: Callable[[], CudaDriver] = load_driver) -> GpuId:
    """Return which GPU is CUDA device ``index`` of this process.

    ``torch`` is asked where it is given: recent releases know UUID and bus address. Else the driver library, which
    needs no torch and counts just as torch does, since both follow the same environment.
    """
    properties: Any = torch.cuda.get_device_properties(index) if torch is not None else None
    uuid = getattr(properties, "uuid", None)
    if uuid is not None:
        text = str(uuid)
        return GpuId(uuid=text if text.startswith("GPU-") else "GPU-" + text)
    bus = getattr(properties, "pci_bus_id", None)
    if bus is not None:
        domain, device = getattr(properties, "pci_domain_id", 0), getattr(properties, "pci_device_id", 0)
        return GpuId(pci_bus_id="{:08x}:{:02x}:{:02x}.0".format(int(domain), int(bus), int(device)))
    try:
        return GpuId(uuid=driver().gpu_uuid(index))
    except (CudaDriverError, AttributeError) as error:  # AttributeError: a driver too old to know UUIDs
        return GpuId(reason=str(error))
