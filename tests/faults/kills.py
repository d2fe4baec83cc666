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

#: How long a whole run takes at most, the kill lies somewhere in it.
RUN_S = 2.5


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


def kill_and_resume(tries, seed, numbers=(signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)):
    """Kill runs ``tries`` times in all, at random moments of their lives, and finish each; count what went wrong."""
    random, lost, doubled, left, refused, killed = Random(seed), 0, 0, 0, 0, 0
    while killed < tries:
        with tempfile.TemporaryDirectory() as folder:
            before, controllers = Counter(), set()
            while killed < tries and random.random() < 0.8:
                process = start(folder)
                controllers.add(str(process.pid))
                time.sleep(random.uniform(0.05, RUN_S))
                if process.poll() is None:
                    process.send_signal(random.choice(numbers))
                    killed += 1
                process.communicate()
                if os.path.exists(os.path.join(folder, "record.jsonl")) and os.path.getsize(
                        os.path.join(folder, "record.jsonl")) and read_lines(folder):
                    now = units_in(folder)
                    lost += sum((before - now).values())
                    before = now
                if process.returncode == 0:
                    break
            process = start(folder)
            controllers.add(str(process.pid))
            text = process.communicate()[0].decode()
            if process.returncode != 0 and "complete" not in text:
                refused += 1
                continue
            run = load_run(folder)
            lost += sum((before - units_in(folder)).values()) + (UNITS - len(run.units))
            doubled += run.retried
            left += len(still_there(controllers))
    return Killed(killed, lost, doubled, left, refused)


def still_there(controllers, within_s=60.0):
    """Return the workers of ``controllers``, all of which have ended, that live on after ``within_s`` seconds."""
    deadline = time.monotonic() + within_s
    while True:
        found = [stray for stray in marked() if stray.mark.split(":")[0] in controllers]
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
