"""Damaged records are read, or refused in one line; nothing of them commands a terminal or leaves its place."""

import io
import json
import os
import re
import signal
import sys
from collections import Counter
from random import Random

import pytest
from doors import DOORS, Door, check_refused, knock, markup_of
from fuzz import Bench, corpus, fuzz, kept, try_mutant
from mutations import HOSTILE
from reached import Reached

from harness.notebook import load_run as load_for_notebook
from harness.record import RecordError, damage_text, load_run
from harness.record.reader import LONGEST_LINE
from reports.__main__ import main
from reports.findings import findings
from reports.findings.cleaned import cleaned
from reports.findings.compared import compared, summary_of
from reports.formats.changes_text import changes_text
from reports.formats.markdown import cell, code, markdown
from reports.formats.page import render_page
from reports.formats.terminal import terminal_text
from tests.patience import LONG_S


def place(tmp_path, text):
    (tmp_path / "record.jsonl").write_text(text, encoding="utf-8")
    return str(tmp_path)


def test_mutants_of_real_records_give_no_traceback_at_any_door():
    tried, faults, _ = fuzz(LONG_S, 20260314, share=0.1, most=220, biggest=60000)
    assert not faults, sorted(faults)
    assert tried["load_run"] == 220 and tried["to_frame"] > 100
    assert all(tried[door.name] for door in DOORS if not door.dear)
    assert tried["refused"] > 10 and tried["skipped"] > 60


def test_mutants_that_once_reached_new_lines_give_no_traceback(tmp_path):
    bench, random = Bench(str(tmp_path), Counter(), {}), Random(1)
    others = [bench.put(text.encode("utf-8"), "sane", name) for name, text in list(corpus().items())[:2]]
    for number, data in enumerate(kept()):
        try_mutant(data, bench, others, random, int(number % 4 == 0))
    assert not bench.faults, sorted(bench.faults)
    assert bench.tried["load_run"] == len(kept()) > 20 and bench.tried["skipped"] > 3
    assert bench.tried["to_frame"] > 10


@pytest.fixture(scope="module")
def sane(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sane")
    (folder / "record.jsonl").write_text(corpus()[os.path.join("tests", "faults", "corpus", "two_launches.jsonl")])
    return str(folder)


@pytest.mark.parametrize("door", [one for one in DOORS if not one.dear], ids=lambda one: one.name)
def test_every_command_refuses_a_record_without_a_plan_in_one_line(door, sane, tmp_path):
    (tmp_path / "runs" / "broken").mkdir(parents=True)
    (tmp_path / "runs" / "broken" / "record.jsonl").write_text('{"kind":"run"}\n')
    for words in door.words:
        found = knock(door._replace(words=(words,)), Random(1), str(tmp_path / "runs" / "broken"), [sane],
                      str(tmp_path / "out"))
        check_refused(door, found, str(tmp_path / "runs" / "broken"))


def does(text="", name=None, content="", status=0):
    """Return a command that prints ``text`` and writes one file below its second word."""
    def main(argv):
        if name is not None:
            path = os.path.join(argv[1], *name.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with io.open(path, "w", encoding="utf-8") as file:
                file.write(content)
        sys.stdout.write(text)
        return status

    return Door("made up", main, ("{run} {out}",))


@pytest.mark.parametrize("bad", [
    does("\x1b[31m"), does("\x9b"), does('{"a": NaN}'), does("[1,"), does(name="../beside", content="x"),
    does(name="report.html.1.part"), does(name="a\x07"), does(name="report.md", content="<img src=x>"),
    does(name="report.html", content="\x00"), does(name="runs.csv", content="\x1b"),
    does(name="report.json", content="[Infinity]")], ids=str)
def test_the_fuzzer_notices_what_a_command_must_not_print_or_write(bad, sane, tmp_path):
    (tmp_path / "of").mkdir()
    with pytest.raises(AssertionError):
        knock(bad, Random(1), sane, [sane], str(tmp_path / "of" / "it"))
    good = does("fine", "a/report.md", "fine")
    assert knock(good, Random(1), sane, [sane], str(tmp_path / "of" / "it")).status == 0


def test_the_fuzzer_notices_a_command_that_takes_a_broken_record_or_names_no_file(sane, tmp_path):
    for bad in (does(status=0), does(status=1), does(status=3)._replace(name="no name")):
        with pytest.raises(AssertionError):
            check_refused(bad, knock(bad, Random(1), sane, [sane], str(tmp_path / "out")), sane)


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


@pytest.mark.parametrize("wild", ["x", [[1]], True, {"\u00b2": 1.0, 5000 * "9": 1.0}],
                         ids=lambda value: str(value)[:20])
def test_whatever_stands_in_the_environment_is_reported_and_compared(tmp_path, wild):
    """Its sections hold what they like: the values of one after the other are none that this program writes."""
    lines = [json.loads(line) for line in corpus()[os.path.join(
        "tests", "faults", "corpus", "networks_roofs.jsonl")].splitlines()]
    session = next(line for line in lines if line["kind"] == "session")
    kept = session["environment"]
    changes = [("roof", [name]) for name in kept["roof"]]
    changes += [(section, list(kept[section])) for section in kept if section not in ("roof", "meters")]
    for section, names in changes:
        session["environment"] = dict(kept, **{section: dict(kept[section], **dict.fromkeys(names, wild))})
        run = load_run(place(tmp_path, "".join(json.dumps(line) + "\n" for line in lines)))
        assert terminal_text(findings(run, published=(), others=[run]), None)
        assert changes_text(cleaned(compared([summary_of(run), summary_of(run)])), 80, True, False)


@pytest.mark.parametrize("value", [{"a": [1]}, [[1]], None, "x"], ids=str)
def test_the_options_of_a_case_may_hold_anything(tmp_path, value):
    lines = [json.loads(line) for line in corpus()[os.path.join(
        "tests", "faults", "corpus", "engines.jsonl")].splitlines()]
    for comparison in lines[0]["comparisons"]:
        for case in [comparison["baseline"]] + comparison["rivals"]:
            case["options"]["more"] = value
    run = load_for_notebook(place(tmp_path, "".join(json.dumps(line) + "\n" for line in lines)))
    assert len(run.to_frame()) and run._repr_html_()
    assert terminal_text(findings(run, published=(), others=[run]), None)
    assert changes_text(cleaned(compared([summary_of(run), summary_of(run)])), 80, True, False)


@pytest.mark.parametrize("watts", [0.0, 5e-324, 1e-300, -3.0, 1e9], ids=str)
def test_power_modes_with_whatever_a_broken_meter_read_are_drawn(tmp_path, watts):
    folders = []
    for mode in ("MAXN", "5W"):
        lines = [json.loads(line) for line in corpus()[os.path.join(
            "tests", "faults", "corpus", "made_up_nano.jsonl")].splitlines()]
        for line in lines:
            if line["kind"] == "session":
                line["environment"]["clocks"]["power_mode"] = mode
            elif line.get("pass") == "energy":
                line["mean_w"] = watts
        (tmp_path / mode).mkdir()
        folders.append(place(tmp_path / mode, "".join(json.dumps(line) + "\n" for line in lines)))
    assert main(folders + ["--format", "html", "--no-figures", "--out", str(tmp_path / "out")]) == 0
    with io.open(str(tmp_path / "out" / "report.html"), encoding="utf-8") as file:
        assert "speed against power" in file.read()


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
