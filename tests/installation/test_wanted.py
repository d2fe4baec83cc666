"""What is to be installed, what stands in the way before anything is made, and the advice for a Jetson."""

import os
import re

import pytest
from tiny_project import LANE, Project

from harness.caller import from_caller
from harness.installation import build, checks
from harness.installation.__main__ import PROJECT, make_plan, parse
from harness.installation.base import Base
from harness.installation.build import _keeps_numpy
from harness.installation.errors import SetUpError
from harness.installation.jetson import BUILDS, torch_advice
from harness.installation.swap import renamed
from harness.installation.wanted import (
    CUDA_OF_TORCH,
    LANES,
    figures_file,
    installed_sections,
    lane_of,
    lock_file,
    locked,
    name_of,
    packages_digest,
    read,
    runtimes_file,
    torch_pin,
    without,
)
from harness.system.cuda_gpu import CudaDriverError

NAMES = [name for _, name in LANES]


class Driver:
    def __init__(self, *speaks):
        self._speaks = speaks

    def version(self):
        return self._speaks


def refused(check, *arguments, **named):
    with pytest.raises(SetUpError) as caught:
        check(*arguments, **named)
    return str(caught.value)


@pytest.mark.parametrize("version, lane", [((3, 6, 9), "python3.6"), ((3, 7, 16), "python3.6"),
                                           ((3, 8, 10), "python3.8"), ((3, 9, 2), "python3.8"),
                                           ((3, 10, 12), "python3.10"), ((3, 14, 0), "python3.10")])
def test_every_python_has_its_lane(version, lane):
    assert lane_of(version) == lane


def test_a_python_without_a_lane_is_refused_with_the_way_out():
    assert "PYTHON=" in refused(lane_of, (3, 5, 2))


@pytest.mark.parametrize("lane", NAMES)
def test_every_requirement_of_a_lane_is_pinned_and_hashed(lane):
    for path in (lock_file(PROJECT, lane), figures_file(PROJECT, lane), runtimes_file(PROJECT, lane)):
        for block in locked(read(path)):
            assert re.match(r"[a-z0-9.-]+==\S+", block) and re.search(r"--hash=sha256:[0-9a-f]{64}$", block), block


@pytest.mark.parametrize("lane", NAMES)
def test_every_dependency_of_the_project_is_pinned_in_every_lane(lane):
    text = installed_sections(read(os.path.join(PROJECT, "pyproject.toml")))
    lists = dict(re.findall(r"^(dependencies|nvidia|test|figures) = \[(.*?)\]$", text, re.MULTILINE | re.DOTALL))
    pinned = {name_of(block) for path in (lock_file(PROJECT, lane), figures_file(PROJECT, lane))
              for block in locked(read(path))}
    wanted = {name_of(one) for names in lists.values() for one in re.findall(r'"([^"]+)"', names)}
    assert len(lists) == 4 and wanted | {"hatchling", "editables", "pip"} <= pinned


@pytest.mark.parametrize("lane", NAMES)
def test_no_lane_pins_torch_or_its_cuda_which_depend_on_the_machine(lane):
    assert [block for block in locked(read(lock_file(PROJECT, lane)))
            if name_of(block).startswith(("torch", "nvidia-cu", "triton"))] == []


@pytest.mark.parametrize("version, pin", [((3, 6, 9), "torch==1.10.2"), ((3, 7, 1), "torch==1.10.2"),
                                          ((3, 8, 10), "torch==2.4.1"), ((3, 9, 2), "torch==2.4.1"),
                                          ((3, 12, 0), "torch==2.13.0")])
def test_torch_is_chosen_as_pip_would_choose_it(version, pin):
    constraints = read(os.path.join(PROJECT, "constraints.txt"))
    assert torch_pin(constraints, version) == pin and pin.partition("==")[2] in CUDA_OF_TORCH


def test_only_the_sections_that_decide_what_is_installed_count():
    text = '[project]\n# why\nname = "x"\n\n[tool.ruff]\nline = 1\n[project.scripts]\na = "b"\n[[tool.b]]\nc = 1\n'
    assert installed_sections(text) == '[project]\nname = "x"\n[project.scripts]\na = "b"'


def test_blocks_are_left_out_by_name_however_it_is_written():
    assert without(["Num_Py==1 \\\n    --hash=sha256:0", "b==2"], ["num-py"]) == ["b==2"]


def test_a_driver_too_old_for_the_pinned_torch_is_refused_and_the_other_build_named():
    said = refused(checks.check_driver, "torch==2.13.0", driver=lambda: Driver(12, 2))
    assert "CUDA 12.2" in said and "CUDA 13.0" in said and "--torch-index" in said
    checks.check_driver("torch==2.4.1", driver=lambda: Driver(12, 0))  # older, of the same major release
    checks.check_driver("torch==2.13.0", driver=lambda: Driver(13, 1))


def test_without_a_driver_there_is_nothing_to_refuse():
    def none():
        raise CudaDriverError("libcuda.so.1 cannot be loaded")

    checks.check_driver("torch==2.13.0", driver=none)


def test_no_room_and_no_venv_module_are_one_sentence_each():
    said = refused(checks.check_room, "/srv", 1300 << 20, free=lambda folder: 200 << 20)
    assert "1.4 GB" in said and "/srv" in said and "0.2 GB free" in said
    debian = Base("python3", (3, 9, 2), "/usr/bin/python3.9", venv=False)
    assert "python3.9-venv" in refused(checks.check_venv, debian)


def test_a_wheel_folder_that_is_not_there_is_said_before_anything_is_made(tmp_path, monkeypatch):
    from harness.installation.__main__ import check

    monkeypatch.setenv("EDGE_BENCH_CALLER", str(tmp_path))
    options = parse(["--find-links", "nowhere"])
    assert options.find_links == [str(tmp_path / "nowhere")]
    assert "there is no such folder" in refused(check, options, make_plan(options, None))


@pytest.mark.parametrize("release", sorted(BUILDS))
def test_the_wheel_named_on_a_jetson_is_the_one_for_its_python(release):
    build = BUILDS[release]
    said = torch_advice(release + ".7.1", "python3", build.python + (9,))
    assert build.wheel in said and "cp{}{}".format(*build.python) in build.wheel and build.jetpack in said
    assert "nvidia-smi" not in said and "driver" not in said


def test_python_3_8_on_a_nano_is_told_why_there_is_no_wheel_and_which_python_has_one():
    said = torch_advice("32.7.1", "python3", (3, 8, 0))
    assert "for which NVIDIA built no torch" in said and "PYTHON=python3.6 ./run_bench.sh" in said
    assert ".whl" not in said


def test_a_torch_from_the_registry_on_a_jetson_is_named_as_what_it_is():
    assert "has torch 1.10.2 without CUDA" in torch_advice("32.7.1", "python3", (3, 6, 9), "1.10.2")


def test_a_jetsons_own_numpy_stays_where_it_is_new_enough():
    plan = make_plan(parse([]), None)._replace(jetson=True)
    for numpy, kept in (("1.26.1", True), ("1.19.4", True), ("1.17.4", False), (None, False)):
        assert _keeps_numpy(plan._replace(base=plan.base._replace(numpy=numpy))) == kept


def test_a_script_gets_a_first_line_that_holds_for_blanks_and_long_names():
    script = renamed(b"#!/a/.venv/bin/python3\nimport x\n", ["/a/.venv"], "/my place/.venvs/one")
    assert script.startswith(b"#!/bin/sh\n'''exec' \"/my place/.venvs/one/bin/python3\" \"$0\" \"$@\"\n' '''\n")
    assert renamed(b"A=/a/.venvs/two\n", ["/a/.venv"], "/b") == b"A=/a/.venvs/two\n"
    assert renamed(b"\x7fELF\0/a/.venv/", ["/a/.venv"], "/b") == b"\x7fELF\0/a/.venv/"


def test_paths_are_the_callers_wherever_the_script_has_gone(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGE_BENCH_CALLER", str(tmp_path))
    assert from_caller("mine.py") == str(tmp_path / "mine.py") and from_caller("/abs/mine.py") == "/abs/mine.py"
    monkeypatch.chdir(tmp_path)
    assert from_caller("mine.py") == "mine.py"


def test_every_pinned_package_is_in_the_list_of_licences():
    words = set(re.findall(r"[a-z0-9][a-z0-9-]*", read(os.path.join(PROJECT, "requirements", "LICENSES.md"))))
    pinned = {name_of(block) for lane in NAMES for path in (
        lock_file(PROJECT, lane), figures_file(PROJECT, lane), runtimes_file(PROJECT, lane))
              for block in locked(read(path))}
    assert pinned - words == set()


@pytest.mark.parametrize("lane", NAMES)
def test_the_engines_of_a_lane_are_those_of_the_extra_but_what_its_python_has_no_wheel_of(lane):
    text = installed_sections(read(os.path.join(PROJECT, "pyproject.toml")))
    asked = re.search(r"^runtimes = \[(.*?)\]$", text, re.MULTILINE | re.DOTALL)
    wanted = {name_of(one) for one in re.findall(r'"([^"]+)"', asked.group(1))}
    pinned = {name_of(block) for block in locked(read(runtimes_file(PROJECT, lane)))}
    newer, older = {"ai-edge-litert"}, {"tflite-runtime"}
    missing = {"python3.10": older, "python3.8": newer, "python3.6": newer | older | {"openvino"}}
    assert wanted - pinned == missing[lane]


@pytest.mark.parametrize("extras, counts", [((), False), (("runtimes", "test"), True)])
def test_pins_of_engines_count_only_where_they_are_asked_for(tmp_path, extras, counts):
    project = Project(tmp_path / "project").make()
    before = packages_digest(project.folder, LANE, extras)
    project.write("requirements/{}-runtimes.txt".format(LANE), "gamma==1.0\n")
    assert (packages_digest(project.folder, LANE, extras) != before) == counts


class Recorded:
    """Stands in for pip: takes everything and remembers what was asked for."""

    def __init__(self, *version):
        self._version = version
        self.asked = []
        self.python = "python"

    def version(self):
        return self._version

    def install(self, blocks, *options):
        self.asked.append([name_of(block) for block in blocks])
        return True

    def run(self, command, arguments, online=True):
        self.asked.append([command])
        return True


@pytest.mark.parametrize("version, renewed", [((9, 0), True), ((20, 3), True), ((21, 3), False), ((26, 0), False)])
def test_a_pip_that_cannot_install_a_project_without_setup_py_is_renewed_before_anything_else(version, renewed):
    pip = Recorded(*version)
    build._fill(PROJECT, make_plan(parse(["--without-torch"]), None), pip, lambda text: None)
    assert (pip.asked[0] == ["pip"]) == renewed
    assert len(pip.asked) == 3 + renewed and "pip" not in pip.asked[renewed]
