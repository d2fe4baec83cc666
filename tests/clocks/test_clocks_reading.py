"""What is said about the clocks of each board, and that every gap has its reason."""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "meters"))
import fake_boards
import fake_nvml

from harness.clocks import read_clocks
from harness.clocks.reading import parse_nvpmodel


def assert_every_gap_is_explained(clocks):
    for key, value in clocks.items():
        if value is None:
            assert clocks[key + "_reason"], key


@pytest.mark.parametrize("board", [fake_boards.nano, fake_boards.nano_without_ina3221, fake_boards.orin_nano,
                                   fake_boards.agx_orin, fake_boards.desktop, fake_boards.any_linux])
def test_every_missing_value_has_its_reason(tmp_path, board):
    assert_every_gap_is_explained(read_clocks(board(tmp_path)))


def test_a_nano_shows_cpu_and_gpu_limits_and_that_they_are_not_locked(tmp_path):
    clocks = read_clocks(fake_boards.nano(tmp_path))
    assert (clocks["cpu_governor"], clocks["cpu_min_hz"], clocks["cpu_max_hz"], clocks["cpu_current_hz"]) == (
        "schedutil", 102000000, 1479000000, 1326000000)
    assert (clocks["gpu_min_hz"], clocks["gpu_max_hz"], clocks["gpu_current_hz"]) == (76800000, 921600000, 76800000)
    assert clocks["locked"] is False
    assert clocks["emc_current_hz"] is None and "only root" in clocks["emc_current_hz_reason"]


def test_locked_means_both_cpu_and_gpu(tmp_path):
    root = fake_boards.nano(tmp_path)
    for number in range(4):
        fake_boards.write(root, "/sys/devices/system/cpu/cpu{}/cpufreq/scaling_min_freq".format(number), 1479000)
    clocks = read_clocks(root)
    assert clocks["cpu_locked"] is True and clocks["gpu_locked"] is False and clocks["locked"] is False
    fake_boards.write(root, "/sys/devices/57000000.gpu/devfreq/57000000.gpu/min_freq", 921600000)
    assert read_clocks(root)["locked"] is True


def test_one_unlocked_cpu_is_enough_to_be_unlocked(tmp_path):
    root = fake_boards.desktop(tmp_path)
    fake_boards.write(root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_min_freq", 4200000)
    assert read_clocks(root)["cpu_locked"] is False


def test_the_memory_clock_is_read_where_root_lets_us(tmp_path):
    root = fake_boards.nano(tmp_path)
    fake_boards.write(root, "/sys/kernel/debug/clk/override.emc/clk_rate", 1600000000)
    assert read_clocks(root)["emc_current_hz"] == 1600000000


def test_a_machine_that_shows_no_clock_is_not_called_unlocked(tmp_path):
    clocks = read_clocks(fake_boards.any_linux(tmp_path))
    assert clocks["locked"] is None and clocks["locked_reason"]


@pytest.mark.parametrize("text, expected", [
    ("NVPM WARN: fan mode is not set!\nNV Power Mode: MAXN\n0\n", ("MAXN", 0)),
    ("NV Power Mode: 5W\n1\n", ("5W", 1)),
    ("NV Fan Mode:quiet\nNV Power Mode: MODE_15W_6CORE\n2", ("MODE_15W_6CORE", 2)),
    ("NV Power Mode: 25W", ("25W", None)),
    ("Error: open /dev/nvhost", (None, None)),
    ("", (None, None)),
])
def test_the_power_mode_is_found_in_what_nvpmodel_prints(text, expected):
    assert parse_nvpmodel(text) == expected


def test_the_power_mode_comes_from_the_boards_own_tool(tmp_path):
    root = fake_boards.nano(tmp_path)
    script = fake_boards.write(root, "/usr/sbin/nvpmodel", "#!/bin/sh\nprintf 'NV Power Mode: MAXN\\n0\\n'")
    os.chmod(script, 0o755)
    clocks = read_clocks(root)
    assert (clocks["power_mode"], clocks["power_mode_id"]) == ("MAXN", 0)


def test_a_tool_that_fails_leaves_a_reason(tmp_path):
    root = fake_boards.nano(tmp_path)
    script = fake_boards.write(root, "/usr/sbin/nvpmodel", "#!/bin/sh\nexit 3")
    os.chmod(script, 0o755)
    assert "status 3" in read_clocks(root)["power_mode_reason"]


def test_a_desktop_gpus_clock_comes_from_nvml_and_its_lock_stays_unknown(tmp_path):
    clocks = read_clocks(fake_boards.desktop(tmp_path), fake_nvml.fake_gpu(fake_nvml.FakeNvml()))
    assert clocks["gpu_current_hz"] == 1980e6 and clocks["gpu_max_hz"] == 2100e6
    assert clocks["gpu_locked"] is None and "NVML does not tell" in clocks["gpu_locked_reason"]
