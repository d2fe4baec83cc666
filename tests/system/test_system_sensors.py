"""Clocks, thermal zones and the GPU's devfreq, found and read on fake boards."""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "meters"))
import fake_boards

from harness.system import sensors
from harness.system.tree import Tree


def test_nano_temperatures_leave_out_the_dummy_and_the_switched_off(tmp_path):
    assert sensors.temperatures_c(Tree(fake_boards.nano(tmp_path))) == {
        "AO-therm": 39.5, "CPU-therm": 36.5, "GPU-therm": 36.0, "PLL-therm": 34.0, "thermal-fan-est": 36.25}


def test_a_zone_that_refuses_to_be_read_is_left_out(tmp_path, monkeypatch):
    root = fake_boards.nano(tmp_path)
    honest = Tree.read

    def stubborn(self, name):
        if name.endswith("thermal_zone0/temp"):
            raise OSError(22, "Invalid argument")
        return honest(self, name)

    monkeypatch.setattr(Tree, "read", stubborn)
    assert "AO-therm" not in sensors.temperatures_c(Tree(root)) and "CPU-therm" in sensors.temperatures_c(Tree(root))


def test_zones_of_one_type_are_kept_apart(tmp_path):
    zones = sensors.temperatures_c(Tree(fake_boards.desktop(tmp_path)))
    assert zones == {"x86_pkg_temp": 45.0, "acpitz": 30.0, "acpitz 2": 31.0}


@pytest.mark.parametrize("board, folder", [
    (fake_boards.nano, "/sys/devices/57000000.gpu/devfreq/57000000.gpu"),
    (fake_boards.orin_nano, "/sys/class/devfreq/17000000.ga10b"), (fake_boards.desktop, None)])
def test_the_gpus_devfreq_is_found_on_a_jetson_and_nowhere_else(tmp_path, board, folder):
    assert sensors.gpu_devfreq(Tree(board(tmp_path))) == folder


def test_the_highest_cpu_clock_is_in_hertz_and_absent_where_no_file_can_be_read(tmp_path):
    tree = Tree(fake_boards.nano(tmp_path))
    fake_boards.write(tree.root, "/sys/devices/system/cpu/cpu2/cpufreq/scaling_cur_freq", 1400000)
    assert sensors.highest_hz(tree, sensors.cpu_clock_files(tree)) == 1.4e9
    assert sensors.highest_hz(tree, sensors.cpu_clock_files(tree, [0, 1])) == 1.326e9
    assert sensors.highest_hz(tree, sensors.cpu_clock_files(tree, [7])) is None


def test_cpus_that_share_a_clock_are_one_policy(tmp_path):
    tree = Tree(fake_boards.desktop(tmp_path))
    assert sensors.cpu_policies(tree) == ["/sys/devices/system/cpu/cpu{}/cpufreq".format(cpu) for cpu in (0, 1)]
    fake_boards.write(tree.root, "/sys/devices/system/cpu/cpufreq/policy0/scaling_min_freq", 1)
    assert sensors.cpu_policies(tree) == ["/sys/devices/system/cpu/cpufreq/policy0"]
