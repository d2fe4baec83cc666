"""The table of faults: ``python -m tests.faults [--quick] [--only WORD]`` does every fault so often and prints it.

Each row is a process of its own, two at a time, which takes under fifteen minutes on two cores. *Lost* counts units
lost or doubled, results lost, processes left, tracebacks, files left in part, and promises broken.
"""

import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as Tree
from random import Random
from typing import Callable, NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
for folder in (HERE, ROOT, os.path.join(ROOT, "tests", "harness")):
    if folder not in sys.path:
        sys.path.insert(0, folder)

import fuzz  # noqa: E402
import kills  # noqa: E402
import pytest  # noqa: E402
import test_faults_storage as storage  # noqa: E402
from doors import DOORS  # noqa: E402

from harness import process  # noqa: E402


class Count(NamedTuple):
    """How often a fault was done and how often something was lost by it."""

    tries: int
    lost: int
    note: str = ""


class Fault(NamedTuple):
    """A line of the table; ``do(share)`` does ``share`` of all its tries. What is ``long`` begins first."""

    name: str
    do: Callable[[float], Count]
    long: bool = False


def killed(share):
    found = kills.kill_and_resume(max(3, int(120 * share)), 1)
    return Count(found.tries, found.lost + found.doubled + found.left + found.refused,
                 "{} lost, {} doubled, {} processes left".format(found.lost, found.doubled, found.left))


def disk_full_in_record(share):
    with tempfile.TemporaryDirectory() as folder:
        whole = os.path.join(folder, "whole")
        storage.go_on(whole)
        size = os.path.getsize(os.path.join(whole, "record.jsonl"))
        random = Random(1)
        limits = [random.randrange(1, size - 400) for _ in range(max(5, int(200 * share)))]
        return Count(len(limits), storage.disk_full_at(whole, folder, limits))


def foreign_bytes(share):
    """Random bytes, and damaged messages, on the pipe of a worker: every one is an outcome."""
    os.environ["PYTHONPATH"] = os.path.join(ROOT, "tests", "harness")
    random, lost, tries = Random(1), 0, max(5, int(300 * share))
    good = b'{"event":"progress","done":1,"total":2,"what":"w"}\n{"event":"result","payload":{"answer":1}}\n'
    for _ in range(tries):
        place = random.randrange(len(good))
        sent = random.choice([
            bytes(random.randrange(256) for _ in range(random.randrange(1, 200))),
            good[:place] + bytes([random.randrange(256)]) + good[place + 1:], good[:place], good[place:]])
        try:
            outcome = process.run_worker({"do": "send", "bytes": sent.hex()}, 20.0, module="stub_worker")
            lost += (outcome.payload is None) == (outcome.reason is None)
        except Exception:
            lost += 1
    return Count(tries, lost)


def mutants(share):
    tried, faults, _ = fuzz.fuzz(max(8.0, 240.0 * share), 1, share=0.2)
    return Count(tried["load_run"], sum(map(len, faults.values())),
                 "{} at the doors of {}; {} read without damaged lines, {} refused".format(
                     sum(tried[door.name] for door in DOORS), ", ".join(door.name for door in DOORS),
                     tried["skipped"], tried["refused"]))


def tests(*names, **more):
    """Return a fault that the tests ``names`` do, each test a try."""
    def do(share):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "report.xml")
            words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", path]
            words += ["-m", "" if share >= 1 else "not slow"] + (["-k", more["k"]] if "k" in more else [])
            done = subprocess.run(words + [os.path.join("tests", name) for name in names], cwd=ROOT,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if not os.path.exists(path):
                return Count(0, 1, done.stdout.decode("utf-8", "replace").strip().splitlines()[-1])
            suite = next(Tree.parse(path).getroot().iter("testsuite"))
            counts = {name: int(suite.get(name) or 0) for name in ("tests", "failures", "errors", "skipped")}
            nothing = not counts["tests"]  # names that no test has any more
            return Count(counts["tests"] - counts["skipped"], counts["failures"] + counts["errors"] + nothing,
                         "{} cannot be done here".format(counts["skipped"]) if counts["skipped"] else "")
    return do


FAULTS = (
    Fault("killed at a random moment (SIGKILL, SIGTERM, SIGHUP), then resumed", killed, True),
    Fault("controller killed while a layer hangs", tests("faults/test_faults_kills.py", k="hung or left")),
    Fault("terminal closed, reader of its lines gone", tests("faults/test_faults_unwatched.py")),
    Fault("a line of a record damaged in each way, then resumed", tests(
        "faults/test_faults_damaged_lines.py", "faults/test_faults_done_over.py")),
    Fault("rival crashes, hangs, exits, raises or eats memory in the time pass", tests(
        "faults/test_faults_rivals.py")),
    Fault("worker hangs at exit, leaves threads or children, after its result", tests(
        "harness/test_harness_process.py", "faults/test_faults_workers.py",
        k="result or child or hang or kill or start or crash or exit or workers")),
    Fault("foreign bytes on a worker's pipe", foreign_bytes),
    Fault("disk full at a random byte of the record, then resumed", disk_full_in_record),
    Fault("disk full, read-only or gone under record and report", tests("faults/test_faults_storage.py")),
    Fault("record deleted, replaced or cut under a run", tests("harness/test_harness_record.py",
                                                               k="taken_away or full_disk or torn or power_cut")),
    Fault("damaged records read, reported, compared, exported, served", mutants, True),
    Fault("hostile names in every field", tests(
        "faults/test_faults_records.py", k="hostile or reaches or report_md")),
    Fault("wall clock set back and forward, suspend, 10,000 cases", tests("faults/test_faults_surroundings.py",
                                                                          k="not odd_name")),
    Fault("odd folder, no HOME, LANG=C, python -O, no network", tests("faults/test_faults_surroundings.py",
                                                                      k="odd_name")),
    Fault("suite file changed before a resume", tests("faults/test_faults_suite_file.py")),
    Fault("run with two versions of the layers killed, its checkout left", tests(
        "harness/test_harness_against.py", k="checkout or killed_ones")),
    Fault("runs and users that lock the clocks together, or are killed while they are locked", tests(
        "clocks/test_clocks_together.py", "clocks/test_clocks_users.py", "clocks/test_clocks_lock.py")),
    Fault("meter of root's killed, hung, told to end", tests("meters/test_meters_sudo.py")),
    Fault("set-up killed, started twice, without network, with a changed or missing wheel", tests(
        "installation/test_set_up.py")),
)


class Row(NamedTuple):
    """What a fault's own process found, and how long it took."""

    fault: Fault
    count: Count
    seconds: float


def done(fault, share):
    """Do ``fault`` in this process; return what came of it. A row that breaks has lost its tries."""
    started = time.monotonic()
    try:
        count = fault.do(share)
    except Exception as error:
        count = Count(0, 1, "{}: {}".format(type(error).__name__, error))
    return Row(fault, count, time.monotonic() - started)


def done_apart(fault, share):
    """Do ``fault`` in a process of its own."""
    started = time.monotonic()
    ended = subprocess.run([sys.executable, "-m", "tests.faults", "--row", fault.name, "--share", repr(share)],
                           cwd=ROOT, stdout=subprocess.PIPE)
    try:
        tries, lost, note = json.loads(ended.stdout.decode("utf-8"))
    except ValueError:
        tries, lost, note = 0, 1, "its process ended with status {}".format(ended.returncode)
    return Row(fault, Count(tries, lost, note), time.monotonic() - started)


def rows(faults, share, together):
    """Yield the row of each fault in order, ``together`` of them under way at a time."""
    with concurrent.futures.ThreadPoolExecutor(together) as pool:
        order = sorted(faults, key=lambda fault: not fault.long)
        begun = {fault: pool.submit(done_apart, fault, share) for fault in order}
        for fault in faults:
            yield begun[fault].result()


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the tries, and no slow tests")
    parser.add_argument("--share", type=float, default=1.0, help="of the tries (slow tests only at 1)")
    parser.add_argument("--only", default="", help="faults whose name holds this")
    parser.add_argument("--together", type=int, default=2, help="rows at a time (default: 2)")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ["EDGE_BENCH_SUMMARIES"] = "off"  # every damaged record is read, and none is kept
    share, began, lost = 0.1 if arguments.quick else arguments.share, time.monotonic(), 0
    if arguments.row is not None:
        print(json.dumps(done(next(one for one in FAULTS if one.name == arguments.row), share).count))
        return 0
    print("| fault | tries | lost | |\n|---|--:|--:|---|", flush=True)
    for row in rows([one for one in FAULTS if arguments.only in one.name], share, arguments.together):
        found = row.count
        lost += found.lost
        print("| {} | {} | {} | {} |".format(row.fault.name, found.tries, found.lost, found.note), flush=True)
        sys.stderr.write("{:.0f} s\n".format(row.seconds))
    sys.stderr.write("{:.0f} s in all, pytest {}\n".format(time.monotonic() - began, pytest.__version__))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
