"""Typed values to JSON-ready data and back, led by the type hints of the NamedTuples alone."""

from enum import Enum
from functools import partial
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
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


class Plan(NamedTuple):
    """How a type is built: ``converted`` are the place, name and reading of the fields that JSON holds otherwise."""

    names: Tuple[str, ...]
    defaults: Tuple[Any, ...]
    needed: FrozenSet[str]
    converted: Tuple[Tuple[int, str, Convert], ...]
    make: Convert


class Decoder:
    """Builds typed values from JSON data; plans each type once. Fields it does not know are ignored."""

    def __init__(self, readers: Optional[Dict[Any, Convert]] = None) -> None:
        self._readers = readers or {}
        self._plans: Dict[type, Plan] = {}

    def decode(self, kind: Type[T], data: Dict[str, object]) -> T:
        """Return ``data`` (checked against the schema) as a ``kind``. Raises ``TypeError`` where a field lacks."""
        plan = self._plans.get(kind)
        if plan is None:
            plan = self._plans[kind] = self._plan(kind)
        if not data.keys() >= plan.needed:
            raise TypeError("it lacks {}".format(", ".join(sorted(plan.needed - data.keys()))))
        values = list(map(data.get, plan.names, plan.defaults))
        for place, name, read in plan.converted:
            if name in data:
                values[place] = read(values[place])
        made: T = plan.make(values)
        return made

    def _plan(self, kind: type) -> Plan:
        names, hints = field_names(kind), get_type_hints(kind)
        defaults: Dict[str, object] = getattr(kind, "_field_defaults", {})
        readings = [(place, name, self._reading(hints[name])) for place, name in enumerate(names)]
        return Plan(tuple(names), tuple(defaults.get(name) for name in names),
                    frozenset(name for name in names if name not in defaults),
                    tuple((place, name, read) for place, name, read in readings if read is not None),
                    partial(tuple.__new__, kind))

    def _reading(self, hint: Any) -> Optional[Convert]:
        """Return what reads a value of ``hint``, ``None`` where it is what JSON holds."""
        if hint in self._readers:
            return self._readers[hint]
        origin = getattr(hint, "__origin__", None)
        inside: Tuple[Any, ...] = getattr(hint, "__args__", None) or ()
        if origin is Union:
            kinds = [one for one in inside if one is not type(None)]
            known = self._reading(kinds[0]) if len(kinds) == 1 else None
            return None if known is None else lambda value: None if value is None else known(value)
        if origin in (tuple, Tuple):
            item = self._reading(inside[0])
            return tuple if item is None else lambda values: tuple(map(item, values))
        if origin in (dict, Dict):
            one = self._reading(inside[1])
            return None if one is None else lambda values: {key: one(value) for key, value in values.items()}
        if isinstance(hint, type) and issubclass(hint, Enum):
            return hint
        if isinstance(hint, type) and hasattr(hint, "_fields"):
            return partial(self.decode, hint)
        return None


def field_names(kind: type) -> List[str]:
    """Return the field names of a NamedTuple type."""
    return list(kind._fields)  # type: ignore[attr-defined]
