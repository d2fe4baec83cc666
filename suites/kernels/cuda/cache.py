"""Compiled kernels on disk, in the folder of the CPU builds, keyed by source, macros, architecture and compiler."""

import hashlib
import io
import os
import tempfile
import time
from typing import Any, Dict, Optional, Tuple

from suites.kernels.build import cache_folder
from suites.kernels.cuda.compiler import Image, macro_flags

KINDS = ("cubin", "ptx")


def key(source: str, arch: int, macros: Dict[str, int], compiler: str) -> str:
    """Return the name of a build: a digest of everything its code depends on."""
    text = "\0".join([source, str(arch), compiler] + macro_flags(macros))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:24]


def compiled(compiler: Any, source: str, arch: int, macros: Dict[str, int],
             environment: Optional[Dict[str, str]] = None) -> Image:
    """Return the kernel from the cache, or compile and keep it.

    A folder that cannot be written only costs the next process a compilation. Two processes that compile the
    same at once each move a finished file into place. Raises ``CompileError``.
    """
    folder, name = _place(compiler, source, arch, macros, environment)
    for kind in KINDS:
        if os.path.exists(name + "." + kind):
            with open(name + "." + kind, "rb") as file:
                return Image(kind, file.read(), "", kept=True)
    started = time.monotonic()
    image = compiler.compile(source, arch, macros)
    log = u"{} for sm_{} in {:.2f} s\n{}\n{}".format(
        compiler.name, arch, time.monotonic() - started, " ".join(macro_flags(macros)), image.log)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with io.open(name + ".log", "w", encoding="utf-8") as file:
            file.write(log)
        handle, unfinished = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(image.data)
        os.replace(unfinished, name + "." + image.kind)
    except OSError:
        return image  # kept in memory; the folder is not ours to repair
    return image


def forget(compiler: Any, source: str, arch: int, macros: Dict[str, int],
           environment: Optional[Dict[str, str]] = None) -> bool:
    """Delete the kernel from the cache, since the driver does not load it; return whether it is gone."""
    name = _place(compiler, source, arch, macros, environment)[1]
    for kind in KINDS:
        try:
            os.remove(name + "." + kind)
        except FileNotFoundError:
            continue
        except OSError:
            return False  # the folder is not ours to repair
    return True


def _place(compiler: Any, source: str, arch: int, macros: Dict[str, int],
           environment: Optional[Dict[str, str]]) -> Tuple[str, str]:
    folder = os.path.join(cache_folder(environment), "cuda")
    return folder, os.path.join(folder, key(source, arch, macros, compiler.name))
