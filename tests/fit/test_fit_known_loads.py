"""Layers that need exactly so many bytes an image, in real workers: the largest batch is what arithmetic says."""

import os

import pytest

from harness.controller import Controller
from harness.fit_search import MARGIN
from harness.plan import Target
from harness.process import run_worker
from harness.progress import PlainProgress
from harness.reasons import Code
from harness.record import FORMAT, Header, RecordWriter, load_run
from harness.rule import Rule
from harness.settings import Settings
from harness.unit_runner import RunPlan
from harness.words import Status
from tests.data.fit_suite import SUITE
from tests.patience import LONG_S

LIMIT = 700 * 10 ** 6
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def measure(folder, runner=run_worker):
    new = not (folder / "record.jsonl").exists()
    settings = Settings("cpu", 1, passes=("verify", "fit"), fit_bytes=LIMIT, limit_s=LONG_S)
    with RecordWriter(str(folder)) as writer:
        if new:
            writer.append(Header(FORMAT, "r", "fit", "now", 1, settings, Rule(),
                                 tuple(SUITE.comparisons(Target("cpu", 1)))))
        Controller(load_run(str(folder)), RunPlan(), writer, PlainProgress(lambda text: None), runner).run()
    return load_run(str(folder))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    os.chdir(ROOT)
    return measure(tmp_path_factory.mktemp("fit"))


@pytest.mark.parametrize("case, per_image", [("known/1-mb", 10 ** 6), ("known/2-5-mb", 2500000)])
def test_the_largest_batch_is_what_is_left_over_the_bytes_per_image(finished, case, per_image):
    line = finished.fit(case)
    assert line.status is Status.OK
    own = line.tried[0].own_bytes
    right = (LIMIT - own) // per_image
    # 1 MB or 2 % of the load, as for every figure of memory, and the step of the search
    margin = max(10 ** 6, 0.02 * (LIMIT - own)) / per_image + max(1, MARGIN * right)
    assert abs(line.largest - right) <= margin
    assert line.refused - line.largest <= max(1, int(MARGIN * line.largest))


def test_a_worker_killed_for_memory_is_an_answer_and_no_failure(finished):
    line = finished.fit("known/1-mb")
    refused = [probe for probe in line.tried if not probe.fits]
    assert refused and all(probe.reason.code is Code.NO_MEMORY for probe in refused)
    assert not finished.failed()


def test_a_finished_case_is_not_measured_again(finished):
    from pathlib import Path

    jobs = []

    def never(job, *arguments, **options):
        jobs.append(job)
        raise AssertionError("a finished unit was done over")

    again = measure(Path(finished.folder), never)
    assert not jobs and again.fit("known/1-mb") == finished.fit("known/1-mb")
