"""What the fused layer has to beat: the best convolution here.

``F.conv2d`` is not always the fastest convolution on a CPU: with one thread and a small batch torch takes a
matrix product per image instead of oneDNN, oneDNN itself is faster on channels-last tensors, and faster still on
weights it has packed beforehand, as a frozen network holds them. A ratio against the slow one would flatter, so
every form is timed and the best is the denominator.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

from harness.timing.sampler import Sampler
from suites.kernels.fastest import fastest, hot_sampler

Call = Callable[[], Any]
Run = Callable[[Tensor], Tensor]


class Convolution(NamedTuple):
    """One way to run a convolution: ``run(x)``, the layout ``x`` must have, and the backend that runs it.

    ``run`` owns the weights in the form it needs and nothing else.
    """

    name: str
    run: Run
    memory_format: torch.memory_format
    backend: str


class Sizes(NamedTuple):
    """What a convolution is beyond its tensors; ``relu``: a ReLU follows, in the same call where there is one."""

    padding: int = 0
    stride: int = 1
    groups: int = 1
    relu: bool = False


def backend_of(x: Tensor, weight: Tensor, bias: Optional[Tensor], sizes: Sizes) -> str:
    """Return the name of the backend ``F.conv2d`` takes for this call, ``unknown`` where torch does not tell."""
    select = getattr(torch._C, "_select_conv_backend", None)
    if select is None:
        return "unknown"
    chosen = select(x, weight, bias, (sizes.stride,) * 2, (sizes.padding,) * 2, (1, 1), False, (0, 0), sizes.groups)
    return str(chosen).split(".")[-1].rstrip(">").split(":")[0]


def _default(x: Tensor, weight: Tensor, bias: Optional[Tensor], sizes: Sizes) -> Tuple[Run, str]:
    padding, stride, groups, relu = sizes.padding, sizes.stride, sizes.groups, sizes.relu

    def run(t: Tensor) -> Tensor:
        y = torch.nn.functional.conv2d(t, weight, bias, stride=stride, padding=padding, groups=groups)
        return torch.relu_(y) if relu else y

    return run, backend_of(x, weight, bias, sizes)


def _direct(x: Tensor, weight: Tensor, bias: Optional[Tensor], sizes: Sizes) -> Tuple[Run, str]:
    return _mkldnn(weight, bias, sizes), "oneDNN, called directly"


def _mkldnn(weight: Tensor, bias: Optional[Tensor], sizes: Sizes) -> Run:
    stride, padding, groups, relu = [sizes.stride] * 2, [sizes.padding] * 2, sizes.groups, sizes.relu

    def run(t: Tensor) -> Tensor:
        y = torch.ops.aten.mkldnn_convolution(t, weight, bias, padding, stride, [1, 1], groups)
        return torch.relu_(y) if relu else y

    return run


def _prepacked(x: Tensor, weight: Tensor, bias: Optional[Tensor], sizes: Sizes) -> Tuple[Run, str]:
    """Weights in the blocked order oneDNN asks for, packed once; the ReLU inside where torch has such a call."""
    stride, padding, groups, relu = [sizes.stride] * 2, [sizes.padding] * 2, sizes.groups, sizes.relu
    try:
        pack = torch.ops.mkldnn._reorder_convolution_weight
        packed = pack(weight, padding, stride, [1, 1], groups, list(x.shape))
    except (AttributeError, RuntimeError):  # torch 1 has the older pair, and torch 2 without oneDNN the name alone
        packed = torch._C._nn.mkldnn_reorder_conv2d_weight(weight.to_mkldnn(), padding, stride, [1, 1], groups)
        return _mkldnn(packed, bias, sizes), "oneDNN, weights packed beforehand"
    after, convolve = "relu" if relu else "none", torch.ops.mkldnn._convolution_pointwise

    def run(t: Tensor) -> Tensor:
        y: Tensor = convolve(t, packed, bias, padding, stride, [1, 1], groups, after, [], "")
        return y

    return run, "oneDNN, weights packed beforehand" + ", ReLU inside" * relu


_ONEDNN = {"oneDNN": _direct, "oneDNN prepacked": _prepacked}


def convolutions(x: Tensor, weight: Tensor, bias: Optional[Tensor] = None, padding: int = 0,
                 groups: int = 1, names: Optional[Sequence[str]] = None, stride: int = 1,
                 relu: bool = False) -> List[Convolution]:
    """Return every way to run this convolution here, the default one (``F.conv2d`` on x as it is) first.

    ``relu``: a ReLU follows. ``names`` keeps those ways only and makes no weights for others; raises
    ``ValueError`` where none of them runs here.
    """
    sizes, found = Sizes(padding, stride, groups, relu), []
    makers = {"F.conv2d": _default}
    if x.device.type == "cpu" and torch.backends.mkldnn.is_available():
        makers.update(_ONEDNN)
    for title, make in makers.items():
        for memory_format in (torch.contiguous_format, torch.channels_last):
            name = title + " channels-last" * (memory_format is torch.channels_last)
            if names is not None and name not in names:
                continue
            given = x.contiguous(memory_format=memory_format)
            try:
                run, backend = make(given, weight.contiguous(memory_format=memory_format), bias, sizes)
                if make is not _default:
                    run(given)
            except (RuntimeError, AttributeError):
                if make is _default:
                    raise
                continue  # this torch has no such operator for this type: the list says which forms there are
            found.append(Convolution(name, run, memory_format, backend))
    if not found:
        raise ValueError("no convolution called {} runs here: start a new run".format(" or ".join(names or ())))
    return found


def best_convolution(x: Tensor, ways: Sequence[Convolution],
                     sampler: Optional[Sampler] = None) -> Tuple[Convolution, Dict[str, float]]:
    """Return the fastest of ``ways`` on ``x`` and every way's time in seconds, taken in turns.

    The layout is part of the choice: each way gets ``x`` in its own, made before the clock starts.
    """
    given = {memory_format: x.contiguous(memory_format=memory_format)
             for memory_format in {way.memory_format for way in ways}}

    def bind(way: Convolution) -> Call:
        own = given[way.memory_format]
        return lambda: way.run(own)

    with torch.no_grad():
        index, seconds = fastest([bind(way) for way in ways], sampler or hot_sampler(x.device.type))
    return ways[index], {way.name: value for way, value in zip(ways, seconds)}
