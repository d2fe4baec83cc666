"""What is timed: the fused layer, a copy, and the convolutions, each over rotating buffers past the L2 cache."""

from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from suites.kernels import fused_layer, operator
from suites.kernels.geometry import Spec, padded
from suites.kernels.plain import plain_layer

UNKNOWN_L2_BYTES = 128 << 20
# Inputs and outputs together pass the cache this many times before a buffer comes round again.
TIMES_L2 = 4
MOST_BUFFERS = 4096


class Shape(NamedTuple):
    """One layer of the benchmark: the input and which transform replaces which convolution."""

    name: str
    shape: Tuple[int, int, int, int]
    spec: Spec


SHAPES = (
    Shape("1-D", (10, 1024, 32, 32), Spec()),
    Shape("1-D", (10, 1024, 8, 8), Spec()),
    Shape("1-D", (8, 64, 56, 56), Spec()),
    Shape("1-D, blocks of 32", (8, 96, 28, 28), Spec(block=32)),
    Shape("1-D, blocks of 32", (8, 160, 14, 14), Spec(block=32)),
    Shape("1-D, blocks of 64", (8, 320, 14, 14), Spec(block=64)),
    Shape("1-D", (1, 256, 14, 14), Spec()),
    Shape("2-D", (10, 1024, 32, 32), Spec(dims=(2, 3))),
    Shape("2-D", (10, 1024, 8, 8), Spec(dims=(2, 3))),
    Shape("2-D, 14 padded to 16", (8, 320, 14, 14), Spec(dims=(2, 3))),
)


class Entrant(NamedTuple):
    """One thing to time: ``call(turn)`` works on the turn's buffer; ``tf32``: float32 convolutions may use TF32."""

    name: str
    call: Callable[[int], None]
    tf32: bool


def l2_bytes(device: torch.device) -> int:
    """Return the size of the last cache before memory, a generous guess where torch does not tell."""
    if device.type != "cuda":
        return UNKNOWN_L2_BYTES
    return int(getattr(torch.cuda.get_device_properties(device), "L2_cache_size", 0)) or UNKNOWN_L2_BYTES


def buffer_count(bytes_each: int, cache_bytes: int, free_bytes: Optional[int]) -> int:
    """Return how many inputs to rotate, at least two, so that none is in the cache when its turn comes."""
    wanted = max(2, -(-TIMES_L2 * cache_bytes // bytes_each))
    if free_bytes is not None:
        # Inputs of three types in two orders are four of float32, the outputs a fifth, backward's a sixth.
        wanted = min(wanted, max(2, free_bytes // (2 * 6 * bytes_each)))
    return min(wanted, MOST_BUFFERS)


def apply_switches(tf32: bool) -> None:
    """Set torch's switches for what is called next."""
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True


class Buffers:
    """The rotating inputs, shared by all entrants, and as many of the last outputs."""

    def __init__(self, shape: Sequence[int], device: torch.device, count: int, seed: int) -> None:
        self.host = torch.randn(tuple(shape), generator=torch.Generator().manual_seed(seed))
        self.device, self.count = device, count
        self._inputs: Dict[Tuple[torch.dtype, bool], List[Tensor]] = {}
        self._kept = [None] * count  # type: List[Any]
        self._turn = 0

    def inputs(self, dtype: torch.dtype, last: bool) -> List[Tensor]:
        """Return equal inputs in different places, made on first use."""
        if (dtype, last) not in self._inputs:
            first = self.host.to(dtype).to(self.device)
            if last:
                first = first.contiguous(memory_format=torch.channels_last)
            self._inputs[dtype, last] = [first] + [first.clone() for _ in range(self.count - 1)]
        return self._inputs[dtype, last]

    def keep(self, output: Any) -> None:
        """Hold ``output`` until as many others came, so that its memory is not written again before."""
        self._kept[self._turn % self.count] = output
        self._turn += 1

    def each(self, dtype: torch.dtype, last: bool, call: Callable[[Tensor, Tensor], Any]) -> Callable[[int], None]:
        """Return a function of the turn that calls ``call`` with the turn's input and the one after it."""
        inputs = self.inputs(dtype, last)

        def run(turn: int) -> None:
            with torch.no_grad():
                self.keep(call(inputs[turn % self.count], inputs[(turn + 1) % self.count]))
        return run


def entrants(case: Shape, buffers: Buffers, convolutions: bool = True) -> Iterator[Entrant]:
    """Yield what is timed for ``case``; the first one is the copy in float32."""
    points = padded(case.shape, case.spec)[0] * padded(case.shape, case.spec)[1]
    threshold = (torch.arange(points, dtype=torch.float32) / (10 * points)).to(buffers.device)
    keywords = case.spec._asdict()
    for dtype, last in ((torch.float32, False), (torch.float32, True), (torch.float16, False),
                        (torch.bfloat16, False)):
        title = str(dtype).replace("torch.", "") + (" channels-last" if last else "")
        yield Entrant("clone " + title, buffers.each(dtype, last, lambda x, _: x.clone()), False)
        yield Entrant("fused forward " + title,
                      buffers.each(dtype, last, lambda x, _: fused_layer(x, threshold, **keywords)), False)
        if dtype == torch.float32:
            yield Entrant("fused backward " + title, buffers.each(
                dtype, last, lambda x, g: operator.backward(g, x, threshold, None, case.spec)), False)
    yield Entrant("plain torch float32", buffers.each(
        torch.float32, False, lambda x, _: plain_layer(x, threshold, None, case.spec)), False)
    for kernel in (1, 3) if convolutions else ():
        for entrant in _convolutions(case.shape[1], kernel, buffers):
            yield entrant


def _convolutions(channels: int, kernel: int, buffers: Buffers) -> Iterator[Entrant]:
    weight = torch.randn(channels, channels, kernel, kernel) * (channels * kernel * kernel) ** -0.5
    for dtype, word, tf32 in ((torch.float32, "float32", False), (torch.float32, "TF32", True),
                              (torch.float16, "float16", False), (torch.bfloat16, "bfloat16", False)):
        for last in (False, True):
            made = weight.to(dtype).to(buffers.device)
            if last:
                made = made.contiguous(memory_format=torch.channels_last)
            yield Entrant("conv{0}x{0} {1}{2}".format(kernel, word, " channels-last" if last else ""),
                          buffers.each(dtype, last, _convolution(made, kernel // 2)), tf32)


def _convolution(weight: Tensor, padding: int) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda x, _: F.conv2d(x, weight, padding=padding)
