"""Builds a family of CPU kernels on first use with the compiler that is there, and keeps the result.

The cache folder is private to the user (``XDG_CACHE_HOME``); a build is keyed by the sources, the compiler's
version, the flags and the CPU model, made in a temporary folder and moved into place by one rename, so that
two processes that build at once do not disturb each other. The build log stays beside the library, and objects are
kept for families with the same units (:mod:`suites.kernels.objects`).
"""

import errno
import fcntl
import hashlib
import io
import os
import platform
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from suites.kernels.families import COMMON_FOLDER, FAMILIES, SHARED_HEADERS, Family
from suites.kernels.objects import compile_unit, run

SOURCE_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cpu")
LOG = "build.log"
COMPILERS = ("c++", "g++", "clang++", "cc", "gcc", "clang")
COMMON_FLAGS = ("-std=c++14", "-O3", "-fPIC", "-fno-exceptions", "-fno-rtti", "-fno-math-errno",
                "-fno-trapping-math", "-pthread")
#: What older compilers do not know (GCC 7): each is probed, and a build that fails is tried once more without them.
OPTIONAL_FLAGS = ("-mprefer-vector-width=512",)


class Built(NamedTuple):
    """A finished build. ``path`` is ``None`` where there is none; ``reason`` then says why in a sentence."""

    path: Optional[str]
    reason: Optional[str]
    compiler: Optional[str]
    compiler_version: Optional[str]
    flags: Tuple[str, ...]
    seconds: Optional[float]
    log: Optional[str]


def cache_folder(environment: Optional[Dict[str, str]] = None) -> str:
    """Return the folder builds are kept in: below ``XDG_CACHE_HOME`` or ``~/.cache``."""
    environment = dict(os.environ) if environment is None else environment
    base = environment.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "edge-transform-bench", "kernels")


def find_compiler(environment: Optional[Dict[str, str]] = None) -> Optional[str]:
    """Return the path of a C++ compiler: the one ``CXX`` names if set, else the first found, else ``None``."""
    environment = dict(os.environ) if environment is None else environment
    names = (environment["CXX"],) if environment.get("CXX") else COMPILERS
    for name in names:
        path = shutil.which(name, path=environment.get("PATH"))
        if path:
            return path
    return None


def cpu_model(path: str = "/proc/cpuinfo") -> str:
    """Return the lines that tell this CPU from others (model and instruction sets), or the machine name."""
    wanted = ("vendor_id", "cpu family", "model", "model name", "flags", "Features", "CPU part", "CPU implementer")
    try:
        with io.open(path, encoding="utf-8", errors="replace") as file:
            lines = sorted({line.strip() for line in file if line.split(":")[0].strip() in wanted})
    except (IOError, OSError):
        lines = []
    return "\n".join(lines) or platform.machine()


def divides_fast(cpu: str) -> bool:
    """Tell whether vector division beats estimate and Newton steps: AMD family 26 (Zen 5), as measured."""
    words = {line.split(":", 1)[0].strip(): line.split(":", 1)[1].strip()
             for line in cpu.splitlines() if ":" in line}
    return words.get("vendor_id") == "AuthenticAMD" and words.get("cpu family", "0") >= "26"


def native_flags(machine: str, cpu: str) -> Tuple[str, ...]:
    """Return the flags that let the compiler use all this machine can; ``cpu`` is :func:`cpu_model`."""
    if machine in ("x86_64", "AMD64", "i686"):
        return ("-march=native",) + OPTIONAL_FLAGS + (("-DFAST_DIVISION",) if divides_fast(cpu) else ())
    if machine in ("aarch64", "arm64"):
        return ("-mcpu=native",)
    return ()


def sources(family: str = "wht") -> List[str]:
    """Return the paths of every file that a build of ``family`` may read, sorted."""
    return sorted({path for unit in FAMILIES[family].units for path in unit_sources(FAMILIES[family], unit)})


def unit_sources(family: Family, unit: str) -> List[str]:
    """Return the paths of every file that a unit of ``family`` may read, sorted."""
    paths = {os.path.join(SOURCE_FOLDER, name) for name in SHARED_HEADERS}
    for folder in {os.path.dirname(os.path.join(family.folder, unit)), family.folder, COMMON_FOLDER}:
        folder = os.path.join(SOURCE_FOLDER, folder)
        names = os.listdir(folder) if os.path.isdir(folder) else []
        paths.update(os.path.join(folder, name) for name in names if name.endswith((".cpp", ".h")))
    return sorted({os.path.normpath(path) for path in paths if os.path.exists(path)})


def build_key(compiler_version: str, flags: Sequence[str], cpu: str, paths: Sequence[str]) -> str:
    """Return the name of a build: a digest of everything its machine code depends on."""
    digest = hashlib.sha256()
    for text in (compiler_version, " ".join(flags), cpu):
        digest.update(text.encode("utf-8") + b"\0")
    for path in paths:
        with open(path, "rb") as file:
            digest.update(os.path.basename(path).encode("utf-8") + b"\0" + file.read() + b"\0")
    return digest.hexdigest()[:20]


def compiler_version(compiler: str) -> Optional[str]:
    """Return what ``compiler --version`` prints first, or ``None`` if it does not run."""
    try:
        status, output = run((compiler, "--version"))
    except OSError:
        return None
    return output.splitlines()[0].strip() if status == 0 and output.strip() else None


def known_flags(compiler: str, flags: Sequence[str]) -> Tuple[str, ...]:
    """Return those of ``flags`` with which ``compiler`` takes an empty source."""
    return tuple(flag for flag in flags if run((compiler, flag, "-x", "c++", "-fsyntax-only", os.devnull))[0] == 0)


def _compile(family: Family, compiler: str, version: str, flags: Sequence[str], folder: str) -> Tuple[bool, str]:
    """Compile the units, as many at a time as there are cores, link, and return success and the log.

    More at a time would take each other's caches, and the longest, which begins first, would end last.
    """
    include = ["-I", SOURCE_FOLDER, "-I", os.path.join(SOURCE_FOLDER, COMMON_FOLDER)]
    cpu, cache = cpu_model(), os.path.dirname(folder)

    def one(unit: str) -> Tuple[bool, str]:
        own = tuple(flag for flag in flags if unit not in family.unflagged or flag not in family.flags)
        command = [compiler] + list(own) + include + ["-c", os.path.join(SOURCE_FOLDER, family.folder, unit)]
        key = build_key(version, own, cpu, unit_sources(family, unit))
        name = "{}-{}".format(unit.replace("/", "-"), key)
        status, output = compile_unit(command, name, _object(folder, unit), cache)
        return status == 0, "$ {}\n{}[exit {}]\n".format(" ".join(command), output, status)

    with ThreadPoolExecutor(cores()) as pool:
        made = list(pool.map(one, family.units))
    good, log = all(compiled for compiled, _ in made), [text for _, text in made]
    if good:
        link = [compiler, "-shared", "-pthread", "-o", os.path.join(folder, family.library)]
        link += [_object(folder, unit) for unit in family.units]
        status, output = run(link)
        log.append("$ {}\n{}[exit {}]\n".format(" ".join(link), output, status))
        good = status == 0
    return good, "".join(log)


def cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not on every system
        return os.cpu_count() or 1


def _object(folder: str, unit: str) -> str:
    return os.path.join(folder, unit.replace("/", "-") + ".o")


def _write(path: str, text: str) -> None:
    with io.open(path, "w", encoding="utf-8") as file:
        file.write(text)


def build(environment: Optional[Dict[str, str]] = None, machine: Optional[str] = None,
          family: str = "wht") -> Built:
    """Return the library of ``family`` (a key of ``FAMILIES``) for this machine, building it if the cache has none.

    ``environment`` replaces ``os.environ`` (read: ``CXX``, ``PATH``, ``XDG_CACHE_HOME`` and
    ``EDGE_BENCH_CXXFLAGS``, which replaces the flags that aim at this CPU). Never raises for a missing or
    failing compiler or an unwritable cache: ``reason`` says it.
    """
    environment = dict(os.environ) if environment is None else environment
    compiler = find_compiler(environment)
    if compiler is None:
        return Built(None, "no C++ compiler was found: install g++ (apt install g++) or set CXX", None, None, (),
                     None, None)
    version = compiler_version(compiler)
    if version is None:
        return Built(None, "the compiler {} does not run: set CXX to one that does".format(
            os.path.basename(compiler)), compiler, None, (), None, None)
    cpu = cpu_model()
    target = environment.get("EDGE_BENCH_CXXFLAGS")
    flags = COMMON_FLAGS + (tuple(target.split()) if target is not None
                            else native_flags(machine or platform.machine(), cpu)) + FAMILIES[family].flags
    key = build_key(version, flags, cpu, sources(family))
    folder = os.path.join(cache_folder(environment), "{}-{}".format(family, key))
    try:
        return _build_in(folder, FAMILIES[family], compiler, version, flags)
    except (IOError, OSError) as error:
        return Built(None, "the kernel cache cannot be written ({}): set XDG_CACHE_HOME to a folder you "
                     "own".format(os.strerror(error.errno) if error.errno else error), compiler, version, flags,
                     None, None)


def _build_in(folder: str, family: Family, compiler: str, version: str, flags: Tuple[str, ...]) -> Built:
    library, log = os.path.join(folder, family.library), os.path.join(folder, LOG)
    if os.path.exists(library):
        return Built(library, None, compiler, version, _used(flags, log), None, log)
    parent = os.path.dirname(folder)
    os.makedirs(parent, mode=0o700, exist_ok=True)
    with open(folder + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second process waits here instead of building the same again
        if os.path.exists(library):
            return Built(library, None, compiler, version, _used(flags, log), None, log)
        work = tempfile.mkdtemp(prefix="build-", dir=parent)
        try:
            started = time.monotonic()
            known = known_flags(compiler, [flag for flag in flags if flag in OPTIONAL_FLAGS])
            flags = tuple(flag for flag in flags if flag not in OPTIONAL_FLAGS or flag in known)
            good, text = _compile(family, compiler, version, flags, work)
            needed = tuple(flag for flag in flags if flag not in OPTIONAL_FLAGS)
            if not good and needed != flags:
                good, again = _compile(family, compiler, version, needed, work)
                # If it fails all the same, the flags were not the reason: the first log tells it.
                text, flags = (again, needed) if good else (text, flags)
            seconds = time.monotonic() - started
            _write(os.path.join(work, LOG), text + "built in {:.2f} s\n".format(seconds))
            if not good:
                failed = folder + ".failed.log"
                shutil.copy(os.path.join(work, LOG), failed)
                return Built(None, "the kernel build failed: see {}".format(home_as_tilde(failed)), compiler,
                             version, flags, seconds, failed)
            _rename(work, folder)
            return Built(library, None, compiler, version, flags, seconds, log)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _used(flags: Tuple[str, ...], log: str) -> Tuple[str, ...]:
    """Return those of ``flags`` that the build with this log was made with."""
    try:
        with io.open(log, encoding="utf-8") as file:
            words = set(file.read().split())
    except (IOError, OSError):
        return flags
    return tuple(flag for flag in flags if flag not in OPTIONAL_FLAGS or flag in words)


def _rename(work: str, folder: str) -> None:
    """Move a finished build into place; one that is there already (no file locks here) is as good."""
    try:
        os.rename(work, folder)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise


def home_as_tilde(path: str) -> str:
    """Return ``path`` with the home folder written as ``~``, fit for a record that is shown to others."""
    home = os.path.expanduser("~")
    return "~" + path[len(home):] if home != "/" and path.startswith(home + os.sep) else path
