"""Builder of the copy: what memory alone allows a layer that reads its input once and writes its output once."""

from typing import Callable

import torch

from harness.plan import Case, Subject
from suites.kernels import cpu_call


def clone(case: Case, x: torch.Tensor) -> Subject:
    """The input copied into new memory, in its own layout."""
    def call() -> torch.Tensor:
        with torch.inference_mode():
            return x.clone()

    return Subject(call=call, reference=lambda batch: batch, implementation="torch clone", parameters=0, macs=0)


def kernels_copy(case: Case, x: torch.Tensor) -> Subject:
    """The input copied into memory that is there already, by the kernels' own threads: the least a CPU can do.

    The implementation is ``memcpy`` or ``past the caches`` (non-temporal stores).

    Raises ``ValueError`` for any other, and ``RuntimeError`` where the kernels are not here.
    """
    if case.implementation not in ("memcpy", "past the caches"):
        raise ValueError("no copy is called '{}': use memcpy or past the caches".format(case.implementation))
    to = torch.empty_like(x)
    copy = copier(x, to, case.implementation != "memcpy", case.threads)

    def call() -> torch.Tensor:
        copy()
        return to

    return Subject(call=call, reference=lambda batch: batch, implementation=case.implementation, parameters=0, macs=0)


def copier(x: torch.Tensor, to: torch.Tensor, past_cache: bool, threads: int) -> Callable[[], None]:
    """Return a call that copies the bytes of ``x`` into ``to``, by memcpy or by stores past the caches.

    Both are laid out alike, begin with a cache line and fill whole ones; raises ``ValueError`` otherwise.
    """
    library, size = cpu_call.loaded(), x.numel() * x.element_size()
    if library.handle is None:
        raise RuntimeError("the kernels' copy is not here: {}".format(library.reason))
    if size % 64 or x.data_ptr() % 64 or to.data_ptr() % 64 or x.stride() != to.stride():
        raise ValueError("the kernels copy whole lines of 64 bytes: use a tensor of a multiple of 64 bytes")
    return lambda: library.handle.wht_copy(x.data_ptr(), to.data_ptr(), size, int(past_cache), threads)
