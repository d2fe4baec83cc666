"""The controller takes a plan through its units: in order, once each, and past every failure."""

import pytest

from harness import Case, Comparison
from harness.controller import Controller, RunPlan
from harness.process import Outcome
from harness.progress import PlainProgress
from harness.record import RecordWriter, load_run
from harness.settings import Settings

CONV = Case("conv1x1", "torch", "m:f", (1, 8, 4, 4))
MATRIX = Case("wht", "matrix", "m:g", (1, 8, 4, 4))
BUTTERFLY = Case("wht", "butterfly", "m:h", (1, 8, 4, 4))
ONE = Comparison("1d", "one", CONV, (MATRIX, BUTTERFLY))
TWO = Comparison("2d", "two", CONV, (MATRIX,))


class FakeWorkers:
    """Answers jobs like workers would; ``answers`` maps (pass, launch) to decisions or an outcome."""

    def __init__(self, wrong=(), crash=None, states=None):
        self.jobs = []
        self.wrong, self.crash, self.states = set(wrong), crash, states or {}

    def __call__(self, job, limit_s, progress, extra_environment):
        self.jobs.append(dict(job, heap="warm" if extra_environment else "default"))
        if self.crash and self.crash(job):
            return Outcome(None, "crashed (SIGSEGV)", 1.0)
        if job["pass"] == "verify":
            return Outcome({"results": [{"case": case, "ok": case not in self.wrong, "reason": "error too large"}
                                        for case in job["cases"]]}, None, 1.0)
        if job["pass"] == "time":
            decided = self.states.get(job["launch"], "faster" if job["role"] == "first" else "agrees")
            rivals = job["cases"][1:] if job["role"] == "first" else job["first"]["hot"]
            return Outcome({"series": [{"cache": "hot", "decisions": {
                rival: {"state": decided if isinstance(decided, str) else decided[rival], "round": 12}
                for rival in rivals}}]}, None, 2.0)
        return Outcome({"rss_delta_peak_bytes": 1}, None, 1.0)

    def names(self):
        return [(job["pass"], job.get("launch") or len(job["cases"])) for job in self.jobs]


def run(tmp_path, workers, comparisons=(ONE,), no_energy=None, **settings):
    settings = Settings("cpu", 1, **dict({"launches": 4, "passes": ("verify", "time", "memory")}, **settings))
    writer = RecordWriter(str(tmp_path))
    if not (tmp_path / "record.jsonl").exists():
        writer.append({"kind": "run", "format": 1, "id": "r", "suite": "s", "comparisons": []})
    said = []
    lines = load_run(str(tmp_path)).passes()
    plan = RunPlan(comparisons, settings, {"factor": 0.02}, no_energy)
    Controller(plan, writer, lines, PlainProgress(said.append), workers).run()
    return load_run(str(tmp_path)), said


def test_units_run_in_the_order_verify_time_memory(tmp_path):
    workers = FakeWorkers()
    run(tmp_path, workers)
    assert workers.names() == [("verify", 3), ("time", 1), ("time", 2), ("time", 3), ("time", 4),
                               ("memory", 1), ("memory", 1), ("memory", 1)]


def test_the_time_pass_gets_a_warm_heap_and_the_memory_pass_the_default_one(tmp_path):
    workers = FakeWorkers()
    run(tmp_path, workers)
    assert {(job["pass"], job["heap"]) for job in workers.jobs} == {
        ("verify", "warm"), ("time", "warm"), ("memory", "default")}


def test_quick_makes_one_launch(tmp_path):
    workers = FakeWorkers()
    run(tmp_path, workers, quick=True, launches=1)
    assert [name for name in workers.names() if name[0] == "time"] == [("time", 1)]


def test_a_wrong_layer_is_neither_timed_nor_measured_and_the_record_says_why(tmp_path):
    workers = FakeWorkers(wrong=["1d/wht-matrix"])
    recorded, _ = run(tmp_path, workers)
    assert all("1d/wht-matrix" not in job["cases"] for job in workers.jobs if job["pass"] != "verify")
    line = recorded.passes("memory", case="1d/wht-matrix")[0]
    assert line["status"] == "skipped" and "error too large" in line["reason"]


def test_a_wrong_baseline_leaves_nothing_to_compare(tmp_path):
    recorded, _ = run(tmp_path, FakeWorkers(wrong=["1d/conv1x1-torch"]))
    assert [line["reason"] for line in recorded.passes("time")] == [
        "the baseline not measured, since it did not pass the check: error too large"]


def test_a_case_that_kills_the_check_is_found_and_the_others_go_on(tmp_path):
    def crash(job):
        return job["pass"] == "verify" and "1d/wht-butterfly" in job["cases"]

    workers = FakeWorkers(crash=crash)
    recorded, _ = run(tmp_path, workers)
    assert workers.jobs[-1]["pass"] == "memory"
    assert recorded.launches("1d")[0]["series"][0]["decisions"].keys() == {"1d/wht-matrix"}


def test_a_crash_in_one_comparison_does_not_end_the_run(tmp_path):
    def crash(job):
        return job["pass"] == "time" and job["comparison"]["id"] == "1d"

    recorded, said = run(tmp_path, FakeWorkers(crash=crash), comparisons=(ONE, TWO))
    assert [line["status"] for line in recorded.launches("1d")] == ["failed"]
    assert [line["status"] for line in recorded.launches("2d")] == ["ok"] * 4
    assert any("crashed (SIGSEGV)" in line for line in said)


def test_a_resumed_run_repeats_nothing(tmp_path):
    def stop(job):
        if job["pass"] == "memory":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, FakeWorkers(crash=stop))
    workers = FakeWorkers()
    recorded, _ = run(tmp_path, workers)
    assert workers.names() == [("memory", 1)] * 3
    assert len(recorded.passes()) == 8


def test_undecided_rivals_are_not_confirmed(tmp_path):
    workers = FakeWorkers(states={1: {"1d/wht-matrix": "faster", "1d/wht-butterfly": "undecided"}})
    run(tmp_path, workers)
    confirmed = [job["first"] for job in workers.jobs if job.get("role") == "confirm"]
    assert confirmed == [{"hot": {"1d/wht-matrix": {"state": "faster", "round": 12}}}] * 3


def test_no_launch_follows_when_nothing_was_decided(tmp_path):
    workers = FakeWorkers(states={1: "undecided"})
    _, said = run(tmp_path, workers)
    assert [name for name in workers.names() if name[0] == "time"] == [("time", 1)]
    assert said[-1].startswith("[5/5]")


def test_a_contradicted_rival_leaves_the_later_launches(tmp_path):
    workers = FakeWorkers(states={2: {"1d/wht-matrix": "contradicts", "1d/wht-butterfly": "agrees"}})
    run(tmp_path, workers)
    assert [sorted(job["first"]["hot"]) for job in workers.jobs if job.get("role") == "confirm"] == [
        ["1d/wht-butterfly", "1d/wht-matrix"], ["1d/wht-butterfly"], ["1d/wht-butterfly"]]


def test_without_a_power_meter_every_energy_line_says_why_and_the_user_hears_it_once(tmp_path):
    workers = FakeWorkers()
    recorded, said = run(tmp_path, workers, no_energy="no power meter answers here", passes=("verify", "energy"))
    assert [line["reason"] for line in recorded.passes("energy")] == ["no power meter answers here"] * 3
    assert [job["pass"] for job in workers.jobs] == ["verify"]
    assert sum("no power meter" in line for line in said) == 1


def test_plain_progress_tells_the_time_left_by_the_work_left():
    said, now = [], [0.0]
    progress = PlainProgress(said.append, clock=lambda: now[0])
    progress.begin(4, 1, work_left=40.0)
    now[0] = 60.0
    progress.unit_done("verify a: done", 10.0)
    progress.skip(20.0)
    progress.unit_done("memory a: done", 5.0)
    assert said == ["[2/4] verify a: done (about 3 min left)", "[3/3] memory a: done"]
