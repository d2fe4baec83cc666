"""Data that fits the schema becomes typed values in one walk; where it may not fit, nothing is said but that.

A record is mostly samples. Alike objects are looked at column by column, so that the work is done by loops in C: each
column is held against its part of the schema and made what the type hints want. What is refused here may fit all the
same: :mod:`harness.record.schema` and :mod:`harness.record.codec` decide, and say what is wrong. All that is accepted
follows from the schema, so that there is one description of the format.
"""

from enum import Enum
from functools import partial
from itertools import chain, islice, repeat
from operator import itemgetter
from typing import Any, Dict, FrozenSet, List, Optional, Tuple, Union, get_type_hints

from harness.record.codec import Convert
from harness.record.leaves import (
    BOUNDS,
    NULL,
    OBJECT,
    TYPES,
    UNFIT,
    Column,
    Definition,
    UnfitError,
    numbers,
    one_of,
    refuse,
    texts,
    types_of,
)

#: The keywords of each kind of node. A node with any other is left to the validator.
WORDS = {
    "$ref": frozenset(["$ref"]), "allOf": frozenset(["allOf"]), "const": frozenset(["const"]),
    "enum": frozenset(["enum", "type"]), "then": frozenset(["type", "if", "then"]),
    "object": frozenset(["type", "properties", "required", "additionalProperties"]),
    "array": frozenset(["type", "items", "minItems"]), "string": frozenset(["type", "minLength", "maxLength"]),
    "number": frozenset(["type"]) | BOUNDS}


class Columns:
    """The columns of one schema. ``readers`` are the types with a reading of their own, as of a decoder."""

    def __init__(self, definitions: Dict[str, Definition], readers: Optional[Dict[Any, Convert]] = None) -> None:
        self._definitions, self._readers = definitions, readers or {}
        self._made: Dict[Tuple[str, Any], Column] = {}

    def read(self, definition: str, hint: Any, found: List[Any]) -> Optional[List[Any]]:
        """Return ``found``, each a ``definition`` of the schema, as what ``hint`` says (``Any``: as they are).

        ``None`` where one of them may not fit.
        """
        column = self._named(definition, hint)
        try:
            return column(found)
        except UNFIT:
            return None

    def _named(self, name: str, hint: Any) -> Column:
        key = name, hint
        if key not in self._made:
            self._made[key] = self._column(self._definitions[name], hint)
        return self._made[key]

    def _column(self, one: Definition, hint: Any) -> Column:
        if hint in self._readers:
            return _then(self._column(one, Any), self._readers[hint])
        hint, kinds = (Any if self._is_as_is(hint) else hint), types_of(one)
        kind = _kind(one, kinds)
        if not frozenset(one) - {"description"} <= WORDS[kind]:
            return refuse
        if kind == "$ref":
            return self._named(one["$ref"].rsplit("/", 1)[1], hint)
        if kind == "allOf":
            return self._column(one["allOf"][0], hint) if len(one["allOf"]) == 1 else refuse
        if kind in ("const", "enum"):
            return _worded(one_of([one["const"]] if kind == "const" else one["enum"], kinds), hint)
        if kind in ("string", "number"):
            return _worded(texts(one, kinds) if kind == "string" else numbers(one, kinds), hint)
        hint, may_lack = _without_none(hint)
        kinds = kinds if may_lack else kinds - NULL
        if kind == "then":
            then = self._column(one["then"], hint)
            return _known(kinds, OBJECT, then) if one["if"] == {"type": "object"} else refuse
        if kind == "array":
            return _known(kinds, TYPES["array"], self._lists(one, hint))
        if "additionalProperties" in one:
            return _known(kinds, OBJECT, self._mappings(one, hint))
        return _known(kinds, OBJECT, self._objects(one, hint)) if kinds == OBJECT else refuse

    def _is_as_is(self, hint: Any) -> bool:
        """Whether JSON holds what ``hint`` says as it is wanted, or nothing more is known of it."""
        if hint in self._readers or _members(hint) or hasattr(hint, "_fields") or _is(hint, tuple, Tuple):
            return False
        if _is(hint, dict, Dict):
            return self._is_as_is(hint.__args__[1])
        known, may_lack = _without_none(hint)
        return self._is_as_is(known) if may_lack and known is not hint else True

    def _lists(self, one: Definition, hint: Any) -> Column:
        if hint is not Any and not _is(hint, tuple, Tuple):
            return refuse
        items = self._column(one.get("items", {}), Any if hint is Any else hint.__args__[0])
        least = one.get("minItems", 0)

        def lists(values: List[Any]) -> List[Any]:
            if least and values and min(map(len, values)) < least:
                raise UnfitError
            inside = list(chain.from_iterable(values))
            found = items(inside)
            if hint is Any:
                return values
            if found is inside:
                return list(map(tuple, values))
            read = iter(found)
            return [tuple(islice(read, len(value))) for value in values]

        return lists

    def _mappings(self, one: Definition, hint: Any) -> Column:
        if "properties" in one or one.get("required") or hint is not Any and not _is(hint, dict, Dict):
            return refuse
        items = self._column(one["additionalProperties"], Any if hint is Any else hint.__args__[1])

        def mappings(values: List[Any]) -> List[Any]:
            inside = [value for one in values for value in one.values()]
            found = items(inside)
            if found is inside:
                return values
            read = iter(found)
            return [dict(zip(one, read)) for one in values]

        return mappings

    def _objects(self, one: Definition, hint: Any) -> Column:
        if hint is not Any and not hasattr(hint, "_fields"):
            return refuse
        names: Tuple[str, ...] = () if hint is Any else hint._fields
        hints: Dict[str, Any] = {} if hint is Any else get_type_hints(hint)
        defaults: Dict[str, Any] = getattr(hint, "_field_defaults", {})
        needed = frozenset(one.get("required", ())).union(name for name in names if name not in defaults)
        columns: Dict[str, Column] = {name: _as_is if self._is_as_is(hints[name]) else refuse for name in names}
        columns.update((name, self._column(inside, hints.get(name, Any)))
                       for name, inside in one.get("properties", {}).items())
        make = partial(tuple.__new__, hint)

        def alike(shape: Tuple[str, ...], values: List[Any]) -> List[Any]:
            if not needed.issubset(shape):
                raise UnfitError
            found = {name: columns[name](list(map(itemgetter(name), values))) for name in shape if name in columns}
            if hint is Any:
                return values
            return list(map(make, zip(*[found[name] if name in found else repeat(defaults[name], len(values))
                                        for name in names])))

        def objects(values: List[Any]) -> List[Any]:
            shapes = list(map(tuple, values))
            if len(set(shapes)) < 2:
                return alike(shapes[0], values) if values else values
            places: Dict[Tuple[str, ...], List[int]] = {}
            for place, shape in enumerate(shapes):
                places.setdefault(shape, []).append(place)
            found = list(values)
            for shape, own in places.items():
                for place, made in zip(own, alike(shape, [values[place] for place in own])):
                    found[place] = made
            return values if hint is Any else found

        return objects


def _as_is(values: List[Any]) -> List[Any]:
    return values


def _then(column: Column, convert: Convert) -> Column:
    return lambda values: list(map(convert, column(values)))


def _kind(one: Definition, kinds: FrozenSet[type]) -> str:
    special = [word for word in ("$ref", "allOf", "const", "enum", "then") if word in one]
    return (special + [name for name in ("object", "array", "string") if TYPES[name] & kinds] + ["number"])[0]


def _is(hint: Any, *origins: Any) -> bool:
    return getattr(hint, "__origin__", None) in origins


def _without_none(hint: Any) -> Tuple[Any, bool]:
    """Return ``hint`` without ``None``, and whether ``None`` is one of its values."""
    inside: Tuple[Any, ...] = getattr(hint, "__args__", None) or ()
    known = [one for one in inside if one is not type(None)]
    if _is(hint, Union) and len(known) == 1:
        return known[0], True
    return hint, hint is Any


def _members(hint: Any) -> Dict[Any, Any]:
    """Return the members of an enum by their words, an empty dict of any other ``hint``."""
    known, may_lack = _without_none(hint)
    if not (isinstance(known, type) and issubclass(known, Enum)):
        return {}
    members: Dict[Any, Any] = {one.value: one for one in known}
    if may_lack:
        members[None] = None
    return members


def _known(kinds: FrozenSet[type], kind: FrozenSet[type], column: Column) -> Column:
    """Return the ``column`` of values of one ``kind``, of a place that may hold ``None`` where ``kinds`` say so."""
    if not kinds <= kind | NULL:
        return refuse

    def known(values: List[Any]) -> List[Any]:
        types = set(map(type, values))
        if not kinds.issuperset(types):
            raise UnfitError
        if NULL.isdisjoint(types):
            return column(values)
        there = [value for value in values if value is not None]
        found = column(there) if there else there
        if found is there:
            return values
        read = iter(found)
        return [None if value is None else next(read) for value in values]

    return known


def _worded(column: Column, hint: Any) -> Column:
    """Return a ``column`` of words or numbers as what ``hint`` says: members of an enum, or what they are."""
    if hint is Any:
        return column
    members = _members(hint)
    return (lambda values: list(map(members.__getitem__, column(values)))) if members else refuse
