"""What columns accept fits the schema and is what the decoder makes of it; all of a sound record is accepted."""

import json
import os
import sys
from random import Random
from typing import Any
from unittest import mock

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "faults"))

from fuzz import corpus
from mutations import change_value, mutant, write

from harness.record import reader
from harness.record.codec import Decoder
from harness.record.columns import Columns
from harness.record.damage import Damaged
from harness.record.reader import RecordError
from harness.record.schema import SchemaError, checker, schema, validator
from harness.record.wire import READERS, shape_of


@pytest.fixture(scope="module")
def columns():
    return Columns(schema()["definitions"], READERS)


def fits(definition, data):
    from fastjsonschema import JsonSchemaValueException

    try:
        validator(definition)(data)
        return True
    except JsonSchemaValueException:
        return False


def lines():
    for name, text in sorted(corpus().items()):
        if "format_1" not in name and not name.startswith("results"):
            for line in text.splitlines():
                data = json.loads(line)
                yield shape_of(data), data


def test_every_line_of_a_sound_record_is_accepted_without_the_validator(columns):
    """With every value and type as the decoder makes them."""
    decoder = Decoder(READERS)
    for (definition, kind), data in lines():
        assert repr(columns.read(definition, kind, [data])) == repr([decoder.decode(kind, data)])


def test_what_is_accepted_of_damaged_lines_fits_the_schema_and_is_what_the_decoder_makes(columns):
    random, decoder, accepted, refused = Random(20260314), Decoder(READERS), 0, 0
    for (definition, kind), data in lines():
        text = json.dumps(data)
        for _ in range(12 if len(text) < 20000 else 2):
            damaged = json.loads(text)
            change_value(damaged, random)
            try:
                damaged = json.loads(write(damaged))
            except (ValueError, RecursionError):
                continue
            found = columns.read(definition, kind, [damaged])
            assert (columns.read(definition, Any, [damaged]) is not None) >= (found is not None)
            if found is None:
                refused += 1
            else:
                accepted += 1
                assert fits(definition, damaged) and repr(found) == repr([decoder.decode(kind, damaged)]), damaged
    assert accepted > 100 and refused > 100


def entries(path):
    try:
        return repr(list(reader.read_lines(path)))
    except RecordError as error:
        return str(error)


def test_a_damaged_record_says_the_same_where_the_validator_and_the_decoder_read_all_of_it(tmp_path):
    """What the columns refuse is read again for its words: they alone decide nothing."""
    random, path, skipped = Random(7), str(tmp_path / "record.jsonl"), 0
    for name, text in sorted(corpus().items()):
        for _ in range(6 if len(text) < 300000 else 1):
            with open(path, "wb") as file:
                file.write(mutant(text, random))
            found = entries(path)
            with mock.patch.object(Columns, "read", return_value=None):
                assert entries(path) == found, name
            skipped += Damaged.__name__ in found
    assert skipped > 20


def accepting(one):
    """Whether a list of values is accepted, each as ``one``; what is accepted is handed back as it is."""
    columns = Columns({"one": one})

    def accept(values):
        found = columns.read("one", Any, values)
        assert found is None or found == values
        return found is not None

    return accept


@pytest.mark.parametrize("one, good, bad", [
    ({"type": "integer", "minimum": 1}, [1, 7], [0, True, 1.0, None, "1"]),
    ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, [1, 0.5], [0, 1.5, True]),
    ({"type": ["number", "null"], "minimum": 0}, [None, 0, 2.5], [-1, False]),
    ({"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}}, [[], [1, 0.5]],
     [[0], [1, None], [True], None]),
    ({"type": ["array", "null"], "items": {"type": ["number", "null"], "minimum": 0}}, [None, [None], [None, 1]],
     [[-1, None], "x", [[1]]]),
    ({"type": "array", "items": {"type": "string"}, "minItems": 2}, [["a", "b"]], [["a"], [1, 2]]),
    ({"type": "string", "minLength": 1, "maxLength": 2}, ["a", "ab"], ["", "abc", 1]),
    ({"enum": ["a", None]}, ["a", None], ["b", 0]),
    ({"const": "a"}, ["a"], ["b"]),
    ({"type": ["object", "null"], "if": {"type": "object"}, "then": {"type": "object", "required": ["x"]}},
     [None, {"x": 1}], [{}, [], "x"]),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, [{}, {"a": 1}], [{"a": "1"}, []]),
], ids=lambda value: "")
def test_each_kind_of_node_accepts_what_fits_and_nothing_else(one, good, bad):
    accept = accepting(one)
    assert all(accept([value]) for value in good) and not any(accept([value]) for value in bad)
    assert accept(good) and accept(good * 2) and not any(accept(good + [value]) for value in bad)


def test_alike_objects_are_accepted_by_columns_and_others_one_by_one():
    accept = accepting({"type": "object", "required": ["a"], "properties": {
        "a": {"type": "array", "items": {"type": "integer", "minimum": 1}}, "b": {"type": "string"}}})
    fine = [{"a": [1, 2], "b": "x"}, {"a": [], "b": ""}]
    assert accept(fine) and accept(fine + [{"a": [3]}]) and accept(fine + [{"b": "", "a": [3], "c": None}])
    for wrong in ({"a": [0], "b": ""}, {"a": [1], "b": 1}, {"a": 1, "b": ""}, {"b": "", "c": 1}, [], None):
        assert not accept(fine + [wrong]) and not accept([wrong])


@pytest.mark.parametrize("one", [
    {"type": "string", "pattern": "a"}, {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    {"type": "object", "properties": {"a": {"type": "integer", "multipleOf": 2}}, "required": ["a"]},
    {"allOf": [{"type": "string"}, {"type": "null"}]}, {"enum": [1, 2]}])
def test_a_word_that_it_does_not_know_is_left_to_the_validator(one):
    assert not any(accepting(one)([value]) for value in ("a", ["a"], {"a": 1}, None, 1))


def test_the_validator_has_the_last_word():
    line = next(data for shape, data in lines() if shape.definition == "end")
    checker("end")(dict(line, finished="now", more=[1]))
    with pytest.raises(SchemaError, match="field 'status' must be one of"):
        checker("end")(dict(line, status="fine"))
    assert schema()["definitions"]["end"]
