"""Compiles the device source with what is there: NVRTC (torch brings it along) or nvcc."""

import ctypes
import glob
import os
import re
import shutil
import subprocess
import tempfile
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

STANDARD = "--std=c++14"
# Capabilities an NVRTC without a list of its own (before 11.2) may know, newest first.
OLD_ARCHS = (80, 75, 72, 70, 62, 61, 60, 53, 52, 50)
NVCC_PLACES = ("/usr/local/cuda/bin/nvcc",)
TOOLKIT_LIBRARIES = ("/usr/local/cuda/lib64/libnvrtc.so*", "/usr/local/cuda/targets/*/lib/libnvrtc.so*",
                     "/usr/lib/*-linux-gnu/libnvrtc.so*")


class CompileError(RuntimeError):
    """The source did not compile; the message holds the compiler's log."""


class Image(NamedTuple):
    """Something the driver loads: ``kind`` is ``cubin`` (machine code) or ``ptx`` (the driver finishes it)."""

    kind: str
    data: bytes
    log: str


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


def _run(command: Sequence[str]) -> Tuple[int, str]:
    process = subprocess.Popen(list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               universal_newlines=True)
    output = process.communicate()[0]
    return process.returncode, output


def nvrtc_candidates(site_folders: Sequence[str], toolkit: Sequence[str] = TOOLKIT_LIBRARIES) -> List[str]:
    """Return paths and names NVRTC may have, best first: beside torch, then the toolkit's, then the loader's."""
    patterns = []
    for folder in site_folders:
        patterns += [os.path.join(folder, "torch", "lib", "libnvrtc-*.so*"),
                     os.path.join(folder, "torch", "lib", "libnvrtc.so*"),
                     os.path.join(folder, "nvidia", "cuda_nvrtc", "lib", "libnvrtc.so*"),
                     os.path.join(folder, "nvidia", "cu[0-9]*", "lib", "libnvrtc.so*")]
    found = []  # type: List[str]
    for pattern in patterns + list(toolkit):
        found += [path for path in sorted(glob.glob(pattern), reverse=True)
                  if "builtins" not in os.path.basename(path) and ".alt." not in os.path.basename(path)]
    return found + ["libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so.10.2"]


def find(site_folders: Sequence[str], environment: Optional[Dict[str, str]] = None) -> Tuple[Any, Optional[str]]:
    """Return an :class:`Nvrtc` or an :class:`Nvcc`, or ``None`` and why there is neither."""
    environment = dict(os.environ) if environment is None else environment
    for path in nvrtc_candidates(site_folders):
        try:
            return Nvrtc(path), None
        except (OSError, AttributeError):
            continue  # not there, or another library under that name
    places = [shutil.which("nvcc", path=environment.get("PATH"))]
    if environment.get("CUDA_HOME"):
        places.append(os.path.join(environment["CUDA_HOME"], "bin", "nvcc"))
    for place in places + list(NVCC_PLACES):
        if place and os.path.exists(place):
            try:
                return Nvcc(place), None
            except OSError:
                continue
    return None, "there is neither NVRTC nor nvcc: pip install nvidia-cuda-nvrtc-cu12 or install the CUDA toolkit"
