"""Looking for an engine's package: what is there, or in a sentence why not and what to do."""

import importlib
import re
import sys
from typing import Any, NamedTuple, Optional, Sequence, Tuple

from suites.runtimes.engine import Found

SETUP = "./run_bench.sh setup --runtimes"


class Package(NamedTuple):
    """A package that wheels bring: its name for pip, what is imported, and the oldest Python with a wheel.

    ``least``: the oldest version that has what is called here, as in ``pyproject.toml``.
    """

    pip: str
    module: str
    oldest: Tuple[int, int] = (3, 6)
    elsewhere: str = ""
    least: Tuple[int, ...] = ()

    def find(self) -> Found:
        """Return the version of the installed package, or why it cannot be used."""
        module, problem = import_module(self.module)
        if module is not None:
            return self._as_it_is(module)
        here = sys.version_info[:2]
        if here < self.oldest:
            return Found(None, "there is no wheel of {} for CPython {}.{}".format(self.pip, *here),
                         self.elsewhere or "use Python {}.{} or newer: PYTHON=/path/to/python3 {}".format(
                             self.oldest[0], self.oldest[1], SETUP))
        return Found(None, "{} is not installed".format(self.pip) if problem is None else
                     "{} is installed but cannot be imported ({})".format(self.pip, problem), SETUP)

    def _as_it_is(self, module: Any) -> Found:
        """Return the version of ``module``, or why it is not what it is named after."""
        version = version_of(module, self.pip)
        if version is None:  # a folder of that name is enough for Python to import it
            place = getattr(module, "__file__", None) or ", ".join(map(str, getattr(module, "__path__", ())))
            return Found(None, "what Python imports as {} ({}) has no version, so it is not {}".format(
                self.module, place, self.pip), "rename it or run elsewhere, then {}".format(SETUP))
        if _numbers(version) and _numbers(version) < self.least:
            return Found(None, "{} {} is older than {}, the oldest that this project can use".format(
                self.pip, version, ".".join(map(str, self.least))), SETUP)
        return Found(version)


def import_module(name: str) -> Tuple[Optional[Any], Optional[str]]:
    """Return the module called ``name``, else ``None`` and what was said: ``None`` too where it is not there."""
    try:
        return importlib.import_module(name), None
    except ImportError as error:
        missing = getattr(error, "name", None)
        if isinstance(error, ModuleNotFoundError) and missing is not None and name.startswith(missing):
            return None, None
        return None, _first_line(error)
    except Exception as error:  # a wheel for another machine fails in ways of its own: it is told, not passed over
        return None, "{}: {}".format(type(error).__name__, _first_line(error))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _numbers(version: str) -> Tuple[int, ...]:
    """Return the numbers that ``version`` begins with."""
    found = re.match(r"\d+(\.\d+)*", version)
    return () if found is None else tuple(map(int, found.group().split(".")))


def version_of(module: Any, pip: str) -> Optional[str]:
    """Return a module's version, from itself or from its package's metadata; ``None`` where neither has one."""
    version = getattr(module, "__version__", None)
    if version:
        return str(version)
    try:
        from importlib import metadata  # Python 3.8
    except ImportError:
        return "unknown" if getattr(module, "__file__", None) else None
    try:
        return str(metadata.version(pip))
    except metadata.PackageNotFoundError:
        return None


def together(found: Found, needed: Sequence[Package]) -> Found:
    """Return ``found`` if what making its models needs is there too, else the first thing that is missing."""
    if found.version is None:
        return found
    for package in needed:
        other = package.find()
        if other.version is None:
            return Found(None, "its models cannot be made: {}".format(other.reason), other.remedy)
    return found
