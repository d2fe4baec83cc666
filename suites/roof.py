"""What this device does at most: the two lines of a roofline for each type, measured, not read from a data sheet."""

import ctypes
import os
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch

from harness.timing.calibrate import calibrate
from harness.timing.sampler import Sampler
from suites.kernels.fastest import hot_sampler

TF32, INT8 = "tf32", "int8"
TYPES = ("float32", TF32, "float16", "bfloat16", INT8, "float64")
#: The type of ``flops_per_s``, which a layer in float32 without TF32 lies under.
PLAIN = "float32"
TF32_CAPABILITY = (8, 0)
#: Bytes of each buffer of the copy: past every cache of a board or a PC, and on a GPU so many times its L2.
COPY_BYTES, COPY_TIMES_L2 = 160 << 20, 4

#: Bytes that a copy reads and writes within the caches of a CPU, each more than the one before holds.
CACHED_BYTES = tuple(1 << power for power in (18, 20, 22, 24, 26))

#: Pixels of the convolution in int8, which grows in channels.
INT8_PIXELS = 1024

Make = Callable[[int], Tuple[Callable[[], Any], float]]


class Limits(NamedTuple):
    """Bounds of the measurement of one type.

    The side of the product doubles from ``first_side`` to ``last_side`` until two doublings in a row gain less than
    ``settled``, or a call would take longer than ``call_s``, or its matrices more than ``memory_share`` of what is
    free. The device works for ``warm_s`` before the first sample; a rate is the best of ``turns`` samples of
    ``sample_s`` at least.
    """

    warm_s: float = 0.5
    sample_s: float = 0.02
    turns: int = 5
    settled: float = 0.03
    call_s: float = 0.25
    first_side: int = 256
    last_side: int = 8192
    memory_share: float = 0.25


class Rate(NamedTuple):
    """Work per second and the side of the product that reached it."""

    per_s: float
    side: int


def measure(device: str, threads: int, types: Sequence[str] = TYPES,
            limits: Limits = Limits()) -> Dict[str, Any]:  # noqa: B008 - immutable
    """Return the device's limits: FLOP/s for each type and bytes per second (read and written), JSON-ready.

    ``flops_per_s_by_dtype`` and ``flops_by_dtype`` (what reached it) have a value for each of ``types`` and for
    :data:`PLAIN`, ``None`` where ``flops_per_s_by_dtype_reason`` says why. ``flops_per_s`` is the one of float32
    without TF32. The best of torch's matrix product and 1x1 convolution (in int8 the convolution alone) and, on a
    CPU in float32, the kernels' own multiply-add loop; for bytes torch's copy and the kernels' copy past the caches.
    ``bytes_per_s_by_size``: on a CPU the same of smaller copies, which its caches hold, by the bytes they move.
    Timed by events on CUDA, launches hidden.
    """
    torch.set_num_threads(threads)
    sampler = hot_sampler(device)
    flops: Dict[str, Optional[float]] = {}
    by: Dict[str, Optional[str]] = {}
    reasons: Dict[str, str] = {}
    with torch.no_grad():
        for name in [PLAIN] + [one for one in types if one != PLAIN]:
            try:
                rates = dict(arithmetic(device, name, sampler, limits))
                if device == "cpu" and name == PLAIN:
                    rates.update(multiply_add_loop(threads, sampler, limits))
                best = max(rates, key=lambda one: rates[one])
                by[name], flops[name] = best, rates[best]
            except RuntimeError as error:  # this device or this torch does not do this type
                flops[name] = by[name] = None
                reasons[name] = str(error).strip().splitlines()[0]
        copies = dict(copying(device, threads, sampler, limits))
        cached = {} if device == "cuda" else dict(cached_copies(threads, sampler, limits))
    widest = max(copies, key=lambda one: copies[one])
    found: Dict[str, Any] = {
        "flops_per_s": flops[PLAIN], "flops_by": by[PLAIN], "flops_per_s_by_dtype": flops, "flops_by_dtype": by,
        "flops_per_s_by_dtype_reason": reasons, "bytes_per_s": copies[widest], "bytes_by": widest, "device": device,
        "threads": threads}
    if cached:
        found["bytes_per_s_by_size"] = {str(size): value for size, value in cached.items()}
    return found if PLAIN not in reasons else dict(found, flops_per_s_reason=reasons[PLAIN])


def arithmetic(device: str, name: str, sampler: Sampler, limits: Limits) -> Iterator[Tuple[str, float]]:
    """Yield name and FLOP/s of torch's densest operations in type ``name``; ``RuntimeError`` where there are none."""
    if name not in TYPES:
        raise RuntimeError("no roof is known for the type '{}'".format(name))
    if name == INT8:
        yield from quantised(device, sampler, limits)
        return
    if name == TF32 and (device != "cuda" or torch.cuda.get_device_capability() < TF32_CAPABILITY):
        raise RuntimeError("TF32 needs a CUDA device of capability 8.0 or newer")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = name == TF32
    dtype = torch.float32 if name == TF32 else getattr(torch, name)

    def product(side: int) -> Tuple[Callable[[], Any], float]:
        a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        out = torch.mm(a, b)
        return lambda: torch.mm(a, b, out=out), 2.0 * side ** 3

    def convolution(side: int) -> Tuple[Callable[[], Any], float]:
        x = torch.randn(1, side, 32, 32, device=device).to(dtype).contiguous(memory_format=torch.channels_last)
        weight = torch.randn(side, side, 1, 1, device=device).to(dtype)
        return lambda: torch.nn.functional.conv2d(x, weight), 2.0 * x.numel() * side

    try:
        largest = side_that_fits(free_bytes(device) * limits.memory_share, torch.empty(0, dtype=dtype).element_size())
        best = grown(product, sampler, limits, largest)
        yield "torch.mm", best.per_s
        yield "1x1 convolution", rate(convolution, min(best.side, 2048), sampler, limits)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


def quantised(device: str, sampler: Sampler, limits: Limits) -> Iterator[Tuple[str, float]]:
    """Yield name and operations per second of the 1x1 convolution in int8; ``RuntimeError`` where there is none."""
    from suites.builders.quantised import product

    if device != "cpu":
        raise RuntimeError("torch quantises convolutions on the CPU only")

    def convolution(side: int) -> Tuple[Callable[[], Any], float]:
        return product(side, INT8_PIXELS), 2.0 * INT8_PIXELS * side ** 2

    yield "int8 1x1 convolution", grown(convolution, sampler, limits, side_that_fits(
        free_bytes(device) * limits.memory_share, 4)).per_s


def grown(make: Make, sampler: Sampler, limits: Limits, largest: Optional[int] = None) -> Rate:
    """Return the highest rate over sides that double until it has settled; see :class:`Limits`.

    ``make(side)`` returns a call and its work. Raises ``RuntimeError`` if not even the first side runs.
    """
    warm(make(limits.first_side)[0], sampler, limits)
    best, idle, side = Rate(0.0, limits.first_side), 0, limits.first_side
    while side <= min(limits.last_side, largest or limits.last_side) or not best.per_s:
        try:
            call, work = make(side)
            found = rate(lambda _: (call, work), side, sampler, limits)  # noqa: B023 - called at once
        except RuntimeError:  # out of memory after all
            if not best.per_s:
                raise
            break
        idle = idle + 1 if found < (1.0 + limits.settled) * best.per_s else 0
        best = max(best, Rate(found, side))
        if idle == 2 or 8.0 * work / found > limits.call_s:
            break
        side *= 2
    return best


def rate(make: Make, side: int, sampler: Sampler, limits: Limits) -> float:
    """Return the work per second of ``make(side)``: the best of a few samples."""
    call, work = make(side)
    sampler.sample(call, 1)
    calls = calibrate(sampler, call, limits.sample_s).calls
    return max(work * calls / sampler.sample(call, calls).seconds for _ in range(limits.turns))


def warm(call: Callable[[], Any], sampler: Sampler, limits: Limits) -> None:
    """Keep the device busy with ``call`` until its clock has had time to ramp up."""
    sampler.sample(call, 1)
    calls, spent = calibrate(sampler, call, limits.sample_s).calls, 0.0
    while spent < limits.warm_s:
        spent += max(sampler.sample(call, calls).seconds, 1e-6)


def side_that_fits(free: float, element_bytes: int) -> int:
    """Return the largest side whose three matrices fit into ``free`` bytes."""
    return int((free / (3.0 * element_bytes)) ** 0.5)


def free_bytes(device: str) -> float:
    """Return the bytes of memory that are free on ``device``, half of all where it does not tell."""
    if device == "cuda":
        ask = getattr(torch.cuda, "mem_get_info", None)  # torch 1.11 and newer
        total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
        return float(ask()[0]) if ask is not None else total / 2.0
    return float(os.sysconf("SC_AVPHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")


def multiply_add_loop(threads: int, sampler: Sampler, limits: Limits) -> Dict[str, float]:
    """Return name and FLOP/s of the CPU kernels' multiply-add loop, nothing where they are not there."""
    handle = _kernels()
    if handle is None:
        return {}
    sink, rounds = ctypes.c_float(), 200000
    operations = float(handle.wht_multiply_add(rounds, threads, ctypes.byref(sink)))
    return {"multiply-add loop": rate(lambda _: (
        lambda: handle.wht_multiply_add(rounds, threads, ctypes.byref(sink)), operations), 0, sampler, limits)}


def copying(device: str, threads: int, sampler: Sampler, limits: Limits) -> Iterator[Tuple[str, float]]:
    """Yield name and bytes per second of copies of a tensor larger than any cache."""
    size = COPY_BYTES
    if device == "cuda":
        from harness.timing.l2_cache import flush_size

        size = max(size, COPY_TIMES_L2 * (flush_size(torch, torch.cuda.current_device()).l2_bytes or 0))
    size = int(min(size, free_bytes(device) * limits.memory_share / 2.0)) // 4 * 4
    x = torch.zeros(size // 4, device=device)
    y = torch.empty_like(x)
    ways: Dict[str, Callable[[], Any]] = {"torch copy": lambda: y.copy_(x)}
    handle = _kernels() if device == "cpu" else None
    if handle is not None:
        ways["copy past the caches"] = lambda: handle.wht_copy(x.data_ptr(), y.data_ptr(), size, 1, threads)
    warm(ways["torch copy"], sampler, limits)
    for name, call in ways.items():
        yield name, rate(lambda _: (call, 2.0 * size), 0, sampler, limits)  # noqa: B023 - called at once


def cached_copies(threads: int, sampler: Sampler, limits: Limits) -> Iterator[Tuple[int, float]]:
    """Yield the bytes that a copy moves and its bytes per second, for sizes that caches may hold."""
    handle = _kernels()
    for size in CACHED_BYTES:
        x = torch.zeros(size // 8)
        y = torch.empty_like(x)
        ways: List[Callable[[], Any]] = [lambda: y.copy_(x)]  # noqa: B023 - called at once
        if handle is not None:
            ways.append(lambda: handle.wht_copy(x.data_ptr(), y.data_ptr(), size // 2, 0, threads))  # noqa: B023
        yield size, max(rate(lambda _: (call, float(size)), 0, sampler, limits) for call in ways)  # noqa: B023


def _kernels() -> Any:
    from suites.kernels import cpu_call

    return cpu_call.loaded().handle
