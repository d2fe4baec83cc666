"""Typed values to JSON-ready data and back, led by the type hints of the NamedTuples alone."""

from enum import Enum
from typing import Any, Callable, Dict, List, Optional, Tuple, Type, TypeVar, Union, get_type_hints

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


class Decoder:
    """Builds typed values from JSON data; plans each type once. Fields it does not know are ignored."""

    def __init__(self, readers: Optional[Dict[Any, Convert]] = None) -> None:
        self._readers = readers or {}
        self._plans: Dict[type, Tuple[Tuple[str, Convert], ...]] = {}

    def decode(self, kind: Type[T], data: Dict[str, Any]) -> T:
        """Return ``data`` (checked against the schema) as a ``kind``."""
        plan = self._plans.get(kind)
        if plan is None:
            hints = get_type_hints(kind)
            plan = self._plans[kind] = tuple(
                (name, self._convert(hints[name])) for name in field_names(kind))
        return kind(**{name: convert(data[name]) for name, convert in plan if name in data})

    def _convert(self, hint: Any) -> Convert:
        if hint in self._readers:
            return self._readers[hint]
        origin = getattr(hint, "__origin__", None)
        inside: Tuple[Any, ...] = getattr(hint, "__args__", None) or ()
        if origin is Union:
            kinds = [one for one in inside if one is not type(None)]
            convert = self._convert(kinds[0]) if len(kinds) == 1 else _as_is
            if convert is _as_is:
                return _as_is
            return lambda value: None if value is None else convert(value)
        if origin in (tuple, Tuple):
            one = self._convert(inside[0])
            return tuple if one is _as_is else lambda values: tuple([one(value) for value in values])
        if origin in (dict, Dict):
            one = self._convert(inside[1])
            return _as_is if one is _as_is else lambda found: {key: one(value) for key, value in found.items()}
        if isinstance(hint, type) and issubclass(hint, Enum):
            return hint
        if isinstance(hint, type) and hasattr(hint, "_fields"):
            return lambda value: self.decode(hint, value)
        return _as_is


def _as_is(value: Any) -> Any:
    return value


def field_names(kind: type) -> List[str]:
    """Return the field names of a NamedTuple type."""
    return list(kind._fields)  # type: ignore[attr-defined]
