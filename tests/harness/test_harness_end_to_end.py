"""The whole path on real workers and real torch: a small suite of a user's own, run, stopped, resumed."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from harness import load_run
from harness.process import worker_environment

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUITE = os.path.join("tests", "data", "tiny_suite.py")


def start(*arguments, **options):
    return subprocess.Popen([sys.executable, "-m", "harness"] + list(arguments), cwd=ROOT, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, env=worker_environment({}), **options)


def call(*arguments):
    process = start(*arguments)
    text = process.communicate(timeout=300)[0].decode()
    return process.returncode, text


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    code, text = call("run", SUITE, "--quick", "--threads", "1", "--budget", "3s", "--out", str(out), "--no-report")
    assert code == 0, text
    return load_run(str(next(out.iterdir()))), text


def test_the_run_ends_with_every_case_measured_or_a_reason(finished):
    run, _ = finished
    assert run.ended
    for _, _, case_id in run.cases():
        memory = run.passes("memory", case=case_id)
        assert len(memory) == 1 and (memory[0]["status"] == "ok" or memory[0]["reason"])


def test_a_wrong_layer_and_one_that_cannot_be_built_are_not_timed(finished):
    run, _ = finished
    results = {result["case"]: result for result in run.passes("verify")[0]["results"]}
    assert results["tiny/conv1x1"]["ok"] is True
    assert results["tiny/twice"]["ok"] is None and "no reference" in results["tiny/twice"]["reason"]
    assert results["tiny/wrong"]["ok"] is False and "largest error" in results["tiny/wrong"]["reason"]
    assert "magic wand" in results["tiny/refuses"]["reason"]
    assert run.launches("tiny")[0]["series"][0]["entrants"] == ["tiny/conv1x1", "tiny/conv1x1", "tiny/twice"]


def test_eight_3x3_convolutions_are_found_slower_than_one_1x1(finished):
    run, _ = finished
    assert run.launches("tiny")[0]["series"][0]["decisions"]["tiny/twice"]["state"] == "slower"


def test_raw_samples_and_the_environment_are_kept(finished):
    run, _ = finished
    series = run.launches("tiny")[0]["series"][0]
    assert all(len(played["sample_s"]) == 2 * len(played["order"]) for played in series["rounds"])
    assert min(min(played["sample_s"]) for played in series["rounds"]) > 0
    assert run.environment["torch"]["version"] and run.environment["python"]["version"]
    assert run.launches("tiny")[0]["allocator"].startswith("warm heap")


def test_memory_is_measured_from_the_input_stage_on(finished):
    run, _ = finished
    line = run.passes("memory", case="tiny/conv1x1")[0]
    assert line["rss_delta_peak_bytes"] >= 0
    assert line["stages"]["torch"]["rss_bytes"] > line["stages"]["start"]["rss_bytes"]
    assert line["torch_peak_allocated_bytes"] is None and "CUDA" in line["torch_peak_allocated_bytes_reason"]


def test_progress_without_a_terminal_is_plain_lines(finished):
    _, text = finished
    assert "[1/" in text and "\r" not in text and "\x1b" not in text


def test_a_run_stopped_with_ctrl_c_is_resumed_without_repeating_a_pass(tmp_path):
    process = start("run", SUITE, "--quick", "--threads", "1", "--budget", "3s", "--out", str(tmp_path),
                    "--no-report", start_new_session=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        folders = list(tmp_path.iterdir())
        if folders and load_run(str(folders[0])).passes("verify"):
            break
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    text = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 130 and "--resume" in text
    folder = str(next(tmp_path.iterdir()))
    before = load_run(folder).passes()
    assert not load_run(folder).ended
    code, text = call("run", "--resume", folder, "--no-report")
    assert code == 0, text
    after = load_run(folder)
    assert after.ended and after.passes()[:len(before)] == before
    units = [(line["pass"], line["case"], line.get("launch")) for line in after.passes()]
    assert len(units) == len(set(units))


def test_a_complete_run_is_not_resumed(finished):
    run, _ = finished
    code, text = call("run", "--resume", run.folder)
    assert code == 1 and "complete" in text and "report" in text


@pytest.mark.parametrize("arguments, words", [
    (("rum",), "Did you mean 'run'?"),
    (("run", "papper"), "Did you mean 'paper'?"),
    (("run", "nowhere.py"), "there is no file nowhere.py"),
    (("run", "paper", "--only", "no-such-layer-at-all"), "There is no case matching"),
    (("run", "--resume", "20200101"), "There is no run '20200101'"),
    (("run", "paper", "--budget", "soon"), "no duration"),
])
def test_bad_input_gets_one_sentence_with_the_remedy(arguments, words):
    code, text = call(*arguments)
    assert code != 0 and words in text and "Traceback" not in text


def test_the_controller_stays_small_and_imports_neither_torch_nor_pandas_nor_numpy():
    # Not getrusage: its peak survives exec, so it would be that of the tests' own process.
    program = ("import sys, json; import harness.app.cli, harness.session, harness.controller; "
               "import harness.progress, rich.progress; "
               "print(json.dumps([[name for name in ('torch', 'pandas', 'numpy') if name in sys.modules], "
               "[int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM')][0]]))")
    loaded, peak_kib = json.loads(subprocess.check_output([sys.executable, "-c", program], cwd=ROOT).decode())
    assert loaded == [] and peak_kib < 60 * 1024


def test_every_command_has_help():
    for command in ([], ["run"], ["list"], ["report"], ["compare"], ["doctor"]):
        code, text = call(*(command + ["--help"]))
        assert code == 0 and "Usage:" in text
