"""From stages to figures: what other programs may have moved is no figure."""

from harness.passes.memory import deltas, kept_freed, ram_moved_bytes, thinned, tiny_cases
from harness.plan import Case
from harness.record import MemoryTrace, Stage

MB = 10 ** 6
COLUMNS = ("rss_delta_peak_bytes", "uss_delta_peak_bytes", "ram_delta_peak_bytes")
INPUT = Stage(rss_bytes=300 * MB, uss_bytes=200 * MB, ram_used_bytes=900 * MB, swap_used_bytes=0)


class Seen:
    """What a watcher saw: the peaks and the least that was shared."""

    def __init__(self, peak, least_shared_bytes=100 * MB):
        self.peak = peak
        self.least_shared_bytes = least_shared_bytes
        self.period_s = 0.005


def figures(peak, after=INPUT, rss_peak=340 * MB, **seen):
    return deltas({"input": INPUT, "after": after}, rss_peak, Seen(peak, **seen))


def test_the_peak_of_private_memory_follows_the_kernels_peak_where_no_look_fell_on_it():
    found = figures(Stage(310 * MB, 210 * MB, 940 * MB, 0))
    assert found["rss_delta_peak_bytes"] == found["uss_delta_peak_bytes"] == 40 * MB


def test_files_that_stop_being_shared_void_the_private_figure():
    found = figures(Stage(340 * MB, 260 * MB, 940 * MB, 0), least_shared_bytes=80 * MB)
    assert found["uss_delta_peak_bytes"] is None and "20.0 MB" in found["uss_delta_peak_bytes_reason"]
    assert found["rss_delta_peak_bytes"] == 40 * MB


def test_files_that_become_shared_void_the_private_figure():
    found = figures(Stage(310 * MB, 208 * MB, 940 * MB, 0), rss_peak=310 * MB, least_shared_bytes=102 * MB)
    assert found["uss_delta_peak_bytes"] is None and "2.0 MB of mapped files became shared" in (
        found["uss_delta_peak_bytes_reason"])


def test_a_system_figure_below_the_process_is_no_figure():
    found = figures(Stage(340 * MB, 240 * MB, 910 * MB, 0))
    assert found["ram_delta_peak_bytes"] is None and "below" in found["ram_delta_peak_bytes_reason"]


def test_a_peak_between_two_readings_of_the_system_is_said_to_be_one():
    """What a layer takes and gives back within a call: the kernel keeps a peak of the process, none of the system."""
    found = figures(Stage(340 * MB, 240 * MB, 940 * MB, 0), rss_peak=348 * MB)
    assert found["rss_delta_peak_bytes"] == found["uss_delta_peak_bytes"] == 48 * MB
    assert found["ram_delta_peak_bytes"] is None and found["ram_delta_peak_bytes_reason"].startswith(
        "the process took 8.0 MB more for less than the 5 ms between two readings")


def test_a_system_that_others_moved_is_no_figure():
    after = INPUT._replace(ram_used_bytes=920 * MB)
    found = figures(Stage(340 * MB, 240 * MB, 960 * MB, 0), after)
    assert ram_moved_bytes(INPUT, after) == 20 * MB
    assert found["ram_delta_peak_bytes"] is None and "other programs moved 20.0 MB" in (
        found["ram_delta_peak_bytes_reason"])


def test_a_quiet_system_gives_the_figure():
    assert figures(Stage(340 * MB, 240 * MB, 940 * MB, 0))["ram_delta_peak_bytes"] == 40 * MB


def test_pages_that_an_earlier_process_freed_do_not_hide_what_the_layer_took():
    before, after = (INPUT._replace(ram_settled_bytes=700 * MB) for _ in range(2))
    # 40 MB came off a processor's list: MemFree, and so the tegrastats formula, did not move
    found = deltas({"input": before, "after": after}, 340 * MB,
                   Seen(Stage(340 * MB, 240 * MB, 900 * MB, 0, ram_settled_bytes=740 * MB)))
    assert found["ram_delta_peak_bytes"] == 40 * MB


def test_calls_that_take_more_than_the_first_have_no_figure_on_the_default_heap():
    said = {"rss_delta_peak_bytes": 60 * MB, "uss_delta_peak_bytes": 60 * MB, "ram_delta_peak_bytes": None,
            "calls": 50}
    found = kept_freed(said, 10 * MB)
    assert [found[column] for column in COLUMNS] == [None] * 3
    assert all("first call took 10.0 MB and the 49 after it 50.0 MB more" in found[column + "_reason"]
               for column in COLUMNS)
    assert kept_freed(said, 59.5 * MB) == kept_freed(said, None) == {}


def test_what_cannot_be_read_is_none_with_a_reason():
    before = INPUT._replace(uss_bytes=None)
    found = deltas({"input": before, "after": before}, None, Seen(Stage(ram_used_bytes=900 * MB), None))
    assert found["rss_delta_peak_bytes"] is None and found["uss_delta_peak_bytes"] is None
    assert "smaps" in found["uss_delta_peak_bytes_reason"]


def test_the_tiny_case_is_one_small_image_of_the_same_channels():
    shapes = [one.shape for one in tiny_cases(Case("a", "", "m:f", (10, 64, 56, 56)))]
    assert shapes == [(1, 64, 8, 8), (1, 64, 32, 32), (1, 64, 56, 56), (10, 64, 56, 56)]
    assert [one.shape for one in tiny_cases(Case("a", "", "m:f", (64, 400)))] == [(1, 400), (64, 400)]


def test_a_thinned_trace_keeps_its_peak():
    trace = [(0.005 * i, i % 37) for i in range(1000)]
    thin = thinned(trace, 50)
    assert len(thin.time_s) == 50 and max(thin.rss_bytes) == 36 and thin.time_s[0] >= 0.0
    assert thinned([], 50) == MemoryTrace((), ())
