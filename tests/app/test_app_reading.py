"""Runs as the user names them, and paths as he can take them up."""

import os
import signal
import subprocess
import sys

import pytest

from harness.app.arguments import FolderType
from harness.app.measuring import stopped_status
from harness.app.reading import find_run
from harness.caller import shown_path
from harness.notebook.run import REFERENCE
from harness.reasons import Code, because
from harness.record import FILE_NAME, End
from harness.words import RunStatus
from reports import export
from tests.patience import HANG_S


@pytest.fixture()
def run(tmp_path):
    folder = tmp_path / "out" / "20260101-000000-paper-cpu-00"
    folder.mkdir(parents=True)
    (folder / FILE_NAME).write_text("")
    return folder


def test_a_run_is_named_by_its_folder_its_record_or_its_bare_name(run):
    assert find_run(str(run)) == str(run)
    assert find_run(str(run / FILE_NAME)) == str(run)
    assert find_run(run.name, str(run.parent)) == str(run.parent / run.name)


def test_a_folder_without_a_record_is_told_so(run):
    with pytest.raises(ValueError, match="out holds no record.jsonl: name the folder of one run"):
        find_run(str(run.parent))


def test_a_name_of_no_run_gets_the_runs_there_are_those_kept_for_readers_too(run):
    with pytest.raises(ValueError) as raised:
        find_run("nosuch", str(run.parent))
    assert run.name in str(raised.value)
    assert all(name in str(raised.value) for name in os.listdir(REFERENCE)[:1])


def test_a_folder_is_the_callers_but_a_dash_stays_one(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGE_BENCH_CALLER", str(tmp_path))
    assert FolderType().convert("here", None, None) == str(tmp_path / "here")
    assert FolderType(dash=True).convert("-", None, None) == "-"


def test_a_path_is_shown_as_the_caller_can_take_it_up(monkeypatch, tmp_path):
    monkeypatch.delenv("EDGE_BENCH_CALLER", raising=False)
    monkeypatch.chdir(tmp_path)
    assert shown_path(str(tmp_path / "results" / "page.html")) == os.path.join("results", "page.html")
    monkeypatch.setenv("EDGE_BENCH_CALLER", str(tmp_path / "elsewhere"))
    assert shown_path("results/page.html") == str(tmp_path / "results" / "page.html")


def test_a_table_of_several_runs_goes_to_the_folder_of_the_call(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("EDGE_BENCH_CALLER", str(tmp_path))
    runs = [os.path.join(REFERENCE, name) for name in sorted(os.listdir(REFERENCE))[:2]]
    assert export.main(runs + ["--to", "csv"]) == 0
    assert capsys.readouterr().out == "runs.csv\n" and (tmp_path / "runs.csv").exists()


def test_a_stopped_run_ends_with_the_status_a_shell_gives_its_signal():
    end = End(RunStatus.INTERRUPTED, "2026-01-01T00:00:00Z", because(Code.SIGNALLED, signal="SIGTERM"))
    assert stopped_status(end) == 143
    assert stopped_status(end._replace(reason=because(Code.STOPPED))) == 130


def test_a_command_that_is_ended_takes_its_report_along(tmp_path):
    slow = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep({})\n".format(HANG_S)
    (tmp_path / "slow.py").write_text(slow)
    code = "from harness.app.reading import report_process; raise SystemExit(report_process([], module='slow'))"
    command = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE,
                               env=dict(os.environ, PYTHONPATH=str(tmp_path)))
    report = int(command.stdout.readline())
    command.send_signal(signal.SIGTERM)
    assert command.wait(HANG_S / 2) == 128 + signal.SIGTERM
    assert not os.path.exists("/proc/{}".format(report))
    command.stdout.close()
