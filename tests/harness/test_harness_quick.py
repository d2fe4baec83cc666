"""What is accepted quickly fits the schema; every line of a sound record is accepted quickly."""

import json
import os
import sys
from random import Random

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "faults"))

from fuzz import corpus
from mutations import change_value, write

from harness.record.quick import Acceptors
from harness.record.schema import SchemaError, acceptors, checker, schema, validator


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
                yield data["pass"] if data["kind"] == "pass" else data["kind"], data


def test_every_line_of_a_sound_record_is_accepted_without_the_validator():
    assert all(acceptors().of(definition)(data) for definition, data in lines())


def test_what_is_accepted_of_damaged_lines_fits_the_schema():
    random, accepted, refused = Random(20260314), 0, 0
    for definition, data in lines():
        accept, text = acceptors().of(definition), json.dumps(data)
        for _ in range(12 if len(text) < 20000 else 2):
            damaged = json.loads(text)
            change_value(damaged, random)
            try:
                damaged = json.loads(write(damaged))
            except (ValueError, RecursionError):
                continue
            if accept(damaged):
                accepted += 1
                assert fits(definition, damaged), damaged
            else:
                refused += 1
    assert accepted > 100 and refused > 100


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
    accept = Acceptors({"one": one}).of("one")
    assert [accept(value) for value in good] == [True] * len(good)
    assert [accept(value) for value in bad] == [False] * len(bad)
    accept = Acceptors({"all": {"type": "array", "items": one}}).of("all")
    assert accept(good) and accept(good * 2) and not any(accept(good + [value]) for value in bad)


def test_alike_objects_are_accepted_by_columns_and_others_one_by_one():
    accept = Acceptors({"all": {"type": "array", "items": {
        "type": "object", "required": ["a"], "properties": {
            "a": {"type": "array", "items": {"type": "integer", "minimum": 1}}, "b": {"type": "string"}}}}}).of("all")
    fine = [{"a": [1, 2], "b": "x"}, {"a": [], "b": ""}]
    assert accept(fine) and accept(fine + [{"a": [3]}]) and accept(fine + [{"b": "", "a": [3], "c": None}])
    for wrong in ({"a": [0], "b": ""}, {"a": [1], "b": 1}, {"a": 1, "b": ""}, {"b": "", "c": 1}, [], None):
        assert not accept(fine + [wrong]) and not accept([wrong])


@pytest.mark.parametrize("one", [
    {"type": "string", "pattern": "a"}, {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    {"type": "object", "properties": {"a": {"type": "integer", "multipleOf": 2}}, "required": ["a"]},
    {"allOf": [{"type": "string"}, {"type": "null"}]}, {"enum": [1, 2]}])
def test_a_word_that_it_does_not_know_is_left_to_the_validator(one):
    assert not any(Acceptors({"one": one}).of("one")(value) for value in ("a", ["a"], {"a": 1}, None, 1))


def test_the_validator_has_the_last_word():
    line = next(data for definition, data in lines() if definition == "end")
    checker("end")(dict(line, finished="now", more=[1]))
    with pytest.raises(SchemaError, match="field 'status' must be one of"):
        checker("end")(dict(line, status="fine"))
    assert schema()["definitions"]["end"]
