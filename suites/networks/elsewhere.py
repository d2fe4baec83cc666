"""Products that a network makes outside the layers known to ``macs``, seen operator by operator while it runs."""

import contextlib
from typing import Any, Dict, Iterator

import torch
from torch import nn

from suites.networks.tally import Tally
from suites.networks.uses import tensors_in

#: Operators that only move, gather or normalise a parameter; those on single elements torch marks itself.
MOVING = frozenset((
    "alias", "as_strided", "cat", "clone", "contiguous", "copy_", "detach", "embedding", "expand", "index",
    "index_select", "native_batch_norm", "native_group_norm", "native_layer_norm", "permute", "repeat", "select",
    "slice", "split", "squeeze", "stack", "t", "_to_copy", "transpose", "unbind", "unsqueeze", "view",
    "_unsafe_view", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "cudnn_batch_norm",
    "miopen_batch_norm", "_reshape_alias", "_fused_rms_norm"))


class Elsewhere:
    """The multiply-accumulates seen so far."""

    def __init__(self) -> None:
        self.macs = 0


@contextlib.contextmanager
def counting_elsewhere(counts: Tally) -> Iterator[Elsewhere]:
    """Count, by torch's own formulas, what runs inside the block but outside the layers that ``counts`` knows.

    Raises ``ValueError`` where torch has no formulas (before 2.1) or an operator without one takes a parameter of a
    layer that no rule knows: its work would be left out.
    """
    seen = Elsewhere()
    owners = {id(tensor): (name, layer) for name, layer in counts.unknown
              for tensor in layer.parameters(recurse=False)}
    try:
        from torch.utils._python_dispatch import TorchDispatchMode
        from torch.utils.flop_counter import flop_registry, sdpa_flop_count
    except ImportError:
        for name, layer in counts.unknown:
            raise unknown_work(name, layer) from None
        yield seen
        return
    formulas: Dict[Any, Any] = dict(flop_registry)
    on_cpu = getattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu", None)
    if on_cpu is not None:  # torch knows attention on CUDA alone
        formulas.setdefault(on_cpu, lambda query, key, value, *rest, **more: sdpa_flop_count(
            query.shape, key.shape, value.shape))

    class Mode(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            if counts.depth == 0:
                packet = func._overloadpacket
                if packet in formulas:
                    seen.macs += int(formulas[packet](*args, **(kwargs or {}), out_val=result)) // 2
                elif torch.Tag.pointwise not in func.tags and packet.__name__ not in MOVING:
                    for tensor in tensors_in(args):
                        if id(tensor) in owners:
                            raise unknown_work(*owners[id(tensor)])
            return result

    with _no_fast_path(), Mode():
        yield seen


def unknown_work(name: str, layer: nn.Module) -> ValueError:
    """Return the error for a layer whose multiply-accumulates nobody can tell."""
    return ValueError("no rule counts the work of {} '{}': add one to suites/networks/macs.py".format(
        type(layer).__name__, name))


@contextlib.contextmanager
def _no_fast_path() -> Iterator[None]:
    """Keep torch's encoder layers from running as one operator, which no formula counts."""
    mha = getattr(torch.backends, "mha", None)
    if mha is None:
        yield
        return
    before = mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        mha.set_fastpath_enabled(before)
