"""The shapes of the benchmark and who runs in each: the fused layer first, then all it is measured against."""

import ctypes
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import torch
from torch import Tensor

from suites.kernels import baselines, cpu_call, fused_layer, why_not_fused
from suites.kernels.bench.timing import Entrant
from suites.kernels.geometry import Spec, padded


class Shape(NamedTuple):
    """One input and the layer on it; ``quick`` shapes take seconds."""

    name: str
    shape: Tuple[int, int, int, int]
    spec: Spec
    quick: bool


SHAPES = (
    Shape("1-D 10x1024x32x32", (10, 1024, 32, 32), Spec(), False),
    Shape("2-D 10x1024x32x32", (10, 1024, 32, 32), Spec((2, 3)), False),
    Shape("2-D 10x1024x8x8", (10, 1024, 8, 8), Spec((2, 3)), True),
    Shape("1-D 8x64x56x56", (8, 64, 56, 56), Spec(), True),
    Shape("1-D 8x96x28x28, blocks of 32", (8, 96, 28, 28), Spec(block=32), True),
    Shape("1-D 8x96x28x28, padded to 128", (8, 96, 28, 28), Spec(), False),
    Shape("1-D 8x160x14x14, blocks of 32", (8, 160, 14, 14), Spec(block=32), False),
    Shape("1-D 8x320x14x14, blocks of 64", (8, 320, 14, 14), Spec(block=64), False),
    Shape("1-D 8x320x14x14, padded to 512", (8, 320, 14, 14), Spec(), False),
    Shape("1-D 1x256x14x14", (1, 256, 14, 14), Spec(), True),
)


def options(spec: Spec) -> Dict[str, Any]:
    """Return ``spec`` as keyword arguments of the layer, those not at their defaults."""
    return {name: value for name, value in spec._asdict().items() if value != getattr(Spec(), name)}


def inputs(shape: Shape, seed: int = 1) -> Tuple[Tensor, Tensor]:
    """Return x from N(0, 1) and the papers' ramp of thresholds, 0 to 0.1."""
    made = torch.Generator().manual_seed(seed)
    first, second = padded(shape.shape, shape.spec)
    length = first * second
    return torch.randn(shape.shape, generator=made), torch.arange(length, dtype=torch.float32) / (10 * length)


def forward_entrants(shape: Shape, with_compiled: bool) -> Tuple[List[Entrant], List[str]]:
    """Return the forward field, the fused layer into given memory first, and the absent with reasons."""
    x, threshold = inputs(shape)
    kwargs, absent = options(shape.spec), []
    reason = why_not_fused(x, **kwargs)
    if reason is not None:
        raise RuntimeError("no fused kernel runs here: {}".format(reason))
    y = torch.empty_like(x)
    field = [Entrant("fused", lambda: fused_layer(x, threshold, out=y, **kwargs)),
             Entrant("fused, new output", lambda: fused_layer(x, threshold, **kwargs))]
    field += copy_entrants(x)
    channels = x.shape[1]
    for name, size, groups in (("conv 1x1", 1, 1), ("conv 3x3", 3, 1), ("depthwise 3x3", 3, channels)):
        weight = torch.randn(channels, channels // groups, size, size) * (channels * size * size // groups) ** -0.5
        ways = baselines.convolutions(x, weight, None, size // 2, groups)
        best, times = baselines.best_convolution(x, ways)
        field.append(_convolution("best " + name, best, x))
        if best.name != ways[0].name:
            field.append(_convolution("default " + name, ways[0], x))
    eager = (("eager butterflies", baselines.butterfly_layer(x, threshold, shape.spec)),
             ("eager Kronecker", baselines.kronecker_layer(x, threshold, shape.spec)))
    field += [Entrant(name, _bind(function, x)) for name, function in eager]
    for name, function in eager:
        if with_compiled:
            made, why = baselines.compiled(function, x)
            title = name.replace("eager", "compiled")
            if made is None:
                absent.append("{}: {}".format(title, why))
            else:
                field.append(Entrant(title, _bind(made, x)))
    return field, absent


def _convolution(name: str, way: baselines.Convolution, x: Tensor) -> Entrant:
    return Entrant(name, _bind(way.run, x.contiguous(memory_format=way.memory_format)),
                   "{} ({})".format(way.name, way.backend))


def _bind(function: Callable[[Tensor], Any], x: Tensor) -> Callable[[], Any]:
    return lambda: function(x)


def copy_entrants(x: Tensor) -> List[Entrant]:
    """Return copies of x's bytes into given memory, by the kernels' own threads: what memory allows."""
    handle, to, size = cpu_call.loaded().handle, torch.empty_like(x), x.numel() * 4
    threads = torch.get_num_threads()

    def copier(past_cache: int) -> Callable[[], None]:
        return lambda: handle.wht_copy(x.data_ptr(), to.data_ptr(), size, past_cache, threads)

    return [Entrant("copy past the caches", copier(1)), Entrant("memcpy", copier(0))]


def backward_entrants(shape: Shape) -> List[Entrant]:
    """Return the backward field: gradients of x and the table, the fused ones first, then the forward alone."""
    x, threshold = inputs(shape)
    kwargs = options(shape.spec)
    x.requires_grad_()
    threshold.requires_grad_()
    out = fused_layer(x, threshold, **kwargs)
    gradient = torch.randn_like(out)
    plain = baselines.kronecker_layer(x, threshold, shape.spec)(x)
    weight = torch.randn(x.shape[1], x.shape[1], 1, 1).requires_grad_()
    conv = torch.nn.functional.conv2d(x, weight)

    def grad(y: Tensor, leaves: Tuple[Tensor, ...]) -> Callable[[], Any]:
        return lambda: torch.autograd.grad(y, leaves, gradient, retain_graph=True)

    def forward() -> Tensor:
        with torch.no_grad():
            return fused_layer(x, threshold, **kwargs)

    return [Entrant("fused backward", grad(out, (x, threshold))), Entrant("fused forward", forward),
            Entrant("eager Kronecker backward", grad(plain, (x, threshold))),
            Entrant("default conv 1x1 backward", grad(conv, (x, weight)))]


def roofs(threads: int, clock: Callable[[], float], megabytes: int = 160) -> Dict[str, float]:
    """Return what this machine does at most: GFLOP/s of multiply-adds, GB/s of copies in memory and in cache."""
    handle = cpu_call.loaded().handle
    sink = ctypes.c_float()

    def best(work: Callable[[], float], turns: int = 7) -> float:
        found = 0.0
        for _ in range(turns):
            started = clock()
            amount = work()
            found = max(found, amount / (clock() - started))
        return found

    big = torch.zeros(megabytes << 18)
    other, small = torch.zeros_like(big), torch.zeros(1 << 16)
    small_to = torch.zeros_like(small)

    def copy(a: Tensor, b: Tensor, past: int, times: int) -> float:
        for _ in range(times):
            handle.wht_copy(a.data_ptr(), b.data_ptr(), a.numel() * 4, past, threads)
        return 2.0 * a.numel() * 4 * times

    return {"multiply_add_gflops": best(lambda: handle.wht_multiply_add(2000000, threads, ctypes.byref(sink))) / 1e9,
            "memory_copy_gb_s": best(lambda: copy(big, other, 1, 1)) / 1e9,
            "cache_copy_gb_s": best(lambda: copy(small, small_to, 0, 200)) / 1e9}


def work_of(shape: Shape) -> Dict[str, float]:
    """Return the arithmetic and the memory traffic of one fused forward, counted from its definition.

    Two additions for each of the 2 log2(L) stages' pairs, and 21 operations for each smooth threshold.
    """
    first, second = padded(shape.shape, shape.spec)
    length = first * second
    elements = shape.shape[0] * shape.shape[1] * shape.shape[2] * shape.shape[3]
    axis = shape.shape[1] if shape.spec.dims == (1,) else shape.shape[2] * shape.shape[3]
    coefficients = elements / axis * (-(-axis // length) * length)
    return {"operations": coefficients * (2 * (length.bit_length() - 1) + 21), "bytes": 2.0 * 4 * elements}
