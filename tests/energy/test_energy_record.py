"""What the energy pass hands over must stand in the record, above all the reason for a missing number."""

from harness.controller import Controller, RunPlan
from harness.plan import Case, Comparison
from harness.process import Outcome
from harness.progress import PlainProgress
from harness.record import RecordWriter, load_run
from harness.settings import Settings


def test_the_reason_for_a_missing_number_reaches_the_record_of_a_pass_that_ended_well(tmp_path):
    case = Case("layer", "torch", "somewhere:build", (1, 1, 2, 2))
    writer = RecordWriter(str(tmp_path))
    writer.append({"kind": "run", "format": 1, "id": "r", "suite": "s", "comparisons": []})
    plan = RunPlan([Comparison("one", "One", case, ())], Settings("cpu", 1, passes=("energy",)), {})

    def worker(job, *options, **named):
        assert job["pass"] == "energy"
        return Outcome({"energy_per_call_j": None, "reason": "the idle power was not steady"}, None, 1.0)

    Controller(plan, writer, [], PlainProgress(lambda text: None), worker).run()
    line = load_run(str(tmp_path)).passes("energy")[0]
    assert line["status"] == "ok"
    assert line["reason"] == "the idle power was not steady"
