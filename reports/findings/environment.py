"""The environment of a run: what it was, what differs between runs, what failed."""

from collections import OrderedDict
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from harness.reasons import Reason
from harness.record import Environment, LaunchLine, Run, unit_of
from harness.settings import settings_to_dict
from harness.words import Pass
from reports.findings.amounts import OF_THE_CHECK

#: What changes from minute to minute on one machine and explains no difference between runs by itself.
VOLATILE = ("uptime_s", "load_1min", "available_bytes", "swap_used_bytes", "encoding", "temperature", "current",
            "started")


#: Leaves of an environment by dotted name: texts, numbers, truth values, lists of them or ``None``.
Facts = Dict[str, object]


class Fact(NamedTuple):
    """A leaf of the environment under its dotted name; ``reason`` says why ``value`` is ``None``."""

    name: str
    value: Any
    reason: Optional[str] = None


class SectionFacts(NamedTuple):
    """One section of the environment."""

    name: str
    facts: Tuple[Fact, ...]


class Meter(NamedTuple):
    """A source of readings that refused, with what to do about it."""

    name: str
    quantity: str
    reason: Optional[str]
    remedy: Optional[str]


class FailedUnit(NamedTuple):
    """A unit of work that failed; ``case`` is ``None`` where it was a whole comparison's."""

    name: Pass
    comparison: str
    case: Optional[str]
    launch: Optional[int]
    reason: Reason


class Difference(NamedTuple):
    """A setting or fact that is not alike in all runs, one value a run."""

    name: str
    values: Tuple[Any, ...]


def number_of(section: Dict[str, Any], name: str) -> Optional[float]:
    """Return the number above zero under ``name``, ``None`` where there is none: sections hold what they like."""
    value = section.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 else None


def part_of(section: Dict[str, Any], name: str) -> Dict[str, Any]:
    """Return the part ``name`` of a section, an empty one where there is none."""
    part = section.get(name)
    return part if isinstance(part, dict) else {}


def text_of(section: Dict[str, Any], name: str) -> Optional[str]:
    """Return the text under ``name``, ``None`` where there is none."""
    value = section.get(name)
    return value if isinstance(value, str) else None


def _leaves(data: Any, path: str) -> Iterator[Tuple[str, Any, Optional[str]]]:
    """Yield dotted name, value and reason of every leaf of nested dicts; lists are leaves."""
    for key, value in data.items():
        name = "{}.{}".format(path, key) if path else str(key)
        if isinstance(value, dict):
            for leaf in _leaves(value, name):
                yield leaf
        elif not str(key).endswith("_reason"):
            yield name, value, data.get(str(key) + "_reason")


def section_facts(environment: Environment) -> Tuple[SectionFacts, ...]:
    """Return the sections that hold anything; a missing value carries its reason."""
    found = []
    for name in Environment._fields:
        section = getattr(environment, name)
        if name != "meters" and section:
            found.append(SectionFacts(name, tuple(
                Fact(key, value, str(reason) if value is None and reason else None)
                for key, value, reason in _leaves(section, ""))))
    return tuple(found)


def refused_meters(environment: Environment) -> Tuple[Meter, ...]:
    """Return the meters that the run knew of and could not read."""
    return tuple(Meter(meter.name, meter.quantity, meter.reason, meter.remedy) for meter in environment.meters
                 if not meter.available)


def failed_units(run: Run) -> Tuple[FailedUnit, ...]:
    """Return the units that failed; those rightly left out (a wrong layer) are not among them."""
    found: List[FailedUnit] = []
    for line in run.failed():
        if isinstance(line, LaunchLine):
            found.extend(FailedUnit(Pass.TIME, line.comparison, case, line.launch, reason)
                         for case, reason in line.left_out.items())
        if line.reason is not None and line.reason.kind not in OF_THE_CHECK:
            unit = unit_of(line)
            found.append(FailedUnit(unit.name, unit.comparison, unit.case, unit.launch, line.reason))
    return tuple(found)


def run_facts(run: Run) -> Facts:
    """Return environment, settings and seed of ``run`` by dotted name."""
    found = environment_facts(run.environment)
    found.update({name: value for name, value, _ in _leaves(settings_to_dict(run.header.settings), "settings")})
    found["seed"] = run.header.seed
    return found


def environment_facts(environment: Environment) -> Facts:
    """Return the facts of ``environment`` by dotted name."""
    return {"{}.{}".format(section.name, fact.name): fact.value for section in section_facts(environment)
            for fact in section.facts}


def differences(facts: Sequence[Facts]) -> Tuple[Difference, ...]:
    """Return what is not alike in ``facts``, one dict a run; what changes by itself is left out."""
    found = []
    for name in OrderedDict.fromkeys(name for some in facts for name in some):
        if changes_by_itself(name):
            continue
        values = tuple(some.get(name) for some in facts)
        if any(value != values[0] for value in values[1:]):
            found.append(Difference(name, values))
    return tuple(found)


def changes_by_itself(name: str) -> bool:
    """Return whether the fact with the dotted ``name`` changes from minute to minute on one machine."""
    return any(word in name.split(".")[-1] for word in VOLATILE)


def launches_of(run: Run) -> Iterator[LaunchLine]:
    """Yield the launches that hold samples, comparison after comparison."""
    for comparison in run.comparisons:
        for line in run.timed(comparison.id):
            yield line
