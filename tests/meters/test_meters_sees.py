"""Whose watts count for a case: the whole board's, or those of the part that computes; never another part's."""

import os
import stat
import sys

import fake_boards
import pytest
from fake_nvml import FakeNvml, fake_gpu

from harness.meters import METERS, choose, make_meter, survey
from harness.meters.base import Sees
from harness.meters.nvml import NvmlMeter
from tests.patience import HANG_S

HERE = os.path.dirname(os.path.abspath(__file__))
CAPTURE = os.path.join(HERE, "..", "data", "tegrastats", "nano_r32.log")


@pytest.fixture
def pc(tmp_path):
    """A PC with RAPL counters and a GPU that answers."""
    return fake_boards.desktop(tmp_path)


@pytest.fixture
def gpu_pc(tmp_path):
    """A PC with a GPU that answers and no RAPL, as most virtual machines with one are."""
    return fake_boards.any_linux(tmp_path)


def with_gpu(name, root):
    return NvmlMeter(gpu=fake_gpu(FakeNvml(power_mw=70000))()) if name == "nvml" else make_meter(name, root)


def power(root, device, **more):
    choice = choose("power", root=root, device=device, make=with_gpu, **more)
    return choice.meter.name if choice.meter else None, choice


def test_every_power_meter_says_whose_watts_it_reads_in_fixed_words():
    assert {name: make_meter(name).sees for name in METERS} == {
        "ina3221": Sees.BOARD, "tegrastats": Sees.BOARD, "jtop": Sees.BOARD, "nvml": Sees.GPU, "rapl": Sees.CPU,
        "proc": None}
    assert {sees.value for sees in Sees} == {"whole board", "cpu package", "gpu"}


def test_on_a_pc_a_case_on_the_cpu_gets_the_package_and_one_on_the_gpu_the_gpu(pc):
    assert power(pc, "cpu")[0] == "rapl" and power(pc, "cuda")[0] == "nvml"
    assert power(pc, "cpu")[1].meter.sees is Sees.CPU


def test_a_case_on_the_cpu_never_gets_the_watts_of_the_gpu(gpu_pc):
    name, choice = power(gpu_pc, "cpu")
    assert name is None and "no meter on this machine measures power" in choice.reason
    nvml = next(entry for entry in choice.entries if entry.name == "nvml")
    assert not nvml.available and "sees the GPU alone" in nvml.reason and "--device cuda" in nvml.remedy
    assert nvml.sees == "gpu"


def test_a_case_on_the_gpu_never_gets_the_watts_of_the_processor_alone(tmp_path):
    choice = choose("power", root=fake_boards.desktop(tmp_path), device="cuda")
    assert choice.meter is None
    rapl = next(entry for entry in choice.entries if entry.name == "rapl")
    assert "sees the CPU package alone" in rapl.reason and rapl.sees == "cpu package"


@pytest.mark.parametrize("named, device", [("nvml", "cpu"), ("rapl", "cuda")])
def test_asking_for_it_by_name_does_not_make_it_fit(pc, named, device):
    name, choice = power(pc, device, named=named)
    assert name is None and "meter {} was asked for but {} sees".format(named, named) in choice.reason


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_whole_boards_rail_serves_both_and_is_called_that(tmp_path, device):
    name, choice = power(fake_boards.nano(tmp_path), device)
    assert name == "ina3221" and choice.meter.sees.value == "whole board"


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_board_read_through_tegrastats_serves_both_from_real_lines(tmp_path, monkeypatch, device):
    root = fake_boards.nano_without_ina3221(tmp_path)
    with open(os.path.join(HERE, "fake_tegrastats.py")) as file:
        program = fake_boards.write(root, "/usr/bin/tegrastats", "#!{} -S\n{}".format(sys.executable, file.read()))
    os.chmod(program, os.stat(program).st_mode | stat.S_IXUSR)
    monkeypatch.setenv("FAKE_LOG", CAPTURE)
    monkeypatch.setattr("harness.meters.tegrastats.FIRST_LINE_S", HANG_S)
    assert power(root, device)[0] == "tegrastats"


def test_the_survey_gives_the_reason_of_every_meter_that_does_not_fit(pc):
    entries = {entry.name: entry for entry in survey(root=pc, device="cpu", make=with_gpu)
               if entry.quantity == "power"}
    assert entries["rapl"].chosen and "sees the GPU alone" in entries["nvml"].reason
    assert all(entry.reason for name, entry in entries.items() if name != "rapl")


def test_a_meter_that_is_not_here_has_that_for_its_reason_not_that_it_would_not_fit(pc):
    entries = survey(root=pc, device="cpu")
    nvml = next(entry for entry in entries if (entry.name, entry.quantity) == ("nvml", "power"))
    assert "below another root" in nvml.reason


@pytest.mark.parametrize("thorough", [True, False])
def test_a_quick_choice_refuses_as_the_thorough_one_does(gpu_pc, thorough):
    assert power(gpu_pc, "cpu", thorough=thorough)[0] is None
    assert "sees the GPU alone" in power(gpu_pc, "cpu", thorough=thorough, named="nvml")[1].reason


def test_other_quantities_of_a_misfit_power_meter_stay_available(pc):
    clock = [entry for entry in survey(root=pc, device="cpu", make=with_gpu) if entry.quantity == "clock"]
    assert {entry.name: entry.available for entry in clock}["nvml"]
