import os

import pytest
from report_fixtures import NANO, RecordBuilder, comparison

from reports import compare
from reports.findings.changes import changes
from reports.formats.changes_text import changes_text

BASE = {"conv": 2e-3, "wht-fused": 1e-3, "wht-torch": 4e-3}


def made(folder, times=BASE, launches=4, environment=NANO, rivals=("wht fused", "wht torch"), seed=1, **more):
    build = RecordBuilder(folder, [comparison("a", "A", "conv", rivals)], environment=environment, seed=seed,
                          ident=os.path.basename(str(folder)), launches=launches)
    build.verify("a")
    build.time("a", times, launches=launches, rounds=12, **more)
    build.end()
    return build.load()


def run(capsys, old, new):
    status = compare.main([old.folder, new.folder])
    return status, capsys.readouterr().out


def test_the_same_code_twice_is_the_same_and_status_0(tmp_path, capsys):
    status, out = run(capsys, made(tmp_path / "old"), made(tmp_path / "new", seed=2))
    assert status == compare.FINE
    assert "3 same" in out


def test_a_case_that_became_slower_is_status_1(tmp_path, capsys):
    slower = dict(BASE, **{"wht-fused": 1.3e-3})
    status, out = run(capsys, made(tmp_path / "old"), made(tmp_path / "new", slower, seed=2))
    assert status == compare.SLOWER
    assert "1.30x slower" in out or "1.30\u00d7 slower" in out


def test_a_case_that_became_faster_is_status_0(tmp_path, capsys):
    faster = dict(BASE, **{"wht-fused": 0.5e-3})
    status, out = run(capsys, made(tmp_path / "old"), made(tmp_path / "new", faster, seed=2))
    assert status == compare.FINE
    assert "1 faster, 2 same" in out


def test_one_launch_cannot_tell_and_is_status_2_with_a_next_step(tmp_path, capsys):
    status, out = run(capsys, made(tmp_path / "old", launches=1), made(tmp_path / "new", launches=1, seed=2))
    assert status == compare.CANNOT_TELL
    assert "next step: make both runs with" in " ".join(out.split())


def test_a_case_in_one_run_only_cannot_be_told(tmp_path, capsys):
    less = {"conv": 2e-3, "wht-fused": 1e-3}
    status, out = run(capsys, made(tmp_path / "old"), made(tmp_path / "new", less, seed=2, rivals=("wht fused",)))
    assert status == compare.CANNOT_TELL
    assert "In one of the runs only: a/wht-torch" in out


def test_the_differences_of_the_environments_come_first(tmp_path, capsys):
    other = NANO._replace(clocks=dict(NANO.clocks, power_mode="5W"))
    _, out = run(capsys, made(tmp_path / "old"), made(tmp_path / "new", environment=other))
    assert out.index("clocks.power_mode: MAXN -> 5W") < out.index("The new run against the old one")


def test_alike_environments_are_said_to_be_alike(tmp_path, capsys):
    _, out = run(capsys, made(tmp_path / "old"), made(tmp_path / "new"))
    assert "The environments are alike." in out


def test_runs_without_a_common_time_cannot_be_told(tmp_path, runs):
    found = changes(runs["empty"], runs["empty"])
    assert (found.cases, found.alone) == ((), ())
    assert compare.exit_status(found) == compare.CANNOT_TELL
    assert "No case was timed in both runs." in changes_text(found)


def test_a_folder_without_a_run_is_status_3(tmp_path, capsys):
    assert compare.main([str(tmp_path), str(tmp_path)]) == compare.UNREADABLE
    assert "holds no record.jsonl" in capsys.readouterr().err


def test_the_answer_is_ascii_where_it_must_be(tmp_path):
    old, new = made(tmp_path / "old"), made(tmp_path / "new", dict(BASE, conv=1.9e-3), seed=2)
    changes_text(changes(old, new), 80, False).encode("ascii")


def test_the_exit_statuses_are_documented_in_the_help(capsys):
    with pytest.raises(SystemExit):
        compare.main(["--help"])
    assert "1 at least one case became slower" in capsys.readouterr().out


def test_a_speed_is_old_time_over_new_time(tmp_path):
    found = changes(made(tmp_path / "old"), made(tmp_path / "new", dict(BASE, conv=1e-3), seed=2))
    conv = next(case for case in found.cases if case.case == "a/conv")
    assert conv.change.speed == pytest.approx(2.0, rel=0.01)
    assert conv.change.low < conv.change.speed < conv.change.high
    assert conv.old_s / conv.new_s == pytest.approx(2.0, rel=0.02)


def test_what_is_said_of_many_cases_is_said_once(tmp_path, capsys):
    rivals = ("wht fused", "wht torch", "wht a", "wht b")
    times = dict(BASE, **{"wht-a": 1e-3, "wht-b": 1e-3})
    _, out = run(capsys, made(tmp_path / "old", times, 1, rivals=rivals), made(tmp_path / "new", times, 1, seed=2,
                                                                                rivals=rivals))
    assert " ".join(out.split()).count("next step:") == 1 and "5 cases: a run made in one launch" in out
