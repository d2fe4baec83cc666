"""Entrants timed in turns in one process, and their ratios with intervals. The clock is passed in."""

import math
import random
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from harness.statistics.ratios import round_logs
from harness.statistics.signed_rank import signed_rank_interval

SAMPLE_S = 1e-3
LEVEL = 0.01
Clock = Callable[[], float]


class Entrant(NamedTuple):
    """Something to time. ``backend`` says what runs it, ``None`` if its name does."""

    name: str
    call: Callable[[], Any]
    backend: Optional[str] = None


def calls_in_a_sample(entrant: Entrant, clock: Clock, least_s: float = SAMPLE_S) -> int:
    """Return how many calls last at least ``least_s``; the first three warm up and are not counted."""
    for _ in range(3):
        entrant.call()
    started = clock()
    entrant.call()
    seconds = clock() - started
    return max(1, int(math.ceil(least_s / max(seconds, 1e-9)))) if seconds < least_s else 1


def play(entrants: Sequence[Entrant], rounds: int, seed: int, budget_s: float,
         clock: Clock = time.perf_counter) -> Dict[str, Any]:
    """Time ``entrants`` in mirrored rounds of tossed order; the first is the one ratios are taken to.

    Returns the calls of a sample and the rounds, each with its order and its samples in the order played. At
    least 8 rounds (fewer give no interval), then as many as ``budget_s`` and ``rounds`` allow.
    """
    source = random.Random(seed)
    calls = [calls_in_a_sample(entrant, clock) for entrant in entrants]
    played = []  # type: List[Dict[str, Any]]
    began = clock()
    while len(played) < rounds and (len(played) < 8 or clock() - began < budget_s):
        order = list(range(len(entrants)))
        source.shuffle(order)
        samples = []
        for index in order + order[::-1]:
            call = entrants[index].call
            call()  # a settling call: what ran before has left the caches to itself
            started = clock()
            for _ in range(calls[index]):
                call()
            samples.append(clock() - started)
        played.append({"order": order, "sample_s": samples})
    return {"calls": calls, "rounds": played}


def median(values: Sequence[float]) -> float:
    """Return the median."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def ratios_to(games: Dict[str, Any], entrants: Sequence[Entrant], level: float = LEVEL) -> List[Dict[str, Any]]:
    """Return for each entrant its times and its time over the first entrant's, with the exact interval.

    ``ratio`` above 1 means slower than the first entrant. ``low`` and ``high`` are ``None`` below 8 rounds.
    """
    logs = [round_logs(r["order"], r["sample_s"], games["calls"]) for r in games["rounds"]]
    found = []
    for index, entrant in enumerate(entrants):
        interval = signed_rank_interval([log[index] - log[0] for log in logs], level)
        times = [sample / games["calls"][index] for r in games["rounds"]
                 for place, sample in zip(r["order"] + r["order"][::-1], r["sample_s"]) if place == index]
        found.append({
            "name": entrant.name, "backend": entrant.backend, "median_s": median(times), "least_s": min(times),
            "ratio": math.exp(interval.centre),
            "low": None if interval.low is None else math.exp(interval.low),
            "high": None if interval.high is None else math.exp(interval.high), "sample_s": times})
    return found
