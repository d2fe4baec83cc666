"""The command line under several power modes: real runs, a fake nvpmodel on the path, the first mode put back."""

import os
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner
from fake_nvpmodel import asked, fake_sudo, install, mode_of

from harness import load_run
from harness.app.cli import cli
from harness.clocks.machine_wide import VARIABLE
from harness.process import worker_environment
from tests.patience import LONG_S, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUITE = os.path.join("tests", "data", "tiny_suite.py")


def start(board, folder, *arguments):
    path = os.pathsep.join([os.path.join(board, "usr", "sbin"), fake_sudo(folder), os.environ["PATH"]])
    return subprocess.Popen(
        [sys.executable, "-m", "harness"] + list(arguments), cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env=worker_environment({"PATH": path, "XDG_STATE_HOME": str(folder / "state"),
                                                          VARIABLE: str(folder)}))


def test_without_nvpmodel_the_option_is_refused_in_one_sentence_before_anything_is_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    done = CliRunner().invoke(cli, ["run", "paper", "--quick", "--power-modes", "5W", "--out", str(tmp_path)])
    assert done.exit_code == 1 and "only a Jetson has power modes" in done.output
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_each_mode_gets_a_run_of_its_own_and_the_report_draws_both(tmp_path):
    board, out = install(tmp_path / "board"), tmp_path / "results"
    run = start(board, tmp_path, "run", SUITE, "--quick", "--threads", "1", "--budget", "2s", "--power-modes", "5W,0",
                "--only", "twice", "--out", str(out))
    text = run.communicate(timeout=LONG_S)[0].decode()
    assert run.returncode == 0, text
    assert mode_of(board) == 0 and not os.listdir(str(tmp_path / "state" / "edge-transform-bench"))
    runs = [load_run(str(one)) for one in sorted(out.iterdir()) if (one / "record.jsonl").exists()]
    modes = sorted((one.header.settings.power_mode, one.environment.clocks["power_mode_id"]) for one in runs)
    assert modes == [("5W", 1), ("MAXN", 0)]
    assert [line for line in asked(board) if line.startswith("-m")] == ["-m 1", "-m 0"]
    assert "Power modes: " in text
    page = next(one for one in out.iterdir() if one.name.startswith("side-by-side")) / "tables" / "power_modes.csv"
    assert page.read_text().count("\n") == 5  # two cases in two modes, and the heads


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_ended_puts_the_first_mode_back(tmp_path, number):
    board = install(tmp_path / "board")
    run = start(board, tmp_path, "run", SUITE, "--quick", "--power-modes", "5W,MAXN", "--no-report", "--out",
                str(tmp_path / "results"))
    assert wait_for(lambda: mode_of(board) == 1, LONG_S)
    os.kill(run.pid, number)
    text = run.communicate(timeout=LONG_S)[0].decode()
    assert run.returncode != 0, text
    assert mode_of(board) == 0


def test_a_run_that_is_killed_is_undone_by_clocks_restore(tmp_path):
    board = install(tmp_path / "board")
    run = start(board, tmp_path, "run", SUITE, "--quick", "--power-modes", "5W", "--no-report", "--out",
                str(tmp_path / "results"))
    assert wait_for(lambda: mode_of(board) == 1, LONG_S)
    run.kill()
    run.communicate()
    assert mode_of(board) == 1
    restore = start(board, tmp_path, "clocks", "restore")
    text = restore.communicate(timeout=LONG_S)[0].decode()
    assert restore.returncode == 0 and "MAXN again" in text, text
    assert mode_of(board) == 0
