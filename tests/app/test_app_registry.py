"""Suites are found by name, among this project's own and among those that installed packages bring."""

import pytest
from brought import GOOD, call, group, install

from harness import load_run


def listed(folder):
    code, text = call(folder, "list")
    assert code == 0 and "Traceback" not in text, text
    return dict(line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("'"))


def test_a_suite_of_an_installed_package_is_listed_and_its_cases_shown(tmp_path):
    install(tmp_path, "bringer", group("brought = bring_it"), bring_it=GOOD)
    assert listed(tmp_path)["brought"] == "a suite of another package"
    code, text = call(tmp_path, "list", "brought")
    assert code == 0 and "c: Once against twice" in text and "twice | 1x2x3x4" in text


def test_a_suite_of_an_installed_package_is_run_to_its_end(tmp_path):
    install(tmp_path, "bringer", group("brought = bring_it"), bring_it=GOOD)
    code, text = call(tmp_path, "run", "brought", "--quick", "--device", "cpu", "--threads", "1", "--budget", "1s",
                      "--out", str(tmp_path / "out"), "--no-report")
    assert code == 0, text
    run = load_run(str(next((tmp_path / "out").iterdir())))
    assert run.suite == "brought" and run.timed("c")[0].series[0].entrants[-1] == "c/twice"


def test_the_name_of_the_entry_point_is_the_suites_name(tmp_path):
    install(tmp_path, "bringer", group("other-name = bring_it:SUITE"), bring_it=GOOD)
    assert "other-name" in listed(tmp_path) and "brought" not in listed(tmp_path)


@pytest.mark.parametrize("module, words", [
    ("import no_such_module_at_all\n", "no_such_module_at_all"),
    ("x = 1\n", "SUITE"),
    ("SUITE = 3\n", "is no harness.Suite but a int"),
    ("raise SystemExit(5)\n", "could not be loaded (SystemExit: 5)"),
    ("import torch\nfrom harness import Suite\nSUITE = Suite('b', 's', lambda target: [])\n", "imports torch"),
])
def test_a_broken_suite_is_one_sentence_in_the_list_and_when_asked_for(tmp_path, module, words):
    install(tmp_path, "bringer", group("brought = bring_it"), bring_it=module)
    found = listed(tmp_path)
    assert words in found["brought"] and "package bringer" in found["brought"] and "paper" in found
    code, text = call(tmp_path, "run", "brought")
    assert code == 1 and words in text and len(text.strip().splitlines()) == 1


def test_a_suite_whose_plan_fails_is_one_sentence(tmp_path):
    text = "from harness import Suite\nSUITE = Suite('b', 's', lambda target: 1 / 0)\n"
    install(tmp_path, "bringer", group("brought = bring_it"), bring_it=text)
    code, said = call(tmp_path, "list", "brought")
    assert code == 1 and "ZeroDivisionError" in said and "Traceback" not in said


def test_damaged_metadata_of_one_package_hinders_no_other(tmp_path):
    install(tmp_path, "bringer", group("brought = bring_it"), bring_it=GOOD)
    install(tmp_path, "damaged", group("[[[\n= = ="), harmless="")
    found = listed(tmp_path)
    assert found["brought"] == "a suite of another package" and "paper" in found
    assert "package damaged names suites in an entry_points.txt that cannot be read" in found["damaged"]


def test_a_name_taken_twice_is_said_and_this_projects_own_suite_wins(tmp_path):
    install(tmp_path, "bringer", group("paper = bring_it\nbrought = bring_it"), bring_it=GOOD)
    install(tmp_path, "latecomer", group("brought = bring_it"))
    code, text = call(tmp_path, "list")
    assert code == 0
    assert "'paper' of package bringer is left out: this project has one" in text
    assert "'brought' of package latecomer is left out: bringer has one" in text
    assert "The papers' 1-D and 2-D" in text and "a suite of another package" in text


def test_an_unknown_suite_is_answered_with_the_nearest_of_all_there_are(tmp_path):
    install(tmp_path, "bringer", group("brought = bring_it"), bring_it=GOOD)
    code, text = call(tmp_path, "run", "brouhgt")
    assert code == 1 and "Did you mean 'brought'?" in text and "paper" in text
