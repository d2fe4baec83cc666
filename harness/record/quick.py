"""Says quickly that data fits a definition of the schema; where it does not, the validator of the schema decides.

A record is mostly samples, and a validator looks at each of them alone. What is accepted here fits the schema; what
is not may fit all the same, and only the validator can say what is wrong with it. Acceptance is made from the schema
itself, so that there is one description of the format.
"""

from itertools import chain
from operator import itemgetter
from typing import Any, Callable, Dict, FrozenSet, List, NamedTuple, Optional

Accept = Callable[[Any], bool]
Definition = Dict[str, Any]

TYPES: Dict[str, FrozenSet[type]] = {
    "string": frozenset([str]), "integer": frozenset([int]), "number": frozenset([int, float]),
    "boolean": frozenset([bool]), "null": frozenset([type(None)]), "array": frozenset([list]),
    "object": frozenset([dict])}

LEAST, ABOVE, MOST, BELOW = "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"
BOUNDS = frozenset([LEAST, ABOVE, MOST, BELOW])

#: The keywords of each kind of node. A node with any other is left to the validator.
WORDS = {
    "$ref": frozenset(["$ref"]), "allOf": frozenset(["allOf"]), "const": frozenset(["const"]),
    "enum": frozenset(["enum", "type"]), "then": frozenset(["type", "if", "then"]),
    "object": frozenset(["type", "properties", "required", "additionalProperties"]),
    "array": frozenset(["type", "items", "minItems"]), "string": frozenset(["type", "minLength", "maxLength"]),
    "number": frozenset(["type"]) | BOUNDS}


class Node(NamedTuple):
    """A node of the schema as two functions: ``one`` accepts a value, ``every`` all values of a list at once.

    A list of alike objects is looked at column by column, so that the work is done by loops in C. ``types`` are those
    that a value may have where nothing else is asked of it.
    """

    one: Accept
    every: Accept
    types: Optional[FrozenSet[type]] = None


def refuse(value: Any) -> bool:
    """Accept nothing: the validator decides."""
    return False


REFUSED = Node(refuse, refuse)


class Acceptors:
    """The acceptors of every definition of one schema, each made when it is first wanted."""

    def __init__(self, definitions: Dict[str, Definition]) -> None:
        self._definitions = definitions
        self._made: Dict[str, Node] = {}

    def of(self, name: str) -> Accept:
        """Return the function that accepts data as the definition ``name``."""
        return self._named(name).one

    def of_all(self, name: str) -> Accept:
        """Return the function that accepts a list of data, each as the definition ``name``."""
        return self._named(name).every

    def _named(self, name: str) -> Node:
        if name not in self._made:
            self._made[name] = self._node(self._definitions[name])
        return self._made[name]

    def _node(self, one: Definition) -> Node:
        words = frozenset(one) - {"description"}
        kinds = _types(one)
        special = [word for word in ("$ref", "allOf", "const", "enum", "then") if word in words]
        plain = [name for name in ("object", "array", "string") if TYPES[name] & kinds]
        kind = (special + plain + ["number"])[0]
        if not words <= WORDS[kind]:
            return REFUSED
        if kind == "$ref":
            return self._named(one["$ref"].rsplit("/", 1)[1])
        if kind == "allOf":
            return self._node(one["allOf"][0]) if len(one["allOf"]) == 1 else REFUSED
        if kind in ("const", "enum"):
            return _one_of([one["const"]] if kind == "const" else one["enum"], kinds)
        if kind == "then":
            return self._or_null(one, kinds)
        if kind == "object":
            return self._object(one, kinds)
        if kind == "array":
            return _array(self._node(one.get("items", {})), one.get("minItems", 0), kinds)
        return _text(one, kinds) if kind == "string" else _number(one, kinds)

    def _or_null(self, one: Definition, kinds: FrozenSet[type]) -> Node:
        if one["if"] != {"type": "object"} or not kinds <= TYPES["object"] | TYPES["null"]:
            return REFUSED
        then = self._node(one["then"])
        return REFUSED if then is REFUSED else Node(
            lambda value: value is None or type(value) is dict and then.one(value),
            lambda values: then.every(_known(values)))

    def _object(self, one: Definition, kinds: FrozenSet[type]) -> Node:
        others = one.get("additionalProperties")
        if kinds != TYPES["object"] and others is None:
            return REFUSED
        if others is not None:
            return REFUSED if "properties" in one or one.get("required") else _mapping(self._node(others), kinds)
        nodes = {name: self._node(inside) for name, inside in one.get("properties", {}).items()}
        types = {name: node.types for name, node in nodes.items() if node.types is not None}
        checks = {name: node.one for name, node in nodes.items() if node.types is None}
        required = frozenset(one.get("required", ()))

        def accept(value: Any) -> bool:
            if type(value) is not dict or not value.keys() >= required:
                return False
            for name, inside in value.items():
                if name in types:
                    if type(inside) not in types[name]:
                        return False
                elif name in checks and not checks[name](inside):
                    return False
            return True

        def every(values: Any) -> bool:
            if not TYPES["object"].issuperset(map(type, values)):
                return False
            if len(values) < 2:
                return all(map(accept, values))
            shapes = set(map(tuple, values))
            alike: Dict[Any, List[Any]] = dict.fromkeys(shapes, values) if len(shapes) == 1 else {}
            for value in values if not alike else ():
                alike.setdefault(tuple(value), []).append(value)
            return all(required.issubset(shape) and all(
                nodes[name].every(list(map(itemgetter(name), own))) for name in shape if name in nodes)
                for shape, own in alike.items())

        return Node(accept, every)


def _types(one: Definition) -> FrozenSet[type]:
    names = one.get("type", ())
    found: FrozenSet[type] = frozenset()
    return found.union(*[TYPES[name] for name in ([names] if isinstance(names, str) else names)])


def _known(values: List[Any]) -> List[Any]:
    return [value for value in values if value is not None]


def _of_types(kinds: FrozenSet[type]) -> Node:
    return Node(lambda value: type(value) in kinds, lambda values: kinds.issuperset(map(type, values)), kinds)


def _one_of(values: List[Any], kinds: FrozenSet[type]) -> Node:
    if not all(value is None or isinstance(value, str) for value in values):
        return REFUSED
    allowed = frozenset(value for value in values if not kinds or type(value) in kinds)
    types = frozenset(map(type, allowed))
    return Node(lambda value: type(value) in types and value in allowed,
                lambda values: types.issuperset(map(type, values)) and allowed.issuperset(values))


def _array(items: Node, least: int, kinds: FrozenSet[type]) -> Node:
    if items is REFUSED or not kinds <= TYPES["array"] | TYPES["null"]:
        return REFUSED

    def every(values: Any) -> bool:
        if not kinds.issuperset(map(type, values)):
            return False
        lists = _known(values)
        return not lists or min(map(len, lists)) >= least and items.every(list(chain.from_iterable(lists)))

    return Node(lambda value: type(value) in kinds and (value is None or len(value) >= least and items.every(value)),
                every)


def _mapping(items: Node, kinds: FrozenSet[type]) -> Node:
    if items is REFUSED or not kinds <= TYPES["object"] | TYPES["null"]:
        return REFUSED
    return Node(lambda value: type(value) in kinds and (value is None or items.every(list(value.values()))),
                lambda values: kinds.issuperset(map(type, values)) and items.every(
                    [inside for value in _known(values) for inside in value.values()]))


def _text(one: Definition, kinds: FrozenSet[type]) -> Node:
    least, most = one.get("minLength"), one.get("maxLength")
    if least is None and most is None:
        return _of_types(kinds)
    if kinds != TYPES["string"]:
        return REFUSED
    shortest, longest = least or 0, float("inf") if most is None else most
    return Node(lambda value: type(value) is str and shortest <= len(value) <= longest,
                lambda values: kinds.issuperset(map(type, values)) and all(
                    shortest <= len(value) <= longest for value in values))


def _number(one: Definition, kinds: FrozenSet[type]) -> Node:
    bounds = {word: one[word] for word in BOUNDS & frozenset(one)}
    if not bounds:
        return _of_types(kinds)
    within = _within(bounds)
    ends = [end for end, words in ((min, {LEAST, ABOVE}), (max, {MOST, BELOW})) if words & frozenset(bounds)]

    def every(values: Any) -> bool:
        if not kinds.issuperset(map(type, values)):
            return False
        known = _known(values) if TYPES["null"] <= kinds else values
        return not known or all(within(end(known)) for end in ends)

    return Node(lambda value: type(value) in kinds and (value is None or within(value)), every)


def _within(bounds: Dict[str, float]) -> Accept:
    low: Optional[float] = bounds.get(LEAST)
    above, high, below = bounds.get(ABOVE), bounds.get(MOST), bounds.get(BELOW)
    return lambda value: ((low is None or value >= low) and (above is None or value > above)
                          and (high is None or value <= high) and (below is None or value < below))
