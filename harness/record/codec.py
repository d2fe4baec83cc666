"""Typed values to JSON-ready data and back, led by the type hints of the NamedTuples alone."""

from enum import Enum
from functools import partial
from itertools import chain, islice, repeat
from operator import itemgetter
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Tuple,
    Type,
    TypeVar,
    Union,
    get_type_hints,
)

T = TypeVar("T")
Convert = Callable[[Any], Any]


def to_json(value: Any) -> Any:
    """Return ``value`` as JSON-ready data; a ``<name>_reason`` that is ``None`` is left out."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        pairs = zip(value._fields, value)
        return {name: to_json(one) for name, one in pairs if not (one is None and name.endswith("_reason"))}
    if isinstance(value, dict):
        return {str(key): to_json(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_json(one) for one in value]
    return value


class Reading(NamedTuple):
    """How a value is read: ``one`` converts a value, ``every`` a list of them, column by column where it can."""

    one: Convert
    every: Callable[[List[Any]], List[Any]]


class Plan(NamedTuple):
    """How a type is built: ``converted`` are the place, name and reading of the fields that JSON holds otherwise."""

    names: Tuple[str, ...]
    defaults: Tuple[Any, ...]
    needed: FrozenSet[str]
    converted: Tuple[Tuple[int, str, Reading], ...]
    make: Convert


class Decoder:
    """Builds typed values from JSON data; plans each type once. Fields it does not know are ignored."""

    def __init__(self, readers: Optional[Dict[Any, Convert]] = None) -> None:
        self._readers = readers or {}
        self._plans: Dict[type, Plan] = {}

    def decode(self, kind: Type[T], data: Dict[str, object]) -> T:
        """Return ``data`` (checked against the schema) as a ``kind``. Raises ``TypeError`` where a field lacks."""
        plan = self._plan_of(kind)
        if not data.keys() >= plan.needed:
            raise TypeError("it lacks {}".format(", ".join(sorted(plan.needed - data.keys()))))
        values = list(map(data.get, plan.names, plan.defaults))
        for place, name, reading in plan.converted:
            if name in data:
                values[place] = reading.one(values[place])
        made: T = plan.make(values)
        return made

    def decode_all(self, kind: Type[T], found: List[Dict[str, object]]) -> List[T]:
        """Return :meth:`decode` of each of ``found``; alike ones (of the same fields in the same order) at once."""
        plan = self._plan_of(kind)
        shapes = set(map(tuple, found))
        if len(found) < 2 or len(shapes) != 1 or not plan.needed.issubset(*shapes):
            return [self.decode(kind, data) for data in found]
        try:
            return self._by_columns(plan, frozenset(*shapes), found)
        except (ValueError, TypeError, OverflowError):  # of several faults the one that stands first is told
            return [self.decode(kind, data) for data in found]

    @staticmethod
    def _by_columns(plan: Plan, shape: FrozenSet[str], found: List[Dict[str, object]]) -> List[Any]:
        columns: List[Iterable[Any]] = [list(map(itemgetter(name), found)) if name in shape else repeat(default)
                                        for name, default in zip(plan.names, plan.defaults)]
        for place, name, reading in plan.converted:
            if name in shape:
                columns[place] = reading.every(list(columns[place]))
        return list(map(plan.make, islice(zip(*columns), len(found))))

    def _plan_of(self, kind: type) -> Plan:
        plan = self._plans.get(kind)
        if plan is None:
            plan = self._plans[kind] = self._plan(kind)
        return plan

    def _plan(self, kind: type) -> Plan:
        names, hints = field_names(kind), get_type_hints(kind)
        defaults: Dict[str, object] = getattr(kind, "_field_defaults", {})
        readings = [(place, name, self._reading(hints[name])) for place, name in enumerate(names)]
        return Plan(tuple(names), tuple(defaults.get(name) for name in names),
                    frozenset(name for name in names if name not in defaults),
                    tuple(one for one in readings if one[2] is not AS_IS), partial(tuple.__new__, kind))

    def _reading(self, hint: Any) -> Reading:
        if hint in self._readers:
            return each(self._readers[hint])
        origin = getattr(hint, "__origin__", None)
        inside: Tuple[Any, ...] = getattr(hint, "__args__", None) or ()
        if origin is Union:
            kinds = [one for one in inside if one is not type(None)]
            return _or_none(self._reading(kinds[0])) if len(kinds) == 1 else AS_IS
        if origin in (tuple, Tuple):
            return _tuples(self._reading(inside[0]))
        if origin in (dict, Dict):
            return _mappings(self._reading(inside[1]))
        if isinstance(hint, type) and issubclass(hint, Enum):
            return _words(hint)
        if isinstance(hint, type) and hasattr(hint, "_fields"):
            return Reading(lambda value: self.decode(hint, value), lambda values: self.decode_all(hint, values))
        return AS_IS


def each(convert: Convert) -> Reading:
    """Return the reading that converts value by value."""
    return Reading(convert, lambda values: list(map(convert, values)))


AS_IS = Reading(lambda value: value, lambda values: values)


def _or_none(known: Reading) -> Reading:
    if known is AS_IS:
        return AS_IS

    def every(values: List[Any]) -> List[Any]:
        there = [value for value in values if value is not None]
        if len(there) == len(values):
            return known.every(values)
        read = iter(known.every(there) if there else ())
        return [None if value is None else next(read) for value in values]

    return Reading(lambda value: None if value is None else known.one(value), every)


def _words(kind: Type[Enum]) -> Reading:
    members = {one.value: one for one in kind}

    def one(value: Any) -> Any:
        return members[value] if value in members else kind(value)

    return each(one)


def _tuples(items: Reading) -> Reading:
    if items is AS_IS:
        return each(tuple)

    def every(values: List[Any]) -> List[Any]:
        read = iter(items.every(list(chain.from_iterable(values))))
        return [tuple(islice(read, len(one))) for one in values]

    return Reading(lambda value: tuple(items.every(value)), every)


def _mappings(inside: Reading) -> Reading:
    if inside is AS_IS:
        return AS_IS

    def every(values: List[Any]) -> List[Any]:
        read = iter(inside.every([value for one in values for value in one.values()]))
        return [dict(zip(one, read)) for one in values]

    return Reading(lambda value: dict(zip(value, inside.every(list(value.values())))), every)


def field_names(kind: type) -> List[str]:
    """Return the field names of a NamedTuple type."""
    return list(kind._fields)  # type: ignore[attr-defined]
