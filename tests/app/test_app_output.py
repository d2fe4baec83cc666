"""What programs and plain terminals get of the commands that only tell: --json, and NO_COLOR on a real terminal."""

import json
import os
import pty
import subprocess
import sys

import pytest

from harness.app.cli import clocks_text
from tests.patience import HANG_S

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REFERENCE = os.path.join(ROOT, "results", "reference")
RUN = os.path.join(REFERENCE, sorted(os.listdir(REFERENCE))[0])
COMMANDS = {"list": ["list"], "doctor": ["doctor"], "compare": ["compare", RUN, RUN],
            "report": ["report", RUN, "--format", "terminal"]}
COLOUR = b"\x1b[3"  # a colour, or italics: 30 to 38 and 3


def environment(**more):
    found = {name: value for name, value in os.environ.items()
             if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM")}
    return dict(found, **more)


def on_a_terminal(words, **more):
    """Return what a command writes where standard output is a terminal."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "harness"] + words, cwd=ROOT, stdout=its, stderr=subprocess.DEVNULL,
        env=environment(TERM="xterm-256color", COLUMNS="100", **more))
    os.close(its)
    said = b""
    try:
        while True:
            part = os.read(ours, 65536)
            if not part:
                break
            said += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0
    return said


@pytest.mark.parametrize("words", list(COMMANDS.values()), ids=list(COMMANDS))
def test_no_color_means_no_colour_on_a_terminal(words):
    said = on_a_terminal(words, NO_COLOR="1")
    assert len(said) > 200 and COLOUR not in said


@pytest.mark.parametrize("name", ["doctor", "report"])
def test_without_it_what_has_colours_shows_them(name):
    assert COLOUR in on_a_terminal(COMMANDS[name]) and COLOUR in on_a_terminal(COMMANDS[name], NO_COLOR="")


@pytest.mark.parametrize("words", [["list"], ["list", "paper"], ["doctor"], ["compare", RUN, RUN], ["report", RUN]],
                         ids=" ".join)
def test_json_is_all_that_is_written(words):
    ended = subprocess.run([sys.executable, "-m", "harness"] + words + ["--json"], cwd=ROOT, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, env=environment(FORCE_COLOR="1"))
    assert ended.returncode == 0 and json.loads(ended.stdout.decode("utf-8")), ended.stderr


@pytest.mark.parametrize("words, status, told", [
    (["report", RUN, "--json", "--format", "html"], 1, "leave out --format"),
    (["report", RUN, "--json", "--out", "folder"], 1, "and --out"),
    (["report", RUN, "--json", "--paper"], 1, "--paper"),
    (["compare", RUN, RUN, "--json", "--format", "csv"], 3, "--json or --format csv: not both")])
def test_json_goes_with_no_other_form(words, status, told):
    ended = subprocess.run([sys.executable, "-m", "harness"] + words, cwd=ROOT, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
    assert ended.returncode == status and told in ended.stderr.decode("utf-8")


def test_the_shell_completes_commands():
    asked = dict(os.environ, _RUN_BENCH_SH_COMPLETE="bash_complete", COMP_WORDS="./run_bench.sh comp", COMP_CWORD="1")
    # as run_bench.sh starts it without a word of its own
    said = subprocess.check_output([sys.executable, "-m", "harness", "run", "paper"], env=asked, cwd=ROOT,
                                   timeout=HANG_S)
    assert said.split() == [b"plain,compare"]


def test_clocks_are_shown_in_units_and_reasons_fold_between_words():
    found = {"cpu_min_hz": 102000000.0, "cpu_locked": False, "gpu_min_hz": None,
             "gpu_min_hz_reason": "there is no GPU devfreq, and NVML does not start: install the NVIDIA driver",
             "power_mode": "MAXN", "power_mode_id": None}
    assert clocks_text(found, 1000).split("\n") == [
        "cpu_locked         no", "cpu_min_hz         102 MHz",
        "gpu_min_hz         there is no GPU devfreq, and NVML does not start: install the NVIDIA driver",
        "power_mode         MAXN", "power_mode_id      unknown"]
    narrow = clocks_text(found, 40).split("\n")
    assert max(map(len, narrow)) <= 40
    assert [line for line in narrow if "NVML" in line] == [" " * 19 + "devfreq, and NVML"]


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_help_fits_the_terminal_and_parts_no_word(columns):
    for command in ([], ["run"], ["compare"], ["export"], ["report"], ["clocks"], ["clocks", "restore"]):
        done = subprocess.run([sys.executable, "-m", "harness"] + command + ["--help"], cwd=ROOT, timeout=HANG_S,
                              stdout=subprocess.PIPE, env=environment(COLUMNS=str(columns)), check=True)
        told = done.stdout.decode("utf-8")
        # the choices of an option are one word
        assert [line for line in told.split("\n") if len(line) > columns and not line.strip().startswith("--")] == []
        if "Exit status" in told:
            assert " ".join(told.split()).count("nothing slower") == 2
