"""What github-action-benchmark takes as ``customSmallerIsBetter``: a median for each case and state of the caches."""

import json
from typing import List, NamedTuple

from harness import Run
from harness.record.codec import to_json
from harness.statistics.verdict import Verdict, case_times
from reports.numbers import count


class Entry(NamedTuple):
    """One line of its table."""

    name: str
    unit: str
    value: float
    range: str
    extra: str


def make(run: Run) -> str:
    """Return ``run`` as JSON: ``value`` is the median in seconds per call, ``range`` the 5th to 95th percentile."""
    told, own = run.verdicts(), run.verdicts(own_engine=True)
    found: List[Entry] = []
    for comparison in run.comparisons:
        lines = run.timed(comparison.id)
        for cache in sorted({series.cache for line in lines for series in line.series}, key=lambda one: one != "hot"):
            for case in comparison.cases:
                ident = comparison.case_id(case)
                times = case_times(lines, cache, ident)
                if times is None:
                    continue
                held = [line for line in lines if any(  # a rival may be left out of some
                    series.cache == cache and ident in series.entrants for series in line.series)]
                extra = ["run {}".format(run.id), "{} in {}".format(
                    count(times.samples, "sample"), count(len(held), "launch", "launches"))]
                # in a comparison of engines there are two, which are one where the own engine is the fastest
                both = [found.get((ident, cache)) for found in (told, own)]
                extra.extend(dict.fromkeys(_told(one) for one in both if one is not None))
                found.append(Entry(ident if cache == "hot" else "{}@{}".format(ident, cache), "s", times.median_s,
                                   "{:.6g} to {:.6g}".format(times.p5_s, times.p95_s), "\n".join(extra)))
    return json.dumps(to_json(found), indent=1) + "\n"


def _told(one: Verdict) -> str:
    if one.speed is None:
        return "{} than {}".format(one.state.value, one.baseline)
    return "{}, {:.4g}x the speed of {}".format(one.state.value, one.speed, one.baseline)
