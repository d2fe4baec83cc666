"""Which suites there are: this project's own, and those that installed packages bring as an entry point.

A package brings one with these lines in its ``pyproject.toml``, where the module has a ``SUITE`` as the modules in
``suites/`` do (data only: it is imported in the process that must stay small)::

    [project.entry-points."edge_transform_bench.suites"]
    mine = "my_package.my_module"
"""

import importlib
import sys
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional

import suites
from harness.nearest import unknown
from harness.plan import Comparison, Suite, Target
from harness.worker import describe
from suites.user_file import load_suite_file

GROUP = "edge_transform_bench.suites"

_HEAVY = ("torch", "pandas", "numpy")


class Known(NamedTuple):
    """A suite by name: ``suite``, or the ``reason`` in one sentence why it cannot be used."""

    name: str
    suite: Optional[Suite]
    reason: Optional[str] = None


class Brought(NamedTuple):
    """A suite's entry point: the package that has it and the module it names; ``fault`` if it cannot be taken."""

    name: str
    package: str
    module: str
    fault: Optional[str] = None


def load_suite(name: str) -> Suite:
    """Return the suite ``name`` or the one in the Python file ``name``; raises ``ValueError`` in one sentence."""
    if name.endswith(".py"):
        return load_suite_file(name)
    if name in suites.SUITES:
        return suites.load_suite(name)
    found = [one for one in brought_suites() if one.name == name]
    if not found:
        raise ValueError(unknown("suite", name, list(suites.SUITES) + [one.name for one in brought_suites()]))
    known = load_brought(found[0])
    if known.suite is None:
        raise ValueError(known.reason)
    return known.suite


def all_suites() -> List[Known]:
    """Load every suite there is, sorted by name; one that a package broke is there with its reason."""
    own = [Known(name, suites.load_suite(name)) for name in suites.SUITES]
    return sorted(own + [load_brought(one) for one in brought_suites()], key=lambda known: known.name)


def load_brought(entry: Brought) -> Known:
    """Import what an entry point names; whatever goes wrong in foreign code becomes one sentence."""
    if entry.fault is not None:
        return Known(entry.name, None, entry.fault)
    before = set(sys.modules)
    try:
        module, _, attribute = entry.module.partition(":")
        found = getattr(importlib.import_module(module), attribute or "SUITE")
    except (Exception, SystemExit) as error:
        return Known(entry.name, None, _refusal(entry, "could not be loaded ({})".format(describe(error))))
    heavy = [name for name in _HEAVY if name in sys.modules and name not in before]
    if heavy:
        return Known(entry.name, None, _refusal(
            entry, "imports {}: it must be data only, and import it in its builders".format(heavy[0])))
    if not isinstance(found, Suite):
        return Known(entry.name, None, _refusal(entry, "is no harness.Suite but a {}".format(type(found).__name__)))
    return Known(entry.name, found._replace(name=entry.name, comparisons=_guarded(entry, found)))


def _guarded(entry: Brought, suite: Suite) -> Callable[[Target], List[Comparison]]:
    def comparisons(target: Target) -> List[Comparison]:
        try:
            return suite.comparisons(target)
        except Exception as error:
            raise ValueError(_refusal(entry, "could not be planned ({})".format(describe(error)))) from error

    return comparisons


def _refusal(entry: Brought, what: str) -> str:
    return "suite '{}' of package {} {}; mend or uninstall that package".format(entry.name, entry.package, what)


def brought_suites() -> List[Brought]:
    """Return the entry points of :data:`GROUP`; of two with one name the later is refused, this project's own win."""
    taken: Dict[str, str] = dict.fromkeys(suites.SUITES, "this project")
    found = []
    for entry in sorted(_entry_points()):
        if entry.name in taken and entry.fault is None:
            entry = entry._replace(fault="suite '{}' of package {} is left out: {} has one of that name; uninstall "
                                         "one of them".format(entry.name, entry.package, taken[entry.name]))
        found.append(entry)
        taken.setdefault(entry.name, entry.package)
    return found


def _entry_points() -> Iterator[Brought]:
    """Yield the entry points of the group, each package once (the first on the path)."""
    seen = set()
    for distribution in _distributions():
        if GROUP not in (distribution.read_text("entry_points.txt") or ""):
            continue
        package = str(distribution.metadata["Name"])
        if package in seen:
            continue
        seen.add(package)
        try:
            points = [point for point in distribution.entry_points if point.group == GROUP]
        except Exception as error:  # each Python has its own reader, with errors of its own
            yield Brought(package, package, "", "package {} names suites in an entry_points.txt that cannot be read "
                                                "({}); mend or uninstall it".format(package, describe(error)))
            continue
        for point in points:
            yield Brought(point.name, package, point.value)


def _distributions() -> Iterator[Any]:
    try:
        from importlib.metadata import distributions
    except ImportError:  # Python 3.6 and 3.7, where click brings the same as a package
        from importlib_metadata import distributions  # type: ignore[no-redef]
    return iter(distributions())
