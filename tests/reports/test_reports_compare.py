"""Two runs of one board: what became of each advantage, and the exit status."""

import csv
import io
import json
import os

import pytest
from report_fixtures import NANO, RecordBuilder, comparison

from harness import load_run
from harness.statistics.between_runs import WIDEST, Change
from harness.statistics.codes import WhyCode
from harness.words import State
from reports import compare, compare_workers
from reports.findings import changes as between
from reports.findings import compared as side_by_side
from reports.findings.sides import side_of
from reports.formats.change_words import change_interval, change_text
from reports.formats.changes_text import changes_text
from reports.summaries.reading import Summaries

BASE = {"conv": 2e-3, "wht-fused": 1e-3, "wht-torch": 4e-3}
REFERENCE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "results",
                         "reference")


def made(folder, times=BASE, launches=4, environment=NANO, rivals=("wht fused", "wht torch"), seed=1, effect=0.004,
         **more):
    build = RecordBuilder(folder, [comparison("a", "A", "conv", rivals)], environment=environment, seed=seed,
                          ident=os.path.basename(str(folder)), launches=launches)
    build.verify("a")
    build.time("a", times, launches=launches, rounds=12, effect=effect, **more)
    build.end()
    return build.load()


def run(capsys, *runs, options=()):
    status = compare.main([one if isinstance(one, str) else one.folder for one in runs] + list(options))
    captured = capsys.readouterr()
    return status, captured.out + captured.err


def changes(first, second):
    return between.changes(side_of(first), side_of(second))


def compared(runs):
    return side_by_side.compared([side_by_side.summary_of(one) for one in runs])


def words(text):
    return " ".join(text.replace("\u202f", " ").split())


# A run against itself --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(os.listdir(REFERENCE)))
def test_a_run_against_itself_is_same_or_unchanged_and_status_0(name, capsys):
    folder = os.path.join(REFERENCE, name)
    status, out = run(capsys, folder, folder)
    assert status == compare.FINE
    assert "cannot tell" not in out and "faster" not in out and "slower" not in out
    assert "one and the same run" in out


def test_a_quick_run_against_itself_is_the_same(tmp_path, capsys):
    one = made(tmp_path / "old", launches=1)
    assert run(capsys, one, one)[0] == compare.FINE


# Two recorded runs between which nothing changed -------------------------------------------------------------


PAIR = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "recorded_pair", name)
        for name in ("first", "second")]


@pytest.mark.parametrize("first, second", [PAIR, PAIR[::-1]], ids=["as made", "the other way round"])
def test_a_recorded_pair_of_the_same_code_is_unchanged_within_a_width_and_status_0(first, second, capsys):
    status, out = run(capsys, first, second)
    assert status == compare.FINE and "cannot tell" not in out
    found = changes(load_run(first), load_run(second))
    assert found.same_board and not found.same_run
    advantages = [case.advantage for case in found.cases if case.advantage is not None]
    assert [(one.state in ("same", "unchanged"), min(one.launches) > 8) for one in advantages] == [(True, True)] * 2
    assert all(0.0 < one.within < WIDEST for one in advantages)


@pytest.mark.parametrize("folder", PAIR, ids=["first", "second"])
def test_a_recorded_run_made_for_comparing_is_unchanged_against_itself(folder, capsys):
    status, out = run(capsys, folder, folder)
    assert status == compare.FINE and "one and the same run" in out and "cannot tell" not in out


def test_a_rival_of_the_recorded_pair_that_takes_a_third_more_time_is_told(tmp_path, capsys):
    with io.open(os.path.join(PAIR[1], "record.jsonl"), encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    for series in (series for line in lines for series in line.get("series", ())):
        for played in series["rounds"]:
            places = played["order"] + played["order"][::-1]
            played["sample_s"] = [sample * (1.33 if place == 2 else 1.0)
                                  for place, sample in zip(places, played["sample_s"])]
    with io.open(str(tmp_path / "record.jsonl"), "w", encoding="utf-8") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines))
    status, out = run(capsys, PAIR[0], str(tmp_path))
    assert status == compare.SLOWER and "1 slower" in words(out)


# Four launches ---------------------------------------------------------------------------------------------


def test_the_same_code_twice_is_unchanged_within_a_width_and_status_0(tmp_path, capsys):
    status, out = run(capsys, made(tmp_path / "old"), made(tmp_path / "new", seed=2))
    assert status == compare.FINE
    assert "unchanged within" in words(out) or "same within" in words(out)
    assert "cannot tell" not in out


def test_an_advantage_that_became_smaller_is_status_1(tmp_path, capsys):
    slower = dict(BASE, **{"wht-fused": 1.3e-3})
    status, out = run(capsys, made(tmp_path / "old"), made(tmp_path / "new", slower, seed=2))
    assert status == compare.SLOWER
    assert "1.30\u00d7 slower" in out or "1.29\u00d7 slower" in out


def test_an_advantage_that_became_larger_is_status_0(tmp_path, capsys):
    faster = dict(BASE, **{"wht-fused": 0.5e-3})
    status, out = run(capsys, made(tmp_path / "old"), made(tmp_path / "new", faster, seed=2))
    assert status == compare.FINE
    assert "1 faster" in out


def test_a_machine_slower_by_a_half_changes_times_and_no_advantage(tmp_path, capsys):
    status, out = run(capsys, made(tmp_path / "old"), made(tmp_path / "new", {
        slug: 1.5 * value for slug, value in BASE.items()}, seed=2))
    assert status == compare.FINE
    advantages, times = out.split("Time per call")
    assert "slower" not in advantages and times.count("\u00d7 slower") == 3


def test_what_the_reader_is_told_of_a_change_is_the_interval_around_it(tmp_path):
    found = changes(made(tmp_path / "old"), made(tmp_path / "new", dict(BASE, conv=1e-3), seed=2))
    conv = next(case for case in found.cases if case.case == "a/conv")
    assert conv.baseline and conv.advantage is None
    assert conv.time.speed == pytest.approx(2.0, rel=0.02)
    assert conv.time.low < conv.time.speed < conv.time.high
    rival = next(case for case in found.cases if case.case == "a/wht-fused")
    assert rival.advantages == (pytest.approx(2.0, rel=0.02), pytest.approx(1.0, rel=0.02))
    assert rival.advantage.speed == pytest.approx(0.5, rel=0.02)


# --fail-on -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times, option, status", [
    (1.2e-3, "5%", compare.SLOWER),          # 20 % slower, and 5 % counts
    (1.2e-3, "30%", compare.FINE),           # 30 % is ruled out
    (1e-3, "5%", compare.FINE),              # unchanged within less than 5 %
    (1e-3, "0.1%", compare.CANNOT_TELL)])    # nobody can rule 0.1 % out
def test_fail_on_asks_for_a_slowdown_that_counts(times, option, status, tmp_path, capsys):
    old = made(tmp_path / "old", effect=0.002)
    new = made(tmp_path / "new", dict(BASE, **{"wht-fused": times}), seed=2, effect=0.002)
    assert run(capsys, old, new, options=["--fail-on", option])[0] == status


@pytest.mark.parametrize("text", ["much", "-3%", "0%", ""])
def test_a_share_that_is_none_is_status_3(text, tmp_path, capsys):
    one = made(tmp_path / "old")
    with pytest.raises(SystemExit) as ended:
        compare.main([one.folder, one.folder, "--fail-on=" + text])
    assert ended.value.code == compare.UNREADABLE
    assert "is no share: write 5%" in capsys.readouterr().err


# One launch ------------------------------------------------------------------------------------------------


MANY = tuple("wht {}".format(letter) for letter in "abcdefgh")
MANY_TIMES = dict({"conv": 2e-3}, **{"wht-{}".format(letter): 1e-3 for letter in "abcdefgh"})


def quick_pair(tmp_path, **changed):
    new = dict(MANY_TIMES, **{slug.replace("_", "-"): value for slug, value in changed.items()})
    return (made(tmp_path / "old", MANY_TIMES, 1, rivals=MANY, effect=0.03),
            made(tmp_path / "new", new, 1, rivals=MANY, seed=2, effect=0.03))


def test_one_launch_each_shows_nothing_and_is_status_2(tmp_path, capsys):
    status, out = run(capsys, *quick_pair(tmp_path))
    assert status == compare.CANNOT_TELL
    assert out.count("nothing shown") >= 8 and "worth a look" not in out
    assert "make both runs with 'run --for-compare'" in words(out)


def test_what_holds_for_many_cases_is_said_once(tmp_path, capsys):
    _, out = run(capsys, *quick_pair(tmp_path))
    assert words(out).count("8 cases: one launch each") == 1
    assert words(out).count("--for-compare") == 1


def test_a_difference_beyond_those_of_the_other_rivals_is_worth_a_look_and_still_not_shown(tmp_path, capsys):
    status, out = run(capsys, *quick_pair(tmp_path, wht_a=2e-3))
    assert status == compare.CANNOT_TELL
    line = next(line for line in out.split("\n") if "a/wht-a" in line)
    assert "worth a look" in line
    assert sum("worth a look" in line for line in out.split("\n") if "a/wht" in line) == 1


def test_both_advantages_of_a_quick_pair_are_said(tmp_path, capsys):
    _, out = run(capsys, made(tmp_path / "old", launches=1, effect=0.0, noise=0.0),
                 made(tmp_path / "new", launches=1, effect=0.0, noise=0.0, seed=2))
    line = next(line for line in out.split("\n") if "a/wht-fused" in line)
    assert line.count("2.0") == 2


# What cannot be compared -----------------------------------------------------------------------------------


def test_a_case_in_one_run_only_cannot_be_told(tmp_path, capsys):
    less = {"conv": 2e-3, "wht-fused": 1e-3}
    status, out = run(capsys, made(tmp_path / "old"), made(tmp_path / "new", less, seed=2, rivals=("wht fused",)))
    assert status == compare.CANNOT_TELL
    assert "In one of the runs only: a/wht-torch" in words(out)


def test_runs_with_hardly_a_case_in_common_name_a_few_and_count_the_rest(tmp_path, capsys):
    rivals = tuple("wht {:02d}".format(number) for number in range(20))
    times = dict({"conv": 2e-3}, **{name.replace(" ", "-"): 1e-3 for name in rivals})
    _, out = run(capsys, made(tmp_path / "old", {"conv": 2e-3, "wht-fused": 1e-3}, rivals=("wht fused",)),
                 made(tmp_path / "new", times, seed=2, rivals=rivals))
    said, = [line for line in words(out).split(". ") if "In one of the runs only" in line]
    assert "and 9 more cases" in said and said.count("a/wht-") == 12


def test_a_case_that_keeps_its_name_and_changes_its_input_is_not_compared(tmp_path, capsys):
    """A suite of one's own with another input shape has the same ids."""
    runs = []
    for name, channels in (("old", 64), ("new", 128)):
        plan = comparison("a", "A", "conv", ("wht fused",), shape=(10, channels, 8, 8))
        build = RecordBuilder(tmp_path / name, [plan], ident=name)
        build.verify("a")
        build.time("a", {"conv": 1e-3 * channels, "wht-fused": 1e-3})
        build.end()
        runs.append(build.load())
    status, out = run(capsys, *runs)
    assert status == compare.CANNOT_TELL
    assert "not compared: a/conv and a/wht-fused (old: 10x64x8x8 float32, inference, steady; new: 10x" in words(out)
    assert "faster" not in out and "slower" not in out
    _, beside = run(capsys, *runs, options=["--format", "markdown"])
    assert "faster" not in beside
    _, three = run(capsys, runs[0], runs[1], runs[1], options=["--format", "markdown"])
    assert "of 10x64x8x8 float32" in words(three) and "of 10x128x8x8 float32" in words(three)


def test_runs_without_a_common_time_cannot_be_told(runs):
    found = compared([runs["empty"], runs["empty"]])
    assert (found.changes[0].cases, found.changes[0].alone) == ((), ())
    assert compare.exit_status(found) == compare.CANNOT_TELL
    assert "No case was timed in both runs" in words(changes_text(found))


def test_a_run_that_stopped_before_its_board_was_recorded_is_not_fine(tmp_path, capsys):
    """A job that was killed at its start must not pass."""
    one, stopped = made(tmp_path / "old"), RecordBuilder(tmp_path / "new", [comparison("a", "A", "conv", ("wht",))],
                                                         environment=None)
    stopped.writer.close()
    assert run(capsys, one, stopped.folder)[0] == compare.CANNOT_TELL
    assert run(capsys, one, *[stopped.folder] * 14)[0] == compare.CANNOT_TELL


def test_a_folder_without_a_run_is_status_3(tmp_path, capsys):
    status, out = run(capsys, str(tmp_path), str(tmp_path))
    assert status == compare.UNREADABLE
    assert "holds no record.jsonl" in out


def test_one_run_alone_is_status_3(tmp_path, capsys):
    status, out = run(capsys, made(tmp_path / "old"))
    assert (status, out) == (compare.UNREADABLE, "compare needs two runs, or a run and 'published'\n")


def test_the_exit_statuses_are_documented_in_the_help(capsys):
    with pytest.raises(SystemExit):
        compare.main(["--help"])
    assert "1 at least one advantage became smaller" in words(capsys.readouterr().out)


# Environments ----------------------------------------------------------------------------------------------


def test_the_differences_of_the_environments_come_first_with_what_they_explain(tmp_path, capsys):
    other = NANO._replace(clocks=dict(NANO.clocks, power_mode="5W"), torch=dict(NANO.torch, version="1.9.0"))
    _, out = run(capsys, made(tmp_path / "old"), made(tmp_path / "new", environment=other, seed=2))
    told = words(out)
    places = [told.index(text) for text in (
        "power mode: clocks.power_mode: MAXN | 5W", "versions: torch.version: 1.10.0 | 1.9.0",
        "explains no difference in speed: settings.seed: 1 | 2", "Advantage over the baseline")]
    assert places == sorted(places)


def test_alike_environments_are_said_to_be_alike(tmp_path, capsys):
    _, out = run(capsys, made(tmp_path / "old"), made(tmp_path / "new"))
    assert "The environments are alike." in out


# Formats ---------------------------------------------------------------------------------------------------


def test_the_answer_is_ascii_where_it_must_be(tmp_path):
    found = compared([made(tmp_path / "old"), made(tmp_path / "new", dict(BASE, conv=1.9e-3), seed=2)])
    changes_text(found, 80, False).encode("ascii")


def test_every_format_names_the_change(tmp_path, capsys):
    slower = dict(BASE, **{"wht-fused": 1.3e-3})
    pair = made(tmp_path / "old"), made(tmp_path / "new", slower, seed=2)
    for kind in ("table", "markdown", "html", "csv", "json"):
        status, out = run(capsys, *pair, options=["--format", kind])
        assert status == compare.SLOWER, kind
        assert "a/wht-fused" in out and "slower" in out, kind


def test_the_csv_holds_numbers_that_can_be_reckoned_with(tmp_path, capsys):
    slower = dict(BASE, **{"wht-fused": 1.3e-3})
    _, out = run(capsys, made(tmp_path / "old"), made(tmp_path / "new", slower, seed=2), options=["--format", "csv"])
    rows = {(row["run"], row["case"]): row for row in csv.DictReader(io.StringIO(out))}
    assert len(rows) == 6
    row = rows["new", "a/wht-fused"]
    assert float(row["change"]) == pytest.approx(1 / 1.3, rel=0.02)
    assert float(row["change_low"]) < float(row["change"]) < float(row["change_high"])
    assert float(row["time_change"]) == pytest.approx(1 / 1.3, rel=0.02)
    assert rows["old", "a/wht-fused"]["change"] == "" and row["launches"] == "4"


def test_the_json_holds_codes_and_no_sentence(tmp_path, capsys):
    _, out = run(capsys, made(tmp_path / "old"), made(tmp_path / "new", seed=2), options=["--format", "json"])
    found = json.loads(out)
    assert found["changes"][0]["same_board"] is True
    assert {case["case"] for case in found["changes"][0]["cases"]} == {"a/conv", "a/wht-fused", "a/wht-torch"}


# Many runs -------------------------------------------------------------------------------------------------


def test_many_runs_get_a_line_each_that_names_what_became_slower(tmp_path, capsys):
    one, slower = made(tmp_path / "old"), made(tmp_path / "slow", times=dict(BASE, **{"wht-fused": 1.5e-3}))
    status, out = run(capsys, one, *[one] * 13 + [slower])
    assert status == compare.SLOWER
    assert out.startswith("14 runs against old.") and "--format csv or json" in words(out)
    lines = [line for line in out.splitlines() if "1 slower" in line]
    assert len(lines) == 1 and "slow" in lines[0] and "a/wht-fused" in out
    status, out = run(capsys, one, *[one] * 13 + [slower], options=["--format", "csv"])
    assert len(list(csv.DictReader(io.StringIO(out)))) == 15 * 3


def test_a_line_of_many_runs_says_what_the_pair_alone_says(tmp_path):
    other_board = NANO._replace(board={"model": "another"}, cpu=dict(NANO.cpu, extra=1))
    busy = NANO._replace(memory=dict(NANO.memory, swap_used_bytes=7), git={"commit": "1", "dirty": None})
    runs = [made(tmp_path / "old"), made(tmp_path / "same", seed=2), made(tmp_path / "single", launches=1, seed=3),
            made(tmp_path / "slow", dict(BASE, **{"wht-fused": 1.5e-3, "wht-torch": 8e-3}), environment=busy, seed=4),
            made(tmp_path / "board", environment=other_board, seed=5),
            made(tmp_path / "cold", caches=("hot", "cold")), made(tmp_path / "fewer", rivals=("wht fused",), seed=6)]
    with io.open(os.path.join(runs[1].folder, "record.jsonl"), "ab") as file:
        file.write(b"{torn\n")
    runs = [load_run(one.folder) for one in runs]
    for fail_on in (None, 0.3):
        found, status = compare.beside(Summaries(), [one.folder for one in runs], fail_on)
        pairs = [changes(runs[0], one) for one in runs[1:]]
        for line, pair in zip(found.lines, pairs):
            advantages = [case.advantage for case in pair.cases if case.advantage is not None]
            assert (line.run, line.same_board) == (pair.second.run, pair.same_board)
            assert line.tally == between.tally_of(pair) and sum(one.number for one in line.tally) == len(advantages)
            assert [case for case, _ in line.slower] == [case.case for case in pair.cases if pair.same_board and
                                                         case.advantage and case.advantage.state == "slower"]
        assert status == compare.exit_status(compared(runs), fail_on) == compare.SLOWER
    assert [one.run for one in found.damaged] == ["same"]
    full = compared(runs)
    assert list(found.differing) == [one.name for group in full.groups for one in group.differences]
    assert "git.commit" in found.differing and "memory.swap_used_bytes" not in found.differing


def test_many_runs_are_the_same_to_the_byte_in_one_process_and_in_several(tmp_path, capsys, monkeypatch):
    runs = [made(tmp_path / "run{}".format(number), launches=1, seed=number) for number in range(18)]
    answers = []
    for cores in (1, 2):
        monkeypatch.setattr(compare_workers.os, "cpu_count", lambda cores=cores: cores)
        answers.append([run(capsys, *runs, options=["--format", kind]) for kind in ("table", "html", "csv")])
    assert answers[0] == answers[1] and answers[0][0][1].startswith("17 runs against run0.")


def test_many_runs_say_that_they_leave_the_printed_numbers_out(tmp_path, capsys):
    one = made(tmp_path / "old", launches=1)
    _, out = run(capsys, one, *[one] * 14 + ["published"])
    assert "printed numbers stand beside 13 runs at most" in words(out)


def test_of_many_runs_one_that_cannot_be_read_is_named(tmp_path, capsys):
    runs = [made(tmp_path / "run{}".format(number), launches=1) for number in range(17)]
    os.remove(os.path.join(runs[11].folder, "record.jsonl"))
    status, out = run(capsys, *runs)
    assert status == compare.UNREADABLE and "run11" in out and "holds no record.jsonl" in words(out)


def test_an_interval_too_wide_to_tell_anything_is_said_in_words_and_not_in_hundreds_of_digits():
    wide = Change(State.CANNOT_TELL, 1.5, 1e-300, 1e300, 1e300, (2, 2), WhyCode.WIDE_INTERVAL, None)
    assert change_interval(wide) == "wider than 1000\u00d7" and change_text(wide) == "cannot tell"
    near = wide._replace(low=0.5, high=3.0, within=2.0)
    assert change_interval(near) == "[0.500, 3.00]" and change_text(near) == "cannot tell within 200\u202f%"
