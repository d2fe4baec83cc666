"""The Python that an environment is made with, and what it has: asked once, in a process of its own."""

import json
import os
import shutil
import subprocess
from typing import List, NamedTuple, Optional, Tuple

from harness.installation.errors import SetUpError

#: Versions that a Jetson may have beside the one that ``python3`` means.
OTHER_NAMES = ("python3.6", "python3.8", "python3.10", "python3.12")

QUESTION = r"""
import json, os, sys
found = {"version": list(sys.version_info[:3]), "file": os.path.realpath(sys.executable), "venv": True,
         "torch": None, "cuda": None, "numpy": None}
try:
    import ensurepip, venv
except ImportError:
    found["venv"] = False
if sys.argv[1] == "packages":
    try:
        import numpy
        found["numpy"] = numpy.__version__
    except Exception:  # one that cannot be imported, for whatever reason, is none
        found["numpy"] = None
    try:
        import torch
        found["torch"], found["cuda"] = torch.__version__, torch.version.cuda
    except Exception:  # as above: the caller says what a board without torch lacks
        found["torch"] = found["cuda"] = None
print(json.dumps(found))
"""


class Base(NamedTuple):
    """A Python: the name it was called by, its version and real file, whether it can make environments.

    ``torch``, ``cuda`` (what that torch is built for) and ``numpy`` are asked for on a Jetson only.
    """

    name: str
    version: Tuple[int, ...]
    file: str
    venv: bool = True
    torch: Optional[str] = None
    cuda: Optional[str] = None
    numpy: Optional[str] = None

    @property
    def text(self) -> str:
        """Version and file, as an environment keeps them."""
        return "{} {}".format(".".join(str(part) for part in self.version), self.file)


def ask(name: str, packages: bool) -> Optional[Base]:
    """Return what the Python ``name`` is, ``None`` if it does not run; ``packages``: torch and numpy too."""
    # An environment entered in the terminal must not answer for the system.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONHOME"}
    try:
        text = subprocess.check_output([name, "-c", QUESTION, "packages" if packages else ""],
                                       stderr=subprocess.DEVNULL, env=environment)
        found = json.loads(text.decode("utf-8"))
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None
    return Base(name, tuple(found["version"]), found["file"], found["venv"], found["torch"], found["cuda"],
                found["numpy"])


def find_base(name: str, chosen: bool, jetson: bool) -> Base:
    """Return the Python to make the environment with.

    On a Jetson that is one with NVIDIA's torch, wherever ``python3`` points, unless the user has ``chosen``.

    Raises :class:`SetUpError` if ``name`` is no Python that runs.
    """
    first = ask(name, jetson)
    if first is None:
        raise SetUpError("'{}' is no Python that runs: name one with PYTHON=/path/to/python3".format(name))
    if not jetson or first.cuda is not None or chosen:
        return first
    others: List[Optional[Base]] = [ask(other, True) for other in OTHER_NAMES if shutil.which(other)]
    return next((other for other in others if other is not None and other.cuda is not None), first)
