"""A whole run with fast workers, as a process that can be killed: ``python tests/faults/fast_run.py FOLDER``."""

import functools
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
for folder in (HERE, ROOT):
    if folder not in sys.path:
        sys.path.insert(0, folder)

import harness.session  # noqa: E402
from harness.plan import Case, Comparison  # noqa: E402
from harness.probed import Probed  # noqa: E402
from harness.process import run_worker  # noqa: E402
from harness.progress import make_progress  # noqa: E402
from harness.record import FORMAT, Header, RecordError, RecordWriter  # noqa: E402
from harness.record.working import WorkingRun  # noqa: E402
from harness.rule import Rule  # noqa: E402
from harness.settings import Settings  # noqa: E402
from harness.unit_runner import RunPlan  # noqa: E402

LAUNCHES, COMPARISONS = 2, 2


def header():
    base = Case("base", "", "m:f", (1, 2, 4, 4))
    plan = tuple(Comparison("c{}".format(number), "c", base, (base._replace(layer="a"), base._replace(layer="b")))
                 for number in range(COMPARISONS))
    return Header(FORMAT, "r", "fast", "2026-03-14T10:15:00Z", 1,
                  Settings("cpu", 1, launches=LAUNCHES, memory_repeats=1, passes=("verify", "time", "memory")),
                  Rule(launches=LAUNCHES), plan)


#: Of each comparison: the check, the launches, and the memory of three cases with the baseline twice.
UNITS = COMPARISONS * (1 + LAUNCHES + 4)


def open_run(folder):
    """Begin the run in ``folder``, or take it up as a resume does."""
    if os.path.exists(os.path.join(folder, "record.jsonl")) and os.path.getsize(os.path.join(folder, "record.jsonl")):
        return harness.session.take_up(folder)
    writer = RecordWriter(folder)
    harness.session.first_line(writer, header())
    return harness.session.Work(WorkingRun(folder, [header()]), writer, RunPlan())


#: What the first worker would say of the machine.
PROBED = Probed({"version": "none"}, {"name": None})


def main(folder):
    """Do what is left of the run; the exit status tells how it ended."""
    os.environ["PYTHONPATH"] = HERE
    try:
        end = harness.session.carry_on(open_run(folder), ["run"], PROBED, make_progress(),
                                       runner=functools.partial(run_worker, module="fast_worker"))
    except (harness.session.SessionError, RecordError) as error:
        print(error)
        return 1
    return 0 if end.status.value == "complete" else 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
