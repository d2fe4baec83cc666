"""Setting up never takes a working environment away: real environments, real pip, small packages, no network."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from tiny_project import BASE, LANE, Project, make_source, make_wheel

from tests.patience import LONG_S, wait_for

pytestmark = pytest.mark.skipif(sys.version_info < (3, 7, 16), reason="its own pip is too old, and a newer one is "
                                "not to be had without the network")


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A project set up from a folder of wheels without the network; only copies of it are changed."""
    project = Project(tmp_path_factory.mktemp("set-up") / "project").make()
    status, said = project.set_up()
    assert status == 0, said
    return project


@pytest.fixture
def project(ready, tmp_path):
    return ready.copy(tmp_path / "my project")


def hang_pip(project):
    """Let the project's own installation, the last step, never come to its end."""
    project.edit("backend.py", "import os, zipfile\n", "import os, time, zipfile\n"
                 "open('reached', 'w').close()\ntime.sleep(600)\n")


def wait_for_file(path, process):
    assert wait_for(lambda: os.path.exists(path) or process.poll() is not None, LONG_S), path
    assert os.path.exists(path), process.communicate()[0]


def test_it_sets_up_offline_from_a_folder_of_wheels(ready):
    assert ready.version() == "1.0" and ready.version("beta") == "1.0"
    assert ready.ask("import torch; print(torch.__version__)") == "1.0"
    assert ready.environments == [ready.environment]
    status, said = ready.set_up()
    assert (status, said) == (0, "")


def test_an_edit_that_changes_no_package_keeps_the_environment(project):
    project.set_up()
    before = project.environment
    for name, old, new in (("pyproject.toml", "line = 1", "line = 2  # no matter"),
                           ("run_bench.sh", "set -eu", "set -eu  # no matter"),
                           ("constraints.txt", "torch", "# no matter\ntorch"),
                           ("requirements/{}.txt".format(LANE), "# pins", "# no matter")):
        project.edit(name, old, new)
        assert project.set_up("--offline") == (0, "")
        assert project.environment == before


def test_only_what_changed_is_installed_and_the_rest_is_shared(project):
    project.set_up()
    kept = project.ask("import torch; print(torch.__file__)")
    before = os.stat(kept).st_ino
    old = project.environment
    project.pin(alpha=make_wheel(project.wheels, "alpha", "2.0"))
    status, said = project.set_up()
    assert status == 0, said
    assert project.version() == "2.0" and "torch" not in said
    assert os.stat(project.ask("import torch; print(torch.__file__)")).st_ino == before
    assert project.environment != old and project.environments == [project.environment]


def test_the_scripts_of_an_environment_run_its_own_python_in_any_folder(project):
    project.pin(alpha=make_wheel(project.wheels, "alpha", "2.0"))
    project.set_up()
    said = subprocess.check_output([os.path.join(project.environment, "bin", "pip"), "--version"],
                                   universal_newlines=True)
    assert project.environment in said  # whose blank no first line of a script may hold


@pytest.mark.parametrize("version", ["3.0", "2.0"], ids=["no such version", "another file than the pinned one"])
def test_where_the_new_environment_fails_the_old_one_stays_and_one_sentence_says_why(project, version):
    old = project.environment
    make_wheel(project.wheels, "alpha", "2.0")
    project.pin(alpha="alpha=={} \\\n    --hash=sha256:{}".format(version, 64 * "0"))
    status, said = project.set_up()
    assert status == 1 and said.count("run_bench.sh:") == 1 and "--find-links DIR" in said
    assert "stays as it was" in said and "Traceback" not in said
    assert project.environment == old and project.version() == "1.0" and project.environments == [old]


@pytest.mark.parametrize("words, expected", [
    (("--offline", "compare", "a", "b"), 3), (("run", "layers", "--against", "HEAD"), 3), (("report", "a"), 1)])
def test_a_comparison_whose_set_up_fails_has_a_status_that_is_no_answer(project, words, expected):
    project.pin(alpha="alpha==3.0 \\\n    --hash=sha256:{}".format(64 * "0"))
    process = project.start(*words, PIP_NO_INDEX="1")
    said = process.communicate(timeout=LONG_S)[0]
    assert process.returncode == expected and said.count("run_bench.sh:") == 1


def test_a_set_up_killed_half_way_leaves_the_old_one_and_the_next_one_cleans_up(project):
    old = project.environment
    project.pin(alpha=make_wheel(project.wheels, "alpha", "2.0"))
    hang_pip(project)
    process = project.start("setup", "--offline", "--find-links", project.wheels)
    wait_for_file(os.path.join(project.folder, "reached"), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert project.environment == old and project.version() == "1.0" and len(project.environments) == 2
    project.edit("backend.py", "time.sleep(600)", "pass")
    assert project.set_up()[0] == 0
    assert project.version() == "2.0" and project.environments == [project.environment]


def test_two_started_at_once_make_one_environment(project):
    project.pin(alpha=make_wheel(project.wheels, "alpha", "2.0"))
    words = ("setup", "--offline", "--find-links", project.wheels)
    hang_pip(project)
    project.edit("backend.py", "time.sleep(600)", "while not os.path.exists('go on'): time.sleep(0.02)")
    first = project.start(*words)
    wait_for_file(os.path.join(project.folder, "reached"), first)
    second = project.start(*words)
    waits = second.stdout.readline()
    project.write("go on", "")
    said = [one.communicate(timeout=LONG_S)[0] for one in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), said
    assert "Ready." in said[0] and (waits, said[1]) == ("Another set-up is under way: waiting for it\n", "")
    assert project.version() == "2.0" and project.environments == [project.environment]


def test_an_environment_that_a_run_still_uses_is_left_until_it_has_ended(project):
    project.set_up()
    old = project.environment
    runs = subprocess.Popen([os.path.join(old, "bin", "python"), "-c",
                             "import time; print(flush=True); time.sleep(6000)"], stdout=subprocess.PIPE)
    try:
        runs.stdout.readline()
        project.pin(alpha=make_wheel(project.wheels, "alpha", "2.0"))
        assert project.set_up()[0] == 0
        assert project.environments == sorted([old, project.environment])
        assert project.ask("import alpha; print(alpha.VERSION)", old) == "1.0"
    finally:
        runs.kill()
        runs.communicate()
    project.pin(alpha=make_wheel(project.wheels, "alpha", "2.1"))
    assert project.set_up()[0] == 0
    assert project.environments == [project.environment]


def test_a_folder_from_before_there_was_a_link_is_taken_over(project):
    made = project.environment
    os.remove(os.path.join(project.folder, ".venv"))
    os.rename(made, os.path.join(project.folder, ".venv"))
    for name in ("set-up.json", "set-up-for", "has-torch"):
        os.remove(os.path.join(project.folder, ".venv", name))
    status, said = project.set_up()
    assert status == 0, said
    assert os.path.islink(os.path.join(project.folder, ".venv")) and "torch" not in said
    assert project.version() == "1.0" and project.environments == [project.environment]


def test_a_swap_of_such_a_folder_that_was_cut_off_is_made_good(project):
    from harness.installation import swap

    made = project.environment
    os.remove(os.path.join(project.folder, ".venv"))
    os.rename(made, os.path.join(project.folder, ".venvs", "before"))
    assert swap.current(project.folder) == os.path.join(os.path.realpath(project.folder), ".venvs", "before")
    assert project.version() == "1.0"


def test_a_symbolic_link_to_the_script_and_relative_folders_mean_what_the_caller_means(project, tmp_path):
    os.symlink(os.path.join(project.folder, "run_bench.sh"), str(tmp_path / "bench"))
    shutil.move(project.wheels, str(tmp_path / "elsewhere"))
    project.wheels = str(tmp_path / "elsewhere")
    project.pin(alpha=make_wheel(project.wheels, "alpha", "2.0"))
    status, said = project.set_up("--offline", "--find-links", "elsewhere", cwd=str(tmp_path),
                                  script=str(tmp_path / "bench"))
    assert status == 0, said
    assert project.version() == "2.0" and not os.path.exists(str(tmp_path / ".venv"))


def test_another_python_makes_another_environment(project, tmp_path):
    other = tmp_path / "python-of-another-place"
    shutil.copytree(os.path.join(project.environment, "bin"), str(other / "bin"), symlinks=True)
    stamp = os.path.join(project.environment, "set-up.json")
    with open(stamp) as file:
        text = file.read()
    old = project.environment
    with open(stamp, "w") as file:
        file.write(text.replace(os.path.realpath(BASE), "/usr/bin/python-that-was"))
    status, said = project.set_up()
    assert status == 0, said
    assert project.environment != old and "Setting up with Python" in said
    assert project.environments == [project.environment]


def test_without_a_network_one_sentence_names_the_wheel_folder(project):
    project.pin(alpha="alpha==3.0 \\\n    --hash=sha256:" + 64 * "0")
    status, said = project.set_up("--find-links", project.wheels + "/..", PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert status == 1 and "no package index answers" in said and "--offline --find-links DIR" in said
    assert project.version() == "1.0"


def test_a_missing_wheel_is_told_from_a_missing_network(project):
    project.pin(alpha="alpha==3.0 \\\n    --hash=sha256:" + 64 * "0")
    status, said = project.set_up("--find-links", project.wheels, PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert status == 1 and "for this Python and machine" in said and "PYTHON=" in said
    assert "no package index answers" not in said


def test_other_engines_come_when_asked_for_and_stay_without_asking_again(project):
    project.write("requirements/{}-runtimes.txt".format(LANE), make_wheel(project.wheels, "gamma", "1.0") + "\n")
    assert project.set_up()[0] == 0
    assert not project.has("gamma")
    status, said = project.set_up("--runtimes", "--offline", "--find-links", project.wheels)
    assert status == 0, said
    assert project.version("gamma") == "1.0"
    project.pin(alpha=make_wheel(project.wheels, "alpha", "2.0"))
    assert project.set_up()[0] == 0
    assert project.version() == "2.0" and project.version("gamma") == "1.0"


def test_an_engine_without_a_wheel_takes_no_other_along_and_is_named(project):
    missing = "missing-engine==1.0 \\\n    --hash=sha256:" + 64 * "0"
    project.write("requirements/{}-runtimes.txt".format(LANE),
                  missing + "\n" + make_wheel(project.wheels, "gamma", "1.0") + "\n")
    status, said = project.set_up("--runtimes", "--offline", "--find-links", project.wheels)
    assert status == 0 and "Not to be had for this Python and machine: missing-engine." in said
    assert "doctor" in said and project.version("gamma") == "1.0" and project.version() == "1.0"


def test_figures_without_a_wheel_are_left_out_and_nothing_is_compiled(project):
    """matplotlib has no wheel for the Python of a Nano, and compiling it there takes pip many minutes."""
    compiled = os.path.join(project.folder, "compiled")
    project.write("requirements/{}-figures.txt".format(LANE), make_source(project.wheels, "painter", "1.0", compiled))
    status, said = project.set_up()
    assert status == 0 and "No matplotlib for this Python and machine" in said and "any other machine" in said
    assert project.version() == "1.0" and not os.path.exists(compiled)


@pytest.mark.parametrize("system, words", [
    ("Darwin", "macOS has neither"), ("MINGW64_NT-10.0", "wsl --install"), ("FreeBSD", "FreeBSD is not supported")])
def test_another_system_gets_one_sentence_and_nothing_is_made(tmp_path, system, words):
    project = Project(tmp_path / "project").make()
    assert words in refused_by_the_script(project, tmp_path, uname="echo " + system)


def test_without_a_python_that_is_new_enough_one_sentence_says_how_to_name_one(tmp_path):
    project = Project(tmp_path / "project").make()
    said = refused_by_the_script(project, tmp_path, python3="exit 1", python="exit 1")
    assert "no Python 3.6.2 or newer" in said and "PYTHON=/path/to/python3" in said


def refused_by_the_script(project, folder, **programs):
    """Run the script where ``programs`` stand before the system's own; return its one sentence."""
    (folder / "bin").mkdir()
    for name, text in programs.items():
        (folder / "bin" / name).write_text("#!/bin/sh\n{}\n".format(text))
        (folder / "bin" / name).chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON", "VIRTUAL_"))}
    before = sorted(os.listdir(project.folder))
    done = subprocess.run([os.path.join(project.folder, "run_bench.sh"), "setup"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True,
                          env=dict(kept, PATH=str(folder / "bin") + os.pathsep + kept["PATH"]))
    assert done.returncode == 1 and done.stdout.count("\n") == 1 and done.stdout.startswith("run_bench.sh: ")
    assert sorted(os.listdir(project.folder)) == before
    return done.stdout


def test_the_environments_python_is_at_hand_in_the_projects_folder(ready):
    told = "import os, torch; print(os.getcwd(), torch.__version__)"
    process = ready.start("python", "-c", told, cwd="/")
    said = process.communicate(timeout=LONG_S)[0]
    assert (process.returncode, said.split()) == (0, [os.path.realpath(ready.folder), "1.0"])


@pytest.mark.parametrize("words", [("--help",), ("run", "--help"), ("list",), ("lsit",)])
def test_neither_help_nor_a_command_that_there_is_none_of_installs_torch(tmp_path, words):
    project = Project(tmp_path / "project").make()
    process = project.start("--offline", "--find-links", project.wheels, *words)
    said = process.communicate(timeout=LONG_S)[0]
    assert "Installing torch" not in said and project.version() == "1.0" and not project.has("torch")


def test_without_torch_is_enough_for_reports_and_torch_comes_when_it_is_needed(tmp_path):
    project = Project(tmp_path / "project").make()
    links = ("--offline", "--find-links", project.wheels)
    assert project.set_up("--without-torch", *links)[0] == 0
    assert project.version() == "1.0" and not os.path.exists(os.path.join(project.environment, "has-torch"))
    assert project.set_up(*links)[0] == 0
    assert project.ask("import torch; print(torch.__version__)") == "1.0"
    assert project.set_up("--without-torch", *links) == (0, "") and os.path.exists(
        os.path.join(project.environment, "has-torch"))
