"""Writes many runs of 100 cases and says what comparing them costs: ``python tests/reports/many_runs.py 1000``.

Each comparison is a process of its own, as a user starts it: first with an empty cache, then with what that one kept.
"""

import contextlib
import io
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time

from large_record import write_large

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
IDENT = "20260314-101500-paper-nano-ab12"

#: So many records have samples of their own; the others are these under another name.
APART = 8


def write_many(folder, runs, comparisons=20, seeds=APART):
    """Write ``runs`` records of ``comparisons`` comparisons of five cases below ``folder``; return their folders."""
    texts, made = [], []
    for seed in range(1, min(runs, seeds) + 1):
        with tempfile.TemporaryDirectory() as one:
            with io.open(os.path.join(write_large(one, comparisons, seed=seed), "record.jsonl"), "rb") as file:
                texts.append(file.read())
    for number in range(runs):
        made.append(os.path.join(folder, "r{:05}".format(number)))
        os.makedirs(made[-1])
        with io.open(os.path.join(made[-1], "record.jsonl"), "wb") as file:
            file.write(texts[number % seeds].replace(IDENT.encode("ascii"), "20260314-run-{:05}".format(
                number).encode("ascii")))
    return made


def proportional_bytes(group):
    """Return what the processes of ``group`` hold together, what they share counted once; 0 where none says."""
    held = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError, ValueError):
            if os.getpgid(int(name)) == group:
                with io.open("/proc/{}/smaps_rollup".format(name)) as file:
                    held += sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
    return held


def cost(words, environment):
    """Return wall and processor seconds and the peak of memory (bytes) of the comparison ``words``."""
    peak, begin = [0], time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen([sys.executable, "-m", "reports.compare"] + words, cwd=ROOT, env=environment,
                               stdout=subprocess.DEVNULL, start_new_session=True)

    def look():
        while process.poll() is None:
            peak[0] = max(peak[0], proportional_bytes(process.pid))
            time.sleep(0.1)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert process.returncode in (0, 1, 2), process.returncode
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak[0]


def measure(runs, kinds):
    """Print what comparing ``runs`` runs costs, in every one of ``kinds``, first and again."""
    with tempfile.TemporaryDirectory() as folder:
        made = write_many(os.path.join(folder, "runs"), runs)
        size = os.path.getsize(os.path.join(made[0], "record.jsonl"))
        print("{} runs of 100 cases, {:.2f} MB each".format(runs, size / 1e6))
        for kind in kinds:
            environment = dict(os.environ, XDG_CACHE_HOME=os.path.join(folder, "cache-" + kind))
            for name in ("first", "again"):
                wall, cpu, peak = cost(made + ["--format", kind], environment)
                print("  {}, {}: {:.1f} s, {:.1f} s of processors, {:.0f} MB".format(
                    kind, name, wall, cpu, peak / 1e6))


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, sys.argv[2:] or ["table"])
