"""What this device does at most: the two lines of a roofline, measured, not read from a data sheet."""

import time
from typing import Any, Callable, Dict, Iterator, Tuple

import torch

#: Bytes of each buffer of the copy: past every cache of a board or a PC.
COPY_BYTES = 160 << 20
TURNS = 5
SIDE = 1024


def measure(device: str, threads: int) -> Dict[str, Any]:
    """Return ``flops_per_s`` and ``bytes_per_s`` (read and written) with the names of what reached them.

    The best of several: matrix product and convolution of torch in float32 without TF32, torch's copy, and on
    a CPU the kernels' own multiply-add loop and their copy past the caches.
    """
    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    with torch.no_grad():
        rates = dict(arithmetic(device))
        copies = dict(copying(device))
    if device == "cpu":
        from suites.kernels import status

        if status()["cpu"]["available"]:
            from suites.kernels.bench.field import roofs

            found = roofs(threads, time.perf_counter)
            rates["multiply-add loop"] = found["multiply_add_gflops"] * 1e9
            copies["copy past the caches"] = found["memory_copy_gb_s"] * 1e9
    fastest, widest = max(rates, key=lambda name: rates[name]), max(copies, key=lambda name: copies[name])
    return {"flops_per_s": rates[fastest], "flops_by": fastest, "bytes_per_s": copies[widest], "bytes_by": widest,
            "device": device, "threads": threads}


def arithmetic(device: str) -> Iterator[Tuple[str, float]]:
    """Yield name and FLOP/s of torch's densest operations."""
    a, b = torch.randn(SIDE, SIDE, device=device), torch.randn(SIDE, SIDE, device=device)
    yield "torch.mm", 2.0 * SIDE ** 3 / best_s(lambda: torch.mm(a, b), device)
    x = torch.randn(1, SIDE, 32, 32, device=device).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(SIDE, SIDE, 1, 1, device=device)
    seconds = best_s(lambda: torch.nn.functional.conv2d(x, weight), device)
    yield "1x1 convolution", 2.0 * x.numel() * SIDE / seconds


def copying(device: str) -> Iterator[Tuple[str, float]]:
    """Yield name and bytes per second of torch's copy of a tensor larger than any cache."""
    x = torch.zeros(COPY_BYTES // 4, device=device)
    y = torch.empty_like(x)
    yield "torch copy", 2.0 * COPY_BYTES / best_s(lambda: y.copy_(x), device)


def best_s(call: Callable[[], Any], device: str) -> float:
    """Return the shortest of a few timed calls after one that warms up."""
    synchronize = torch.cuda.synchronize if device == "cuda" else (lambda: None)
    call()
    synchronize()
    times = []
    for _ in range(TURNS):
        started = time.perf_counter()
        call()
        synchronize()
        times.append(time.perf_counter() - started)
    return min(times)
