"""The controller asks worker after worker for one case's batches and records one line of it."""

import pytest

from harness.controller import Controller
from harness.plan import Case, Comparison
from harness.process import Outcome
from harness.progress import PlainProgress
from harness.reasons import Code, because
from harness.record import FORMAT, Header, RecordWriter, load_run
from harness.rule import Rule
from harness.settings import Settings
from harness.unit_runner import RunPlan
from harness.words import Status

LIMIT = 10 ** 9
BASE, RIVAL = Case("base", "", "m:f", (8, 1, 2, 2)), Case("rival", "", "m:g", (8, 1, 2, 2))


class Workers:
    """Each image takes 10 MB beside 200 MB; ``most`` maps a case to the batch above which ``reason`` comes."""

    def __init__(self, most=(), reason=None):
        self.most, self.reason, self.jobs = dict(most), reason, []

    def __call__(self, job, limit_s, progress, extra_environment, most_bytes=None):
        self.jobs.append((job["cases"][0], job.get("batch"), most_bytes))
        if job["pass"] == "verify":
            return Outcome({"results": [{"case": case, "ok": True} for case in job["cases"]]}, None, 1.0)
        if job["batch"] > self.most.get(job["cases"][0], 10 ** 9):
            return Outcome(None, self.reason, 1.0)
        peak = 2 * 10 ** 8 + 10 ** 7 * job["batch"]
        if peak > LIMIT:
            return Outcome(None, because(Code.NO_MEMORY, limit_bytes=LIMIT), 1.0)
        return Outcome({"batch": job["batch"], "fits": True, "peak_bytes": peak, "own_bytes": 2 * 10 ** 8}, None, 1.0)


def run(folder, workers):
    settings = Settings("cpu", 1, passes=("verify", "fit"), fit_bytes=LIMIT)
    new = not (folder / "record.jsonl").exists()
    with RecordWriter(str(folder)) as writer:
        if new:
            writer.append(Header(FORMAT, "r", "s", "now", 1, settings, Rule(),
                                 (Comparison("c", "", BASE, (RIVAL,)),)))
        Controller(load_run(str(folder)), RunPlan(), writer, PlainProgress(lambda text: None), workers).run()
    return load_run(str(folder))


def test_each_case_gets_one_line_and_every_worker_the_limit(tmp_path):
    workers = Workers()
    found = run(tmp_path, workers)
    assert [found.fit(case).largest for case in ("c/base", "c/rival")] == [80, 80]
    assert found.fit("c/base").refused == 81 and not found.failed()
    assert {most for _, batch, most in workers.jobs if batch} == {LIMIT}


def test_a_batch_refused_for_another_reason_bounds_the_answer_and_says_so(tmp_path):
    found = run(tmp_path, Workers({"c/rival": 40}, because(Code.RAISED, "ValueError: 40 images at most")))
    line = found.fit("c/rival")
    assert (line.status, line.largest, line.refused) == (Status.OK, 40, 41)
    probe = next(probe for probe in line.tried if probe.batch == 41)
    assert probe.reason.code is Code.RAISED and "40 images" in probe.reason.said


@pytest.mark.parametrize("reason, status", [(because(Code.KILLED), Status.OK),
                                            (because(Code.NO_MEMORY, limit_bytes=LIMIT), Status.OK),
                                            (because(Code.RAISED, "no such kernel"), Status.FAILED)])
def test_not_one_image_is_an_answer_for_memory_and_a_failure_else(tmp_path, reason, status):
    line = run(tmp_path, Workers({"c/rival": 0}, reason)).fit("c/rival")
    assert line.status is status
    assert line.largest == (0 if status is Status.OK else None)


def test_a_resumed_run_does_the_cases_that_are_left(tmp_path):
    class Stopped(Workers):
        def __call__(self, job, *arguments, **options):
            if job["cases"] == ["c/rival"]:
                raise KeyboardInterrupt
            return super(Stopped, self).__call__(job, *arguments, **options)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Stopped())
    workers = Workers()
    found = run(tmp_path, workers)
    assert {case for case, _, _ in workers.jobs} == {"c/rival"}
    assert found.fit("c/rival").largest == 80
