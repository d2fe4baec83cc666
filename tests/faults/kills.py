"""Runs that are killed at random moments and taken up again: what was lost, what was doubled, what lived on."""

import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from random import Random
from typing import NamedTuple

from fast_run import ROOT, UNITS

from harness.record import load_run
from harness.system.strays import marked

FAST_RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fast_run.py")

class Killed(NamedTuple):
    """How many times runs were killed; units lost, units doubled, processes left, and resumes that refused."""

    tries: int
    lost: int
    doubled: int
    left: int
    refused: int


def start(folder):
    return subprocess.Popen([sys.executable, FAST_RUN, folder], cwd=ROOT, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)


def units_in(folder):
    """Return the units on record."""
    return Counter(str(unit) for unit in load_run(folder).units)


class Pace(NamedTuple):
    """Seconds that a run takes here from its start to its first unit, and for all of its units."""

    start_s: float
    units_s: float

    def left_s(self, done):
        """Return how long a run goes on that has ``done`` units on record."""
        return self.start_s + self.units_s * (1.0 - done / float(UNITS))


def pace():
    """Return how long a run takes on this machine now: a kill shall lie in its life, and not after its end."""
    with tempfile.TemporaryDirectory() as folder:
        took = []
        for _ in range(2):  # a whole one; and one of which nothing is left
            began = time.monotonic()
            start(folder).communicate()
            took.append(time.monotonic() - began)
        return Pace(took[1], took[0] - min(took))


def kill_and_resume(tries, seed, numbers=(signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)):
    """Kill runs ``tries`` times in all, at random moments of their lives, and finish each; count what went wrong."""
    random, lost, doubled, left, refused, killed = Random(seed), 0, 0, 0, 0, 0
    known = pace()
    while killed < tries:
        with tempfile.TemporaryDirectory() as folder:
            before = Counter()
            while killed < tries and random.random() < 0.8:
                process = start(folder)
                try:
                    process.wait(random.uniform(0.05, known.left_s(len(before))))
                except subprocess.TimeoutExpired:
                    process.send_signal(random.choice(numbers))
                    killed += 1
                process.communicate()
                left += len(still_there(process.pid))  # before the next run ends what it finds
                if os.path.exists(os.path.join(folder, "record.jsonl")) and os.path.getsize(
                        os.path.join(folder, "record.jsonl")) and read_lines(folder):
                    now = units_in(folder)
                    lost += sum((before - now).values())
                    before = now
                if process.returncode == 0:
                    break
            process = start(folder)
            text = process.communicate()[0].decode()
            if process.returncode != 0 and "complete" not in text:
                refused += 1
                continue
            run = load_run(folder)
            lost += sum((before - units_in(folder)).values()) + (UNITS - len(run.units))
            doubled += run.retried
            left += len(still_there(process.pid))
    return Killed(killed, lost, doubled, left, refused)


def still_there(controller, within_s=60.0):
    """Return the workers of the process ``controller``, which has ended, that live on after ``within_s`` seconds."""
    deadline = time.monotonic() + within_s
    while True:
        found = [stray for stray in marked() if stray.mark.split(":")[0] == str(controller)]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def read_lines(folder):
    with io.open(os.path.join(folder, "record.jsonl"), "rb") as file:
        return b"\n" in file.read()


def main():
    tries = int(sys.argv[1]) if len(sys.argv) > 1 else 105
    print(kill_and_resume(tries, int(sys.argv[2]) if len(sys.argv) > 2 else 1))


if __name__ == "__main__":
    main()
