"""A user's own suite: ten lines in a file, planned apart from the controller, as the README shows."""

import io
import json
import os
import re
import subprocess
import sys

import pytest

from harness import Target
from harness.planning import plan_comparisons
from harness.process import worker_environment
from harness.worker import resolve
from suites.modules import suite
from suites.user_file import load_suite_file

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def readme_example():
    with io.open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        return next(block for block in re.findall(r"```python\n(.*?)```", file.read(), re.S) if "SUITE =" in block)


def test_the_readmes_example_is_about_ten_lines_and_runs_to_a_verdict(tmp_path):
    text = readme_example().replace("(10, 256, 14, 14)", "(2, 16, 8, 8)").replace("256", "16")
    assert len([line for line in text.splitlines() if line.strip()]) <= 10
    (tmp_path / "my_suite.py").write_text(text)
    words = ["run", "my_suite.py", "--quick", "--threads", "1", "--budget", "2s", "--out", "out", "--no-report"]
    subprocess.check_output([sys.executable, "-m", "harness"] + words, cwd=str(tmp_path),
                            env=worker_environment({}), stderr=subprocess.STDOUT)
    folder = next((tmp_path / "out").iterdir())
    lines = [json.loads(line) for line in (folder / "record.jsonl").read_text().splitlines()]
    timed = [line for line in lines if line.get("pass") == "time"]
    assert timed[0]["status"] == "ok" and timed[0]["series"][0]["entrants"][0] == "mine/conv1x1"


def test_a_plain_suite_with_builders_in_its_own_file_works_too(tmp_path):
    (tmp_path / "plain.py").write_text(
        "from harness import Case, Comparison, Subject, Suite\n"
        "def build(case, x):\n    return Subject(call=lambda: x + 1)\n"
        "def plan(target):\n"
        "    case = Case('a', '', {!r} + ':build', (1, 2, 3, 4), device=target.device, threads=target.threads)\n"
        "    return [Comparison('c', 'C', case, (case._replace(layer='b'),))]\n"
        "SUITE = Suite('plain', 'plain', plan)\n".format(str(tmp_path / "plain.py")))
    case = load_suite_file(str(tmp_path / "plain.py")).comparisons(Target("cpu", 3))[0].baseline
    assert case.threads == 3
    assert resolve(case.builder)(case, 1).call() == 2


def test_the_quick_list_of_a_plain_suite_is_taken_from_its_file(tmp_path):
    (tmp_path / "plain.py").write_text(
        "from harness import Case, Comparison, Suite\n"
        "CASE = Case('a', '', 'm:f', (1, 2))\n"
        "def plan(target):\n"
        "    return [Comparison(name, name, CASE, (CASE._replace(layer='b'),)) for name in 'cd']\n"
        "SUITE = Suite('plain', 'plain', plan, quick=lambda found: found[1:])\n")
    found = load_suite_file(str(tmp_path / "plain.py"))
    assert [one.id for one in plan_comparisons(found, Target(), False, None)] == ["c", "d"]
    assert [one.id for one in plan_comparisons(found, Target(), True, None)] == ["d"]


@pytest.mark.parametrize("text, words", [
    ("x = 1\n", "defines no SUITE"),
    ("import no_such_module_here\n", "no_such_module_here"),
    ("SUITE = (\n", "could not be read"),
    ("SUITE = 5\n", "its SUITE is of type int: write SUITE = suites.modules.suite"),
])
def test_a_file_that_is_no_suite_is_answered_in_one_sentence(tmp_path, text, words):
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        load_suite_file(str(path)).comparisons(Target())


def test_a_missing_file_and_a_suite_without_rivals_are_refused():
    with pytest.raises(ValueError, match="there is no file"):
        load_suite_file("absent.py")
    with pytest.raises(ValueError, match="at least one rival"):
        suite("mine", (1, 2, 3, 4), ("a", lambda: None), {})
    with pytest.raises(ValueError, match="name of its own"):
        suite("mine", (1, 2, 3, 4), ("a", lambda: None), {"a": lambda: None})


def test_the_controllers_process_never_imports_the_users_file(tmp_path):
    (tmp_path / "loud.py").write_text("import sys\nsys.modules['was_here'] = sys\n" + readme_example())
    load_suite_file(str(tmp_path / "loud.py")).comparisons(Target())
    assert "was_here" not in sys.modules


def test_tf32_is_off_but_for_the_entries_that_ask_for_it_as_in_the_suites_here(tmp_path):
    import torch

    (tmp_path / "precise.py").write_text(
        "import torch\nfrom suites import modules\n"
        "class Tell(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        return (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32)\n"
        "SUITE = modules.suite('precise', input_shape=(1, 2), baseline=('a', Tell),\n"
        "                      rivals={'b': Tell, 'b tf32': Tell}, tf32=('b tf32',))\n")
    comparison, = load_suite_file(str(tmp_path / "precise.py")).comparisons(Target("cuda"))
    subjects = [resolve(case.builder)(case, torch.zeros(1, 2)) for case in comparison.cases]
    try:
        for _ in range(2):  # one process calls them in turns
            assert [subject.call() for subject in subjects] == [(False, False), (False, False), (True, True)]
        assert [subject.tolerance for subject in subjects] == [None, None, 1e-2]
    finally:
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False


def test_tf32_for_an_entry_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="'c', which is none of its entries: a, b"):
        suite("mine", (1, 2), ("a", int), {"b": int}, tf32=("c",))
