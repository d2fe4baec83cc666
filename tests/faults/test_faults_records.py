"""Damaged records are read, or refused in one line; nothing of them commands a terminal or leaves its place."""

import io
import json
import os
import re
import signal
from collections import Counter

import pytest
from fuzz import corpus, fuzz, kept, markup_of, try_mutant
from mutations import HOSTILE
from reached import Reached

from harness.record import RecordError, damage_text, load_run
from harness.record.reader import LONGEST_LINE
from reports.findings import findings
from reports.formats.markdown import cell, code, markdown
from reports.formats.page import render_page
from reports.formats.terminal import terminal_text
from tests.patience import LONG_S


def place(tmp_path, text):
    (tmp_path / "record.jsonl").write_text(text, encoding="utf-8")
    return str(tmp_path)


def test_mutants_of_real_records_give_no_traceback():
    tried, faults, _ = fuzz(LONG_S, 20260314, share=0.12, most=220, biggest=60000)
    assert not faults, sorted(faults)
    assert tried["load_run"] == 220 and tried["to_frame"] > 100 and tried["report"] > 10
    assert tried["refused"] > 10 and tried["skipped"] > 60


def test_mutants_that_once_reached_new_lines_give_no_traceback(tmp_path):
    tried, faults = Counter(), {}
    other = load_run(place(tmp_path, next(iter(corpus().values()))))
    mutants = tmp_path / "mutants"
    mutants.mkdir()
    for number, data in enumerate(kept()):
        try_mutant(data, str(mutants), other, number % 4 == 0, False, tried, faults)
    assert not faults, sorted(faults)
    assert tried["load_run"] == len(kept()) > 20 and tried["skipped"] > 3
    assert tried["to_frame"] > 10 and tried["report"]


def test_the_guide_names_the_lines_that_nothing_reached_before(tmp_path):
    text = corpus()[os.path.join("tests", "faults", "corpus", "two_launches.jsonl")]
    sound, damaged = place(tmp_path, text), str(tmp_path / "damaged")
    os.mkdir(damaged)
    (tmp_path / "damaged" / "record.jsonl").write_text(text.replace('"launch":1', '"launch":"first"', 1))
    reached = Reached()
    reached.know(reached.by(lambda: load_run(sound)))
    assert not reached.by(lambda: load_run(sound))
    new = reached.by(lambda: load_run(damaged))
    assert "damage.py" in {os.path.basename(code.co_filename) for code, _ in new}
    reached.know(new)
    assert not reached.by(lambda: load_run(damaged))


def test_every_record_of_the_corpus_is_read_as_it_is(tmp_path):
    assert len(corpus()) >= 7
    for text in corpus().values():
        assert load_run(place(tmp_path, text)).units


@pytest.mark.parametrize("old, new, words", [
    ('"seed":1', '"seed":1e999', r"line 1: the line holds the number 1e999"),
    ('"seed":1', '"seed":' + "9" * 400, r"line 1: the line holds the number 9+"),
    ('"look_growth":1.5', '"look_growth":1.0', r"line 1: field 'rule.look_growth' must be bigger"),
], ids=lambda value: str(value)[:24])
def test_a_plan_that_makes_no_sense_is_refused_with_line_and_field(tmp_path, old, new, words):
    text = corpus()[os.path.join("tests", "faults", "corpus", "two_launches.jsonl")]
    assert old in text
    with pytest.raises(RecordError, match=words) as error:
        load_run(place(tmp_path, text.replace(old, new, 1)))
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


@pytest.mark.parametrize("old, new, words", [
    ('"sample_s":[', '"sample_s":[0,', r"line \d+: field 'series\[0\]\.rounds\[0\]\.sample_s"),
    ('"launch":1', '"launch":"first"', r"line \d+: field 'launch' must be integer"),
    ('"order":[', '"order":[0,0,', r"line \d+: field 'series\[0\]\.rounds\[\d+\]\.order' must name"),
    ('"comparison":"tiny"', '"comparison":"elsewhere"', r"field 'comparison' names no comparison of the plan"),
], ids=lambda value: str(value)[:24])
def test_a_unit_that_makes_no_sense_is_skipped_and_named_with_line_and_field(tmp_path, old, new, words):
    text = corpus()[os.path.join("tests", "faults", "corpus", "two_launches.jsonl")]
    assert old in text
    assert re.search(words, damage_text(load_run(place(tmp_path, text.replace(old, new, 1))).damage, "here"))


def test_a_round_without_its_baseline_is_skipped(tmp_path):
    lines = [json.loads(line) for line in corpus()[os.path.join(
        "tests", "faults", "corpus", "two_launches.jsonl")].splitlines()]
    played = next(line for line in lines if line.get("pass") == "time")["series"][0]["rounds"][0]
    played["order"].remove(0)
    played["sample_s"] = played["sample_s"][:2 * len(played["order"])]
    run = load_run(place(tmp_path, "".join(json.dumps(line) + "\n" for line in lines)))
    assert "order' must name the baseline" in damage_text(run.damage, "here")


def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path):
    with io.open(str(tmp_path / "record.jsonl"), "wb") as file:
        file.truncate(LONGEST_LINE + 10)  # a hole: it takes no room
    with pytest.raises(RecordError, match="line 1 is longer than any unit's"):
        load_run(str(tmp_path))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A record with a hostile name in every field that holds text."""
    def poisoned(value, key=""):
        if isinstance(value, dict):
            return {name: poisoned(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [poisoned(one, key) for one in value]
        kept = ("kind", "pass", "status", "code", "cause", "state", "role", "cache", "device", "comparison", "case",
                "entrants", "id", "layer", "implementation", "heap", "passes", "block", "signal", "quantity")
        return HOSTILE + value if isinstance(value, str) and key not in kept else value

    lines = []
    for line in corpus()[os.path.join("tests", "faults", "corpus", "two_launches.jsonl")].splitlines():
        data = poisoned(json.loads(line))
        if data["kind"] == "run":
            data["id"] += HOSTILE
        lines.append(json.dumps(data))
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "record.jsonl").write_text("\n".join(lines) + "\n")
    return findings(load_run(str(folder)), published=())


def test_no_control_character_of_a_record_reaches_a_terminal_or_a_file(hostile):
    for text in (terminal_text(hostile, None), markdown(hostile), render_page(hostile)):
        assert "\ufffd" in text or "&#65533;" in text or "&#xfffd;" in text.lower()
        assert not [char for char in text if char < " " and char not in "\n\t" or "\x7f" <= char <= "\x9f"]
        assert "\u202e" not in text


def test_report_md_holds_no_tag_no_link_and_no_comment_of_a_record(hostile):
    markup = markup_of(markdown(hostile))
    for bad in ("<", "[a", "](", "javascript:alert(1))]"):
        assert bad not in markup, bad
    assert "onerror" in markup and "<img" in markup_of("text <img src=x>")


def test_markdown_makes_no_link_of_an_address_and_lets_nothing_out_of_code():
    assert cell("https://x.y www.z a@b") == "https\\://x.y www\\.z a\\@b"
    assert code("a` <b> `c\nd") == "`a' <b> 'c d`"


def test_the_alarm_of_the_fuzzer_is_put_back():
    before = signal.getsignal(signal.SIGPROF)
    fuzz(LONG_S, 1, most=1, biggest=40000)
    assert signal.getsignal(signal.SIGPROF) is before
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)
