"""Memory, load, frequencies and temperatures read from fake boards and from this machine."""

import os

import fake_boards
import pytest

from harness.meters import procfs
from harness.meters.tree import Tree


def test_used_ram_follows_the_tegrastats_formula(tmp_path):
    meminfo = procfs.read_meminfo(fake_boards.any_linux(tmp_path))
    assert procfs.ram_used_bytes(meminfo) == (4059144 - 803180 - 77676 - 1483396) * 1024
    assert procfs.swap_used_bytes(meminfo) == 5120 * 1024


def test_huge_page_counts_are_not_turned_into_bytes(tmp_path):
    assert procfs.read_meminfo(fake_boards.any_linux(tmp_path))["HugePages_Total"] == 7


def test_a_machine_without_swap_uses_none_of_it():
    assert procfs.swap_used_bytes({"MemTotal": 1}) == 0


def test_nvmap_comes_from_meminfo_then_from_the_client_table_then_is_absent(tmp_path):
    root = fake_boards.any_linux(tmp_path)
    assert procfs.nvmap_used_bytes(procfs.read_meminfo(root), root) is None
    fake_boards.write(root, "/sys/kernel/debug/nvmap/iovmm/clients",
                      "CLIENT  PROCESS  PID  SIZE\nuser  python3  812  1024K\ntotal                2048K")
    assert procfs.nvmap_used_bytes(procfs.read_meminfo(root), root) == 2048 * 1024
    assert procfs.nvmap_used_bytes({"NvMapMemUsed": 77}, root) == 77


SMAPS = "0000-1000 rw-p\nRss: {0} kB\nPss: {1} kB\nShared_Clean: 9 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty: 2 kB\n"


def test_process_memory_uses_the_rollup_where_the_kernel_has_it(tmp_path):
    fake_boards.write(tmp_path, "/proc/12/smaps_rollup", SMAPS.format(100, 50))
    fake_boards.write(tmp_path, "/proc/12/smaps", SMAPS.format(999, 999))
    assert procfs.process_memory(12, str(tmp_path)) == (102400, 3072, 51200, None, None, None)


def test_process_memory_adds_up_smaps_on_an_old_kernel(tmp_path):
    fake_boards.write(tmp_path, "/proc/12/smaps", SMAPS.format(100, 50) + SMAPS.format(20, 10))
    assert procfs.process_memory(12, str(tmp_path))[:3] == (120 * 1024, 6 * 1024, 60 * 1024)


def test_process_memory_without_smaps_gives_rss_and_says_why_not_the_rest(tmp_path):
    fake_boards.write(tmp_path, "/proc/12/status", "Name: x\nVmHWM:    30 kB\nVmRSS:    20 kB")
    memory = procfs.process_memory(12, str(tmp_path))
    assert memory[:3] == (20480, None, None)
    assert "smaps is not there" in memory.uss_reason and memory.rss_reason is None


def test_a_process_that_is_gone_gives_reasons_instead_of_numbers(tmp_path):
    memory = procfs.process_memory(12, str(tmp_path))
    assert memory[:3] == (None, None, None)
    assert "not there" in memory.rss_reason


def test_our_own_memory_is_consistent():
    memory = procfs.process_memory()
    assert 0 < memory.uss_bytes <= memory.pss_bytes <= memory.rss_bytes


def test_the_kernels_peak_sees_a_spike_that_sampling_would_miss():
    window = procfs.PeakRssWindow()
    window.start()
    before = procfs.current_rss_bytes()
    spike = bytearray(os.urandom(1) * (64 << 20))
    del spike
    peak, reason = window.stop()
    if reason:
        pytest.skip(reason)
    assert peak - before > 60 << 20


def test_a_kernel_that_refuses_the_reset_gives_a_reason_and_no_peak(tmp_path):
    fake_boards.write(tmp_path, "/proc/self/status", "VmHWM:    30 kB\nVmRSS:    20 kB")
    window = procfs.PeakRssWindow("self", str(tmp_path))
    window.start()
    peak, reason = window.stop()
    assert peak is None and "cannot reset the peak" in reason


def test_cpu_load_is_the_busy_share_between_two_readings(tmp_path):
    root = fake_boards.any_linux(tmp_path)
    before = procfs.read_cpu_times(root)
    fake_boards.write(root, "/proc/stat", fake_boards.STAT.replace("cpu0 50 0 50 350 50", "cpu0 80 0 50 360 50"))
    load = procfs.cpu_load(before, procfs.read_cpu_times(root))
    assert load == {"cpu": None, "cpu0": 0.75, "cpu1": None}


def test_nano_temperatures_leave_out_the_dummy_and_the_switched_off(tmp_path):
    assert procfs.temperatures_c(fake_boards.nano(tmp_path)) == {
        "AO-therm": 39.5, "CPU-therm": 36.5, "GPU-therm": 36.0, "PLL-therm": 34.0, "thermal-fan-est": 36.25}


def test_a_zone_that_refuses_to_be_read_is_left_out(tmp_path, monkeypatch):
    root = fake_boards.nano(tmp_path)
    honest = Tree.read

    def stubborn(self, name):
        if name.endswith("thermal_zone0/temp"):
            raise OSError(22, "Invalid argument")
        return honest(self, name)

    monkeypatch.setattr(Tree, "read", stubborn)
    assert "AO-therm" not in procfs.temperatures_c(root) and "CPU-therm" in procfs.temperatures_c(root)


def test_zones_of_one_type_are_kept_apart(tmp_path):
    zones = procfs.temperatures_c(fake_boards.desktop(tmp_path))
    assert zones == {"x86_pkg_temp": 45.0, "acpitz": 30.0, "acpitz 2": 31.0}


@pytest.mark.parametrize("board, load, clock_hz", [
    (fake_boards.nano, 0.345, 76800000), (fake_boards.orin_nano, 0.63, 306000000),
    (fake_boards.desktop, None, None)])
def test_gpu_load_and_clock_come_from_devfreq(tmp_path, board, load, clock_hz):
    root = board(tmp_path)
    assert procfs.gpu_load(root) == load
    assert procfs.gpu_clock_hz(root) == clock_hz


def test_cpu_frequencies_are_in_hertz(tmp_path):
    assert procfs.cpu_frequencies_hz(fake_boards.nano(tmp_path)) == {
        "cpu{}".format(number): 1326000000 for number in range(4)}
