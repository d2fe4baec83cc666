"""The fastest of several ways to do the same: stretches of a millisecond, taken in turns after a warm-up."""

import time
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

import torch

from harness.quantiles import median
from harness.timing.calibrate import calibrate
from harness.timing.cpu_timer import CpuSampler
from harness.timing.cuda_timer import HotSampler
from harness.timing.gpu_sleep import GpuSleep
from harness.timing.sampler import Sampler


class Search(NamedTuple):
    """Bounds of a search.

    Every way warms up for ``warm_s`` in all, with ``least_warm`` samples if they fit ``most_warm_s``; a sample lasts
    ``sample_s`` at least. Ways that are ``hopeless`` times slower than the fastest then are dropped. Mirrored rounds
    follow, ``rounds`` of them or as many as start within ``budget_s``, one at least.
    """

    warm_s: float = 0.05
    least_warm: int = 3
    most_warm_s: float = 0.5
    sample_s: float = 1e-3
    hopeless: float = 2.0
    rounds: int = 5
    budget_s: float = 5.0


def hot_sampler(device: str) -> Sampler:
    """Return a sampler of stretches on ``device``: event pairs with launches hidden, or the monotonic clock."""
    if device != "cuda":
        return CpuSampler(time.perf_counter)
    return HotSampler(torch, time.perf_counter, GpuSleep(torch, time.perf_counter))


def fastest(calls: Sequence[Callable[[], Any]], sampler: Sampler,
            search: Search = Search()) -> Tuple[int, List[float]]:  # noqa: B008 - an immutable default
    """Return the index of the fastest of ``calls`` and each one's median seconds a call (or its warm-up's).

    Everything is timed with the sampler, also the time that bounds the search: a call of ten seconds on a small
    board is made four times at most, and twice if it is hopeless.
    """
    counts, found = [], []  # type: Tuple[List[int], List[float]]
    for call in calls:
        sampler.sample(call, 1)  # set-up: primitives, algorithms tried out
        count, stretches = calibrate(sampler, call, search.sample_s)
        spent, last = sum(seconds for _, seconds in stretches), stretches[-1]
        estimate, extra = last[1] / last[0], 0
        # The least of several: one sample in which another program had the core is no reason to drop a way.
        while spent < search.warm_s or (extra < search.least_warm and spent < search.most_warm_s):
            seconds = sampler.sample(call, count).seconds
            spent, estimate, extra = spent + max(seconds, 1e-6), min(estimate, seconds / count), extra + 1
        counts.append(count)
        found.append(estimate)
    bound = search.hopeless * min(found)
    present = [index for index, estimate in enumerate(found) if estimate <= bound]
    samples: Dict[int, List[float]] = {index: [] for index in present}
    spent, done = 0.0, 0
    while len(present) > 1 and done < search.rounds and (not done or spent < search.budget_s):
        for index in present + present[::-1]:
            seconds = sampler.sample(calls[index], counts[index]).seconds
            samples[index].append(seconds / counts[index])
            spent += seconds
        done += 1
    for index, taken in samples.items():
        found[index] = median(taken) if taken else found[index]
    return min(present, key=lambda index: found[index]), found
