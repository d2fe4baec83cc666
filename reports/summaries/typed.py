"""Typed values as JSON and back: what is read is held against the type hints to the last value.

A NamedTuple is a list of its fields, so that nothing is spent on names: what is kept is for one version of the code.
"""

import json
from enum import Enum
from functools import lru_cache
from itertools import chain
from typing import Any, Callable, Dict, FrozenSet, Tuple, Type, TypeVar, Union, cast, get_type_hints

T = TypeVar("T")
Read = Callable[[Any], Any]

#: No number of a run is larger.
LARGEST = 1e300

#: Facts hold lists that were never looked into; so deep and no deeper.
DEEPEST = 16

#: What needs no look inside.
PLAIN: FrozenSet[type] = frozenset([str, bool, type(None)])

NUMBERS: FrozenSet[type] = frozenset([float, int])


class UnfitError(ValueError):
    """Text that holds no value of the type that is wanted."""


def text_of(value: Any) -> str:
    """Return ``value``, made of NamedTuples, enums of text, tuples and dicts, as one line of ASCII.

    Raises ``ValueError`` on a NaN or an infinity.
    """
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def read(text: str, kind: Type[T]) -> T:
    """Return the ``kind`` that ``text`` holds. Raises :class:`UnfitError`."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnfitError(str(error)) from None
    hint: Any = kind
    return cast(T, _reader(hint)(data))


@lru_cache(maxsize=None)
def _reader(hint: Any) -> Read:
    origin = getattr(hint, "__origin__", None)
    inside: Tuple[Any, ...] = getattr(hint, "__args__", None) or ()
    if hint is object:
        return _leaf
    if hint is float:
        return _number
    if hint in (str, bool, int):
        return _exactly(hint)
    if origin is Union:
        known = [one for one in inside if one is not type(None)]
        return _or_none(_reader(known[0]))
    if origin in (tuple, Tuple):
        return _tuple(inside)
    if origin in (dict, Dict):
        return _mapping(_reader(inside[1]))
    if issubclass(hint, Enum):
        return _word(hint)
    return _named(hint)


def _must(right: bool, what: Any) -> None:
    if not right:
        raise UnfitError("no {}".format(what))


def _exactly(kind: type) -> Read:
    def exactly(value: Any) -> Any:
        _must(type(value) is kind, kind)
        return value

    return exactly


def _number(value: Any) -> Any:
    _must(type(value) in NUMBERS and -LARGEST < value < LARGEST, "number")
    return value


def _leaf(value: Any, deep: int = 0) -> Any:
    if type(value) in NUMBERS:
        return _number(value)
    if type(value) not in PLAIN:
        _must(deep < DEEPEST, "fact")
        for one in chain(value, value.values()) if type(value) is dict else value:
            _leaf(one, deep + 1)
    return value


def _or_none(known: Read) -> Read:
    return lambda value: None if value is None else known(value)


def _tuple(inside: Tuple[Any, ...]) -> Read:
    if inside[-1] is not Ellipsis:
        readers = [_reader(one) for one in inside]
        return lambda value: tuple(reader(one) for reader, one in zip(readers, _list(value, len(readers))))
    item = _reader(inside[0])
    if item is _number:
        return _numbers
    return lambda value: tuple(map(item, _list(value)))


def _numbers(value: Any) -> Tuple[float, ...]:
    """Return a list of numbers, looked at by loops in C: most of what is kept."""
    values = tuple(_list(value))
    _must(NUMBERS.issuperset(map(type, values)), "numbers")
    _must(not values or min(values) > -LARGEST and max(values) < LARGEST, "numbers")
    return values


def _list(value: Any, length: int = -1) -> Any:
    _must(type(value) is list and length in (-1, len(value)), "list")
    return value


def _mapping(item: Read) -> Read:
    def mapping(value: Any) -> Dict[str, Any]:
        _must(type(value) is dict, "object")
        return {key: item(one) for key, one in value.items()}

    return mapping


def _word(kind: Type[Enum]) -> Read:
    members = {one.value: one for one in kind}

    def word(value: Any) -> Enum:
        _must(type(value) is str and value in members, kind)
        return members[value]

    return word


def _named(kind: Any) -> Read:
    hints = get_type_hints(kind)
    readers = [_reader(hints[name]) for name in kind._fields]
    make = kind._make
    return lambda value: make([reader(one) for reader, one in zip(readers, _list(value, len(readers)))])
