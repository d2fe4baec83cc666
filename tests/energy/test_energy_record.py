"""What the energy pass hands over must stand in the record, above all the reason for a missing number."""

from harness.controller import Controller
from harness.plan import Case, Comparison
from harness.process import Outcome
from harness.progress import PlainProgress
from harness.reasons import Code, because
from harness.record import Header, RecordWriter, Run, load_run
from harness.record.codec import to_json
from harness.rule import Rule
from harness.settings import Settings
from harness.unit_runner import RunPlan
from harness.words import Status


def test_the_reason_for_a_missing_number_reaches_the_record_of_a_pass_that_ended_well(tmp_path):
    case = Case("layer", "torch", "somewhere:build", (1, 1, 2, 2))
    why = because(Code.NO_NUMBER, "the idle power was not steady")
    header = Header(2, "r", "s", "now", 1, Settings("cpu", 1, passes=("energy",)), Rule(),
                    (Comparison("one", "One", case, ()),))

    def worker(job, *options, **named):
        assert job["pass"] == "energy"
        return Outcome({"cases": {"one/layer-torch": {"energy_per_call_j": None, "reason": to_json(why)}}}, None, 1.0)

    with RecordWriter(str(tmp_path)) as writer:
        writer.append(header)
        Controller(Run(str(tmp_path), [header]), RunPlan(), writer, PlainProgress(lambda text: None), worker).run()
    line = load_run(str(tmp_path)).energy("one/layer-torch")
    assert (line.status, line.reason, line.energy_per_call_j) == (Status.OK, why, None)
