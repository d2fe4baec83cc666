"""Pass 3: memory, in a fresh worker per case so that no earlier case's leftovers count.

Stages are read in the order start, torch imported, device context made, input made, layer built and
called once (algorithm search and lazy set-up end here), peak in the loop. Differences are peak minus
stage ``input``: weights, outputs and workspace are the layer's, the rest is the framework's. Kinds are
never mixed: process RSS does not hold GPU buffers, torch's counters hold only its own tensors.
"""

import threading
import time
from typing import Any, Callable, Dict, List, Optional

from harness.system import memory as procfs

#: Seconds between two samples of the whole-system figures; process RSS has an exact peak of its own.
PERIOD_S = 0.005
LEAST_CALLS = 3
LEAST_S = 0.2
MOST_CALLS = 200


class Sampler:
    """Reads the system's RAM and this process's RSS from a thread and keeps the largest of each."""

    def __init__(self, period_s: float = PERIOD_S) -> None:
        self.ram_peak_bytes = 0
        self.rss_peak_bytes = 0
        self.nvmap_peak_bytes: Optional[int] = None
        self.samples = 0
        self._period_s = period_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stop.set()
        self._thread.join()
        self.sample()

    def _loop(self) -> None:
        while not self._stop.wait(self._period_s):
            self.sample()

    def sample(self) -> None:
        """Take one reading."""
        meminfo = procfs.read_meminfo()
        self.ram_peak_bytes = max(self.ram_peak_bytes, procfs.ram_used_bytes(meminfo))
        self.rss_peak_bytes = max(self.rss_peak_bytes, procfs.current_rss_bytes() or 0)
        nvmap = procfs.nvmap_used_bytes(meminfo)
        if nvmap is not None:
            self.nvmap_peak_bytes = max(self.nvmap_peak_bytes or 0, nvmap)
        self.samples += 1


def stage() -> Dict[str, Optional[int]]:
    """Return this process's and the system's memory now, in bytes."""
    meminfo = procfs.read_meminfo()
    own = procfs.process_memory("self")
    return {"rss_bytes": own.rss_bytes, "uss_bytes": own.uss_bytes,
            "ram_used_bytes": procfs.ram_used_bytes(meminfo),
            "swap_used_bytes": procfs.swap_used_bytes(meminfo),
            "nvmap_used_bytes": procfs.nvmap_used_bytes(meminfo)}


def run(job: Dict[str, Any], progress: Callable[..., None]) -> Dict[str, Any]:
    """Measure the one case the job names; return the payload of a ``memory`` line."""
    stages = {"start": stage()}
    import torch

    from harness.subjects import Inputs, build, cases_of, prepare, synchronizer

    stages["torch"] = stage()
    case = cases_of(job)[1][0]
    prepare([case])
    if case.device == "cuda":
        torch.nn.functional.conv2d(torch.ones(1, 1, 8, 8, device="cuda"), torch.ones(1, 1, 3, 3, device="cuda"))
    synchronize = synchronizer(case.device)
    synchronize()
    stages["context"] = stage()
    inputs = Inputs(job["seed"])
    inputs.get(case)
    synchronize()
    stages["input"] = stage()
    torch_before = _torch_counters(torch, case.device, reset=True)
    subject = build(case, inputs)
    subject.call()
    synchronize()
    stages["layer"] = stage()
    window = procfs.PeakRssWindow()
    window.start()
    if case.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    with Sampler() as sampler:
        calls = _loop(subject.call, synchronize)
        stages["peak"] = stage()
    rss_peak, rss_reason = window.stop()
    payload: Dict[str, Any] = {
        "stages": stages, "calls": calls, "samples": sampler.samples, "sampling_period_s": PERIOD_S,
        "ram_resolution_bytes": 1024, "ram_peak_bytes": sampler.ram_peak_bytes,
        "ram_baseline_bytes": stages["input"]["ram_used_bytes"],
        "rss_peak_bytes": rss_peak, "implementation": subject.implementation,
    }
    if rss_peak is None:
        rss_peak = sampler.rss_peak_bytes
        payload["rss_peak_note"] = "sampled, since {}".format(rss_reason)
    payload.update(_deltas(stages, rss_peak, sampler))
    payload.update(_torch_figures(torch, case.device, torch_before))
    return payload


def _loop(call: Callable[[], Any], synchronize: Callable[[], Any]) -> int:
    """Call until both the least count and the least time are reached; return the number of calls."""
    ends = time.monotonic() + LEAST_S
    for done in range(1, MOST_CALLS + 1):
        kept: List[Any] = [call()]
        synchronize()
        del kept
        if done >= LEAST_CALLS and time.monotonic() >= ends:
            break
    return done


def _minus(after: Optional[int], before: Optional[int]) -> Optional[int]:
    return after - before if after is not None and before is not None else None


def _deltas(stages: Dict[str, Dict[str, Optional[int]]], rss_peak: Optional[int], sampler: Sampler) -> Dict[str, Any]:
    before, built, at_end = stages["input"], stages["layer"], stages["peak"]
    uss = [value for value in (built["uss_bytes"], at_end["uss_bytes"]) if value is not None]
    figures: Dict[str, Any] = {
        "rss_delta_peak_bytes": _minus(rss_peak, before["rss_bytes"]),
        "uss_delta_peak_bytes": _minus(max(uss) if uss else None, before["uss_bytes"]),
        "ram_delta_peak_bytes": _minus(sampler.ram_peak_bytes, before["ram_used_bytes"]),
        "swap_delta_bytes": _minus(at_end["swap_used_bytes"], before["swap_used_bytes"]),
        "nvmap_delta_bytes": _minus(sampler.nvmap_peak_bytes, before["nvmap_used_bytes"]),
    }
    reasons = {"nvmap_delta_bytes": "this kernel reports no NvMapMemUsed",
               "uss_delta_peak_bytes": "the kernel shows no smaps of this process"}
    if figures["ram_delta_peak_bytes"] is not None and figures["ram_delta_peak_bytes"] < 0:
        figures["ram_delta_peak_bytes"] = None
        reasons["ram_delta_peak_bytes"] = "other programs freed memory meanwhile: close them and run again"
    figures.update({key + "_reason": text for key, text in reasons.items() if figures[key] is None})
    return figures


def _torch_counters(torch: Any, device: str, reset: bool) -> Dict[str, int]:
    if device != "cuda":
        return {}
    if reset:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return {"allocated": torch.cuda.memory_allocated(), "reserved": torch.cuda.memory_reserved()}


def _torch_figures(torch: Any, device: str, before: Dict[str, int]) -> Dict[str, Any]:
    """Return torch's two peaks; its allocator counts CUDA tensors only."""
    if device != "cuda":
        reason = "torch counts only the memory of CUDA tensors"
        return {"torch_peak_allocated_bytes": None, "torch_peak_allocated_bytes_reason": reason,
                "torch_peak_reserved_bytes": None, "torch_peak_reserved_bytes_reason": reason}
    return {"torch_peak_allocated_bytes": torch.cuda.max_memory_allocated(),
            "torch_allocated_input_bytes": before["allocated"],
            "torch_peak_reserved_bytes": torch.cuda.max_memory_reserved(),
            "torch_reserved_input_bytes": before["reserved"]}
