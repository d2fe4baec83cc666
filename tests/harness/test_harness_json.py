"""A line says the same whichever parser reads it: orjson where it is installed, json elsewhere."""

import glob
import io
import json
import os
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.record import wire
from harness.record.schema import SchemaError

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NUMBER = r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?"

leaves = (st.from_regex(NUMBER, fullmatch=True) | st.text().map(json.dumps)
          | st.sampled_from(["null", "true", "NaN", "-Infinity", "01", "1.", ""])
          | st.text().map(lambda text: json.dumps(text, ensure_ascii=False)))
documents = st.recursive(leaves, lambda inside: st.lists(inside, max_size=3).map(lambda found: "[{}]".format(
    ",".join(found))) | st.dictionaries(st.text(max_size=3), inside, max_size=3).map(lambda found: "{{{}}}".format(
        ", ".join("{}:{}".format(json.dumps(name), value) for name, value in found.items()))))


@pytest.fixture(scope="module")
def quick():
    pytest.importorskip("orjson")
    assert wire._quick_loads() is not None


def said(raw):
    """What a line holds to the last bit of each number and the type of each value, or what is wrong with it."""
    try:
        return repr(wire.parse(raw))
    except SchemaError as error:
        return str(error)


def both(raw):
    own = said(raw)
    with mock.patch.object(wire, "_quick_loads", return_value=None):
        return own, said(raw)


@given(documents)
@example("1" + "0" * 31)
@example("123456789012345678901234567890.5")
@example("18446744073709551616")
@example("[0.1e31, 1E5, 1e-400, -0, -0.0, 1e0000031]")
@example('"\\ud800" ')
@example('"\\uD83D\\uDE00\\u0000"')
@settings(max_examples=120, deadline=None)
def test_any_text_is_read_alike(quick, text):
    for raw in (text.encode("utf-8", "replace"), '{{"a":{},"a":{}}}\n'.format(text, text).encode("utf-8", "replace")):
        own, plain = both(raw)
        assert own == plain


@given(st.binary(max_size=20))
@settings(max_examples=60, deadline=None)
def test_bytes_that_are_no_text_are_read_alike(quick, raw):
    for one in (raw, b'{"a":"' + raw + b'"}', b'{"a":1' + raw):
        own, plain = both(one)
        assert own == plain


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-2 ** 62, 2 ** 62))
@settings(max_examples=100, deadline=None)
def test_every_number_keeps_its_last_bit(quick, real, whole):
    if abs(real) <= wire.LARGEST:
        assert wire.parse(json.dumps({"a": [real, whole]}).encode("ascii")) == {"a": [real, whole]}


def test_every_recorded_line_is_read_alike(quick):
    files = glob.glob(os.path.join(PROJECT, "results", "reference", "*", "record.jsonl"))
    assert files
    for path in files:
        with io.open(path, "rb") as file:
            for raw in file:
                own, plain = both(raw)
                assert own == plain and own.startswith("{")


def test_a_number_beyond_any_quantity_is_found_in_any_writing():
    for number in ("1e31", "1E31", "-1e+0031", "1" + "0" * 31, "9" * 20, "0.5e32", "123456789012345678901e11"):
        assert "beyond any quantity" in said('{{"edge0e-1":0.1,"a":[{}]}}'.format(number).encode("ascii")), number
    for number in ("1e-31", "1e5", "123456789012345678", "0." + "3" * 25, "1E-05"):
        assert said('{{"a":[{}]}}'.format(number).encode("ascii")) == repr({"a": [json.loads(number)]}), number
