"""Builders of DeBut layers and of the dense layer that each stands in for."""

from typing import Dict, List

import torch
import torch.nn.functional as F
from torch import nn

from harness.plan import Case, Subject
from suites.builders.subject import options, seeded, subject_of
from suites.layers.debut import DebutConv2d, DebutLinear, chain_weights, generate_chain, published_chains


def dense_layer(case: Case, x: torch.Tensor) -> Subject:
    """The dense layer: options ``out_features``, ``kernel`` (0: linear), ``stride`` (1); same padding, with bias."""
    chosen = options(case)
    out, kernel, stride = chosen["out_features"], chosen.get("kernel", 0), chosen.get("stride", 1)

    def make() -> nn.Module:
        if not kernel:
            return nn.Linear(x.shape[-1], out)
        return nn.Conv2d(x.shape[1], out, kernel, stride, kernel // 2)

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        return _dense(batch, weights["weight"].reshape(out, -1), weights["bias"], kernel, stride)

    module = seeded(make, case)
    return subject_of(case, x, module, reference, _positions(x, kernel, stride) * module.weight.numel())  # type: ignore


def debut_layer(case: Case, x: torch.Tensor) -> Subject:
    """The chain layer: options of :func:`dense_layer`, and where its chain comes from.

    ``chains`` and ``index``: a published list and the place in it; else ``kind`` and ``level`` of the generator.
    ``order`` of the columns (``channel``). The case's implementation is the form.
    """
    chosen = options(case)
    out, kernel, stride = chosen["out_features"], chosen.get("kernel", 0), chosen.get("stride", 1)
    wide = x.shape[1] * kernel * kernel if kernel else x.shape[-1]
    chain = (published_chains(chosen["chains"])[chosen["index"]] if "chains" in chosen
             else generate_chain(out, wide, chosen.get("kind", "monotonic"), chosen.get("level")))
    form = case.implementation or "auto"

    def make() -> nn.Module:
        if not kernel:
            return DebutLinear(wide, out, chain, implementation=form, strict=False)
        return DebutConv2d(x.shape[1], out, kernel, chain, stride, kernel // 2, order=chosen.get("order", "channel"),
                           implementation=form, strict=False)

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        matrix = chain_matrix([weights["factors.{}".format(index)] for index in range(len(chain))])
        if chosen.get("order", "channel") == "tap":
            matrix = matrix.reshape(out, kernel * kernel, -1).transpose(1, 2).reshape(out, -1)
        return _dense(batch, matrix, weights["bias"], kernel, stride)

    module = seeded(make, case).to(x.device, x.dtype)
    with torch.set_grad_enabled(case.mode == "training"):
        ran, reason = module.choose(x)  # type: ignore[operator]
    return subject_of(case, x, module, reference, _positions(x, kernel, stride) * chain_weights(chain), ran, reason)


def chain_matrix(weights: List[torch.Tensor]) -> torch.Tensor:
    """Return the product of factors, element by element as their definition reads, (out features, in features).

    Element (b, i, j, k) of a factor's weight stands in row b r t + i t + k, column b s t + j t + k.
    """
    blocks, r, _, t = weights[-1].shape
    total = torch.eye(blocks * r * t, dtype=weights[-1].dtype)
    for weight in reversed(weights):
        blocks, r, s, t = weight.shape
        b, i, j, k = torch.meshgrid(*[torch.arange(n) for n in (blocks, r, s, t)], indexing="ij")
        rows, columns = (b * r * t + i * t + k).flatten(), (b * s * t + j * t + k).flatten()
        total = total.new_zeros(total.shape[0], blocks * s * t).index_add_(
            1, columns, total[:, rows] * weight.flatten())
    return total


def _dense(batch: torch.Tensor, matrix: torch.Tensor, bias: torch.Tensor, kernel: int, stride: int) -> torch.Tensor:
    if not kernel:
        return batch @ matrix.t() + bias
    height, width = [(size + 2 * (kernel // 2) - kernel) // stride + 1 for size in batch.shape[2:]]
    columns = F.unfold(batch, kernel, padding=kernel // 2, stride=stride)
    return (matrix @ columns + bias.reshape(-1, 1)).reshape(batch.shape[0], -1, height, width)


def _positions(x: torch.Tensor, kernel: int, stride: int) -> int:
    if not kernel:
        return x.numel() // x.shape[-1]
    return x.shape[0] * (-(-x.shape[2] // stride)) * (-(-x.shape[3] // stride))
