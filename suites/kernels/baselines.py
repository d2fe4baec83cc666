"""What the fused layer has to beat: the best convolution here, and the layer as frameworks would run it.

``F.conv2d`` is not always the fastest convolution on a CPU: with one thread and a small batch torch takes a
matrix product per image instead of oneDNN, and oneDNN itself is faster on channels-last tensors. A ratio
against the slow one would flatter, so every form is timed and the best is the denominator.
"""

import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

from suites.kernels.geometry import Spec, padded
from suites.kernels.plain import plain_layer, threshold_of

Call = Callable[[], Any]


class Convolution(NamedTuple):
    """One way to run a convolution: ``run(x)``, the layout ``x`` must have, and the backend that runs it."""

    name: str
    run: Callable[[Tensor], Tensor]
    memory_format: torch.memory_format
    backend: str


def backend_of(x: Tensor, weight: Tensor, bias: Optional[Tensor], padding: int, groups: int) -> str:
    """Return the name of the backend ``F.conv2d`` takes for this call, ``unknown`` where torch does not tell."""
    select = getattr(torch._C, "_select_conv_backend", None)
    if select is None:
        return "unknown"
    chosen = select(x, weight, bias, (1, 1), (padding, padding), (1, 1), False, (0, 0), groups)
    return str(chosen).split(".")[-1].rstrip(">").split(":")[0]


def convolutions(x: Tensor, weight: Tensor, bias: Optional[Tensor] = None, padding: int = 0,
                 groups: int = 1, names: Optional[Sequence[str]] = None) -> List[Convolution]:
    """Return every way to run this convolution here, the default one (``F.conv2d`` on x as it is) first.

    ``names`` keeps those ways only; raises ``ValueError`` where none of them runs here.
    """
    contiguous, last = torch.contiguous_format, torch.channels_last
    laid_out = {contiguous: weight.contiguous(), last: weight.contiguous(memory_format=last)}

    def default(memory_format: torch.memory_format) -> Convolution:
        own = laid_out[memory_format]
        given = x.contiguous(memory_format=memory_format)
        return Convolution("F.conv2d" + (" channels-last" if memory_format is last else ""),
                           lambda t: torch.nn.functional.conv2d(t, own, bias, padding=padding, groups=groups),
                           memory_format, backend_of(given, own, bias, padding, groups))

    def direct(memory_format: torch.memory_format) -> Convolution:
        own = laid_out[memory_format]
        return Convolution("oneDNN" + (" channels-last" if memory_format is last else ""),
                           lambda t: torch.ops.aten.mkldnn_convolution(t, own, bias, [padding] * 2, [1, 1], [1, 1],
                                                                       groups),
                           memory_format, "oneDNN, called directly")

    found = [default(contiguous), default(last)]
    if x.device.type == "cpu" and torch.backends.mkldnn.is_available():
        for one in (direct(contiguous), direct(last)):
            if names is not None and one.name not in names:
                continue
            try:
                one.run(x.contiguous(memory_format=one.memory_format))
            except (RuntimeError, AttributeError):
                continue  # this torch has no such operator for this type: the list says which forms there are
            found.append(one)
    found = [one for one in found if names is None or one.name in names]
    if not found:
        raise ValueError("no convolution called {} runs here: start a new run".format(" or ".join(names or ())))
    return found


def best_convolution(x: Tensor, ways: Sequence[Convolution], clock: Callable[[], float] = time.perf_counter,
                     rounds: int = 5) -> Tuple[Convolution, Dict[str, float]]:
    """Return the fastest of ``ways`` on ``x`` and every way's best time in seconds, taken in turns.

    The layout is part of the choice: each way gets ``x`` in its own, made before the clock starts.
    """
    given = [x.contiguous(memory_format=way.memory_format) for way in ways]
    best = [float("inf")] * len(ways)
    with torch.no_grad():
        for turn in range(rounds + 1):
            for index, way in enumerate(ways):
                started = clock()
                way.run(given[index])
                seconds = clock() - started
                if turn:  # the first turn makes oneDNN's primitives
                    best[index] = min(best[index], seconds)
    order = sorted(range(len(ways)), key=lambda index: best[index])
    return ways[order[0]], {way.name: seconds for way, seconds in zip(ways, best)}


def _matrix(length: int, like: Tensor) -> Tensor:
    h = torch.ones(1, 1, dtype=like.dtype, device=like.device)
    while h.shape[0] < length:
        h = torch.cat((torch.cat((h, h), 1), torch.cat((h, -h), 1)))
    return h * length ** -0.5


def kronecker_layer(x: Tensor, threshold: Tensor, spec: Spec) -> Callable[[Tensor], Tensor]:
    """Return the layer as two matrix products for each transform (H = H1 kron H2), the best eager form.

    Smooth threshold, natural order, orthonormal, no scale; the matrices are made once, outside the call.
    """
    p1, p2 = padded(x.shape, spec)
    images, channels, height, width = x.shape
    pad = torch.nn.functional.pad
    if spec.dims == (2, 3):
        first, second = _matrix(p1, x), _matrix(p2, x)
        table = threshold.reshape(p1, p2)

        def planes(t: Tensor) -> Tensor:
            v = first @ pad(t, (0, p2 - width, 0, p1 - height)) @ second
            return (first @ threshold_of(v, table, "smooth") @ second)[:, :, :height, :width]

        return planes
    half = 1 << (p2.bit_length() - 1) // 2
    first, second = _matrix(p2 // half, x), _matrix(half, x)
    blocks = -(-channels // p2)
    pixels = height * width
    rows = threshold.reshape(1, p2 // half, half, 1)

    def both(t: Tensor) -> Tensor:
        inner = second @ t.reshape(images * blocks, p2 // half, half, pixels)
        return (first @ inner.reshape(images * blocks, p2 // half, half * pixels)).reshape(
            images * blocks, p2 // half, half, pixels)

    def along(t: Tensor) -> Tensor:
        whole = pad(t, (0, 0, 0, 0, 0, blocks * p2 - channels))
        y = both(threshold_of(both(whole), rows, "smooth"))
        return y.reshape(images, blocks * p2, height, width)[:, :channels]

    return along


def butterfly_layer(x: Tensor, threshold: Tensor, spec: Spec) -> Callable[[Tensor], Tensor]:
    """Return the layer as torch users write it: one pass over memory for each stage of the butterflies."""
    return lambda t: plain_layer(t, threshold, None, spec)


def compiled(function: Callable[[Tensor], Tensor],
             x: Tensor) -> Tuple[Optional[Callable[[Tensor], Tensor]], Optional[str]]:
    """Return ``torch.compile(function)`` warmed up on ``x``, or ``None`` and the reason in words."""
    if not hasattr(torch, "compile"):
        return None, "torch.compile came with torch 2, this is {}".format(torch.__version__)
    made = torch.compile(function, fullgraph=True)
    try:
        with torch.no_grad():
            made(x)
    except Exception as error:  # the compiler's errors have no common type; the reason is recorded
        return None, "torch.compile failed: {}".format(str(error).strip().splitlines()[0][:200])
    return made, None
