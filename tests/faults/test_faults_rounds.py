"""A comparison of many runs reads less of each, and refuses and skips all that a report does, in the same words."""

from collections import Counter
from random import Random

import pytest
from fuzz import corpus, kept
from mutations import mutant

from harness.record import RecordError, damage_text, load_run, schema
from harness.record.codec import field_names
from harness.record.rounds import LET_GO, load_rounds
from harness.words import Word
from reports.findings.compared import gist_of

#: Larger records hold no other kinds of lines.
BIGGEST = 60000


def said(load, folder):
    """What a comparison of many runs makes of a record: all that it keeps, or the refusal."""
    try:
        run = load(folder)
    except RecordError as error:
        return "refused", str(error)
    return "skipped" if run.damage.lines + run.done_over.lines else "read", (
        damage_text(run.damage, "here"), run.done_over, run.ended, sorted(map(str, run.units)), repr(gist_of(run)))


def put(tmp_path, data):
    (tmp_path / "record.jsonl").write_bytes(data)
    return str(tmp_path)


def test_every_damaged_record_is_read_skipped_or_refused_as_by_a_report(tmp_path):
    random, ends = Random(20260727), Counter()
    texts = [text for text in corpus().values() if len(text) < BIGGEST]
    mutants = kept() + [mutant(texts[number % len(texts)], random) for number in range(250)]
    for data in mutants:
        folder = put(tmp_path, data)
        found = said(load_run, folder)
        assert said(load_rounds, folder) == found
        ends[found[0]] += 1
    assert ends["read"] > 20 and ends["skipped"] > 60 and ends["refused"] > 10


@pytest.mark.parametrize("name", sorted(corpus()))
def test_every_sound_record_gives_the_same_gist(name, tmp_path):
    folder = put(tmp_path, corpus()[name].encode("utf-8"))
    assert said(load_rounds, folder) == said(load_run, folder)


def kind_of(hint):
    """The type of the parts of a hint such as ``Tuple[Stage, ...]``."""
    kind, = [one for one in hint.__args__ if hasattr(one, "_fields")]
    return kind


#: The definitions in the schema of what is let go.
DEFINITIONS = {"WarmUpFacts": "warm_up", "SeriesDecision": "decision", "TimerFacts": "timer", "Stage": "stage",
               "EnergyWindow": "energy_window", "Phase": "phase", "SamplingCost": "sampling_cost"}


@pytest.mark.parametrize("kind", sorted(map(kind_of, LET_GO), key=str), ids=lambda kind: kind.__name__)
def test_what_is_let_go_could_not_be_refused_any_more(kind):
    """The schema asks for every field that has no default, and knows no word that the type does not."""
    definition = schema.schema()["definitions"][DEFINITIONS[kind.__name__]]
    assert set(definition["required"]) >= set(field_names(kind)) - set(kind._field_defaults)
    words = {name: hint for name, hint in kind.__annotations__.items()
             if isinstance(hint, type) and issubclass(hint, Word)}
    assert all({one.value for one in hint} >= set(definition["properties"][name]["enum"])
               for name, hint in words.items())
    inside = [name for name, one in definition["properties"].items() if "$ref" in str(one)]
    assert inside == []


def test_what_is_let_go_is_let_go(tmp_path):
    folder = put(tmp_path, corpus()["tests/faults/corpus/made_up_nano.jsonl"].encode("utf-8"))
    whole, slim = load_run(folder), load_rounds(folder)
    timed = [(run.timed(run.comparisons[0].id)[0]) for run in (whole, slim)]
    assert timed[0].warmup and timed[0].timer and not timed[1].warmup and timed[1].timer is None
    assert timed[0].series[0].rounds == timed[1].series[0].rounds
