"""The CUDA devices as the launcher knows them: driver, compiler, loaded kernels, and why there is none of these."""

import os
from typing import Any, Dict, List, Optional, Tuple

import torch

from suites.kernels.build import home_as_tilde
from suites.kernels.cuda import cache, compiler, geometry, source, work
from suites.kernels.cuda.driver import CudaError, Driver, Kernel, open_driver

OLDEST_ARCH = 50
# Kernels with their strides compiled in; a program that meets ever new image sizes then gets the general form.
MOST_FIXED = 128


class Device:
    """One device: its properties, compiler and the kernels loaded on it."""

    def __init__(self, index: int, arch: int, multiprocessors: int, driver: Driver, tool: Any) -> None:
        self.index, self.arch, self.multiprocessors = index, arch, multiprocessors
        self.driver, self.tool = driver, tool
        self.passed_over = []  # type: List[str]
        self._loaded = {}  # type: Dict[tuple, List[Kernel]]

    def may_fix_strides(self, program: str = "wht") -> bool:
        """Return whether the next kernel of ``program`` may have its strides compiled in."""
        return sum(key[0] == program for key in self._loaded) < MOST_FIXED

    def kernels(self, macros: Dict[str, int], names: List[Tuple[str, int, int]], capturing: bool,
                program: str = "wht") -> List[Kernel]:
        """Return the functions ``(name, threads, shared bytes)`` of ``program`` with ``macros``, building it once.

        Raises ``RuntimeError`` while a CUDA graph is ``capturing`` if it is not loaded yet.
        """
        key = (program,) + tuple(sorted(macros.items()))
        if key not in self._loaded:
            if capturing:
                raise RuntimeError("this fused layer has not run yet and its kernel cannot be loaded while a CUDA "
                                   "graph is captured: call it once before the capture")
            self._loaded[key] = self._load(macros, names, source.read(program))
        return self._loaded[key]

    def _load(self, macros: Dict[str, int], names: List[Tuple[str, int, int]], text: str) -> List[Kernel]:
        """Build and load a kernel; one kept by an earlier process that does not load is built once more."""
        image = cache.compiled(self.tool, text, self.arch, macros)
        try:
            return self.driver.load(self.index, image.data + b"\0", names)
        except CudaError:
            if not image.kept or not cache.forget(self.tool, text, self.arch, macros):
                raise
        return self.driver.load(self.index, cache.compiled(self.tool, text, self.arch, macros).data + b"\0", names)


_DEVICES = {}  # type: Dict[int, Device]
_PROBLEMS = {}  # type: Dict[int, Optional[str]]


def get(index: int) -> Device:
    """Return device ``index``; only after :func:`problem` gave ``None`` for it."""
    return _DEVICES[index]


def problem(index: int) -> Optional[str]:
    """Return why no kernel runs on device ``index``, in a sentence, or ``None``; tried out once by a small kernel."""
    if index not in _PROBLEMS:
        _PROBLEMS[index] = _open(index)
    return _PROBLEMS[index]


def _open(index: int) -> Optional[str]:
    if not torch.cuda.is_available():
        return "torch sees no CUDA device"
    driver, reason = open_driver()
    if driver is None:
        return reason
    major, minor = torch.cuda.get_device_capability(index)
    arch = 10 * major + minor
    if arch < OLDEST_ARCH:
        return "the device has compute capability {}.{}, the kernels need 5.0".format(major, minor)
    count = int(torch.cuda.get_device_properties(index).multi_processor_count)
    made = {}  # type: Dict[Any, Device]

    def try_out(tool: compiler.Tool) -> None:
        made[tool] = Device(index, arch, count, driver, tool)
        _try_out(made[tool])

    tool, reasons = compiler.first_that_works(compiler.tools(site_folders()), driver.version(), try_out)
    if tool is None:
        return "no compiler's kernels run on sm_{}: {}".format(
            arch, "; ".join(reasons) or "there is neither NVRTC nor nvcc")
    made[tool].passed_over = reasons
    _DEVICES[index] = made[tool]
    return None


def _try_out(device: Device) -> None:
    """Build and load one small kernel: compiler, cache and driver all have to work for it."""
    options = work.Options((1,), (32,))
    x = work.Tensor((1, 32), (32, 1))
    job = work.describe(x, [x], options)
    form = geometry.choose(job, False, device.arch, device.multiprocessors)
    macros = geometry.macros(job, options, False, "float32", form, False)
    device.kernels(macros, [("wht_forward", form.threads, form.shared_bytes(32, False, False))], False)


def site_folders() -> List[str]:
    """Return the folder torch is installed in; wheels with NVRTC lie beside it."""
    return [os.path.dirname(os.path.dirname(os.path.abspath(torch.__file__)))]


def describe() -> Dict[str, Any]:
    """Return what was found, as JSON-ready data: availability, reason and remedy, compiler and driver versions."""
    reason = problem(0)
    found = {"available": reason is None, "reason": reason, "remedy": None, "compiler": None,
             "compiler_path": None, "compilers_passed_over": [], "driver_cuda": None,
             "arch": None}  # type: Dict[str, Any]
    if reason is not None:
        reachable = torch.cuda.is_available() and open_driver()[0] is not None
        found["remedy"] = compiler.remedy() if reachable else "what 'time on CUDA' says"
        return found
    device = get(0)
    found.update(compiler=device.tool.name, compiler_path=home_as_tilde(device.tool.path),
                 compilers_passed_over=device.passed_over, driver_cuda="{}.{}".format(*device.driver.version()),
                 arch=device.arch)
    return found
