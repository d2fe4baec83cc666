"""Compiles the device source with what is there: NVRTC (torch brings it along) or nvcc."""

import ctypes
import glob
import os
import re
import shutil
import subprocess
import tempfile
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

STANDARD = "--std=c++14"
# Capabilities an NVRTC without a list of its own (before 11.2) may know, newest first.
OLD_ARCHS = (80, 75, 72, 70, 62, 61, 60, 53, 52, 50)
NVCC_PLACES = ("/usr/local/cuda/bin/nvcc",)
TOOLKIT_LIBRARIES = ("/usr/local/cuda/lib64/libnvrtc.so*", "/usr/local/cuda/targets/*/lib/libnvrtc.so*",
                     "/usr/lib/*-linux-gnu/libnvrtc.so*")


# There on a Jetson only, whose driver takes what its own toolkit makes.
TEGRA_FILE = "/etc/nv_tegra_release"
LOADER_NAMES = ("libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so.10.2")


class CompileError(RuntimeError):
    """The source did not compile; the message holds the compiler's log."""


class Image(NamedTuple):
    """Something the driver loads: ``kind`` is ``cubin`` (machine code) or ``ptx`` (the driver finishes it).

    ``kept``: it comes from an earlier process and may have been damaged since.
    """

    kind: str
    data: bytes
    log: str
    kept: bool = False


def macro_flags(macros: Dict[str, int]) -> List[str]:
    """Return the ``-D`` flags of ``macros``, sorted, so that equal kernels have equal keys."""
    return ["-D{}={}".format(name, macros[name]) for name in sorted(macros)]


class Nvrtc:
    """The run-time compiler in the library at ``path``. ``library`` replaces it in tests."""

    def __init__(self, path: str, library: Any = None) -> None:
        self.path = path
        self.library = ctypes.CDLL(path) if library is None else library
        major, minor = ctypes.c_int(), ctypes.c_int()
        if self.library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)) != 0:
            raise OSError("{} does not answer nvrtcVersion".format(os.path.basename(path)))
        self.version = (major.value, minor.value)

    @property
    def name(self) -> str:
        """Return the compiler's name and version."""
        return "NVRTC {}.{}".format(*self.version)

    def archs(self) -> Sequence[int]:
        """Return the compute capabilities it compiles for, newest first (53 for 5.3)."""
        if self.version < (11, 2):
            return [arch for arch in OLD_ARCHS if arch < 80 or self.version >= (11, 0)]
        count = ctypes.c_int()
        self.library.nvrtcGetNumSupportedArchs(ctypes.byref(count))
        found = (ctypes.c_int * count.value)()
        self.library.nvrtcGetSupportedArchs(found)
        return sorted(found, reverse=True)

    def compile(self, source: str, arch: int, macros: Dict[str, int]) -> Image:
        """Compile for ``arch``: to machine code where NVRTC can, else to PTX for it or the nearest older one.

        Raises :class:`CompileError`.
        """
        known = [candidate for candidate in self.archs() if candidate <= arch]
        real = self.version >= (11, 2) and arch in known
        attempts = known[:1] if self.version >= (11, 2) else known
        log = "{} knows no capability up to {}".format(self.name, arch)
        for attempt in attempts:
            target = "sm_{}" if real else "compute_{}"
            image, log = self._compile(source, ["--gpu-architecture=" + target.format(attempt), STANDARD]
                                       + macro_flags(macros), "cubin" if real else "ptx")
            if image is not None:
                return image
            if "invalid value for --gpu-architecture" not in log and "builtins" not in log:
                break
        raise CompileError(log)

    def _compile(self, source: str, flags: List[str], kind: str) -> Tuple[Optional[Image], str]:
        program = ctypes.c_void_p()
        if self.library.nvrtcCreateProgram(ctypes.byref(program), source.encode("ascii"), b"fused_layer.cu", 0, None,
                                           None) != 0:
            raise CompileError("{} cannot create a program".format(self.name))
        try:
            options = (ctypes.c_char_p * len(flags))(*[flag.encode("ascii") for flag in flags])
            status = self.library.nvrtcCompileProgram(program, len(flags), options)
            log = self._text(program, "ProgramLog").decode("utf-8", "replace")
            if status != 0:
                return None, log
            return Image(kind, self._text(program, "CUBIN" if kind == "cubin" else "PTX"), log), log
        finally:
            self.library.nvrtcDestroyProgram(ctypes.byref(program))

    def _text(self, program: ctypes.c_void_p, what: str) -> bytes:
        size = ctypes.c_size_t()
        if getattr(self.library, "nvrtcGet{}Size".format(what))(program, ctypes.byref(size)) != 0:
            raise CompileError("{} gives no {}".format(self.name, what))
        buffer = ctypes.create_string_buffer(size.value)
        getattr(self.library, "nvrtcGet" + what)(program, buffer)
        # PTX and logs are C strings, machine code is counted.
        return buffer.raw if what == "CUBIN" else buffer.value


class Nvcc:
    """The compiler driver at ``path``."""

    def __init__(self, path: str) -> None:
        self.path = path
        status, output = _run([path, "--version"])
        release = re.search(r"release (\d+)\.(\d+)", output)
        if status != 0 or release is None:
            raise OSError("{} does not say its version".format(path))
        self.version = (int(release.group(1)), int(release.group(2)))

    @property
    def name(self) -> str:
        """Return the compiler's name and version."""
        return "nvcc {}.{}".format(*self.version)

    def compile(self, source: str, arch: int, macros: Dict[str, int]) -> Image:
        """Compile to machine code for ``arch``; raises :class:`CompileError`."""
        folder = tempfile.mkdtemp(prefix="nvcc-")
        try:
            text, cubin = os.path.join(folder, "fused_layer.cu"), os.path.join(folder, "fused_layer.cubin")
            with open(text, "w") as file:
                file.write(source)
            status, log = _run([self.path, "-cubin", "-arch=sm_{}".format(arch), STANDARD, "-o", cubin, text]
                               + macro_flags(macros))
            if status != 0:
                raise CompileError(log)
            with open(cubin, "rb") as file:
                return Image("cubin", file.read(), log)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


Tool = Union[Nvrtc, Nvcc]


def _run(command: Sequence[str]) -> Tuple[int, str]:
    process = subprocess.Popen(list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               universal_newlines=True)
    output = process.communicate()[0]
    return process.returncode, output


def nvrtc_candidates(site_folders: Sequence[str], toolkit: Sequence[str] = TOOLKIT_LIBRARIES,
                     tegra: Optional[bool] = None) -> List[str]:
    """Return paths and names NVRTC may have, best first: torch's own, wheels beside it, the toolkit's, the loader's.

    On a Jetson (``tegra``) the toolkit's come before the wheels: those emit code that the board's driver refuses.
    """
    own, wheels = [], []
    for folder in site_folders:
        own += [os.path.join(folder, "torch", "lib", name) for name in ("libnvrtc-*.so*", "libnvrtc.so*")]
        wheels += [os.path.join(folder, "nvidia", "cuda_nvrtc", "lib", "libnvrtc.so*"),
                   os.path.join(folder, "nvidia", "cu[0-9]*", "lib", "libnvrtc.so*")]
    tegra = os.path.exists(TEGRA_FILE) if tegra is None else tegra
    found = []  # type: List[str]
    for pattern in own + (list(toolkit) + wheels if tegra else wheels + list(toolkit)):
        found += [path for path in sorted(glob.glob(pattern), reverse=True)
                  if "builtins" not in os.path.basename(path) and ".alt." not in os.path.basename(path)]
    return found + list(LOADER_NAMES)


def tools(site_folders: Sequence[str], environment: Optional[Dict[str, str]] = None) -> Iterator[Tool]:
    """Yield every compiler there is, best first and each version of NVRTC once; each is opened when asked for."""
    environment = dict(os.environ) if environment is None else environment
    seen = set()
    for path in nvrtc_candidates(site_folders):
        try:
            nvrtc = Nvrtc(path)
        except (OSError, AttributeError):
            continue  # not there, or another library under that name
        if nvrtc.version not in seen:
            seen.add(nvrtc.version)
            yield nvrtc
    places = [shutil.which("nvcc", path=environment.get("PATH"))]
    if environment.get("CUDA_HOME"):
        places.append(os.path.join(environment["CUDA_HOME"], "bin", "nvcc"))
    for place in places + list(NVCC_PLACES):
        if place and os.path.exists(place):
            try:
                yield Nvcc(place)
            except OSError:
                continue


def remedy(tegra: Optional[bool] = None) -> str:
    """Return what to do where no compiler's kernels run."""
    if os.path.exists(TEGRA_FILE) if tegra is None else tegra:
        return "install the CUDA toolkit of your JetPack (sudo apt install cuda-toolkit-10-2 on JetPack 4)"
    return "pip install nvidia-cuda-nvrtc-cu12, or put nvcc on PATH"


def first_that_works(found: Iterator[Tool], driver_cuda: Tuple[int, int],
                     try_out: Callable[[Tool], None]) -> Tuple[Optional[Tool], List[str]]:
    """Return the first of ``found`` whose kernel ``try_out`` builds and loads, and why the ones before did not.

    A compiler of a newer major version than the driver's CUDA is passed over: the driver refuses what it makes.
    ``try_out`` raises ``RuntimeError``.
    """
    reasons = []
    for tool in found:
        if tool.version[0] > driver_cuda[0]:
            reasons.append("{} is newer than the driver, which knows CUDA {}.{}".format(tool.name, *driver_cuda))
            continue
        try:
            try_out(tool)
            return tool, reasons
        except RuntimeError as error:
            lines = str(error).strip().splitlines() or ["no message"]
            reasons.append("{}: {}".format(tool.name, lines[0]))
    return None, reasons
