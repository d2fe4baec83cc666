"""The script for the first minutes with a GPU, without one: its verdicts, its limit in time, its answer here."""

import os
import re
import stat
import subprocess
import sys

import pytest

from tests.patience import LONG_S

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "tests", "gpu", "first_contact.sh")
STEPS = 11

#: Answers every command of the script at once; ``HANG`` and ``FAIL`` name a part of a command line.
STUB = """#!/usr/bin/env bash
all="$*"
if [ -n "$HANG" ] && [[ "$all" == *"$HANG"* ]]; then sleep 600 & wait; fi
if [ -n "$FAIL" ] && [[ "$all" == *"$FAIL"* ]]; then echo "something broke"; exit 3; fi
if [ -n "$SKIP" ] && [[ "$all" == *"$SKIP"* ]]; then echo "not on this torch"; exit 77; fi
if [[ "$all" == *pytest* ]]; then echo "${TESTS:-4 passed}"; fi
"""
SANITIZER = """#!/usr/bin/env bash
shift 4
exec "$@"
"""


def program(folder, name, text):
    path = folder / name
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def board(tmp_path):
    """Run the script on a machine made of stubs; returns status, output and the verdict of each step."""
    stub = program(tmp_path, "python-stub", STUB)
    program(tmp_path, "nvidia-smi", STUB)

    def run(argument=True, sanitizer=True, **variables):
        if sanitizer:
            program(tmp_path, "compute-sanitizer", SANITIZER)
        environment = dict(os.environ, OUT=str(tmp_path / "out"), PATH="{}:/usr/bin:/bin".format(tmp_path),
                           PYTHON=stub, HANG="", FAIL="", SKIP="")
        environment.update(variables)
        found = subprocess.run(["bash", SCRIPT] + ([stub] if argument else []), env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                               timeout=LONG_S)
        summary = found.stdout.rsplit("\n\n", 2)[-2]
        verdicts = re.findall(r"^ ?(\d+) .*? (passed|FAILED|skipped) +(\d+) s(.*)$", summary, re.M)
        return found.returncode, found.stdout, verdicts
    return run


def words(verdicts):
    return [word for _, word, _, _ in verdicts]


def test_where_everything_passes_there_is_a_verdict_and_a_time_for_each_of_its_steps(board):
    status, output, verdicts = board()
    assert status == 0 and words(verdicts) == ["passed"] * STEPS, output
    assert [int(number) for number, _, _, _ in verdicts] == list(range(1, STEPS + 1))


@pytest.mark.parametrize("argument", [True, False])
def test_the_python_is_the_argument_or_the_variable(board, argument):
    assert board(argument)[0] == 0


@pytest.mark.parametrize("what, step", [("steps.py kernels", 2), ("steps.py roof", 7), ("run debut", 10),
                                        ("run paper", 11)])
def test_a_step_that_fails_is_named_with_its_last_line_and_the_others_go_on(board, what, step):
    status, output, verdicts = board(FAIL=what)
    assert status == 1 and words(verdicts) == ["passed"] * (step - 1) + ["FAILED"] + ["passed"] * (STEPS - step)
    assert "status 3: something broke" in verdicts[step - 1][3], output


def test_a_step_that_cannot_run_here_is_skipped_with_its_reason_and_fails_nothing(board):
    status, _, verdicts = board(SKIP="steps.py compiled")
    assert status == 0 and words(verdicts)[5] == "skipped" and "not on this torch" in verdicts[5][3]


def test_without_a_sanitizer_its_steps_are_skipped_with_the_remedy(board):
    status, _, verdicts = board(sanitizer=False)
    assert status == 0 and words(verdicts)[2:4] == ["skipped"] * 2 and "CUDA toolkit" in verdicts[2][3]


@pytest.mark.parametrize("tests", ["7 skipped", "7 deselected"])
def test_tests_of_which_none_ran_are_no_pass(board, tests):
    status, _, verdicts = board(TESTS=tests)
    assert status == 1 and words(verdicts)[2:5] == ["FAILED"] * 3 and "no test ran" in verdicts[4][3]


def test_a_step_that_hangs_is_ended_and_the_script_stays_within_its_time(board):
    for limit_s in ("6", "60", "300"):  # so many seconds more, where a busy machine takes them before the step begins
        status, output, verdicts = board(HANG="steps.py roof", LIMIT_S=limit_s)
        if words(verdicts)[:6] == ["passed"] * 6 and "skipped" not in words(verdicts)[6]:
            break
    assert status == 1 and sum(int(seconds) for _, _, seconds, _ in verdicts) < 599, output  # it hangs for 600
    assert words(verdicts) == ["passed"] * 6 + ["FAILED"] + ["skipped"] * (STEPS - 7)
    assert "it ran past" in verdicts[6][3] and "are over" in verdicts[7][3]


def test_nobody_gets_more_than_ten_minutes():
    with open(SCRIPT) as file:
        text = file.read()
    assert 'if [ "$limit" -gt 600 ]; then limit=600; fi' in text
    caps = [int(found) for found in re.findall(r'^within "[^"]+" (\d+) ', text, re.M)]
    assert len(caps) == STEPS and max(caps) < 600


def test_a_python_that_does_not_start_is_a_sentence(tmp_path):
    found = subprocess.run(["bash", SCRIPT, str(tmp_path / "none")], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           universal_newlines=True)
    assert found.returncode == 2 and "is no Python that starts" in found.stdout and found.stderr == ""


def test_without_a_gpu_one_sentence_says_so():
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    found = subprocess.run(["bash", SCRIPT, sys.executable], stdout=subprocess.PIPE, universal_newlines=True)
    assert found.returncode == 77
    assert re.match(r"skipped: torch \S+ of \S+ sees no CUDA device\n$", found.stdout)


def test_what_the_script_selects_exists():
    from harness.plan import Target
    from harness.planning import plan_comparisons
    from suites.kernels_suite import SUITE

    with open(SCRIPT) as file:
        text = file.read()
    for path in re.search(r"kernel_tests='([^']+)'", text).group(1).split():
        with open(os.path.join(ROOT, path)) as file:
            tests = re.findall(r"^def (test_\w+)", file.read(), re.M)
        for word in re.findall(r"-k ([a-z]\w+)", text):
            assert [name for name in tests if word in name], (path, word)
    only, = re.findall(r"--only '([^']+)'", text)
    for pattern in only.split(","):
        picked = plan_comparisons(SUITE, Target("cuda"), False, pattern)
        assert picked and all(comparison.baseline.shape[1:] == (1024, 32, 32) for comparison in picked)
    for path in re.findall(r"tests/\w+(?:/\w+\.py)?", text):
        assert os.path.exists(os.path.join(ROOT, path)), path
