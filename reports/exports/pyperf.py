"""pyperf's own file: a benchmark for each case and state of the caches, a run for each launch.

``python -m pyperf compare_to A.json B.json``, ``stats`` and ``hist`` take it. pyperf compares means over all
values and knows neither the baseline nor the rounds: the verdicts of this project are not in it.
"""

import json
from typing import Dict, List, NamedTuple, Union

from harness import Run
from harness.record import LaunchLine
from harness.record.codec import to_json

VERSION = "1.0"

Metadata = Dict[str, Union[str, int, float]]


class OneRun(NamedTuple):
    """The values of one process, in seconds per call."""

    metadata: Metadata
    values: List[float]


class Benchmark(NamedTuple):
    """One case in one state of the caches."""

    metadata: Metadata
    runs: List[OneRun]


class File(NamedTuple):
    """The whole file."""

    version: str
    metadata: Metadata
    benchmarks: List[Benchmark]


def make(run: Run) -> str:
    """Return ``run`` as pyperf's JSON; values in seconds per call. A case that was not timed has no benchmark."""
    benchmarks: List[Benchmark] = []
    for comparison in run.comparisons:
        lines = run.timed(comparison.id)
        for cache in sorted({series.cache for line in lines for series in line.series}, key=lambda one: one != "hot"):
            for case in comparison.cases:
                runs = [one for line in lines for one in _runs(run, line, comparison.case_id(case), cache)]
                if runs:
                    benchmarks.append(Benchmark(
                        {"name": _name(comparison.case_id(case), cache), "unit": "second", "inner_loops": 1,
                         "description": "{}: {}".format(comparison.title, case.name)}, runs))
    return json.dumps(to_json(File(VERSION, _about(run), benchmarks)), indent=1, sort_keys=True) + "\n"


def _name(case: str, cache: str) -> str:
    return case if cache == "hot" else "{}@{}".format(case, cache)


def _runs(run: Run, line: LaunchLine, case: str, cache: str) -> List[OneRun]:
    found = []
    for series in line.series:
        if series.cache == cache and case in series.entrants:
            place = series.entrants.index(case)  # the baseline's second copy comes after the baseline
            values = series.samples_per_call_s(place)
            if values:
                about: Metadata = {"loops": series.calls_per_sample[place]}
                if line.load_1min is not None:
                    about["load_avg_1min"] = line.load_1min
                found.append(OneRun(about, values))
    return found


def _about(run: Run) -> Metadata:
    """Return what pyperf knows of a machine, under its names, and this run's id."""
    environment = run.environment
    found = {"cpu_model_name": environment.cpu.get("model"), "platform": environment.os.get("kernel"),
             "python_version": environment.python.get("version"), "timer": _timer(run),
             "edge_transform_bench_run": run.id, "edge_transform_bench_suite": run.suite,
             "device": run.header.settings.device, "threads": run.header.settings.threads}
    return {key: value for key, value in found.items() if isinstance(value, (str, int, float)) and value != ""}


def _timer(run: Run) -> str:
    for comparison in run.comparisons:
        for line in run.timed(comparison.id):
            if line.timer is not None:
                return line.timer.name
    return ""
