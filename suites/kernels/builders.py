"""Builders of the kernels suite: the best convolution here, and a layer compiled by torch."""

from typing import Dict, Optional, Tuple

import torch
from torch import nn

from harness.plan import Case, Subject
from suites.builders import dense
from suites.builders.counts import block_wht1d_macs, convolution_macs, wht1d_macs
from suites.builders.subject import options, seeded, subject_of
from suites.kernels.baselines import best_convolution, convolutions
from suites.layers.bwht1d import BlockWalshHadamard1d, block_starts
from suites.layers.wht1d import WalshHadamard1d


class BestConvolution(nn.Module):
    """A convolution with bias that runs the way that was fastest on the input it was made for."""

    def __init__(self, x: torch.Tensor, kernel: int, groups: int) -> None:
        super().__init__()
        channels = x.shape[1]
        made = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=groups)
        self.weight, self.bias = made.weight, nn.Parameter(torch.zeros(channels))
        self.kernel, self.groups = kernel, groups
        self.way: Optional[str] = None

    def choose(self, x: torch.Tensor) -> Tuple[str, torch.Tensor]:
        """Take the fastest way for ``x``; return its name with its backend, and x in its layout."""
        best, _ = best_convolution(x, self._ways(x))
        self.way = best.name
        return "{} ({})".format(best.name, best.backend), x.contiguous(memory_format=best.memory_format)

    def _ways(self, x: torch.Tensor) -> list:
        return convolutions(x, self.weight.detach(), self.bias.detach(), self.kernel // 2, self.groups)

    def settle(self, x: torch.Tensor) -> None:
        """Keep the chosen way's own laid-out weights, once the module has its type and place."""
        self._run = next(way.run for way in self._ways(x) if way.name == self.way)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the convolution of ``x``."""
        return self._run(x)


def convolution(case: Case, x: torch.Tensor) -> Subject:
    """Same-padding convolution with bias in its fastest form here; options ``kernel`` (1), ``groups`` (1)."""
    images, channels, height, width = x.shape
    kernel, groups = options(case).get("kernel", 1), options(case).get("groups", 1)
    module = seeded(lambda: BestConvolution(x, kernel, groups), case).to(device=x.device, dtype=x.dtype)
    chosen, laid_out = module.choose(x)
    module.settle(laid_out)

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        rule = dense.convolution if groups == 1 else dense.depthwise
        return rule(batch, weights["weight"], weights["bias"])

    macs = convolution_macs(images, height * width, channels, channels, kernel * kernel, groups=groups)
    return subject_of(case, laid_out, module, reference, macs, chosen)


def compiled_wht1d(case: Case, x: torch.Tensor) -> Subject:
    """The 1-D layer, whole or in blocks (option ``block_size``), its eager form compiled by torch.

    Where torch cannot compile, the eager form runs and the reason is given.
    """
    images, channels, height, width = x.shape
    block = options(case).get("block_size")
    form = "two-stage" if case.implementation == "compiled two-stage" else "butterfly"
    if block:
        module = BlockWalshHadamard1d(channels, channels, block, 1, form)  # type: nn.Module
        macs = block_wht1d_macs(images * height * width, len(block_starts(channels, channels, block)), block, form)
    else:
        module = WalshHadamard1d(channels, channels, implementation=form)
        macs = wht1d_macs(images * height * width, channels, channels, form)

    def reference(weights: Dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
        if block:
            return dense.block_wht1d(batch, weights["weight"], weights["threshold"], channels, 1)
        return dense.wht1d(batch, weights["threshold"], channels, False)

    reason, implementation = None, "compiled " + form
    if hasattr(torch, "compile"):
        module.compile()
    else:
        reason, implementation = "torch.compile came with torch 2, this is " + torch.__version__, form
    return subject_of(case, x, module, reference, macs, implementation, reason)
