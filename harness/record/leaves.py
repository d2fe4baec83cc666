"""Columns of values that hold no others: words, numbers, truth values, each held against its part of the schema."""

from typing import Any, Callable, Dict, FrozenSet, List, Optional

Definition = Dict[str, Any]

#: Takes values that stand in one place of the schema and returns what they become. Raises a fault of :data:`UNFIT`.
Column = Callable[[List[Any]], List[Any]]


class UnfitError(ValueError):
    """Values that do not fit, or may not."""


#: What a column raises: a word that is no key, a value that cannot be one, what a reading refuses.
UNFIT = (ValueError, TypeError, KeyError, OverflowError)

TYPES: Dict[str, FrozenSet[type]] = {
    "string": frozenset([str]), "integer": frozenset([int]), "number": frozenset([int, float]),
    "boolean": frozenset([bool]), "null": frozenset([type(None)]), "array": frozenset([list]),
    "object": frozenset([dict])}
NULL, OBJECT = TYPES["null"], TYPES["object"]

LEAST, ABOVE, MOST, BELOW = "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"
BOUNDS = frozenset([LEAST, ABOVE, MOST, BELOW])


def refuse(values: List[Any]) -> List[Any]:
    """Take nothing: others decide."""
    raise UnfitError


def types_of(one: Definition) -> FrozenSet[type]:
    """Return the types that ``one`` names, none where it names none."""
    names = one.get("type", ())
    found: FrozenSet[type] = frozenset()
    return found.union(*[TYPES[name] for name in ([names] if isinstance(names, str) else names)])


def one_of(values: List[Any], kinds: FrozenSet[type]) -> Column:
    """Return the column of words, or ``None``, that are among ``values`` and of ``kinds``, if there are any."""
    if not all(value is None or isinstance(value, str) for value in values):
        return refuse
    allowed = frozenset(value for value in values if not kinds or type(value) in kinds)

    def column(values: List[Any]) -> List[Any]:
        if not allowed.issuperset(values):
            raise UnfitError
        return values

    return column


def texts(one: Definition, kinds: FrozenSet[type]) -> Column:
    """Return the column of texts, as long as ``one`` says."""
    least, most = one.get("minLength"), one.get("maxLength")
    if least is None and most is None:
        return _of_types(kinds)
    if kinds != TYPES["string"]:
        return refuse
    shortest, longest = least or 0, float("inf") if most is None else most
    return _of_types(kinds, lambda values: all(shortest <= length <= longest for length in set(map(len, values))))


def numbers(one: Definition, kinds: FrozenSet[type]) -> Column:
    """Return the column of values of ``kinds``, numbers within the bounds of ``one``."""
    bounds: Dict[str, float] = {word: one[word] for word in BOUNDS & frozenset(one)}
    if not bounds:
        return _of_types(kinds)
    low, above, high, below = map(bounds.get, (LEAST, ABOVE, MOST, BELOW))
    upper = high is not None or below is not None

    def within(values: List[Any]) -> bool:
        least, most = min(values), max(values) if upper else 0
        return ((low is None or least >= low) and (above is None or least > above)
                and (high is None or most <= high) and (below is None or most < below))

    return _of_types(kinds, within)


def _of_types(kinds: FrozenSet[type], right: Optional[Callable[[List[Any]], bool]] = None) -> Column:
    """Return the column of values of ``kinds``; those that are not ``None`` must be ``right`` together."""
    may_lack = kinds >= NULL

    def of_types(values: List[Any]) -> List[Any]:
        if not kinds.issuperset(map(type, values)):
            raise UnfitError
        if right is not None:
            there = [value for value in values if value is not None] if may_lack else values
            if there and not right(there):
                raise UnfitError
        return values

    return of_types
