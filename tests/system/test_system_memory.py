"""Memory read from fake boards and from this machine."""

import contextlib
import mmap
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "meters"))
import fake_boards

from harness.system import memory


def test_used_ram_follows_the_tegrastats_formula(tmp_path):
    meminfo = memory.read_meminfo(fake_boards.any_linux(tmp_path))
    assert memory.ram_used_bytes(meminfo) == (4059144 - 803180 - 77676 - 1483396) * 1024
    assert memory.swap_used_bytes(meminfo) == 5120 * 1024


ZONEINFO = """Node 0, zone   Normal
  pages free     1000
        min      10
      nr_free_pages 1000
  pagesets
    cpu: 0
              count:    40
              high:     186
    cpu: 1
              count:    2
Node 0, zone    Movable
  pages free     0
"""


def test_pages_that_wait_on_a_processors_list_are_free(tmp_path):
    root = fake_boards.any_linux(tmp_path)
    assert memory.free_bytes(root) is None                   # this board's kernel tells nothing
    fake_boards.write(root, "/proc/zoneinfo", ZONEINFO)
    assert memory.free_bytes(root) == 1042 * os.sysconf("SC_PAGE_SIZE")
    assert memory.ram_used_bytes({"MemTotal": 100, "MemFree": 7, "Buffers": 1, "Cached": 2}, 40) == 57


def test_this_machines_free_memory_is_at_least_what_meminfo_says():
    def compared():
        before, free, after = memory.read_meminfo()["MemFree"], memory.free_bytes(), memory.read_meminfo()["MemFree"]
        return abs(after - before) / before, free / before

    # Other programs take and free what they like: the reading that the least of it fell into tells.
    moved, share = min(compared() for _ in range(50))
    assert share > 0.9 - moved


def test_huge_page_counts_are_not_turned_into_bytes(tmp_path):
    assert memory.read_meminfo(fake_boards.any_linux(tmp_path))["HugePages_Total"] == 7


def test_a_machine_without_swap_uses_none_of_it():
    assert memory.swap_used_bytes({"MemTotal": 1}) == 0


def test_nvmap_comes_from_meminfo_then_from_the_client_table_then_is_absent(tmp_path):
    root = fake_boards.any_linux(tmp_path)
    assert memory.nvmap_used_bytes(memory.read_meminfo(root), root) is None
    fake_boards.write(root, "/sys/kernel/debug/nvmap/iovmm/clients",
                      "CLIENT  PROCESS  PID  SIZE\nuser  python3  812  1024K\ntotal                2048K")
    assert memory.nvmap_used_bytes(memory.read_meminfo(root), root) == 2048 * 1024
    assert memory.nvmap_used_bytes({"NvMapMemUsed": 77}, root) == 77


SMAPS = "0000-1000 rw-p\nRss: {0} kB\nPss: {1} kB\nShared_Clean: 9 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty: 2 kB\n"


def test_process_memory_uses_the_rollup_where_the_kernel_has_it(tmp_path):
    fake_boards.write(tmp_path, "/proc/12/smaps_rollup", SMAPS.format(100, 50))
    fake_boards.write(tmp_path, "/proc/12/smaps", SMAPS.format(999, 999))
    assert memory.process_memory(12, str(tmp_path)) == (102400, 3072, 51200, None, None, None)


def test_process_memory_adds_up_smaps_on_an_old_kernel(tmp_path):
    fake_boards.write(tmp_path, "/proc/12/smaps", SMAPS.format(100, 50) + SMAPS.format(20, 10))
    assert memory.process_memory(12, str(tmp_path))[:3] == (120 * 1024, 6 * 1024, 60 * 1024)


def test_process_memory_without_smaps_gives_rss_and_says_why_not_the_rest(tmp_path):
    fake_boards.write(tmp_path, "/proc/12/status", "Name: x\nVmHWM:    30 kB\nVmRSS:    20 kB")
    found = memory.process_memory(12, str(tmp_path))
    assert found[:3] == (20480, None, None)
    assert "smaps is not there" in found.uss_reason and found.rss_reason is None


def test_a_process_that_is_gone_gives_reasons_instead_of_numbers(tmp_path):
    found = memory.process_memory(12, str(tmp_path))
    assert found[:3] == (None, None, None)
    assert "not there" in found.rss_reason


def test_our_own_memory_is_consistent():
    found = memory.process_memory()
    assert 0 < found.uss_bytes <= found.pss_bytes <= found.rss_bytes


def test_the_kernels_peak_sees_a_spike_that_sampling_would_miss():
    window = memory.PeakRssWindow()
    window.start()
    before = memory.current_rss_bytes()
    with contextlib.closing(mmap.mmap(-1, 64 << 20)) as spike:  # pages of its own, whatever the heap has left over
        for page in range(0, len(spike), mmap.PAGESIZE):
            spike[page] = 1
    peak, reason = window.peak()
    if reason:
        pytest.skip(reason)
    assert peak - before > 60 << 20


def test_a_kernel_that_refuses_the_reset_gives_a_reason_and_no_peak(tmp_path):
    fake_boards.write(tmp_path, "/proc/self/status", "VmHWM:    30 kB\nVmRSS:    20 kB")
    window = memory.PeakRssWindow("self", str(tmp_path))
    window.start()
    peak, reason = window.peak()
    assert peak is None and "cannot reset the peak" in reason
