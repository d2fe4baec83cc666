"""A controller with real workers on the suite of faulty layers, without the command line's probe."""

import os

from harness import load_run
from harness.controller import Controller
from harness.plan import Target
from harness.progress import PlainProgress
from harness.record import Header, RecordWriter
from harness.rule import Rule
from harness.settings import Settings
from harness.unit_runner import RunPlan
from suites.user_file import load_suite_file
from tests.patience import LONG_S

HERE = os.path.dirname(os.path.abspath(__file__))
SUITE = os.path.join(HERE, "faulty_suite.py")


def drive(folder, environment, suite=SUITE, retry_failed=False, launches=1, limit_s=LONG_S, passes=("verify", "time"),
          runner=None, **settings):
    """Run ``suite`` in ``folder``, or go on with the run there; return the run and what the user was told."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    said = []
    try:
        new = not os.path.exists(os.path.join(str(folder), "record.jsonl"))
        with RecordWriter(str(folder)) as writer:
            if new:
                chosen = Settings("cpu", 1, launches=launches, limit_s=limit_s, passes=passes,
                                  **dict({"budget_s": 4.0, "memory_repeats": 1}, **settings))
                plan = load_suite_file(suite).comparisons(Target("cpu", 1))
                writer.append(Header(2, "r", "faulty", "2026-03-14T10:15:00Z", 1, chosen,
                                     Rule(launches=launches, max_rounds=18), tuple(plan)))
            more = {} if runner is None else {"runner": runner}
            Controller(load_run(str(folder)), RunPlan(retry_failed=retry_failed), writer, PlainProgress(said.append),
                       **more).run()
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    return load_run(str(folder)), said
