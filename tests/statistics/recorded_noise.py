"""Recorded noise as a kind of noise for the fake machine, and recorded launches as lines of a record."""

import csv
import os

import numpy as np
from fake_machine import Noise

from harness.reasons import Code, because
from harness.record import LaunchLine, Round, Series, TimerFacts
from harness.rule import STANDARD_LOOKS
from harness.words import Role, Status

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "noise")
STREAMS = ("seq_5us_t1", "seq_100us_t1", "seq_100us_t2", "seq_5ms_t1", "seq_5ms_t2",
           "load_100us_t1", "load_5ms_t1", "load_5ms_t2")
LAUNCHES = "launches_idle_5us_t1"


def rows(name):
    with open(os.path.join(FOLDER, name + ".csv")) as file:
        return list(csv.DictReader(file))


def stream(name):
    """Return the recorded calls in time order, relative to their median."""
    data = rows(name)
    columns = [key for key in data[0] if key != "order"]
    seconds = np.array([float(row[key]) for row in data for key in columns])
    return seconds / np.median(seconds)


def recorded(factors):
    """Return a kind of noise that replays ``factors`` from a random place, going round at the end."""

    class Recorded(Noise):
        def setup(self):
            self.offset = self.random.randint(len(factors))

        def multipliers(self, start, count):
            return factors[(self.offset + np.arange(start, start + count)) % len(factors)]

    return Recorded


def processes(name=LAUNCHES):
    """Return for each recorded process its rounds as (order of the instances 0 1 2, six samples)."""
    found = {}
    for row in rows(name):
        order = [int(letter) - 1 for letter in row["order"]]
        found.setdefault(row["launch"], []).append((order, [float(row["s%d" % i]) for i in range(1, 7)]))
    return list(found.values())


def line(number, rounds):
    """Return the rounds of one process as a recorded launch: three instances of the same code."""
    played = tuple(Round(tuple(order), tuple(sample_s)) for order, sample_s in rounds)
    series = Series("hot", ("c/a", "c/a", "c/b"), (1, 1, 1), played,
                    tuple(look for look in STANDARD_LOOKS if look <= len(played)),
                    Role.FIRST if number == 1 else Role.CONFIRM, because(Code.MOST_ROUNDS, round=len(played)))
    return LaunchLine("c", number, Status.OK, series=(series,), timer=TimerFacts("perf_counter"))
