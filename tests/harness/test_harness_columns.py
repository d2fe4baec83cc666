"""Lists of alike objects are read by columns: what comes out is what each gives alone."""

import io
import json
import os
from random import Random
from typing import NamedTuple, Optional, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.reasons import Code, Reason
from harness.record import Damaged, reader
from harness.record.codec import Decoder, to_json
from harness.record.columns import Columns
from harness.record.schema import schema
from harness.record.sense import _whole_rounds, _wrong_of
from harness.record.time_lines import Round, Series
from harness.words import Role

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

COLUMNS = Columns(schema()["definitions"])

numbers = st.floats(1e-6, 1.0) | st.integers(1, 9)
beside = st.none() | st.lists(st.none() | numbers, max_size=4).map(tuple)
rounds = st.builds(Round, st.lists(st.integers(0, 3), max_size=4).map(tuple),
                   st.lists(numbers, max_size=8).map(tuple), beside, beside, beside,
                   st.none() | st.lists(st.none() | st.booleans(), max_size=4).map(tuple))
reasons = st.builds(Reason, st.sampled_from(list(Code)), st.dictionaries(st.text(max_size=3), numbers, max_size=2),
                    st.none() | st.text(max_size=3))


def plain(values, thin):
    """The values as a record holds them; ``thin`` leaves out what is not known."""
    return [{name: one for name, one in data.items() if not (thin and one is None)}
            for data in json.loads(json.dumps(to_json(list(values))))]


@given(st.lists(rounds, max_size=4), st.booleans())
@settings(max_examples=100, deadline=None)
def test_rounds_by_columns_are_the_rounds_one_by_one(values, thin):
    data = plain(values, thin)
    found = COLUMNS.read("round", Round, data)
    assert found == [Decoder().decode(Round, one) for one in data] == values
    assert {type(one) for one in found} <= {Round}


@given(st.lists(reasons, max_size=4))
@settings(max_examples=50, deadline=None)
def test_words_and_mappings_by_columns_too(values):
    found = COLUMNS.read("reason", Reason, plain(values, False))
    assert found == values and all(type(one.code) is Code and type(one) is Reason for one in found)


def test_a_series_is_what_it_was_before_it_was_written():
    series = Series("hot", ("a", "a", "b"), (1, 1, 2), tuple(
        Round((0, 1, 2), (1.0, 2.0, 3.0) * 2, hidden=(None, True) * 3) for _ in range(3)), (12,), Role.FIRST,
        Reason(Code.ALL_DECIDED, {"round": 3}))
    data = json.loads(json.dumps(to_json(series)))
    for found in (Decoder().decode(Series, data), COLUMNS.read("series", Series, [data])[0]):
        assert found == series and {type(one) for one in found.rounds} == {Round}


def test_what_is_no_word_or_lacks_is_refused_and_the_decoder_names_it():
    for kind, data, error, words in (
            (Reason, {"code": "all-decided", "cause": "no-such-cause"}, ValueError, "no-such-cause"),
            (Reason, {"code": "no-such-code"}, ValueError, "no-such-code"),
            (Round, {"sample_s": [1.0]}, TypeError, "it lacks order")):
        assert COLUMNS.read(kind.__name__.lower(), kind, [data]) is None
        with pytest.raises(error, match=words):
            Decoder().decode(kind, data)


def test_an_absent_value_is_none_only_where_the_type_says_so():
    one = {"type": "object", "properties": {"a": {"type": ["array", "null"], "items": {"type": "integer"}}}}
    for kind, fine in ((NamedTuple("Sure", [("a", Tuple[int, ...])]), False),
                       (NamedTuple("May", [("a", Optional[Tuple[int, ...]])]), True)):
        found = Columns({"one": one}).read("one", kind, [{"a": None}, {"a": [1]}])
        assert found == ([(None,), ((1,),)] if fine else None)


@given(st.lists(rounds, max_size=3), st.integers(2, 4), st.data())
@settings(max_examples=200, deadline=None)
def test_rounds_that_are_right_at_a_glance_are_right(values, count, data):
    order = tuple(data.draw(st.permutations(range(count))))
    values = values + [Round(order, (1.0,) * 2 * count)] * data.draw(st.integers(0, 2))
    if _whole_rounds(values, count):
        assert [_wrong_of(one, count) for one in values] == [None] * len(values)


def test_whole_rounds_are_seen_at_a_glance():
    whole = [Round(order, (1.0,) * 6, (None,) * 6, clock_hz=(1e9, None)) for order in ((0, 1, 2), (2, 0, 1))]
    assert _whole_rounds(whole, 3) and _whole_rounds((), 3)
    for wrong in (whole[0]._replace(order=(0, 1, 1)), whole[0]._replace(order=(0, 1, 3)),
                  whole[0]._replace(order=(0, 1)), whole[0]._replace(sample_s=(1.0,) * 5),
                  whole[0]._replace(settle_s=(None,) * 5), whole[0]._replace(hidden=(True,))):
        assert not _whole_rounds(whole + [wrong], 3)


def damaged(random, lines):
    """Lines of a record after a bad day: torn, or with another letter, word or number in the wrong place."""
    found = list(lines)
    for place in random.sample(range(1, len(found)), min(12, len(found) // 2)):
        line, way = found[place], random.randrange(6)
        at, other = random.randrange(len(line)), bytes([random.randrange(256)])
        found[place] = (line[:at] + other + line[at + 1:], line[:at], line[:at] + line[at + 9:],
                        line.replace(b'"status":"ok"', b'"status":"fine"'), line.replace(b"0.0", b"-0.0", 1),
                        line.replace(b'"comparison":"', b'"comparison":"no-', 1))[way].replace(b"\n", b"") + b"\n"
    return found


@pytest.mark.parametrize("name", ["tests/data/record_format_1", "results/reference/20261120-114957-layers-cpu-93"])
def test_lines_that_are_read_together_are_what_each_is_alone(name, tmp_path, monkeypatch):
    with io.open(os.path.join(PROJECT, *name.split("/") + ["record.jsonl"]), "rb") as file:
        lines = file.readlines()
    path, skipped = str(tmp_path / "record.jsonl"), 0
    for seed in range(12):
        with io.open(path, "wb") as file:
            file.writelines(damaged(Random(seed), lines) if seed else lines)
        found = []
        for together in (0, 20000, 1 << 20):
            monkeypatch.setattr(reader, "TOGETHER_BYTES", together)
            found.append(list(reader.read_lines(path)))
        assert found[0] == found[1] == found[2] and len(found[0]) >= len(lines) - 1
        skipped += sum(isinstance(line, Damaged) for line in found[0])
        assert seed or not skipped
    assert skipped > 40
