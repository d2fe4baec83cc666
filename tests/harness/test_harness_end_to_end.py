"""The whole path on real workers and real torch: a small suite of a user's own, run, stopped, resumed."""

import json
import os
import signal
import subprocess
import sys

import pytest

from harness import RecordError, load_run
from harness.process import worker_environment
from harness.reasons import Code
from harness.words import State, Status
from tests.patience import HANG_S, LONG_S, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUITE = os.path.join("tests", "data", "tiny_suite.py")
HANGING = os.path.join("tests", "faults", "faulty_suite.py")


def start(*arguments, **environment):
    return subprocess.Popen([sys.executable, "-m", "harness"] + list(arguments), cwd=ROOT, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, env=worker_environment(environment), start_new_session=True)


def call(*arguments):
    process = start(*arguments)
    text = process.communicate(timeout=LONG_S)[0].decode()
    return process.returncode, text


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    # The budget counts only where a busy machine hides a difference of twenty times from the first rounds.
    code, text = call("run", SUITE, "--quick", "--threads", "1", "--budget", "300s", "--out", str(out), "--no-report")
    assert code == 0, text
    return load_run(str(next(out.iterdir()))), text


def test_the_run_ends_with_every_case_measured_or_a_reason(finished):
    run, _ = finished
    assert run.ended
    for place in run.places():
        memory = run.memory(place.id)
        assert memory is not None and (memory.status is Status.OK or memory.reason is not None)


def test_a_wrong_layer_and_one_that_cannot_be_built_are_not_timed(finished):
    run, _ = finished
    assert run.check("tiny/conv1x1").ok is True
    assert run.check("tiny/twice").ok is None and run.check("tiny/twice").reason.code is Code.NO_REFERENCE
    assert run.check("tiny/wrong").ok is False and run.check("tiny/wrong").reason.code is Code.WRONG
    assert "magic wand" in run.check("tiny/refuses").reason.said
    assert run.timed("tiny")[0].series[0].entrants == ("tiny/conv1x1", "tiny/conv1x1", "tiny/twice")


def test_eight_3x3_convolutions_are_found_slower_than_one_1x1(finished):
    run, _ = finished
    assert run.timed("tiny")[0].series[0].decisions["tiny/twice"].state is State.SLOWER


def test_a_run_in_which_nothing_could_be_timed_ends_with_1_and_says_so(tmp_path):
    code, text = call("run", SUITE, "--quick", "--threads", "1", "--only", "tiny/wrong,tiny/refuses", "--out",
                      str(tmp_path), "--no-report")
    assert code == 1 and "nothing could be timed" in text
    assert load_run(str(next(tmp_path.iterdir()))).ended


def test_raw_samples_and_the_environment_are_kept(finished):
    run, _ = finished
    line, = run.timed("tiny")
    series = line.series[0]
    assert all(len(played.sample_s) == 2 * len(played.order) for played in series.rounds)
    assert min(min(played.sample_s) for played in series.rounds) > 0
    assert series.seconds < line.charged_s < line.seconds
    assert run.environment.torch["version"] and run.environment.python["version"]
    assert line.allocator.startswith("warm heap")


def test_memory_is_measured_from_the_input_stage_on(finished):
    run, _ = finished
    line = run.memory("tiny/conv1x1")
    assert line.rss_delta_peak_bytes >= 0
    assert line.stages["torch"].rss_bytes > line.stages["start"].rss_bytes
    assert line.torch_peak_allocated_bytes is None and "CUDA" in line.torch_peak_allocated_bytes_reason


def test_progress_without_a_terminal_is_plain_lines(finished):
    _, text = finished
    assert "[1/" in text and "\r" not in text and "\x1b" not in text


def begun(out, suite=SUITE, only="twice", **environment):
    """Start a run and return its process and folder once its first pass is on record."""
    process = start("run", suite, "--quick", "--threads", "1", "--budget", "3s", "--only", only, "--out", str(out),
                    "--no-report", **environment)

    def has_a_unit():
        try:
            return any(load_run(str(folder)).units for folder in out.iterdir())
        except (OSError, RecordError):
            return False  # the folder is there before its record, and that before its first line

    assert wait_for(has_a_unit, LONG_S), "the run did not begin"
    return process, str(next(out.iterdir()))


def workers_of(pid):
    found = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], stdout=subprocess.PIPE).stdout.decode()
    return [int(text.split()[0]) for text in found.splitlines() if "harness.worker" in text]


def is_gone(pid):
    try:
        with open("/proc/{}/stat".format(pid)) as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def stopped(process, folder, number):
    """Send ``number`` to a run; return what is on record once it has ended in order."""
    os.kill(process.pid, number)
    text = process.communicate(timeout=HANG_S)[0].decode()
    assert process.returncode == 128 + number and "--resume" in text and "Traceback" not in text
    run = load_run(folder)
    assert not run.ended
    assert run.end.reason.code is (Code.STOPPED if number == signal.SIGINT else Code.SIGNALLED)
    return run


def test_a_stopped_run_waits_for_no_worker(tmp_path):
    process, folder = begun(tmp_path, HANGING, "faulty", FAULT="hang")  # a layer that does not answer for ten minutes
    assert wait_for(lambda: workers_of(process.pid))
    stopped(process, folder, signal.SIGTERM)


def test_a_stopped_run_says_how_to_go_on_and_is_resumed_without_repeating_a_unit(tmp_path):
    process, folder = begun(tmp_path)
    before = stopped(process, folder, signal.SIGINT)
    assert call("run", "--resume", folder, "--no-report")[0] == 0
    after = load_run(folder)
    assert after.ended and after.retried == 0 and len(after.sessions) == 2
    assert list(after.units.items())[:len(before.units)] == list(before.units.items())


def test_no_worker_outlives_a_controller_that_is_killed(tmp_path):
    process, folder = begun(tmp_path, HANGING, "faulty", FAULT="hang")  # its worker ends in ten minutes
    assert wait_for(lambda: workers_of(process.pid))
    workers = workers_of(process.pid)
    process.kill()
    process.communicate()
    assert wait_for(lambda: all(map(is_gone, workers)))
    assert not load_run(folder).ended


def record_of(folder):
    with open(os.path.join(folder, "record.jsonl"), "rb") as file:
        return file.read()


def test_a_second_process_on_a_run_is_told_so_and_changes_nothing(tmp_path):
    process, folder = begun(tmp_path)
    os.kill(process.pid, signal.SIGSTOP)  # it must not come to its end meanwhile
    before = record_of(folder)
    code, text = call("run", "--resume", folder, "--no-report")
    assert code == 1 and "being written by another process" in text and "Traceback" not in text
    assert record_of(folder) == before
    os.kill(process.pid, signal.SIGCONT)
    run = stopped(process, folder, signal.SIGHUP)  # which a closed terminal sends
    assert run.retried == 0 and len(run.sessions) == 1


def test_a_resume_settles_nothing_anew(finished):
    run, _ = finished
    code, text = call("run", "--resume", run.folder, "--threads", "2", "--quick")
    assert code == 1 and "leave out --quick, --threads" in text


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
    for command in ([], ["run"], ["list"], ["report"], ["compare"], ["serve"], ["doctor"]):
        code, text = call(*(command + ["--help"]))
        assert code == 0 and "Usage:" in text
