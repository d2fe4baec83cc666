"""``python -m suites.kernels.cuda.bench``: a table of times and ratios, and with ``--json`` every sample."""

import argparse
import gc
import io
import json
import platform
import sys
import time
from typing import Any, Callable, Dict, Optional, Sequence

import torch

from suites.kernels import status, why_not_fused
from suites.kernels.cuda.bench import entrants as field
from suites.kernels.cuda.bench.rounds import calls_of_a_sample, interleave, median, speed_ratio

Timer = Callable[[Callable[[], None]], float]


def cuda_timer(work: Callable[[], None]) -> float:
    """Return the seconds between two events around ``work`` on the current stream."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    work()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1e3


def host_timer(work: Callable[[], None]) -> float:
    """Return the seconds ``work`` takes by the host's clock."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def sampler(entrant: field.Entrant, timer: Timer) -> Callable[[], float]:
    """Warm ``entrant`` up and return a function that gives the seconds of a call, over enough calls."""
    turn = [0]

    def times(count: int) -> Callable[[], None]:
        def work() -> None:
            for _ in range(count):
                entrant.call(turn[0])
                turn[0] += 1
        return work

    field.apply_switches(entrant.tf32)
    timer(times(3))
    count = calls_of_a_sample(timer(times(10)) / 10)

    def sample() -> float:
        field.apply_switches(entrant.tf32)
        return timer(times(count)) / count
    return sample


def run_case(case: field.Shape, device: torch.device, rounds: int, seed: int, timer: Timer, cache_bytes: int,
             convolutions: bool) -> Dict[str, Any]:
    """Return every sample of ``case`` and which implementation the fused layer is, with the number of buffers."""
    elements = 1
    for size in case.shape:
        elements *= size
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None
    count = field.buffer_count(4 * elements, cache_bytes, free)
    buffers = field.Buffers(case.shape, device, count, seed)
    samplers, failed = {}, {}
    for entrant in field.entrants(case, buffers, convolutions):
        try:
            samplers[entrant.name] = sampler(entrant, timer)
        except RuntimeError as error:  # such as bfloat16 convolutions on a device without them
            failed[entrant.name] = str(error).splitlines()[0]
    samples = interleave(samplers, rounds, seed)
    probe = torch.empty(case.shape, device=device)
    reason = why_not_fused(probe, **case.spec._asdict())
    return {"name": case.name, "shape": list(case.shape), "buffers": count, "not_fused_reason": reason,
            "past_cache": count * 4 * elements >= cache_bytes, "sample_s": samples, "failed": failed}


def table(result: Dict[str, Any]) -> str:
    """Return one case as text: medians, and how many times faster the fused layer of the same dtype is."""
    samples = result["sample_s"]
    fused = [name for name in samples if name.startswith("fused forward ")]
    lines = ["{} {}: {} rotating buffers, {}".format(
        result["name"], "x".join(map(str, result["shape"])), result["buffers"],
        "past the cache" if result["past_cache"] else "partly in the cache: too little memory for more")]
    if result["not_fused_reason"]:
        lines.append("  NOT FUSED: {}".format(result["not_fused_reason"]))
    for name in sorted(samples, key=lambda name: median(samples[name])):
        reference = "fused forward " + next((word for word in ("bfloat16", "float16") if word in name), "float32")
        if reference not in fused:
            lines.append("  {:<32} {:>10.1f} us".format(name, median(samples[name]) * 1e6))
            continue
        ratio = speed_ratio(samples[name], samples[reference])
        interval = ""
        if ratio.low is not None and ratio.high is not None:
            interval = " [{:.2f}, {:.2f}]".format(ratio.low, ratio.high)
        lines.append("  {:<32} {:>10.1f} us  {:>8.2f}{} x the time of {}".format(
            name, median(samples[name]) * 1e6, ratio.middle, interval, reference))
    lines += ["  {:<32} did not run: {}".format(name, reason) for name, reason in sorted(result["failed"].items())]
    return "\n".join(lines)


def environment(device: torch.device) -> Dict[str, Any]:
    """Return what the numbers depend on."""
    found = {"python": platform.python_version(), "torch": torch.__version__, "cuda": torch.version.cuda,
             "device": str(device), "kernels": status()}  # type: Dict[str, Any]
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found.update(device=properties.name, multiprocessors=properties.multi_processor_count,
                     memory_bytes=properties.total_memory, cudnn=torch.backends.cudnn.version())
    return found


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the benchmark; 1 and a sentence where the device is not there."""
    parser = argparse.ArgumentParser(prog="python -m suites.kernels.cuda.bench", description=__doc__)
    parser.add_argument("--json", help="file for every sample and the environment")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", help="run the cases whose name and shape contain this")
    parser.add_argument("--no-convolutions", action="store_true")
    settings = parser.parse_args(argv)
    device = torch.device(settings.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("there is nothing to measure: torch sees no CUDA device")
        return 1
    timer = cuda_timer if device.type == "cuda" else host_timer
    results = []
    for case in field.SHAPES:
        if settings.only and settings.only not in "{} {}".format(case.name, "x".join(map(str, case.shape))):
            continue
        results.append(run_case(case, device, settings.rounds, settings.seed, timer, field.l2_bytes(device),
                                not settings.no_convolutions))
        print(table(results[-1]))
        sys.stdout.flush()
        gc.collect()
    if settings.json:
        with io.open(settings.json, "w", encoding="utf-8") as file:
            file.write(json.dumps({"environment": environment(device), "rounds": settings.rounds,
                                   "seed": settings.seed, "cases": results}, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
