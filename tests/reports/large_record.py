"""Writes records of many units, for what reading and reporting cost: ``python tests/reports/large_record.py 10000``.

Each comparison has a baseline and four rivals and ten units: a check, four launches, five memory passes.
"""

import io
import os
import sys
import tempfile
import time
import tracemalloc

from report_fixtures import NANO, RecordBuilder, comparison

from harness import load_run
from harness.record.wire import encode

CASES = 5
UNITS = 10


class FileOfLines(RecordBuilder):
    """A builder that syncs nothing: ten thousand lines would take minutes on a slow disk."""

    def append(self, line):
        self.writer.close()
        if not hasattr(self, "lines"):
            self.lines = []
        self.lines.append(encode(line))

    def load(self):
        with io.open(os.path.join(self.folder, "record.jsonl"), "w", encoding="ascii") as file:
            file.write("\n".join(self.lines) + "\n")
        return self.folder


def write_large(folder, comparisons, launches=4, rounds=12, rivals=CASES - 1, seed=1):
    """Write a record of ``comparisons`` comparisons into ``folder``; return the folder."""
    many = [comparison("c{}".format(i), "{} channels, 8x8".format(i), "conv", ["wht f{}".format(j) for j in
                                                                               range(rivals)])
            for i in range(comparisons)]
    build = FileOfLines(folder, many, environment=NANO, launches=launches, passes=("verify", "time", "memory"),
                        seed=seed)
    for one in many:
        build.verify(one.id)
        build.time(one.id, {case.slug: 1e-3 / (1 + 0.3 * i) for i, case in enumerate(one.cases)}, launches, rounds)
        build.memory(one.id, {case.slug: 10 ** 7 for case in one.cases})
    build.end()
    return build.load()


def measure(units):
    """Print seconds and megabytes of load_run, to_frame, findings and page for a record of ``units`` units."""
    from reports.findings import findings
    from reports.formats.page import render_page

    folder = write_large(tempfile.mkdtemp(), units // UNITS)
    size = os.path.getsize(os.path.join(folder, "record.jsonl")) / 1e6
    made = [folder]
    print("{} units, {} cases, {:.0f} MB of record".format(units, units // UNITS * CASES, size))
    for name, step in (("load_run", load_run), ("to_frame", lambda run: run.to_frame()),
                       ("findings", lambda run: findings(run, published=())), ("page", render_page)):
        source = made[-1] if name == "page" else made[min(1, len(made) - 1)]
        begin = time.perf_counter()
        result = step(source)
        taken = time.perf_counter() - begin
        tracemalloc.start()
        step(source)
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        made.append(result)
        print("  {}: {:.2f} s, {:.0f} MB at the peak".format(name, taken, peak))


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10000)
