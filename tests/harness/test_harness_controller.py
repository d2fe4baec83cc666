"""The controller takes a plan through its units: in order, once each, and past every failure."""

import contextlib

import pytest

from harness import Case, Comparison, standby
from harness.allocator import heap_environment
from harness.controller import Controller
from harness.process import Outcome
from harness.progress import PlainProgress
from harness.reasons import Code, because
from harness.record import Header, RecordWriter, Unit, load_run
from harness.record.codec import to_json
from harness.rule import PAIR_ROUNDS, Rule
from harness.settings import Settings
from harness.unit_runner import RunPlan
from harness.words import Heap, Pass, Status

CONV = Case("conv1x1", "torch", "m:f", (1, 8, 4, 4))
MATRIX = Case("wht", "matrix", "m:g", (1, 8, 4, 4))
BUTTERFLY = Case("wht", "butterfly", "m:h", (1, 8, 4, 4))
ONE = Comparison("1d", "one", CONV, (MATRIX, BUTTERFLY))
TWO = Comparison("2d", "two", CONV, (MATRIX,))
CRASH = because(Code.CRASHED, signal="SIGSEGV")


class FakeWorkers:
    """Answers jobs like workers would; ``states`` maps a launch to its decisions, ``charged_s`` is what each took."""

    def __init__(self, wrong=(), crash=None, states=None, charged_s=2.0):
        self.jobs = []
        self.wrong, self.crash, self.states, self.charged_s = set(wrong), crash, states or {}, charged_s

    def __call__(self, job, limit_s, progress, extra_environment):
        heap, = [heap for heap in Heap if extra_environment == heap_environment(heap)]
        assert job.get("heap", heap) == heap
        self.jobs.append(dict(job, heap=heap.value))
        if self.crash and self.crash(job):
            return Outcome(None, CRASH, 1.0)
        if job["pass"] == "verify":
            wrong = to_json(because(Code.WRONG, error=0.5, allowed=1e-4))
            return Outcome({"results": [{"case": case, "ok": case not in self.wrong,
                                         "reason": wrong if case in self.wrong else None}
                                        for case in job["cases"]]}, None, 1.0)
        if job["pass"] == "time":
            decided = self.states.get(job["launch"], "agrees" if job["role"] == "confirm" else "faster")
            rivals = job["first"]["hot"] if job["role"] == "confirm" else job["cases"][1:]
            ids = [job["cases"][0]] * 2 + list(rivals)
            return Outcome({"charged_s": self.charged_s, "series": [{
                "cache": "hot", "entrants": ids, "calls_per_sample": [1] * len(ids), "rounds": [], "looks": [12],
                "role": job["role"], "stopped": {"code": "all-decided"}, "decisions": {
                    rival: {"state": decided if isinstance(decided, str) else decided[rival], "round": 12}
                    for rival in rivals}}]}, None, 50.0)
        if job["pass"] == "energy":
            return Outcome({"cases": {case: {"energy_per_call_j": 1e-3, "together": str(len(self.jobs)),
                                             "calls_per_s": job["timed_call_s"][case]}
                                      for case in job["cases"]}}, None, 90.0)
        return Outcome({"rss_delta_peak_bytes": 1} if job["pass"] == "memory" else {}, None, 1.0)

    def names(self):
        return [(job["pass"], job.get("launch") or len(job["cases"])) for job in self.jobs]

    def cases(self, name):
        return [job["cases"] for job in self.jobs if job["pass"] == name]


def run(tmp_path, workers, comparisons=(ONE,), no_energy=None, retry_failed=False, stand_by=None, device="cpu",
        versions=None, **settings):
    base = {"launches": 4, "memory_repeats": 1, "passes": ("verify", "time", "memory")}
    settings = Settings(device, 1, **dict(base, **settings))
    new = not (tmp_path / "record.jsonl").exists()
    with RecordWriter(str(tmp_path)) as writer:
        if new:
            writer.append(Header(2, "r", "s", "now", 1, settings, Rule(), tuple(comparisons)))
        said = []
        plan = RunPlan(no_energy, retry_failed=retry_failed, versions=versions or {})
        Controller(load_run(str(tmp_path)), plan, writer, PlainProgress(said.append), workers,
                   stand_by=stand_by).run()
    return load_run(str(tmp_path)), said


def lines_of(tmp_path):
    return sum(1 for text in (tmp_path / "record.jsonl").open() if '"kind":"pass"' in text)


def test_units_run_in_the_order_verify_time_memory(tmp_path):
    workers = FakeWorkers()
    run(tmp_path, workers)
    assert workers.names() == [("verify", 3), ("time", 1), ("time", 2), ("time", 3), ("time", 4),
                               ("memory", 1), ("memory", 1), ("memory", 1), ("memory", 1)]


def test_the_time_pass_gets_a_warm_heap_and_the_memory_pass_the_pinned_one(tmp_path):
    workers = FakeWorkers()
    recorded, _ = run(tmp_path, workers)
    assert {(job["pass"], job["heap"]) for job in workers.jobs} == {
        ("verify", "warm"), ("time", "warm"), ("memory", "pinned")}
    assert recorded.memory("1d/wht-matrix").heap is Heap.PINNED


def test_memory_is_measured_on_both_heaps_where_the_suite_wants_it(tmp_path):
    workers = FakeWorkers()
    recorded, _ = run(tmp_path, workers, comparisons=(ONE._replace(both_heaps=True), TWO), memory_repeats=3)
    heaps = [(job["comparison"]["id"], job["heap"]) for job in workers.jobs if job["pass"] == "memory"]
    assert heaps == [("1d", "pinned"), ("1d", "default")] * 12 + [("2d", "pinned")] * 9
    for heap in (Heap.PINNED, Heap.DEFAULT):
        lines = recorded.memory_repeats("1d/conv1x1-torch", heap)
        assert [(line.repeat, line.heap) for line in lines] == [(number, heap) for number in range(1, 7)]
    assert recorded.memory_repeats("2d/wht-matrix", Heap.DEFAULT) == []


def test_a_run_stopped_between_the_heaps_goes_on_with_the_other(tmp_path):
    plan = (ONE._replace(both_heaps=True),)
    run(tmp_path, FakeWorkers(), comparisons=plan)
    record = tmp_path / "record.jsonl"
    lines = record.read_text().splitlines(True)
    gone, = [line for line in lines if '"case":"1d/wht-matrix"' in line and '"heap":"default"' in line]
    record.write_text("".join(line for line in lines if line != gone))
    workers = FakeWorkers()
    recorded, _ = run(tmp_path, workers, comparisons=plan)
    assert [(job["cases"], job["heap"]) for job in workers.jobs] == [(["1d/wht-matrix"], "default")]
    assert len(recorded.memory_repeats("1d/wht-matrix", Heap.DEFAULT)) == 1


def test_a_wrong_layer_is_left_out_of_both_heaps_with_one_line(tmp_path):
    workers = FakeWorkers(wrong=["1d/wht-matrix"])
    recorded, _ = run(tmp_path, workers, comparisons=(ONE._replace(both_heaps=True),))
    assert recorded.memory("1d/wht-matrix").status is Status.SKIPPED
    assert recorded.memory_repeats("1d/wht-matrix", Heap.DEFAULT) == []


def test_a_pass_that_would_tell_nothing_of_a_comparison_is_left_out_and_said(tmp_path):
    workers = FakeWorkers()
    plan = (ONE._replace(without=("time",)), TWO._replace(without=("memory",)))
    recorded, _ = run(tmp_path, workers, comparisons=plan)
    assert [(job["pass"], job["comparison"]["id"]) for job in workers.jobs] == [
        ("verify", "1d")] + [("memory", "1d")] * 4 + [("verify", "2d")] + [("time", "2d")] * 4
    assert recorded.why_not_timed("1d", "1d/wht-matrix").code is Code.TELLS_NOTHING
    assert recorded.why_absent(Pass.MEMORY, "2d/wht-matrix").code is Code.TELLS_NOTHING
    assert recorded.why_absent(Pass.ENERGY, "2d/wht-matrix").code is Code.NOT_ASKED


def test_a_comparison_without_energy_is_left_out_where_a_meter_answers_too(tmp_path):
    workers = FakeWorkers()
    recorded, _ = run(tmp_path, workers, comparisons=(ONE._replace(without=("time", "memory", "energy")),),
                      passes=("verify", "time", "memory", "energy"))
    assert [job["pass"] for job in workers.jobs] == ["verify"]
    assert recorded.why_absent(Pass.ENERGY, "1d/wht-matrix").code is Code.TELLS_NOTHING


def test_the_time_left_is_shared_by_the_comparisons_that_are_timed(tmp_path):
    def budget(folder, comparisons):
        workers = FakeWorkers()
        run(folder, workers, comparisons=comparisons, budget_s=60.0)
        return [job["budget_s"] for job in workers.jobs if job["pass"] == "time"]

    silent = TWO._replace(id="3d", without=("time",))
    assert budget(tmp_path / "a", (silent, ONE, TWO)) == budget(tmp_path / "b", (ONE, TWO))


def test_memory_is_repeated_in_turns_and_the_baseline_plays_twice(tmp_path):
    workers = FakeWorkers()
    recorded, _ = run(tmp_path, workers, memory_repeats=3)
    turn = ["1d/conv1x1-torch", "1d/wht-matrix", "1d/wht-butterfly", "1d/conv1x1-torch"]
    assert [case for cases in workers.cases("memory") for case in cases] == turn * 3
    assert [line.repeat for line in recorded.memory_repeats("1d/conv1x1-torch")] == [1, 2, 3, 4, 5, 6]
    assert [line.repeat for line in recorded.memory_repeats("1d/wht-matrix")] == [1, 2, 3]


class FakeStandBy:
    """Notes who was asked to load side by side; nobody does."""

    def __init__(self):
        self.batches = []

    @contextlib.contextmanager
    def __call__(self, starts, limit_s):
        self.batches.append([(start.job["pass"], start.job["cases"], start.environment) for start in starts])
        yield [None] * len(starts)


def test_workers_of_the_memory_pass_load_side_by_side_each_with_its_own_job_and_heap(tmp_path, monkeypatch):
    monkeypatch.setattr(standby, "how_many", lambda cores, meminfo: 2)
    stand_by, workers = FakeStandBy(), FakeWorkers()
    run(tmp_path, workers, comparisons=(TWO._replace(both_heaps=True),), stand_by=stand_by, launches=1)
    heaps = [heap_environment(Heap.PINNED), heap_environment(Heap.DEFAULT)]
    assert stand_by.batches == [[("memory", [case], heap) for heap in heaps]
                                for case in ("2d/conv1x1-torch", "2d/wht-matrix", "2d/conv1x1-torch")]
    assert [job["pass"] for job in workers.jobs] == ["verify", "time"] + ["memory"] * 6


@pytest.mark.parametrize("more", [{"device": "cuda"}, {"versions": {"v1": "/somewhere"}}])
def test_nobody_loads_ahead_beside_a_gpu_or_with_code_that_knows_no_gate(tmp_path, monkeypatch, more):
    monkeypatch.setattr(standby, "how_many", lambda cores, meminfo: 2)
    old = CONV._replace(version="v1") if "versions" in more else CONV
    stand_by = FakeStandBy()
    run(tmp_path, AnyFolder(), comparisons=(Comparison("1d", "one", old, (MATRIX,)),), stand_by=stand_by, launches=1,
        passes=("memory",), **more)
    assert stand_by.batches == []


class AnyFolder(FakeWorkers):
    """Workers that may run another commit's code."""

    def __call__(self, job, limit_s, progress, extra_environment, folder=None):
        return super().__call__(job, limit_s, progress, extra_environment)


def test_quick_makes_one_launch(tmp_path):
    workers = FakeWorkers()
    run(tmp_path, workers, quick=True, launches=1)
    assert [name for name in workers.names() if name[0] == "time"] == [("time", 1)]


def test_a_wrong_layer_is_neither_timed_nor_measured_and_the_record_says_why(tmp_path):
    workers = FakeWorkers(wrong=["1d/wht-matrix"])
    recorded, _ = run(tmp_path, workers)
    assert all("1d/wht-matrix" not in job["cases"] for job in workers.jobs if job["pass"] != "verify")
    line = recorded.memory("1d/wht-matrix")
    assert line.status is Status.SKIPPED
    assert (line.reason.code, line.reason.cause, line.reason.numbers["error"]) == (Code.CHECK_FAILED, Code.WRONG, 0.5)


def test_a_wrong_baseline_leaves_nothing_to_compare(tmp_path):
    recorded, _ = run(tmp_path, FakeWorkers(wrong=["1d/conv1x1-torch"]))
    line, = recorded.launches("1d")
    assert (line.status, line.reason.code, line.reason.cause) == (Status.SKIPPED, Code.BASELINE_UNFIT, Code.WRONG)


def test_a_case_that_kills_the_check_is_found_and_the_others_go_on(tmp_path):
    def crash(job):
        return job["pass"] == "verify" and "1d/wht-butterfly" in job["cases"]

    workers = FakeWorkers(crash=crash)
    recorded, _ = run(tmp_path, workers)
    assert workers.jobs[-1]["pass"] == "memory"
    assert recorded.launches("1d")[0].series[0].decisions.keys() == {"1d/wht-matrix"}
    assert recorded.memory("1d/wht-butterfly").reason.cause is Code.CRASHED


def test_a_crash_in_one_comparison_does_not_end_the_run(tmp_path):
    def crash(job):
        return job["pass"] == "time" and job["comparison"]["id"] == "1d"

    recorded, said = run(tmp_path, FakeWorkers(crash=crash), comparisons=(ONE, TWO))
    assert [line.status for line in recorded.launches("1d")] == ["failed"]
    assert [line.status for line in recorded.launches("2d")] == ["ok"] * 4
    assert any("crashed (SIGSEGV)" in line for line in said)


def test_a_resumed_run_repeats_nothing(tmp_path):
    def stop(job):
        if job["pass"] == "memory":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, FakeWorkers(crash=stop))
    workers = FakeWorkers()
    recorded, _ = run(tmp_path, workers)
    assert workers.names() == [("memory", 1)] * 4
    assert lines_of(tmp_path) == len(recorded.units) == 9


def test_a_stop_during_the_one_by_one_checks_goes_on_with_the_rest_on_resume(tmp_path):
    def crash(job):
        if job["pass"] == "verify" and job["cases"] == ["1d/wht-matrix"]:
            raise KeyboardInterrupt
        return job["pass"] == "verify" and len(job["cases"]) == 3

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, FakeWorkers(crash=crash))
    workers = FakeWorkers()
    recorded, _ = run(tmp_path, workers)
    assert workers.cases("verify") == [["1d/wht-matrix"], ["1d/wht-butterfly"]]
    assert all(recorded.check(place.id).ok for place in recorded.places())
    assert len(recorded.timed("1d")) == 4


def test_a_resume_repeats_no_failed_unit_unless_it_is_asked_to(tmp_path):
    recorded, _ = run(tmp_path, FakeWorkers(crash=lambda job: job.get("launch") == 3 or job["pass"] == "memory"))
    assert [line.status for line in recorded.launches("1d")] == ["ok", "ok", "failed"]
    workers = FakeWorkers()
    run(tmp_path, workers)
    assert workers.jobs == []
    recorded, _ = run(tmp_path, workers, retry_failed=True)
    assert workers.names() == [("time", 3), ("time", 4)] + [("memory", 1)] * 4
    assert recorded.failed() == [] and recorded.retried == 5


def test_a_failed_unit_is_tried_once_more_and_no_oftener(tmp_path):
    crash = FakeWorkers(crash=lambda job: job["pass"] == "memory")
    run(tmp_path, crash)
    again = FakeWorkers(crash=lambda job: job["pass"] == "memory")
    recorded, _ = run(tmp_path, again, retry_failed=True)
    assert again.names() == [("memory", 1)] * 4 and len(recorded.failed()) == 4


def crashing_butterfly(job):
    return job["pass"] == "time" and job["launch"] == 1 and "1d/wht-butterfly" in job["cases"]


def test_a_rival_that_ends_the_time_pass_is_left_out_of_its_launches_and_no_other(tmp_path):
    recorded, said = run(tmp_path, FakeWorkers(crash=crashing_butterfly))
    assert [set(line.left_out) for line in recorded.launches("1d")] == [{"1d/wht-butterfly"}, set(), set(), set()]
    assert all(line.series[0].entrants[2:] == ("1d/wht-matrix",) for line in recorded.launches("1d"))
    assert recorded.why_not_timed("1d", "1d/wht-butterfly").code is Code.CRASHED
    assert any("1d/wht-butterfly: crashed (SIGSEGV); the others" in line for line in said)


def test_a_launch_done_over_is_confirmed_anew(tmp_path):
    run(tmp_path, FakeWorkers(crash=crashing_butterfly))

    def stop(job):
        if job.get("launch") == 2 and job["pass"] == "time":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, FakeWorkers(crash=stop), retry_failed=True)
    workers = FakeWorkers()
    recorded, _ = run(tmp_path, workers)
    assert [job["launch"] for job in workers.jobs if job["pass"] == "time"] == [2, 3, 4]
    assert all("1d/wht-butterfly" in line.series[0].entrants for line in recorded.launches("1d"))


def test_the_budget_is_charged_what_the_launch_says_and_not_the_life_of_its_worker(tmp_path):
    workers = FakeWorkers(charged_s=10.0)
    recorded, _ = run(tmp_path, workers, comparisons=(ONE, TWO), budget_s=100.0, launch_cap_s=1e9)
    assert recorded.charged_s == 80.0
    budgets = [job["budget_s"] for job in workers.jobs if job["pass"] == "time"]
    assert budgets[0] == pytest.approx(100.0 / 2 / 2.5)
    assert budgets[4] == pytest.approx((100.0 - 40.0) / 2.5)  # four launches of ten seconds are spent


def test_what_was_spent_of_the_budget_carries_over_to_a_resume(tmp_path):
    def stop(job):
        if job["comparison"]["id"] == "2d":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, FakeWorkers(crash=stop, charged_s=10.0), (ONE, TWO), budget_s=100.0, launch_cap_s=1e9)
    workers = FakeWorkers()
    run(tmp_path, workers)
    assert [job["budget_s"] for job in workers.jobs if job["pass"] == "time"][0] == pytest.approx(60.0 / 2.5)


def test_a_result_that_fits_no_record_is_a_failure_of_that_unit_alone(tmp_path):
    def foreign(job, *arguments, **more):
        outcome = FakeWorkers()(job, *arguments, **more)
        return Outcome({"rss_peak_bytes": "plenty"}, None, 1.0) if job["pass"] == "memory" else outcome

    recorded, _ = run(tmp_path, foreign)
    line = recorded.memory("1d/conv1x1-torch")
    assert (line.status, line.reason.code) == (Status.FAILED, Code.FOREIGN) and "rss_peak_bytes" in line.reason.said


def test_a_pass_that_was_not_asked_for_is_absent_with_that_reason(tmp_path):
    recorded, _ = run(tmp_path, FakeWorkers(), passes=("verify",))
    assert Unit(Pass.TIME, "1d", None, 1) not in recorded.units
    assert recorded.why_not_timed("1d", "1d/wht-matrix").code is Code.NOT_ASKED


def test_undecided_rivals_are_not_confirmed(tmp_path):
    workers = FakeWorkers(states={1: {"1d/wht-matrix": "faster", "1d/wht-butterfly": "undecided"}})
    run(tmp_path, workers)
    confirmed = [job["first"] for job in workers.jobs if job.get("role") == "confirm"]
    assert confirmed == [{"hot": {"1d/wht-matrix": {"state": "faster", "round": 12}}}] * 3


def test_no_launch_follows_when_nothing_was_decided(tmp_path):
    workers = FakeWorkers(states={1: "undecided"})
    _, said = run(tmp_path, workers)
    assert [name for name in workers.names() if name[0] == "time"] == [("time", 1)]
    assert said[-1].startswith("[6/6]")


def test_where_any_two_cases_are_to_be_compared_every_launch_plays_all_of_them_to_the_end(tmp_path):
    workers = FakeWorkers(states={1: "undecided"})
    run(tmp_path, workers, comparisons=(ONE._replace(pairs=True), TWO), passes=("verify", "time"))
    played = [(job["comparison"]["id"], job["role"], len(job["cases"]), job["rule"]["max_rounds"])
              for job in workers.jobs if job["pass"] == "time"]
    assert played == [("1d", "whole", 3, PAIR_ROUNDS)] * 4 + [("2d", "first", 2, Rule().max_rounds)]


def test_a_run_for_comparing_plays_every_launch_with_every_rival_whatever_the_first_decided(tmp_path):
    for state in ("undecided", "faster"):
        workers = FakeWorkers(states=dict.fromkeys(range(1, 6), state))
        run(tmp_path / state, workers, launches=5, every_launch=True)
        timed = [job for job in workers.jobs if job["pass"] == "time"]
        assert [(job["launch"], job["role"], len(job["cases"])) for job in timed] == [
            (launch, "whole", 3) for launch in range(1, 6)]


def test_a_run_for_comparing_goes_on_past_a_failed_launch_but_not_past_a_failed_first(tmp_path):
    for failing, played in ((3, [1, 2, 3, 4]), (1, [1])):
        workers = FakeWorkers(crash=lambda job, failing=failing: job.get("launch") == failing)
        run(tmp_path / str(failing), workers, every_launch=True, passes=("verify", "time"))
        assert sorted({job["launch"] for job in workers.jobs if job["pass"] == "time"}) == played


def test_a_contradicted_rival_leaves_the_later_launches(tmp_path):
    workers = FakeWorkers(states={2: {"1d/wht-matrix": "contradicts", "1d/wht-butterfly": "agrees"}})
    run(tmp_path, workers)
    assert [sorted(job["first"]["hot"]) for job in workers.jobs if job.get("role") == "confirm"] == [
        ["1d/wht-butterfly", "1d/wht-matrix"], ["1d/wht-butterfly"], ["1d/wht-butterfly"]]


def test_without_a_power_meter_every_energy_line_says_why_and_the_user_hears_it_once(tmp_path):
    workers = FakeWorkers()
    recorded, said = run(tmp_path, workers, no_energy=because(Code.NO_METER, "rapl"), passes=("verify", "energy"))
    assert [recorded.energy(place.id).reason for place in recorded.places()] == [because(Code.NO_METER, "rapl")] * 3
    assert [job["pass"] for job in workers.jobs] == ["verify"]
    assert sum("no power meter" in line for line in said) == 1


def test_the_energy_of_a_comparison_is_measured_by_one_worker_and_recorded_case_by_case(tmp_path):
    workers = FakeWorkers()
    recorded, _ = run(tmp_path, workers, passes=("verify", "energy"))
    assert workers.cases("energy") == [["1d/conv1x1-torch", "1d/wht-matrix", "1d/wht-butterfly"]]
    lines = [recorded.energy(place.id) for place in recorded.places()]
    assert [(line.status, line.energy_per_call_j, line.together, line.seconds) for line in lines] == [
        (Status.OK, 1e-3, "2", 30.0)] * 3


def test_the_energy_pass_has_the_heap_of_the_time_pass_and_time_enough_to_end(tmp_path):
    workers = FakeWorkers()
    run(tmp_path, workers, passes=("verify", "energy"), limit_s=500.0)
    job = workers.jobs[-1]
    assert (job["heap"], job["limit_s"], job["rule"]["factor"]) == ("warm", 400.0, 0.02)


def test_a_wrong_layer_has_no_energy_and_the_others_are_measured_without_it(tmp_path):
    workers = FakeWorkers(wrong=["1d/wht-matrix"])
    recorded, _ = run(tmp_path, workers, passes=("verify", "energy"))
    assert workers.cases("energy") == [["1d/conv1x1-torch", "1d/wht-butterfly"]]
    assert recorded.energy("1d/wht-matrix").status is Status.SKIPPED
    assert recorded.energy("1d/wht-butterfly").status is Status.OK


def test_an_energy_worker_that_dies_is_a_failure_of_each_case_and_retried_for_all_at_once(tmp_path):
    recorded, _ = run(tmp_path, FakeWorkers(crash=lambda job: job["pass"] == "energy"), passes=("verify", "energy"))
    assert all(recorded.energy(place.id).reason == CRASH for place in recorded.places())
    workers = FakeWorkers()
    recorded, _ = run(tmp_path, workers, retry_failed=True)
    assert len(workers.cases("energy")) == 1 and len(workers.cases("energy")[0]) == 3
    assert all(recorded.energy(place.id).status is Status.OK for place in recorded.places())


def test_a_rival_that_ends_the_energy_worker_is_left_out_with_its_reason_and_the_others_are_measured(tmp_path):
    workers = FakeWorkers(crash=lambda job: job["pass"] == "energy" and "1d/wht-matrix" in job["cases"])
    recorded, _ = run(tmp_path, workers, passes=("verify", "energy"))
    assert recorded.energy("1d/wht-matrix").reason == CRASH
    assert recorded.energy("1d/wht-butterfly").status is Status.OK
    assert recorded.energy("1d/conv1x1-torch").together == recorded.energy("1d/wht-butterfly").together


def test_a_comparison_cut_off_between_two_energy_lines_is_measured_anew_so_that_its_windows_pair(tmp_path):
    run(tmp_path, FakeWorkers(), passes=("verify", "energy"))
    text = (tmp_path / "record.jsonl").read_text().splitlines(True)
    (tmp_path / "record.jsonl").write_text("".join(text[:-1]))
    workers = FakeWorkers()
    recorded, _ = run(tmp_path, workers)
    assert [len(cases) for cases in workers.cases("energy")] == [3]
    assert len({recorded.energy(place.id).together for place in recorded.places()}) == 1
    again = FakeWorkers()
    run(tmp_path, again)
    assert again.jobs == []


def test_plain_progress_tells_the_time_left_by_the_work_left():
    said, now = [], [0.0]
    progress = PlainProgress(said.append, clock=lambda: now[0])
    progress.begin(4, 1, work_left=40.0)
    now[0] = 60.0
    progress.unit_done("verify a: done", 10.0)
    progress.skip(20.0)
    progress.unit_done("memory a: done", 5.0)
    assert said == ["[2/4] verify a: done (about 3 min left)", "[3/3] memory a: done"]
