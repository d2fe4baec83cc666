"""Clocks that jump, machines that sleep, runs of ten thousand cases, places without home, language or network."""

import ast
import gc
import glob
import io
import os
import shutil
import subprocess
import sys
import time
import tracemalloc
from random import Random

import pytest
from answers import answer, fake_runner
from fast_run import HERE, ROOT, UNITS, header, open_run

from harness import process
from harness.controller import Controller
from harness.process import Outcome
from harness.progress import PlainProgress
from harness.record import RecordWriter, load_run
from harness.record.working import WorkingRun
from harness.session import new_folder
from harness.system import suspend
from harness.unit_runner import RunPlan
from reports.findings import findings
from reports.findings.validity import WarningCode
from reports.formats.texts import warning_texts

QUIET = PlainProgress(lambda text: None)


def test_durations_are_taken_from_clocks_that_nobody_sets():
    for path in glob.glob(os.path.join(ROOT, "harness", "**", "*.py"), recursive=True):
        with io.open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "time":
                assert node.attr != "time", "{} line {} reads the wall clock".format(path, node.lineno)


def test_a_wall_clock_that_is_set_back_and_forward_changes_no_figure(tmp_path, monkeypatch):
    random = Random(1)
    monkeypatch.setattr(time, "time", lambda: 1.7e9 + random.uniform(-1e8, 1e8))
    monkeypatch.setattr(time, "gmtime", lambda now=None, real=time.gmtime: real(1.7e9 + random.uniform(-1e8, 1e8)))
    work = open_run(str(tmp_path))
    Controller(work.run, work.plan, work.writer, QUIET, fake_runner).run()
    work.writer.close()
    run = load_run(str(tmp_path))
    assert len(run.units) == UNITS and all(line.seconds >= 0 for line in run.units.values())


def test_runs_begun_in_the_same_second_of_a_clock_that_stands_still_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "gmtime", lambda now=None, real=time.gmtime: real(1.7e9))
    folders = {new_folder(str(tmp_path), "s", header().settings) for _ in range(20)}
    assert len(folders) == 20


def test_a_machine_that_slept_in_a_unit_is_recorded_and_said(tmp_path, monkeypatch):
    slept = [0.0]
    monkeypatch.setattr(suspend.time, "clock_gettime", lambda number, real=time.clock_gettime: real(
        time.CLOCK_MONOTONIC) + (slept[0] if number == 7 else 0.0))

    def runner(job, *arguments, **more):
        before = process.asleep_s()
        if job["pass"] == "time" and job["launch"] == 1 and job["comparison"]["id"] == "c0":
            slept[0] += 3600.0
        return Outcome(answer(job), None, 0.01, suspended_s=process.asleep_s() - before)

    work = open_run(str(tmp_path))
    Controller(work.run, work.plan, work.writer, QUIET, runner).run()
    work.writer.close()
    run = load_run(str(tmp_path))
    assert [round(line.suspended_s or 0.0) for line in run.launches("c0")] == [3600, 0]
    found = findings(run, published=())
    said = [one.text for one in warning_texts(found) if "slept" in one.text]
    assert WarningCode.SUSPENDED in [one.code for one in found.warnings]
    assert len(said) == 1 and "3600 s" in said[0] and "time c0, launch 1" in said[0]


def test_a_program_that_was_held_up_between_two_clocks_did_not_sleep(monkeypatch):
    now, held_up = [0.0], iter([0.0, 3.0, 0.0, 7.0] + [0.0] * 100)

    def clock_gettime(number):
        now[0] += 1e-6 + next(held_up)
        return now[0] + (20.0 if number == 7 else 0.0)

    monkeypatch.setattr(suspend.time, "clock_gettime", clock_gettime)
    assert suspend.asleep_s() == pytest.approx(20.0, abs=1e-4)


def test_a_worker_through_a_sleep_says_for_how_long(monkeypatch):
    readings = iter([10.0, 70.0])
    monkeypatch.setattr(process, "asleep_s", lambda: next(readings))
    assert process.run_worker({}, 20.0, module="no_such_module").suspended_s == 60.0


def memory_of(run_class, folder, comparisons, rounds):
    """Return the bytes that a run's index holds after ``comparisons``, and the record's size."""
    plan = header()
    many = tuple(plan.comparisons[0]._replace(id="n{}".format(number)) for number in range(comparisons))
    plan = plan._replace(comparisons=many, settings=plan.settings._replace(passes=("verify", "time")))
    with RecordWriter(folder) as writer:
        writer.append(plan)
        run = run_class(folder, [plan])
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]

        def runner(job, *arguments, **more):
            return Outcome(answer(job, rounds), None, 0.01)

        Controller(run, RunPlan(), writer, QUIET, runner).run()
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    return held, os.path.getsize(os.path.join(folder, "record.jsonl"))


def test_a_run_at_work_holds_no_samples(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda number: None)
    few, _ = memory_of(WorkingRun, str(tmp_path / "few"), 4, 12)
    many, size = memory_of(WorkingRun, str(tmp_path / "many"), 4, 450)
    assert size > 500000 and many < few + 40000


@pytest.mark.slow
def test_ten_thousand_cases_take_a_few_kilobytes_each(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda number: None)
    comparisons = 10000 // 3 + 1
    held, size = memory_of(WorkingRun, str(tmp_path), comparisons, 12)
    assert held / comparisons < 16000, "{} bytes a comparison".format(held // comparisons)


def suite_in(folder):
    shutil.copy(os.path.join(ROOT, "tests", "data", "tiny_suite.py"), os.path.join(folder, "tiny_suite.py"))
    return os.path.join(folder, "tiny_suite.py")


@pytest.mark.slow
@pytest.mark.parametrize("prefix, flags, environment", [
    pytest.param([], [], {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "HOME": None}, id="LANG=C, no HOME"),
    pytest.param([], ["-O"], {}, id="python -O"),
    pytest.param(["unshare", "-n"], [], {}, id="no network"),
])
def test_a_run_from_a_folder_with_an_odd_name_ends_well(tmp_path, prefix, flags, environment):
    if prefix and (os.geteuid() != 0 or subprocess.call(prefix + ["true"], stderr=subprocess.DEVNULL)):
        pytest.skip("no network namespace can be made here")
    place = tmp_path / "m\u00e9thode \u6d4b\u8bd5 'quoted' & spaces"
    place.mkdir()
    settled = {name: value for name, value in dict(process.worker_environment({}), **environment).items()
               if value is not None}
    done = subprocess.run(prefix + [sys.executable] + flags + [
        "-m", "harness", "run", suite_in(str(place)), "--quick", "--threads", "1", "--budget", "2s", "--only",
        "twice", "--out", str(place / "out")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=settled,
        cwd=str(place))
    text = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0 and "Traceback" not in text, text
    folder = next((place / "out").iterdir())
    assert load_run(str(folder)).ended and (folder / "report.html").stat().st_size > 10000


SURROUNDINGS = {
    "LANG=C": ([], [], {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "no HOME": ([], [], {"HOME": None}), "python -O": ([], ["-O"], {}), "no network": (["unshare", "-n"], [], {}),
    "all at once": (["unshare", "-n"], ["-O"], {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "HOME": None})}


@pytest.mark.parametrize("name", [name if name == "all at once" else pytest.param(name, marks=pytest.mark.slow)
                                  for name in SURROUNDINGS])
def test_a_damaged_record_in_a_folder_with_an_odd_name_is_reported_and_compared(tmp_path, name):
    prefix, flags, environment = SURROUNDINGS[name]
    if prefix and (os.geteuid() != 0 or subprocess.call(prefix + ["true"], stderr=subprocess.DEVNULL)):
        pytest.skip("no network namespace can be made here")
    place = tmp_path / "m\u00e9thode \u6d4b\u8bd5 'quoted' & spaces"
    place.mkdir()
    with io.open(os.path.join(HERE, "corpus", "two_launches.jsonl"), "rb") as file:
        (place / "record.jsonl").write_bytes(file.read().replace(b'"pass":"memory"', b'"pass":"memory', 1))
    settled = {key: value for key, value in dict(process.worker_environment({}), **environment).items()
               if value is not None}
    for words in (["reports", str(place), "--format", "all", "--no-figures"],
                  ["reports.compare", str(place), str(place)], ["reports.export", str(place), "--to", "csv"]):
        done = subprocess.run(prefix + [sys.executable] + flags + ["-m"] + words, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=settled, cwd=ROOT)
        text = done.stdout.decode("utf-8", "replace")
        assert done.returncode == 0 and "Traceback" not in text, text
        assert "1 damaged line" in " ".join(text.split()), text
    assert "1 damaged line" in (place / "report.html").read_text(encoding="utf-8")
