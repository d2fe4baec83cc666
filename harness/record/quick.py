"""Says quickly that data fits a definition of the schema; where it does not, the validator of the schema decides.

A record is mostly samples, and a validator looks at each of them alone. What is accepted here fits the schema; what
is not may fit all the same, and only the validator can say what is wrong with it. Acceptance is made from the schema
itself, so that there is one description of the format.
"""

from typing import Any, Callable, Dict, FrozenSet, List, Optional, Union

Accept = Callable[[Any], bool]
Definition = Dict[str, Any]

#: A node of the schema: the types that a value may have, where nothing else is asked of it, or a function.
Node = Union[FrozenSet[type], Accept]

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


class Acceptors:
    """The acceptors of every definition of one schema, each made when it is first wanted."""

    def __init__(self, definitions: Dict[str, Definition]) -> None:
        self._definitions = definitions
        self._made: Dict[str, Node] = {}

    def of(self, name: str) -> Accept:
        """Return the function that accepts data as the definition ``name``."""
        return as_function(self._named(name))

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
            return refuse
        if kind == "$ref":
            return self._named(one["$ref"].rsplit("/", 1)[1])
        if kind == "allOf":
            return self._node(one["allOf"][0]) if len(one["allOf"]) == 1 else refuse
        if kind in ("const", "enum"):
            return _one_of([one["const"]] if kind == "const" else one["enum"], kinds)
        if kind == "then":
            return self._or_null(one, kinds)
        if kind == "object":
            return self._object(one, kinds)
        if kind == "array":
            items = one.get("items", {})
            return _array(self._node(items), items, one.get("minItems", 0), kinds)
        return _text(one, kinds) if kind == "string" else _number(one, kinds)

    def _or_null(self, one: Definition, kinds: FrozenSet[type]) -> Node:
        if one["if"] != {"type": "object"} or not kinds <= TYPES["object"] | TYPES["null"]:
            return refuse
        then = as_function(self._node(one["then"]))
        return lambda value: value is None or type(value) is dict and then(value)

    def _object(self, one: Definition, kinds: FrozenSet[type]) -> Node:
        others = one.get("additionalProperties")
        if kinds != TYPES["object"] and others is None:
            return refuse
        if others is not None:
            return refuse if "properties" in one or one.get("required") else _mapping(self._node(others), kinds)
        nodes = {name: self._node(inside) for name, inside in one.get("properties", {}).items()}
        types = {name: node for name, node in nodes.items() if isinstance(node, frozenset)}
        checks = {name: as_function(node) for name, node in nodes.items() if name not in types}
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

        return accept


def refuse(value: Any) -> bool:
    """Accept nothing: the validator decides."""
    return False


def as_function(node: Node) -> Accept:
    """Return ``node`` as a function."""
    return (lambda value: type(value) in node) if isinstance(node, frozenset) else node


def _types(one: Definition) -> FrozenSet[type]:
    names = one.get("type", ())
    found: FrozenSet[type] = frozenset()
    return found.union(*[TYPES[name] for name in ([names] if isinstance(names, str) else names)])


def _one_of(values: List[Any], kinds: FrozenSet[type]) -> Node:
    if not all(value is None or isinstance(value, str) for value in values):
        return refuse
    allowed = frozenset(value for value in values if not kinds or type(value) in kinds)
    types = frozenset(map(type, allowed))
    return lambda value: type(value) in types and value in allowed


def _array(node: Node, items: Definition, least: int, kinds: FrozenSet[type]) -> Node:
    bounds = {word: items[word] for word in BOUNDS & frozenset(items)}
    if node is refuse or not kinds <= TYPES["array"] | TYPES["null"]:
        return refuse
    if not bounds:
        every = _every(node)
        inside: Accept = every
    else:
        types, within = _types(items), _within(bounds)

        def inside(values: Any) -> bool:
            found = set(map(type, values))
            if not types >= found:
                return False
            known = [value for value in values if value is not None] if type(None) in found else values
            return not known or within(min(known)) and within(max(known))

    if TYPES["null"] <= kinds:
        return lambda value: value is None or type(value) is list and len(value) >= least and inside(value)
    return lambda value: type(value) is list and len(value) >= least and inside(value)


def _every(node: Node) -> Accept:
    if isinstance(node, frozenset):
        return lambda values: node.issuperset(map(type, values))
    return lambda values: all(map(node, values))


def _mapping(node: Node, kinds: FrozenSet[type]) -> Node:
    every = _every(node)
    if TYPES["null"] <= kinds:
        return lambda value: value is None or type(value) is dict and every(value.values())
    return lambda value: type(value) is dict and every(value.values())


def _text(one: Definition, kinds: FrozenSet[type]) -> Node:
    least, most = one.get("minLength"), one.get("maxLength")
    if least is None and most is None:
        return kinds
    shortest, longest = least or 0, float("inf") if most is None else most
    return refuse if kinds != TYPES["string"] else lambda value: (
        type(value) is str and shortest <= len(value) <= longest)


def _number(one: Definition, kinds: FrozenSet[type]) -> Node:
    bounds = {word: one[word] for word in BOUNDS & frozenset(one)}
    if not bounds:
        return kinds
    within = _within(bounds)
    return lambda value: type(value) in kinds and (value is None or within(value))


def _within(bounds: Dict[str, float]) -> Accept:
    low: Optional[float] = bounds.get(LEAST)
    above, high, below = bounds.get(ABOVE), bounds.get(MOST), bounds.get(BELOW)
    return lambda value: ((low is None or value >= low) and (above is None or value > above)
                          and (high is None or value <= high) and (below is None or value < below))
