"""The CUDA driver's own interface, through ctypes: load a kernel and launch it. No compiler, no torch headers."""

import ctypes
from typing import Any, List, Optional, Tuple

LIBRARY = "libcuda.so.1"
SUCCESS = 0
CAPTURE_IMPLICIT = 906
MAX_DYNAMIC_SHARED_ATTRIBUTE = 8
STATIC_SHARED_BYTES = 48 * 1024


class CudaError(RuntimeError):
    """The driver refused a call; the message says which, why, and what to do."""


class Kernel:
    """A function loaded on one device, with its fixed launch settings."""

    def __init__(self, handle: Any, threads: int, shared_bytes: int) -> None:
        self.handle, self.threads, self.shared_bytes = handle, threads, shared_bytes


class Driver:
    """The driver library. ``library`` replaces it in tests."""

    def __init__(self, library: Any = None) -> None:
        self.library = ctypes.CDLL(LIBRARY) if library is None else library
        self._contexts = {}  # type: dict
        self.check("cuInit", 0)

    def check(self, name: str, *arguments: Any) -> None:
        """Call ``name`` and raise :class:`CudaError` in words if it fails."""
        status = getattr(self.library, name)(*arguments)
        if status != SUCCESS:
            raise CudaError("{} failed: {}".format(name, self._words(status)))

    def _words(self, status: int) -> str:
        text = ctypes.c_char_p()
        self.library.cuGetErrorString(status, ctypes.byref(text))
        return "{} (CUDA error {})".format((text.value or b"unknown error").decode("ascii", "replace"), status)

    def version(self) -> Tuple[int, int]:
        """Return the newest CUDA version the driver supports, such as (12, 4)."""
        number = ctypes.c_int()
        self.check("cuDriverGetVersion", ctypes.byref(number))
        return number.value // 1000, number.value % 1000 // 10

    def _context(self, device: int) -> Any:
        """Return the primary context of ``device``, the one torch uses; kept until the process ends."""
        if device not in self._contexts:
            handle, context = ctypes.c_int(), ctypes.c_void_p()
            self.check("cuDeviceGet", ctypes.byref(handle), device)
            self.check("cuDevicePrimaryCtxRetain", ctypes.byref(context), handle)
            self._contexts[device] = context
        return self._contexts[device]

    def enter(self, device: int) -> bool:
        """Make the context of ``device`` current; return whether :meth:`leave` has to undo it."""
        wanted, current = self._contexts.get(device) or self._context(device), ctypes.c_void_p()
        self.check("cuCtxGetCurrent", ctypes.byref(current))
        if current.value == wanted.value:
            return False
        self.check("cuCtxPushCurrent_v2", wanted)
        return True

    def leave(self, pushed: bool) -> None:
        """Undo :meth:`enter`."""
        if pushed:
            self.check("cuCtxPopCurrent_v2", ctypes.byref(ctypes.c_void_p()))

    def load(self, device: int, image: bytes, wanted: List[Tuple[str, int, int]]) -> List[Kernel]:
        """Load a cubin or PTX ``image`` and return its functions ``(name, threads, shared bytes)``.

        ``shared bytes`` is what a launch asks for beyond the static arrays: 0 up to 48 KB.
        """
        pushed = self.enter(device)
        try:
            module = ctypes.c_void_p()
            self.check("cuModuleLoadData", ctypes.byref(module), ctypes.c_char_p(image))
            kernels = []
            for name, threads, shared in wanted:
                handle = ctypes.c_void_p()
                self.check("cuModuleGetFunction", ctypes.byref(handle), module, name.encode("ascii"))
                dynamic = shared if shared > STATIC_SHARED_BYTES else 0
                if dynamic:
                    self.check("cuFuncSetAttribute", handle, MAX_DYNAMIC_SHARED_ATTRIBUTE, dynamic)
                kernels.append(Kernel(handle, threads, dynamic))
            return kernels
        finally:
            self.leave(pushed)

    def resident_blocks(self, device: int, kernel: Kernel) -> int:
        """Return how many blocks of ``kernel`` fit on one multiprocessor."""
        pushed = self.enter(device)
        try:
            blocks = ctypes.c_int()
            self.check("cuOccupancyMaxActiveBlocksPerMultiprocessor", ctypes.byref(blocks), kernel.handle,
                       kernel.threads, ctypes.c_size_t(kernel.shared_bytes))
            return max(blocks.value, 1)
        finally:
            self.leave(pushed)

    def capturing(self, device: int, stream: int) -> bool:
        """Return whether a CUDA graph is being captured from ``stream``."""
        pushed = self.enter(device)
        try:
            state = ctypes.c_int()
            status = self.library.cuStreamIsCapturing(ctypes.c_void_p(stream), ctypes.byref(state))
            # The default stream may not even be asked while another one is captured.
            return status == CAPTURE_IMPLICIT or (status == SUCCESS and state.value != 0)
        finally:
            self.leave(pushed)

    def launch(self, device: int, stream: int, kernel: Kernel, blocks: Tuple[int, int],
               params: ctypes.Structure) -> None:
        """Queue ``kernel`` on ``stream`` (a ``cudaStream_t`` as a number) with one struct as its argument."""
        pushed = self.enter(device)
        try:
            arguments = (ctypes.c_void_p * 1)(ctypes.addressof(params))
            self.check("cuLaunchKernel", kernel.handle, blocks[0], blocks[1], 1, kernel.threads, 1, 1,
                       kernel.shared_bytes, ctypes.c_void_p(stream), arguments, None)
        finally:
            self.leave(pushed)


def open_driver() -> Tuple[Optional[Driver], Optional[str]]:
    """Return the driver, or ``None`` and why there is none."""
    try:
        return Driver(), None
    except OSError:
        return None, "there is no CUDA driver ({} was not found)".format(LIBRARY)
    except CudaError as error:
        return None, "the CUDA driver does not start: {}".format(error)
