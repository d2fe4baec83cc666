"""Pass 2 as a worker's job: build the entrants of one comparison, choose timer and clock, time one launch."""

import os
from typing import Any, Callable, Dict, Tuple

import torch

from harness.allocator import describe_heap
from harness.passes.entrants import build_entrants
from harness.passes.launch_job import first_of, wanted
from harness.passes.shared_input import Guard, check
from harness.plan import Case
from harness.record.codec import to_json
from harness.rule import rule_from_dict
from harness.subjects import cases_of, prepare, synchronizer
from harness.timing.clock_readers import ClockSource, cpu_clock, gpu_clock
from harness.timing.cpu_timer import CpuTimer
from harness.timing.cuda_timer import CudaTimer
from harness.timing.engine import run_time_pass
from harness.timing.sampler import Call, Sample, Sampler, Timer
from harness.witness import Mark, marker
from harness.words import Role


def run(job: Dict[str, Any], progress: Callable[..., None]) -> Dict[str, Any]:
    """Time the cases named by the job; return the payload of a ``time`` line."""
    comparison, cases = cases_of(job)
    first, played = first_of(job), wanted(job)
    cases = [case for case in cases if comparison.case_id(case) in played]
    prepare(cases)
    timer, clock = instruments(cases[0])
    progress(0, 1, "building")
    mark = marker(job)
    entrants = build_entrants(job, comparison, cases, mark)
    places = {id(call): job["cases"].index(name) for name, call in entrants.calls}

    guard = Guard(entrants.inputs.made())
    timer.samplers = tuple(Watched(sampler, mark, places) for sampler in timer.samplers)

    def report(done: int, planned: int, left_s: float) -> None:
        progress(done, planned, "round {} of at most {}".format(done, planned), left_s)

    with torch.inference_mode(cases[0].mode == "inference"):
        figures = run_time_pass(
            entrants.calls, timer, rule_from_dict(job["rule"]), job["seed"], role=Role(job["role"]), first=first,
            budget_s=job["budget_s"], limit_s=job["limit_s"], report=report, launch=job["launch"], clock=clock)
        check(guard, [call for _, call in entrants.calls], synchronizer(cases[0].device),
              lambda index: mark(places[id(entrants.calls[index][1])]))
    return dict(to_json(figures), implementations=entrants.implementations, allocator=describe_heap(os.environ))


class Watched(Sampler):
    """A sampler that notes, before its clock starts, which case it is about to call."""

    def __init__(self, sampler: Sampler, mark: Mark, places: Dict[int, int]) -> None:
        self.cache = sampler.cache
        self._sampler, self._mark, self._places = sampler, mark, places

    def sample(self, call: Call, calls: int) -> Sample:
        """Note whose ``call`` it is and time it."""
        self._mark(self._places[id(call)])
        return self._sampler.sample(call, calls)


def instruments(case: Case) -> Tuple[Timer, ClockSource]:
    """Return the timer and the clock reader for the device of ``case``."""
    if case.device == "cuda":
        return CudaTimer(torch), gpu_clock(torch)
    return CpuTimer(), cpu_clock()
