"""A resume that does damaged units over says so, and asks for nothing more; one that did not, does not."""

import pytest
from answers import fake_runner
from fast_run import PROBED, open_run
from hypothesis import given
from hypothesis import strategies as st
from test_faults_damaged_lines import put, units_at

from harness import session
from harness.progress import PlainProgress
from harness.record import Damage, Damaged, load_run, unit_of
from harness.record.reader import read_record
from harness.words import Pass, RunStatus
from reports.compare import main as compare
from reports.findings import findings
from reports.findings.validity import WarningCode
from reports.warning_words import warning_text


def carry_on(folder, runner=fake_runner):
    """Go on with the run in ``folder``; return how the session ended and what was said of damage."""
    said = []
    carried = session.carry_on(open_run(str(folder)), ["run"], PROBED, PlainProgress(said.append), runner=runner)
    return carried.status, [text for text in said if "damaged" in text]


def damage_one(folder, number):
    """Damage the line of unit ``number`` of the record in ``folder``; return its place and the unit."""
    lines = (folder / "record.jsonl").read_bytes().splitlines()
    entries = read_record(str(folder))
    place = units_at(lines)[number]
    put(folder, lines[:place] + [lines[place][:-3]] + lines[place + 1:])
    return place, unit_of(entries[place])


def warnings_of(folder):
    return {one.code: " ".join(map(str, filter(None, warning_text(one, found.about)))) for found in [
        findings(load_run(str(folder)), published=())] for one in found.warnings}


def test_a_complete_run_with_a_damaged_line_is_resumed_and_says_which(tmp_path):
    assert carry_on(tmp_path) == (RunStatus.COMPLETE, [])
    with pytest.raises(session.SessionError, match="that run is complete"):
        open_run(str(tmp_path))
    place, lost = damage_one(tmp_path, 4)
    assert lost not in load_run(str(tmp_path)).units
    status, said = carry_on(tmp_path)
    assert status is RunStatus.COMPLETE and lost in load_run(str(tmp_path)).units
    assert len(said) == 1 and "record.jsonl skipped (line {}: the line is not JSON)".format(place + 1) in said[0]


def test_what_was_done_over_is_said_to_be_and_asks_for_nothing_more(tmp_path, capsys):
    carry_on(tmp_path)
    place, _ = damage_one(tmp_path, 4)
    assert "restore the file" in warnings_of(tmp_path)[WarningCode.DAMAGED]
    carry_on(tmp_path)
    run = load_run(str(tmp_path))
    assert (run.damage.lines, run.done_over.lines, run.done_over.first[0].number) == (0, 1, place + 1)
    assert run.completeness == "complete"
    told = warnings_of(tmp_path)
    assert WarningCode.DAMAGED not in told
    assert told[WarningCode.DONE_OVER].endswith("was done over by a later session.")
    with pytest.raises(session.SessionError, match="that run is complete"):
        open_run(str(tmp_path))
    compare([str(tmp_path), "published", "--format", "csv"])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("stopped_at", ["verify", "time", "memory"])
def test_a_resume_that_was_stopped_has_done_nothing_over(tmp_path, stopped_at):
    carry_on(tmp_path)
    for number in (0, 1, -1):  # a check, a launch and a repeat of the memory pass
        damage_one(tmp_path, number)

    def runner(job, *arguments, **more):
        if job["pass"] == stopped_at:
            raise KeyboardInterrupt
        return fake_runner(job, *arguments, **more)

    assert carry_on(tmp_path, runner)[0] is RunStatus.INTERRUPTED
    assert (load_run(str(tmp_path)).damage.lines, load_run(str(tmp_path)).done_over.lines) == (3, 0)
    assert carry_on(tmp_path)[0] is RunStatus.COMPLETE
    assert (load_run(str(tmp_path)).damage.lines, load_run(str(tmp_path)).done_over.lines) == (0, 3)


def test_a_line_that_was_damaged_after_a_resume_had_read_it_is_lost_and_found_by_the_next(tmp_path):
    carry_on(tmp_path)
    damage_one(tmp_path, 4)
    carry_on(tmp_path)
    _, lost = damage_one(tmp_path, 2)  # stands before the second session too, which found it whole
    run = load_run(str(tmp_path))
    assert lost not in run.units and run.damage.lines == 2 and run.done_over.lines == 0
    assert "2 damaged lines" in warnings_of(tmp_path)[WarningCode.DAMAGED]
    assert carry_on(tmp_path)[0] is RunStatus.COMPLETE
    run = load_run(str(tmp_path))
    assert lost in run.units and run.damage.lines == 0 and run.done_over.lines == 2


def test_a_lost_first_session_is_not_done_over_by_a_resume(tmp_path):
    carry_on(tmp_path)
    lines = (tmp_path / "record.jsonl").read_bytes().splitlines()
    put(tmp_path, [line[:-3] if b'"kind":"session"' in line else line for line in lines])
    carry_on(tmp_path)
    assert load_run(str(tmp_path)).damage.lines == 1 and load_run(str(tmp_path)).environment.cpu == {}


@given(many=st.integers(0, 300), few=st.integers(0, 300))
def test_damage_is_what_it_was_before_and_what_came_after(many, few):
    def damage(start, count):
        found = Damage()
        for number in range(start, start + count):
            found = found.with_line(Damaged(number, "f", "p"))
        return found

    earlier, both = damage(1, many), damage(1, many + few)
    later = both.without(earlier)
    assert later.lines == few and len(later.first) <= few
    assert earlier.plus(later) == both
    assert later.may_hold(Pass.TIME, "c") == bool(few)
