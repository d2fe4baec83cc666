"""The size of the GPU's L2 cache, and so of the buffer whose writing empties it."""

import ctypes
from typing import Any, Callable, NamedTuple, Optional, Tuple

from harness.system.cuda_gpu import CudaDriverError, load_driver

L2_CACHE_SIZE_ATTRIBUTE = 38  # CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, CUDA driver API reference
FALLBACK_L2_BYTES = 64 * 2 ** 20  # no smaller than the L2 of any board or desktop GPU this can meet unnamed
FLUSH_FACTOR = 2  # twice the cache: replacement is not strictly least-recently-used
LEAST_FLUSH_BYTES = 2 ** 20


class FlushSize(NamedTuple):
    """Bytes to write between cold calls, the L2 size they rest on and where that came from."""

    flush_bytes: int
    l2_bytes: Optional[int]
    source: str


def flush_size(torch: Any, device_index: int,
               ask_driver: Optional[Callable[[int], Tuple[Optional[int], str]]] = None) -> FlushSize:
    """Return how much to write to empty the L2 of CUDA device ``device_index``.

    Asks torch's device properties (recent versions), then the CUDA driver, else states a fallback.
    """
    properties = torch.cuda.get_device_properties(device_index)
    l2_bytes = getattr(properties, "L2_cache_size", None)
    source = "torch device property"
    if not l2_bytes:
        l2_bytes, source = (ask_driver or l2_bytes_from_driver)(device_index)
    if not l2_bytes:
        return FlushSize(FALLBACK_L2_BYTES, None, "fallback of {} MiB: {}".format(
            FALLBACK_L2_BYTES // 2 ** 20, source))
    return FlushSize(max(FLUSH_FACTOR * int(l2_bytes), LEAST_FLUSH_BYTES), int(l2_bytes), source)


def l2_bytes_from_driver(device_index: int,
                         load: Callable[[str], Any] = ctypes.CDLL) -> Tuple[Optional[int], str]:
    """Ask the CUDA driver for the L2 size (bytes); the second value is the source, or why there is none."""
    try:
        size = load_driver(load).attribute(L2_CACHE_SIZE_ATTRIBUTE, device_index)
    except CudaDriverError as error:
        return None, str(error)
    return (size, "CUDA driver attribute") if size > 0 else (None, "the CUDA driver gives no L2 size for this device")
