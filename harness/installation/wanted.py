"""What the environment is to hold, read from the project's files: the pins of a Python, torch, and their key."""

import hashlib
import io
import os
import re
from typing import List, NamedTuple, Optional, Sequence, Tuple

from harness.installation.errors import SetUpError

Version = Tuple[int, ...]

#: Oldest Python of each lane and the name its files have in ``requirements/``, newest first.
LANES = (((3, 10), "python3.10"), ((3, 8), "python3.8"), ((3, 6, 2), "python3.6"))

#: The CUDA release that each torch of constraints.txt is built for where it comes from the package registry.
CUDA_OF_TORCH = {"2.13.0": (13, 0), "2.4.1": (12, 1), "1.10.2": (10, 2)}

#: Sections of pyproject.toml that decide what is installed; an edit elsewhere sets up nothing.
SECTIONS = re.compile(r"(build-system|project|tool\.hatch)(\.|$)")

EXTRAS = ("test", "nvidia")

#: The extra whose packages come from a file of their own: other engines than torch.
RUNTIMES = "runtimes"


class Wanted(NamedTuple):
    """What an environment holds, or is to hold.

    ``python``: version and file of the Python it is made with. ``packages``: digest of everything that is pinned.
    ``torch``: a requirement, ``system`` for the one that the system's Python has, ``None`` for none.
    """

    python: str
    packages: str
    torch: Optional[str]
    extras: Tuple[str, ...]
    project: str


def lane_of(version: Version) -> str:
    """Return the name of the lane of a Python. Raises :class:`SetUpError` for one that is too old."""
    for oldest, name in LANES:
        if version >= oldest:
            return name
    raise SetUpError("Python {} is too old: install 3.6.2 or newer and name it with PYTHON=/path/to/python3".format(
        ".".join(str(part) for part in version)))


def lock_file(project: str, lane: str) -> str:
    """Return the file with the pins and hashes of a lane."""
    return os.path.join(project, "requirements", lane + ".txt")


def figures_file(project: str, lane: str) -> str:
    """Return the file with what publication figures need on top."""
    return os.path.join(project, "requirements", lane + "-figures.txt")


def runtimes_file(project: str, lane: str) -> str:
    """Return the file with the other engines than torch."""
    return os.path.join(project, "requirements", lane + "-runtimes.txt")


def read(path: str) -> str:
    """Return a text file of the project."""
    with io.open(path, encoding="utf-8") as file:
        return file.read()


def locked(text: str) -> List[str]:
    """Return the requirements of a lock file's ``text``, each with its hashes on the lines that follow."""
    blocks: List[str] = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace():
            blocks[-1] += "\n" + line
        else:
            blocks.append(line)
    return blocks


def name_of(requirement: str) -> str:
    """Return the package's name as pip compares it."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", found.group(0)).lower() if found else ""


def without(blocks: Sequence[str], names: Sequence[str]) -> List[str]:
    """Return ``blocks`` but those of the packages ``names``."""
    return [block for block in blocks if name_of(block) not in names]


def torch_pin(constraints: str, version: Version) -> str:
    """Return torch's line in ``constraints`` for this Python, without its marker, as pip would choose it.

    Raises :class:`SetUpError` where there is none.
    """
    for line in constraints.splitlines():
        pin, _, marker = line.partition(";")
        if name_of(pin) == "torch" and holds(marker, version):
            return pin.strip()
    raise SetUpError("constraints.txt names no torch for Python {}: use another with PYTHON=/path/to/python3".format(
        ".".join(str(part) for part in version)))


def holds(marker: str, version: Version) -> bool:
    """Whether a marker made of ``python_version`` comparisons joined by ``and`` holds for ``version``."""
    for sign, major, minor in re.findall(r'python_version\s*(>=|<)\s*"(\d+)\.(\d+)"', marker):
        if (version[:2] >= (int(major), int(minor))) != (sign == ">="):
            return False
    return True


def installed_sections(pyproject: str) -> str:
    """Return the lines of pyproject.toml that decide what is installed, without comments and blank lines."""
    kept, inside = [], False
    for line in pyproject.splitlines():
        header = re.match(r"\[+\s*([^\]]+?)\s*\]+\s*(#.*)?$", line)
        if header:
            inside = bool(SECTIONS.match(header.group(1)))
        if inside and line.strip() and not line.lstrip().startswith("#"):
            kept.append(line.strip())
    return "\n".join(kept)


def packages_digest(project: str, lane: str, extras: Sequence[str] = ()) -> str:
    """Return the digest of everything pinned for a lane; comments and unrelated sections do not count."""
    digest = hashlib.sha256()
    texts = [installed_sections(read(os.path.join(project, "pyproject.toml")))]
    files = [lock_file(project, lane), figures_file(project, lane)]
    files += [runtimes_file(project, lane)] if RUNTIMES in extras else []
    texts += ["\n".join(locked(read(path))) for path in files]
    pins = [line for line in read(os.path.join(project, "constraints.txt")).splitlines()
            if name_of(line) != "torch" and not line.startswith("#")]
    for text in texts + pins:
        digest.update(text.encode("utf-8") + b"\0")
    return digest.hexdigest()
