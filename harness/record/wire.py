"""One line of ``record.jsonl`` as text, and back as a typed line: the only place that knows both."""

import json
from typing import Any, Dict, NamedTuple, Type, cast

from harness.plan import Comparison, comparison_from_dict, comparison_to_dict
from harness.record.codec import Decoder, to_json
from harness.record.lines import PASS_OF, UNIT_TYPES, End, Header, Line, Session, UnitLine
from harness.record.schema import SchemaError, checker
from harness.words import Pass

Data = Dict[str, Any]


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


def parse(text: str) -> Data:
    """Return the JSON object in ``text``; raises :class:`SchemaError` where there is none."""
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise SchemaError("the line", "is nested too deep") from None
    except ValueError:
        raise SchemaError("the line", "is not JSON") from None
    if not isinstance(data, dict):
        raise SchemaError("the line", "must be an object")
    return data


def decode(data: Data, decoder: Decoder) -> Line:
    """Return ``data`` as a typed line; raises :class:`SchemaError` where it breaks the format."""
    name = data.get("pass") if data.get("kind") == "pass" else data.get("kind")
    shape = SHAPES.get(name) if isinstance(name, str) else None
    if shape is None or (data["kind"] == "pass") != (shape.kind in PASS_OF):
        raise SchemaError("field 'kind'", "must name a kind of line that this version knows")
    checker(shape.definition)(data)
    try:
        return cast(Line, decoder.decode(shape.kind, data))
    except (ValueError, TypeError, OverflowError) as error:
        raise SchemaError("the line", "cannot be read ({})".format(error)) from None


def line_decoder() -> Decoder:
    """Return a decoder that knows the types with a reading of their own."""
    return Decoder({Comparison: comparison_from_dict})


def unit_line(name: Pass, envelope: Data, payload: Data) -> UnitLine:
    """Return the line of a unit from its envelope and what the worker handed over, checked like a read one."""
    data = dict(payload, **envelope)
    data.update({"kind": "pass", "pass": name.value})
    return cast(UnitLine, decode(data, line_decoder()))


def _no_constant(name: str) -> Any:
    raise ValueError("{} is no JSON number".format(name))
