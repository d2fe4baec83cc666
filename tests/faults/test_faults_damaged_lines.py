"""A damaged line of a real record loses what it held and nothing else: it is skipped, counted, named, and said."""

import io
import json
import os
import re

import pytest
from fuzz import corpus
from test_faults_storage import go_on

from harness.notebook import load_run as load_for_notebook
from harness.record import RecordError, Unit, damage_text, load_run, unit_of
from harness.record import reader as reader_module
from harness.record.reader import read_record
from harness.words import Pass
from reports.__main__ import main as report
from reports.compare import main as compare
from reports.export import main as export
from reports.findings import findings
from reports.formats.terminal import terminal_text


def changed(line, change):
    data = json.loads(line.decode("utf-8"))
    change(data)
    return json.dumps(data).encode("ascii")


def wrong_type(data):
    data["launch" if data["pass"] == "time" else "seconds"] = "first"


#: What is done to a unit's line (bytes, without its end), and what is said of it.
DAMAGES = {
    "bad JSON": (lambda line: line.replace(b":", b";", 1), "is not JSON"),
    "flipped byte": (lambda line: line.replace(b'"kind"', b'"kinf"', 1), "field 'kind' must name a kind of line"),
    "wrong type": (lambda line: changed(line, wrong_type), "must be "),
    "missing key": (lambda line: changed(line, lambda data: data.pop("status")), "must contain"),
    "NUL bytes": (lambda line: b"\x00" * len(line), "is not JSON"),
    "NUL bytes inside": (lambda line: line[:40] + b"\x00" * 9 + line[49:], "is not JSON"),
    "cut tail": (lambda line: line[:-9], "is not JSON"),
    "NaN": (lambda line: changed(line, lambda data: data.update(seconds=float("nan"))), "is not JSON"),
    "number beyond any": (lambda line: line.replace(b'"seconds":', b'"seconds":1e99,"x":', 1), "beyond any quantity"),
    "another plan's": (lambda line: changed(line, lambda data: data.update(comparison="elsewhere")),
                       "field 'comparison' names no comparison of the plan"),
    "no object": (lambda line: b"[]", "must be an object"),
    "nested too deep": (lambda line: b"[" * 20000, "nested too deep|is not JSON"),
}


def lines_of(name):
    return next(text for path, text in corpus().items() if path.endswith(name)).encode("utf-8").splitlines()


def put(folder, lines):
    with io.open(str(folder / "record.jsonl"), "wb") as file:
        file.write(b"".join(line + b"\n" for line in lines))
    return str(folder)


def units_at(lines):
    """Return the places of the units' lines."""
    return [place for place, line in enumerate(lines) if b'"kind":"pass"' in line]


@pytest.mark.parametrize("damage", list(DAMAGES))
@pytest.mark.parametrize("name", ["two_launches.jsonl", "made_up_nano.jsonl", "soak.jsonl", "fit.jsonl",
                                  os.path.join("record_format_1", "record.jsonl")])
def test_a_damaged_line_loses_its_own_unit_and_is_named_with_number_and_field(name, damage, tmp_path):
    do, said = DAMAGES[damage]
    lines = lines_of(name)
    whole = load_run(put(tmp_path, lines))
    places = units_at(lines)
    for place in {places[0], places[len(places) // 2], places[-1]}:
        lost = unit_of(read_record(put(tmp_path, lines))[place])
        run = load_run(put(tmp_path, lines[:place] + [do(lines[place])] + lines[place + 1:]))
        assert run.units == {unit: line for unit, line in whole.units.items() if unit != lost}
        assert run.damage.lines == 1 and run.damage.first[0].number == place + 1
        text = damage_text(run.damage, "here")
        assert re.search(r"1 damaged line of here skipped \(line {}: .*({})".format(place + 1, said), text)
        assert "\n" not in text


def test_two_glued_lines_lose_both_and_count_as_one(tmp_path):
    lines = lines_of("made_up_nano.jsonl")
    whole, place = load_run(put(tmp_path, lines)), units_at(lines)[3]
    lost = [unit_of(line) for line in read_record(str(tmp_path))[place:place + 2]]
    run = load_run(put(tmp_path, lines[:place] + [lines[place] + lines[place + 1]] + lines[place + 2:]))
    assert set(run.units) == set(whole.units) - set(lost) and run.damage.lines == 1


def test_samples_that_do_not_fit_their_round_and_times_below_zero_lose_their_launch_alone(tmp_path):
    lines = lines_of("two_launches.jsonl")
    place = next(place for place, line in enumerate(lines) if b'"pass":"time"' in line)
    for do, field in ((lambda played: played["sample_s"].pop(), "sample_s"),
                      (lambda played: played["sample_s"].__setitem__(0, -1e-3), r"sample_s\[0\]"),
                      (lambda played: played["order"].append(0), "order")):
        bad = changed(lines[place], lambda data, do=do: do(data["series"][0]["rounds"][0]))
        run = load_run(put(tmp_path, lines[:place] + [bad] + lines[place + 1:]))
        assert [line.launch for line in run.launches("tiny")] == [2]
        assert run.damage.first[0].field.startswith("field 'series[0].rounds[0]." + field.split("\\")[0])
        assert (run.damage.first[0].name, run.damage.first[0].comparison) == (Pass.TIME, "tiny")


def test_a_line_longer_than_any_is_skipped_and_what_follows_is_read(tmp_path, monkeypatch):
    lines = lines_of("two_launches.jsonl")
    monkeypatch.setattr(reader_module, "LONGEST_LINE", max(map(len, lines)) + 10)
    long = b"x" * (4 * reader_module.LONGEST_LINE)
    run = load_run(put(tmp_path, lines[:2] + [long] + lines[2:]))
    assert run.ended and run.damage.first[0].number == 3 and "longer than any" in run.damage.first[0].problem


@pytest.mark.parametrize("first", [b"", b"{", b"[]", b'{"kind":"end"}', b"\x00" * 50])
def test_without_the_plan_nothing_is_told(first, tmp_path):
    with pytest.raises(RecordError, match="line 1"):
        load_run(put(tmp_path, [first] + lines_of("two_launches.jsonl")[1:]))


def test_a_lost_first_session_leaves_the_environment_unknown_and_a_lost_end_leaves_the_run_open(tmp_path):
    lines = lines_of("two_launches.jsonl")
    assert load_run(put(tmp_path, lines)).environment.cpu
    sessions = [place for place, line in enumerate(lines) if b'"kind":"session"' in line]
    resumed = lines[:-1] + [lines[sessions[0]], lines[-1]]
    run = load_run(put(tmp_path, [b"?" if place == sessions[0] else line for place, line in enumerate(resumed)]))
    assert len(run.sessions) == 1 and run.environment.cpu == {} and run.ended
    assert not load_run(put(tmp_path, lines[:-1] + [b"?"])).ended


def test_any_number_of_damaged_lines_takes_no_more_memory_than_a_hundred(tmp_path):
    run = load_run(put(tmp_path, lines_of("two_launches.jsonl") + [b""] * 5000))
    assert run.damage.lines == 5000 and len(run.damage.first) == 100 and run.ended
    assert "4997 more" in damage_text(run.damage, "here")


@pytest.fixture
def damaged(tmp_path):
    lines = lines_of("two_launches.jsonl")
    place = [place for place, line in enumerate(lines) if b'"pass":"memory"' in line][0]
    return put(tmp_path, lines[:place] + [lines[place][:-5]] + lines[place + 1:]), place + 1


def test_it_is_said_once_in_every_format_of_the_report(damaged, capsys):
    folder, number = damaged
    assert report([folder, "--format", "all", "--no-figures", "--out", os.path.join(folder, "out")]) == 0
    said = "1 damaged line of record.jsonl skipped (line {}: the line is not JSON)".format(number)
    texts = [" ".join(capsys.readouterr().out.split())]
    for name in ("report.html", "report.md"):
        with io.open(os.path.join(folder, "out", name), encoding="utf-8") as file:
            texts.append(file.read().replace("\\", ""))
    texts[1] = texts[1].split('<aside class="weak"')[1].split("</aside>")[0]  # the page carries report.md too
    assert [text.count(said) for text in texts] == [1, 1, 1]
    assert report([folder, "--format", "json", "--out", os.path.join(folder, "out")]) == 0
    with io.open(os.path.join(folder, "out", "report.json"), encoding="utf-8") as file:
        found = [one for one in json.load(file)["warnings"] if one["code"] == "damaged"]
    assert found[0]["numbers"]["damage"]["lines"] == 1
    assert found[0]["numbers"]["damage"]["first"][0]["number"] == number


def test_it_is_said_once_by_every_other_command(damaged, capsys):
    folder, number = damaged
    said = "skipped (line {}: the line is not JSON)".format(number)
    for form in ("table", "markdown", "csv", "html"):
        assert compare([folder, "published", "--format", form]) in (0, 1, 2)
        got = capsys.readouterr()
        assert " ".join((got.out + got.err).replace("\\", "").split()).count(said) == 1, form
    compare([folder, "published", "--format", "json"])
    assert json.loads(capsys.readouterr().out)["damaged"][0]["damage"]["first"][0]["number"] == number
    assert export([folder, "--to", "csv", "--out", os.path.join(folder, "x.csv")]) == 0
    got = capsys.readouterr()
    assert got.err.count(said) == 1 and got.err.count("\n") == 1
    assert "1 damaged line skipped" in repr(load_for_notebook(folder))


def test_a_lost_unit_says_why_it_has_no_number_and_the_others_keep_theirs(damaged, tmp_path):
    folder, number = damaged
    whole_folder = tmp_path / "whole"
    whole_folder.mkdir()
    whole = load_for_notebook(put(whole_folder, lines_of("two_launches.jsonl"))).to_frame()
    found = load_for_notebook(folder).to_frame()
    assert list(found["speed"].dropna()) == list(whole["speed"].dropna())
    lost = found[(found["pass"] == "memory") & (found["status"] != "ok")]
    assert len(lost) <= 1 and all("damaged" in reason for reason in lost["reason"])


def test_a_case_of_which_nothing_is_left_is_said_to_be_lost_and_not_unreached(tmp_path):
    lines = [line for line in lines_of("two_launches.jsonl") if b'"kind":"run"' in line or b'"session"' in line]
    run = load_for_notebook(put(tmp_path, lines + [b'{"kind":"pass","pass":"time","comparison":"tiny"}']))
    assert "damaged lines" in set(run.to_frame().query("`pass` == 'time'")["reason"]).pop()
    assert set(run.to_frame().query("`pass` == 'memory'")["reason"]) == {"not reached: the run stopped before it"}
    assert "damaged" in terminal_text(findings(run, published=()), None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    go_on(str(folder))
    return folder


def test_a_resume_does_every_skipped_unit_over_and_no_other(whole, tmp_path):
    lines = (whole / "record.jsonl").read_bytes().splitlines()
    entries = read_record(str(whole))
    for place in units_at(lines):
        folder = tmp_path / str(place)
        folder.mkdir()
        put(folder, lines[:place] + [lines[place][:-3]] + lines[place + 1:])
        lost = unit_of(entries[place])
        again = {lost}
        if lost.name is Pass.TIME and lost.launch == 1:  # the second confirmed the one that is lost
            again.add(lost._replace(launch=2))
        go_on(str(folder))
        written = [unit_of(line) for line in read_record(str(folder))[len(lines):] if hasattr(line, "comparison")]
        run = load_run(str(folder))
        assert set(written) == again and len(written) == len(again)
        assert set(run.units) == set(load_run(str(whole)).units)
        assert [line.launch for line in run.launches(lost.comparison)] == [1, 2]


def test_a_lost_launch_between_others_is_done_over_with_those_that_followed_it(tmp_path):
    lines = lines_of("two_launches.jsonl")
    first, second = [line for line in lines if b'"pass":"time"' in line][:2]
    third = changed(second, lambda data: data.update(launch=3))
    run = load_run(put(tmp_path, lines[:2] + [first, b"?", third, second]))
    assert [line.launch for line in run.launches("tiny")] == [1, 2]
    assert Unit(Pass.TIME, "tiny", None, 3) not in run.units
