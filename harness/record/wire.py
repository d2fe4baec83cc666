"""One line of ``record.jsonl`` as text, and back as a typed line: the only place that knows both."""

import json
import re
from functools import lru_cache
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Type, cast

from harness.plan import Comparison, comparison_from_dict, comparison_to_dict
from harness.record.codec import Convert, Decoder, to_json
from harness.record.columns import Columns
from harness.record.lines import PASS_OF, UNIT_TYPES, End, Header, Line, Session, UnitLine
from harness.record.schema import SchemaError, checker, schema
from harness.words import Pass

Data = Dict[str, Any]

#: No quantity of a run is larger, and what is reckoned from such numbers stays finite.
LARGEST = 1e30

#: Every digit as a zero and whatever is no part of a number as an ``x``, a minus too: one before an exponent makes it
#: no large one.
_NUMERALS = bytes(bytearray(ord("0") if chr(one).isdigit() else ord("e") if chr(one) in "eE" else
                          one if chr(one) in "+." else ord("x") for one in range(128))) + b"x" * 128

#: What begins a number beyond that, and what may be half of a surrogate pair.
_LONG, _HALVES = b"0" * 19, (b"\\ud", b"\\uD")
_EXPONENT = re.compile(br"e(?<=0e)\+?00")  # led by the letter, which is found fast


class Shape(NamedTuple):
    """What a line is: its definition in the schema and its type."""

    definition: str
    kind: Type[Any]


SHAPES = {"run": Shape("run", Header), "session": Shape("session", Session), "end": Shape("end", End)}
SHAPES.update({name.value: Shape(name.value, kind) for name, kind in UNIT_TYPES.items()})
KINDS = {Header: "run", Session: "session", End: "end"}


def encode(line: Line) -> str:
    """Return ``line`` as one line of ASCII text. Raises ``ValueError`` on a NaN or an infinity."""
    data = to_json(line)
    if isinstance(line, Header):
        data["comparisons"] = [comparison_to_dict(one) for one in line.comparisons]
    if type(line) in PASS_OF:
        data.update({"kind": "pass", "pass": PASS_OF[type(line)].value})
        data.setdefault("case", None)
    else:
        data["kind"] = KINDS[type(line)]
    return json.dumps(data, sort_keys=True, allow_nan=False, separators=(",", ":"))


def parse(raw: bytes, usual: bool = False) -> Data:
    """Return the JSON object in ``raw`` (UTF-8); raises :class:`SchemaError` where there is none.

    ``usual`` where it is known already that nothing in it :func:`is_unusual`. orjson reads most lines where it is
    installed. What it refuses is read again here, for the words of the refusal.
    """
    unusual, loads = not usual and is_unusual(raw), _quick_loads()
    if loads is not None and not unusual:
        try:
            return _object(loads(raw))
        except ValueError:
            pass
    text = raw.decode("utf-8", "replace")
    try:
        if not unusual:
            return _object(json.loads(text, parse_constant=_no_constant))
        # three times as slow, and hardly ever needed
        return _object(_whole(json.loads(text, parse_constant=_no_constant, parse_float=_float, parse_int=_int)))
    except SchemaError:
        raise
    except _BeyondError as error:
        raise SchemaError("the line", "holds the number {}, beyond any quantity".format(error)) from None
    except RecursionError:
        raise SchemaError("the line", "is nested too deep") from None
    except ValueError:
        raise SchemaError("the line", "is not JSON") from None


@lru_cache(maxsize=1)
def _quick_loads() -> Optional[Callable[[bytes], Any]]:
    try:
        from orjson import loads
    except ImportError:
        return None
    found: Callable[[bytes], Any] = loads
    return found


def _object(data: Any) -> Data:
    if not isinstance(data, dict):
        raise SchemaError("the line", "must be an object")
    return data


def is_unusual(raw: bytes) -> bool:
    """Whether ``raw``, one line or several, may hold a number beyond any quantity or half of a surrogate pair.

    Digits behind the point make no number large.
    """
    shapes = raw.translate(_NUMERALS)
    return (b"x" + _LONG in shapes or shapes.startswith(_LONG) or _EXPONENT.search(shapes) is not None
            or b"\\" in raw and any(one in raw for one in _HALVES))


class Decoding:
    """How lines become typed: alike ones at once by columns, and one by a decoder, which says what is wrong.

    ``readers`` are the types with a reading of their own.
    """

    def __init__(self, readers: Dict[Any, Convert]) -> None:
        self._columns, self._decoder = Columns(schema()["definitions"], readers), Decoder(readers)

    def one(self, data: Data) -> Line:
        """Return ``data`` as a typed line; raises :class:`SchemaError` where it breaks the format."""
        shape = shape_of(data)
        if shape is None:
            raise SchemaError("field 'kind'", "must name a kind of line that this version knows")
        found = self.all(shape, [data])
        if found is not None:
            return found[0]
        checker(shape.definition)(data)
        try:
            return cast(Line, self._decoder.decode(shape.kind, data))
        except (ValueError, TypeError, OverflowError) as error:
            raise SchemaError("the line", "cannot be read ({})".format(error)) from None

    def all(self, shape: Shape, found: List[Data]) -> Optional[List[Line]]:
        """Return :meth:`one` of each of ``found``, lines of one ``shape``; ``None`` where one of them may not fit."""
        return self._columns.read(shape.definition, shape.kind, found)


def shape_of(data: Data) -> Optional[Shape]:
    """Return what the line ``data`` says that it is, ``None`` if it is nothing that this version knows."""
    name = data.get("pass") if data.get("kind") == "pass" else data.get("kind")
    shape = SHAPES.get(name) if isinstance(name, str) else None
    return None if shape is None or (data["kind"] == "pass") != (shape.kind in PASS_OF) else shape


#: The types with a reading of their own.
READERS: Dict[Any, Convert] = {Comparison: comparison_from_dict}


@lru_cache(maxsize=1)
def decoding() -> Decoding:
    """Return the decoding that reads lines as they are."""
    return Decoding(READERS)


def unit_line(name: Pass, envelope: Data, payload: Data) -> UnitLine:
    """Return the line of a unit from its envelope and what the worker handed over, checked like a read one."""
    data = dict(payload, **envelope)
    data.update({"kind": "pass", "pass": name.value})
    return cast(UnitLine, decoding().one(data))


class _BeyondError(Exception):
    pass


def _float(text: str) -> float:
    value = float(text)
    if abs(value) > LARGEST:
        raise _BeyondError(text[:20])
    return value


def _int(text: str) -> int:
    if len(text) > 20 or abs(int(text)) >= 2 ** 63:
        raise _BeyondError(text[:20])
    return int(text)


def _whole(value: Any) -> Any:
    """Return ``value`` with every half of a surrogate pair in its texts replaced: no file and no stream takes one."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(one) for key, one in value.items()}
    return value


def _no_constant(name: str) -> Any:
    raise ValueError("{} is no JSON number".format(name))
