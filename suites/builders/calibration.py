"""Loads whose answer is known, in memory, work and power."""

import ctypes
import mmap
import time
from typing import Callable, Dict

import torch
from torch import nn

from harness.plan import Case, Subject
from suites.builders.subject import options

MB = 10 ** 6
PAGE = 4096

#: Products in one call of a work load at 100 %; any whole percent more is a whole number of products more.
PRODUCTS = 100
SIDE = 64

#: Length of one period of a duty load (s); its busy part is a count of products, found once and then kept.
PERIOD_S = 0.02


def hold(case: Case, x: torch.Tensor) -> Subject:
    """Return a subject that holds and touches exactly ``mb`` MB, taken the way ``kind`` says."""
    chosen = options(case)
    size = int(chosen["mb"]) * MB
    call = HOLDERS[chosen["kind"]](size, x)
    return Subject(call, reference_reason="a load of known size has no output to check", parameters=0, macs=0)


def _output(size: int, x: torch.Tensor) -> Callable[[], torch.Tensor]:
    return lambda: torch.ones(size, dtype=torch.uint8, device=x.device)


def _weights(size: int, x: torch.Tensor) -> Callable[[], torch.Tensor]:
    held = nn.Parameter(torch.ones(size, dtype=torch.uint8, device=x.device), requires_grad=False)
    return lambda: held[:1]


def _workspace(size: int, x: torch.Tensor) -> Callable[[], torch.Tensor]:
    def call() -> torch.Tensor:
        inside = torch.ones(size, dtype=torch.uint8, device=x.device)
        return inside[:1].clone()

    return call


class _Malloc:
    """Bytes taken past torch's allocator, every one written; freed with the object."""

    def __init__(self, size: int) -> None:
        self._library = ctypes.CDLL(None)
        self._library.malloc.restype = ctypes.c_void_p
        self._library.malloc.argtypes = [ctypes.c_size_t]
        self._library.free.argtypes = [ctypes.c_void_p]
        self._address = self._library.malloc(max(size, 1))
        if not self._address:
            raise MemoryError("malloc gave no {} bytes".format(size))
        ctypes.memset(self._address, 1, size)

    def __del__(self) -> None:
        self._library.free(self._address)


def _malloc(size: int, x: torch.Tensor) -> Callable[[], torch.Tensor]:
    held = _Malloc(size)
    return lambda held=held: x[:1, :1, :1, :1]  # type: ignore[misc]


def _mmap(size: int, x: torch.Tensor) -> Callable[[], torch.Tensor]:
    held = mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for place in range(0, size, PAGE):
        held[place] = 1
    return lambda held=held: x[:1, :1, :1, :1]  # type: ignore[misc]


HOLDERS: Dict[str, Callable[[int, torch.Tensor], Callable[[], torch.Tensor]]] = {
    "output": _output, "weights": _weights, "workspace": _workspace, "malloc": _malloc, "mmap": _mmap}


def same(case: Case, x: torch.Tensor) -> Subject:
    """Return a 1x1 convolution: every case of this builder is the same layer with the same weights."""
    channels = case.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = nn.Conv2d(channels, channels, 1, bias=False).to(device=x.device, dtype=x.dtype)

    def reference(batch: torch.Tensor) -> torch.Tensor:
        weight = layer.weight.detach().cpu().double()[:, :, 0, 0]
        return torch.einsum("oi,nihw->nohw", weight, batch)

    return Subject(lambda: layer(x), reference, parameters=channels * channels, macs=x.numel() * channels)


def _products(count: int, x: torch.Tensor) -> Callable[[], torch.Tensor]:
    """Return a call that does exactly ``count`` products of matrices that stay in the first caches."""
    left = torch.full((SIDE, SIDE), 1.0 / SIDE, device=x.device)
    right, out = torch.ones(SIDE, SIDE, device=x.device), torch.empty(SIDE, SIDE, device=x.device)

    def call() -> torch.Tensor:
        for _ in range(count):
            torch.mm(left, right, out=out)
        return out[None]

    return call


def work(case: Case, x: torch.Tensor) -> Subject:
    """Return a subject that does exactly ``percent`` more than the baseline's work."""
    count = PRODUCTS * (100 + int(options(case)["percent"])) // 100
    return Subject(_products(count, x), lambda batch: torch.ones(len(batch), SIDE, SIDE, dtype=torch.float64)[:1],
                   parameters=0, macs=count * SIDE ** 3)


def duty(case: Case, x: torch.Tensor) -> Subject:
    """Return a subject that is busy for ``percent`` of every period and asleep for the rest.

    The number of products that fill a period is measured once per run and pinned, so that every case of it counts in
    the same unit.
    """
    chosen = options(case)
    fill = int(chosen.get("fill") or _products_in(PERIOD_S, x))
    count = max(1, fill * int(chosen["percent"]) // 100)
    busy = _products(count, x)
    asleep_s = PERIOD_S * (100 - int(chosen["percent"])) / 100.0

    def call() -> torch.Tensor:
        found = busy()
        if x.is_cuda:
            torch.cuda.synchronize()
        time.sleep(asleep_s)
        return found

    return Subject(call, lambda batch: torch.ones(len(batch), SIDE, SIDE, dtype=torch.float64)[:1], parameters=0,
                   macs=count * SIDE ** 3, pinned=(("fill", fill),))


def _products_in(seconds: float, x: torch.Tensor) -> int:
    """Return how many products take ``seconds`` on this device, by the fastest of a few stretches."""
    stretch = _products(PRODUCTS, x)
    best = float("inf")
    for _ in range(20):
        started = time.perf_counter()
        stretch()
        if x.is_cuda:
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return max(1, int(PRODUCTS * seconds / best))

