"""Pass 3: memory, in a fresh worker per case and repeat so that no earlier case's leftovers count.

What counts is what *this layer* adds. Before the input is made a tiny case of the same kind is built, called and
thrown away, so that imports, libraries, kernels and handles are there already; the input lies in the layout the case
wants and belongs to the stage ``input``. The figures are the peak while calls run, their outputs still alive, less
that stage: weights, outputs and workspace. Kinds are never mixed: process RSS does not hold GPU buffers, torch's
counters hold only its own tensors.
"""

import ctypes
import gc
import os
import sys
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from harness.allocator import describe_heap
from harness.collector import uncollected
from harness.gate import wait_for_turn
from harness.passes.watcher import Watcher, stage
from harness.plan import Case
from harness.record.amount_lines import MemoryTrace, Stage
from harness.record.codec import to_json
from harness.system import memory as procfs
from harness.words import Heap

LEAST_CALLS = 3
LEAST_S = 0.2
MOST_CALLS = 200
TRACE_POINTS = 120

#: What other programs may move of the system's memory meanwhile: more, and the whole-system figure is no figure.
WANDER_BYTES = 2 ** 20
WANDER_SHARE = 0.02

#: Planes of the tiny case, tried in turn: some layers need a certain size.
TINY_SIDES = (8, 32)


def run(job: Dict[str, Any], progress: Callable[..., None]) -> Dict[str, Any]:
    """Measure the one case the job names; return the payload of a ``memory`` line."""
    stages = {"start": stage()}
    with uncollected():
        import torch

        from harness.subjects import Inputs, build, cases_of, prepare, synchronizer

    stages["torch"] = stage()
    case = cases_of(job)[1][0]
    prepare([case])
    synchronize = synchronizer(case.device)
    if case.device == "cuda":
        torch.nn.functional.conv2d(torch.ones(1, 1, 8, 8, device="cuda"), torch.ones(1, 1, 3, 3, device="cuda"))
    synchronize()
    stages["context"] = stage()
    warmed = _warm(case, lambda tiny: build(tiny, Inputs(job["seed"])).call(), synchronize)
    _settle(torch, case.device)
    # What is there by now stays to the end. Looking through it takes as long as many a layer's whole measurement.
    getattr(gc, "freeze", lambda: None)()  # came with Python 3.7
    stages["warm"] = stage()
    wait_for_turn(job.get("gate"))
    inputs = Inputs(job["seed"])
    inputs.get(case)
    _settle(torch, case.device)
    synchronize()
    counters = _torch_counters(torch, case.device)
    stages["input"] = stage()
    # Outside of inference mode, as in the time pass: what is made in there has no version counter.
    subject = build(case, inputs)
    with torch.inference_mode(case.mode == "inference"):
        subject.call()
        synchronize()
        _settle(torch, case.device)
        stages["layer"] = stage()
        window = procfs.PeakRssWindow()
        window.start()
        with Watcher() as watcher:
            calls, first_peak = _loop(subject.call, synchronize, watcher, window)
            stages["peak"] = stage()
        rss_peak, rss_reason = window.peak()
        implementation = subject.implementation
        del subject
    figures = _torch_figures(torch, case.device, counters)
    _settle(torch, case.device)
    stages["after"] = stage()
    payload: Dict[str, Any] = {
        "stages": to_json(stages), "calls": calls, "samples": watcher.samples, "sampling_period_s": watcher.period_s,
        "ram_resolution_bytes": 1024, "ram_peak_bytes": watcher.peak.ram_used_bytes, "warmed_with": warmed,
        "ram_baseline_bytes": stages["input"].ram_used_bytes, "implementation": implementation,
        "trace": to_json(thinned(watcher.trace, TRACE_POINTS)), "allocator": describe_heap(os.environ)}
    if rss_peak is None:
        rss_peak = watcher.peak.rss_bytes
        payload["rss_peak_note"] = "sampled, since {}".format(rss_reason)
    payload["rss_peak_bytes"] = rss_peak
    payload.update(deltas(stages, rss_peak, watcher))
    if Heap(job.get("heap", Heap.PINNED)) is Heap.DEFAULT:
        payload.update(kept_freed(payload, _minus(first_peak, stages["input"].rss_bytes)))
    payload.update(figures)
    return payload


def tiny_cases(case: Case) -> List[Case]:
    """Return cases of the same kind with one small image, the smallest first, the case's own size last."""
    planes = [tuple(min(side, size) for size in case.shape[2:]) for side in TINY_SIDES]
    shapes = [(1,) + tuple(case.shape[1:2]) + plane for plane in planes] + [(1,) + tuple(case.shape[1:]), case.shape]
    found: List[Tuple[int, ...]] = []
    for shape in shapes:
        if len(shape) == len(case.shape) and shape not in found:
            found.append(shape)
    return [case._replace(shape=shape) for shape in found]


def _warm(case: Case, call: Callable[[Case], Any], synchronize: Callable[[], Any]) -> Optional[str]:
    """Load what any case of this kind loads; return the shape that did it, ``None`` if none would run."""
    for tiny in tiny_cases(case):
        try:
            call(tiny)
            synchronize()
        except Exception:  # a layer may refuse a size; the next one is tried, and the record says which one did
            continue
        return "x".join(map(str, tiny.shape))
    return None


def _settle(torch: Any, device: str) -> None:
    """Give back what nobody holds: Python's garbage, torch's cached blocks, glibc's free pages, traced code."""
    if "torch._dynamo" in sys.modules:
        gc.collect()
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _loop(call: Callable[[], Any], synchronize: Callable[[], Any], watcher: Watcher,
          window: procfs.PeakRssWindow) -> Tuple[int, Optional[int]]:
    """Call until both the least count and the least time are reached; return the number of calls, and the process's
    peak after the first.

    The watcher looks while each output is still alive: what a call hands over is part of the layer's memory.
    """
    ends, first_peak = time.monotonic() + LEAST_S, None
    for done in range(1, MOST_CALLS + 1):
        kept: List[Any] = [call()]
        synchronize()
        if done <= LEAST_CALLS:
            watcher.look(thorough=True)
        if done == 1:
            first_peak = window.peak()[0] or watcher.peak.rss_bytes
        del kept
        if done >= LEAST_CALLS and time.monotonic() >= ends:
            break
    return done, first_peak


def _minus(after: Optional[int], before: Optional[int]) -> Optional[int]:
    return after - before if after is not None and before is not None else None


def deltas(stages: Dict[str, Stage], rss_peak: Optional[int], watcher: Watcher) -> Dict[str, Any]:
    """Return the figures over the stage ``input``; one that other programs may have moved is ``None`` and says so.

    What is not shared has no high-water mark of its own: its peak is that of the resident memory less the least that
    was seen to be shared, which are the mapped files.
    """
    before, after, peak = stages["input"], stages["after"], watcher.peak
    own_peak = peak.uss_bytes
    if rss_peak is not None and watcher.least_shared_bytes is not None and own_peak is not None:
        own_peak = max(own_peak, rss_peak - watcher.least_shared_bytes)
    rss = _minus(rss_peak, before.rss_bytes)
    figures: Dict[str, Any] = {
        "rss_delta_peak_bytes": None if rss is None else max(0, rss),
        "uss_delta_peak_bytes": _minus(own_peak, before.uss_bytes),
        "ram_delta_peak_bytes": _minus(_ram(peak), _ram(before)),
        "swap_delta_bytes": _minus(after.swap_used_bytes, before.swap_used_bytes),
        "nvmap_delta_bytes": _minus(peak.nvmap_used_bytes, before.nvmap_used_bytes),
    }
    reasons = {"nvmap_delta_bytes": "this kernel reports no NvMapMemUsed",
               "uss_delta_peak_bytes": "the kernel shows no smaps of this process"}
    turned = _minus(_minus(before.rss_bytes, before.uss_bytes), watcher.least_shared_bytes)
    if turned is not None and abs(turned) > WANDER_BYTES:
        figures["uss_delta_peak_bytes"] = None
        reasons["uss_delta_peak_bytes"] = "{:.1f} MB of mapped files {} meanwhile: close them and run again".format(
            abs(turned) / 1e6, "stopped being shared, since other programs ended," if turned > 0 else
            "became shared, since other programs began,")
    moved = ram_moved_bytes(before, after)
    allowed = max(WANDER_BYTES, WANDER_SHARE * (figures["rss_delta_peak_bytes"] or 0))
    ram, uss = figures["ram_delta_peak_bytes"], figures["uss_delta_peak_bytes"]
    if ram is not None and moved is not None and abs(moved) > allowed:
        figures["ram_delta_peak_bytes"] = None
        reasons["ram_delta_peak_bytes"] = (
            "other programs moved {:.1f} MB meanwhile: close them and run again".format(abs(moved) / 1e6))
    elif ram is not None and uss is not None and ram < uss - allowed:
        figures["ram_delta_peak_bytes"] = None
        unseen = _minus(rss_peak, peak.rss_bytes) or 0
        reasons["ram_delta_peak_bytes"] = (
            "the process took {:.1f} MB more for less than the {:.0f} ms between two readings, which only its own "
            "high-water mark tells".format(unseen / 1e6, 1e3 * watcher.period_s) if unseen > allowed else
            "it came out below what the process alone took: other programs freed memory, or this machine counts late")
    figures.update({key + "_reason": text for key, text in reasons.items() if figures[key] is None})
    return figures


def kept_freed(figures: Dict[str, Any], first: Optional[int]) -> Dict[str, Any]:
    """Return what replaces ``figures`` where later calls took more than the first: nothing, with the reason.

    On the default heap malloc keeps what was freed, in pieces that the next call may not fit into: how much it is
    tells nothing of the layer and goes with the number of calls. ``first`` is the first call's peak over ``input``.
    """
    rss = figures["rss_delta_peak_bytes"]
    if rss is None or first is None or rss - first <= max(WANDER_BYTES, WANDER_SHARE * first):
        return {}
    reason = ("the first call took {:.1f} MB and the {} after it {:.1f} MB more, which malloc kept when it was "
              "freed: on the default heap the layer has no figure of its own".format(
                  first / 1e6, figures["calls"] - 1, (rss - first) / 1e6))
    found: Dict[str, Any] = {}
    for key in ("rss_delta_peak_bytes", "uss_delta_peak_bytes", "ram_delta_peak_bytes"):
        found.update({key: None, key + "_reason": reason})
    return found


def ram_moved_bytes(before: Stage, after: Stage) -> Optional[int]:
    """Return what the system's used memory changed by that this process did not, from input to the end."""
    system, own = _minus(_ram(after), _ram(before)), _minus(after.uss_bytes, before.uss_bytes)
    return _minus(system, own)


def _ram(one: Stage) -> Optional[int]:
    """Return the system's used memory; pages that wait on a processor's list are free, where the kernel tells."""
    return one.ram_used_bytes if one.ram_settled_bytes is None else one.ram_settled_bytes


def thinned(trace: List[Tuple[float, int]], most: int) -> MemoryTrace:
    """Return the trace as lists, the highest reading of each of ``most`` stretches kept."""
    kept = []
    for bucket in range(min(most, len(trace))):
        part = trace[bucket * len(trace) // min(most, len(trace)):(bucket + 1) * len(trace) // min(most, len(trace))]
        kept.append(max(part, key=lambda reading: reading[1]))
    start_s = kept[0][0] if kept else 0.0
    return MemoryTrace(tuple(round(at - start_s, 4) for at, _ in kept), tuple(size for _, size in kept))


class TorchCounters(NamedTuple):
    """What torch's CUDA allocator held at the stage ``input``."""

    allocated: int
    reserved: int


def _torch_counters(torch: Any, device: str) -> Optional[TorchCounters]:
    if device != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats()
    return TorchCounters(torch.cuda.memory_allocated(), torch.cuda.memory_reserved())


def _torch_figures(torch: Any, device: str, before: Optional[TorchCounters]) -> Dict[str, Any]:
    """Return torch's two peaks; its allocator counts CUDA tensors only."""
    if before is None:
        reason = "torch counts only the memory of CUDA tensors"
        return {"torch_peak_allocated_bytes": None, "torch_peak_allocated_bytes_reason": reason,
                "torch_peak_reserved_bytes": None, "torch_peak_reserved_bytes_reason": reason}
    return {"torch_peak_allocated_bytes": torch.cuda.max_memory_allocated(),
            "torch_allocated_input_bytes": before.allocated,
            "torch_peak_reserved_bytes": torch.cuda.max_memory_reserved(),
            "torch_reserved_input_bytes": before.reserved}
