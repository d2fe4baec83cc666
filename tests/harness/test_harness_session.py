"""A session: new folders of its own, and a resume on the machine that the run was made on or not at all."""

import pytest

from harness import Case, Comparison, Suite, machine, session
from harness.choices import QUICK_BUDGET_S, Choices, SessionError, settle
from harness.plan import Goal
from harness.probed import Probed, probed_of
from harness.process import Outcome
from harness.progress import PlainProgress
from harness.reasons import Code, because
from harness.record import RecordError, load_run
from harness.record.lines import MeterStatus
from harness.words import RunStatus

CONV = Case("conv1x1", "", "m:f", (1, 8, 4, 4))
SUITE = Suite("mine", "", lambda target: [Comparison("1d", "one", CONV, (CONV._replace(layer="wht"),))])
RAPL = MeterStatus("rapl", "power", True, True)


def probed(gpu=None, meters=()):
    return Probed({"version": "2.0", "threads": 2}, {"name": gpu, "name_reason": None if gpu else
                                                     "torch sees no CUDA device"}, tuple(meters))


class Stopped:
    """Workers of a run that the user stops at once."""

    def __call__(self, *arguments, **more):
        raise KeyboardInterrupt


def begun(tmp_path, monkeypatch, found, **choices):
    """Record a session that was stopped before its first unit; return the run's folder."""
    monkeypatch.setattr(session, "measure_roof", lambda *_: {})
    work = session.start(SUITE, Choices(**choices), found, str(tmp_path))
    monkeypatch.setattr("harness.controller.Controller.run", Stopped())
    end = session.carry_on(work, ["run"], found, PlainProgress(lambda text: None))
    assert (end.status, end.reason.code) == (RunStatus.INTERRUPTED, Code.STOPPED)
    return work.run.folder


def test_new_runs_never_share_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(session.time, "gmtime", lambda now=None: (2026, 1, 1, 0, 0, 0, 0, 1, 0))
    folders = [session.new_folder(str(tmp_path), "paper", settle(Choices(), probed()))
               for _ in range(40)]
    assert len(set(folders)) == 40


def test_a_folder_that_no_run_can_be_made_in_is_told_with_the_way_out(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SessionError, match="file/out cannot be written .Not a directory.: name another folder"):
        session.new_folder(str(tmp_path / "file" / "out"), "s", settle(Choices(), probed()))


def test_a_suite_with_a_wild_name_stays_inside_the_results(tmp_path):
    settings = settle(Choices(), probed())
    assert session.new_folder(str(tmp_path), "../../etc/x y", settings).startswith(str(tmp_path) + "/")


def test_a_resume_takes_device_and_meter_from_the_run(tmp_path, monkeypatch):
    folder = begun(tmp_path, monkeypatch, probed("Orin", [RAPL]))
    work = session.take_up(folder)
    work.writer.close()
    assert work.run.header.settings.device == "cuda" and work.plan.power == "rapl"


@pytest.mark.parametrize("now, words", [
    (probed(None, [RAPL]), "there is none now"),
    (probed("Nano", [RAPL]), "this is Nano"),
    (probed("Orin", [RAPL._replace(chosen=False, reason="may only be read by root")]), "rapl.*only be read by root"),
    (probed("Orin", [RAPL._replace(name="nvml")]), "rapl, which does not answer now"),
])
def test_a_resume_without_the_runs_device_or_meter_stops_and_records_nothing(tmp_path, monkeypatch, now, words):
    folder = begun(tmp_path, monkeypatch, probed("Orin", [RAPL]))
    before = (tmp_path / folder / "record.jsonl").read_bytes()
    work = session.take_up(folder)
    with pytest.raises(SessionError, match=words):
        session.ready(work, now)
    work.writer.close()
    assert (tmp_path / folder / "record.jsonl").read_bytes() == before


DEAD = RAPL._replace(name="tegrastats", available=False, chosen=False, reason="it gave no reading within 10 s",
                     remedy="start it by hand to see what it says")


@pytest.mark.parametrize("meters, words", [
    ([DEAD], "--power tegrastats: that meter does not answer here .it gave no reading within 10 s: start it by hand"),
    ([RAPL, DEAD], "Nothing was measured; name another meter"),
    ([RAPL], "it is unknown here"),
    ([DEAD._replace(quantity="ram", chosen=True)], "it is unknown here"),
])
@pytest.mark.parametrize("choices", [{}, {"quick": True}, {"soak_s": 60.0}])
def test_a_run_whose_named_meter_does_not_answer_does_not_start(tmp_path, meters, words, choices):
    with pytest.raises(SessionError, match=words):
        session.start(SUITE, Choices(power="tegrastats", **choices), probed(None, meters), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_run_whose_named_meter_answers_starts_and_one_without_a_name_needs_none(tmp_path):
    for choices, meters in ((Choices(power="rapl"), [RAPL]), (Choices(), [DEAD])):
        session.start(SUITE, choices, probed(None, meters), str(tmp_path)).writer.close()


@pytest.mark.parametrize("choices", [{"fit_bytes": 10 ** 6}, {"soak_s": 60.0}])
def test_what_a_suite_says_of_timing_does_not_hinder_a_run_that_times_nothing(tmp_path, choices):
    suite = SUITE._replace(launches=2, budget_s=99.0)
    session.start(suite, Choices(**choices), probed(), str(tmp_path)).writer.close()


def test_a_complete_run_is_taken_up_only_for_its_failed_units(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "measure_roof", lambda *_: {})
    work = session.start(SUITE, Choices(), probed(), str(tmp_path))
    broken = Outcome(None, None, 1.0)._replace(reason=because(Code.KILLED))
    session.carry_on(work, ["run"], probed(), PlainProgress(lambda text: None), runner=lambda *a, **k: broken)
    assert load_run(work.run.folder).ended
    with pytest.raises(SessionError, match="--retry-failed"):
        session.take_up(work.run.folder)
    again = session.take_up(work.run.folder, retry_failed=True)
    assert again.plan.retry_failed
    with pytest.raises(RecordError, match="another process"):
        session.take_up(work.run.folder, retry_failed=True)
    again.writer.close()


def test_the_roof_is_measured_in_the_types_that_the_cases_of_the_device_multiply_in(monkeypatch):
    jobs = []
    monkeypatch.setattr(machine, "run_worker", lambda job, *_, **__: jobs.append(job) or Outcome({}, None, 1.0))
    gpu = CONV._replace(device="cuda")
    plan = [Comparison("1d", "one", gpu, (gpu._replace(layer="half", dtype="float16"),
                                          gpu._replace(layer="fast", options=(("tf32", True),)))),
            Comparison("2d", "two", CONV, (CONV._replace(layer="small", options=(("arithmetic", "int8"),)),))]
    for device, types in (("cuda", ["float16", "float32", "tf32"]), ("cpu", ["float32", "int8"])):
        machine.measure_roof("m:f", settle(Choices(device=device), probed("Orin")), plan)
        assert jobs.pop()["types"] == types


def test_the_roof_is_measured_for_each_number_of_threads_that_cases_have(monkeypatch):
    monkeypatch.setattr(machine, "run_worker", lambda job, *_, **__: Outcome({"threads": job["threads"]}, None, 1.0))
    plan = [Comparison("a", "one", CONV, ()), Comparison("b", "two", CONV._replace(threads=4), ())]
    found = machine.measure_roof("m:f", settle(Choices(), probed()), plan)
    assert found == {"threads": 2, "other_threads": {"1": {"threads": 1}, "4": {"threads": 4}}}
    same = [Comparison("a", "one", CONV._replace(threads=2), ())]
    assert "other_threads" not in machine.measure_roof("m:f", settle(Choices(), probed()), same)


@pytest.mark.parametrize("choices, launches, budget_s", [
    ({}, 2, 99.0), ({"launches": 5, "budget_s": 7.0}, 5, 7.0), ({"quick": True}, 1, QUICK_BUDGET_S),
    ({"for_compare": True}, 24, 480.0)])
def test_a_suite_may_say_how_many_launches_and_how_much_time_it_takes(tmp_path, choices, launches, budget_s):
    goal = Goal("1d/wht", ("1d/conv1x1",), 1.0)
    suite = SUITE._replace(launches=2, budget_s=99.0, goals=lambda target: [goal])
    work = session.start(suite, Choices(**choices), probed(), str(tmp_path))
    work.writer.close()
    settings = load_run(work.run.folder).header.settings
    assert (settings.launches, settings.budget_s) == (launches, budget_s)
    assert load_run(work.run.folder).header.goals == (goal,)
    assert load_run(work.run.folder).header.rule.launches == launches


def test_what_a_worker_finds_arrives_as_types_with_its_own_rule():
    found = probed_of({"torch": {"version": "2"}, "gpu": {"name": None}, "status": {}, "heap": {},
                       "meters": [{"name": "rapl", "quantity": "power", "available": True, "chosen": True}],
                       "rule": {"launches": 3}})
    assert found.meters == (RAPL,) and found.rule.launches == 3
    assert settle(Choices(), found._replace(torch={"version": "2", "threads": 1})).launches == 3
