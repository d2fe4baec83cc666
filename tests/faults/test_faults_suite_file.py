"""A run of a user's own suite is gone on with only while the file says what it said."""

import os
import shutil

import pytest
from fast_run import PROBED, header

from harness.choices import Choices, SessionError
from harness.plan import Suite
from harness.process import Outcome
from harness.progress import PlainProgress
from harness.reasons import Code, because
from harness.record import Session, load_run
from harness.rule import Rule
from harness.session import carry_on, start, take_up
from reports.findings import findings
from reports.findings.validity import WarningCode

SAID = PlainProgress(lambda text: None)
TORCH = {"version": "2", "threads": 1}


def begun(tmp_path):
    """Return the folder of a run whose suite stands in a file, stopped after its first unit."""
    path = tmp_path / "mine.py"
    path.write_text("SUITE = 1\n")
    plan = list(header().comparisons)
    probed = PROBED._replace(torch=TORCH, rule=Rule(launches=1))
    suite = Suite("mine", "", lambda target: plan)
    work = start(suite, Choices(launches=1), probed, str(tmp_path / "out"), str(path))

    def stop(job, *arguments, **more):
        raise KeyboardInterrupt

    carry_on(work, ["run"], probed, SAID, runner=stop)
    return work.run.folder, path, probed


def finish(work, probed):
    return carry_on(work, ["run"], probed, SAID,
                    runner=lambda *arguments, **more: Outcome(None, because(Code.KILLED), 0.0))


def test_the_content_of_the_file_is_on_record(tmp_path):
    folder, path, _ = begun(tmp_path)
    file = load_run(folder).header.suite_file
    assert file.path == str(path) and len(file.sha256) == 64


def test_a_resume_with_the_same_file_goes_on(tmp_path):
    folder, path, probed = begun(tmp_path)
    path.write_text("SUITE = 1\n")  # written again, not changed
    finish(take_up(folder), probed)
    run = load_run(folder)
    assert len(run.sessions) == 2 and run.sessions[1].suite_file is None


@pytest.mark.parametrize("harm, words", [
    (lambda path: path.write_text("SUITE = 2\n"), "was changed since"),
    (lambda path: os.remove(str(path)), "cannot be read from here"),
])
def test_a_resume_with_another_file_is_refused_and_says_what_to_do(tmp_path, harm, words):
    folder, path, _ = begun(tmp_path)
    harm(path)
    before = (tmp_path / "out").joinpath(os.path.basename(folder), "record.jsonl").read_bytes()
    with pytest.raises(SessionError, match="mine.py " + words + ".*--anyway"):
        take_up(folder)
    shutil.copy(os.path.join(folder, "record.jsonl"), str(tmp_path / "after"))
    assert (tmp_path / "after").read_bytes() == before


def test_anyway_goes_on_and_the_report_says_so(tmp_path):
    folder, path, probed = begun(tmp_path)
    path.write_text("SUITE = 2\n")
    finish(take_up(folder, anyway=True), probed)
    run = load_run(folder)
    assert isinstance(run.sessions[1], Session) and run.sessions[1].suite_file.sha256 != run.header.suite_file.sha256
    told = [one for one in findings(run, published=()).warnings if one.code is WarningCode.SESSIONS_DIFFER]
    assert told and "the suite's file" in told[0].numbers["names"]
