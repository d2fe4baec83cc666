"""Training of learnable heterogeneous convolutions: density loss, warm-up, two stages (arXiv 2301.05440)."""

from typing import List, Optional, Tuple

import torch
from torch import nn

from suites.layers.choices import check_choice
from suites.layers.lhc.layer import LhcConv2d

STAGES = ("coarse", "fine")
# Weight of compute density F and of the distance of weight density D from its target.
COMPUTE_SHARE, DENSITY_SHARE = 0.01, 0.99


def lhc_layers(network: nn.Module) -> List[LhcConv2d]:
    """Return the trainable LHC layers of ``network``, or raise ``ValueError`` if there is none."""
    layers = [layer for layer in network.modules() if isinstance(layer, LhcConv2d)]
    if not layers:
        raise ValueError("this network has no LhcConv2d layer: replace some convolutions first")
    return layers


def densities(network: nn.Module) -> Tuple[torch.Tensor, torch.Tensor]:
    """Return (compute density F, weight density D) over all LHC layers, scalar tensors with gradients.

    F weighs each layer by its output positions, so the network must have run once; raises ``ValueError`` if not.
    """
    layers = lhc_layers(network)
    if any(layer.positions is None for layer in layers):
        raise ValueError("compute density needs the layers' output sizes: run the network once first")
    kept = [layer.kept() for layer in layers]
    sizes = [layer.weight.numel() for layer in layers]
    positions = [layer.positions or 0 for layer in layers]
    compute = sum((k * p for k, p in zip(kept, positions)), kept[0] * 0) / float(
        sum(s * p for s, p in zip(sizes, positions)))
    return compute, sum(kept, kept[0] * 0) / float(sum(sizes))


class DensityLoss:
    """The term that draws the network towards a weight density: scale(epoch) (0.01 F + 0.99 |target - D|).

    ``first_loss`` is the training loss of the first epoch, which sets the scale: s0 = first_loss / (0.01 + 0.99
    max(|1 - target|, target)), and scale(epoch) = epoch / warm_epochs * 4 s0, constant from ``warm_epochs`` on.
    ``target`` -1 switches the term off (accuracy mode).

    Raises ``ValueError`` for a ``target`` outside of 0 to 1 other than -1.
    """

    def __init__(self, target: float, first_loss: float, warm_epochs: int = 20) -> None:
        if target != -1 and not 0 <= target <= 1:
            raise ValueError("the target density must lie between 0 and 1, or be -1 for none, not {}".format(target))
        self.target, self.warm_epochs = target, warm_epochs
        self.unit = first_loss / (COMPUTE_SHARE + DENSITY_SHARE * max(abs(1 - target), target))

    def scale(self, epoch: float) -> float:
        """Return the factor in front of the term at ``epoch``."""
        return 4.0 * self.unit * min(float(epoch) / self.warm_epochs, 1.0)

    def __call__(self, network: nn.Module, epoch: float) -> torch.Tensor:
        """Return the term for ``network`` at ``epoch``; add it to the training loss."""
        compute, weights = densities(network)
        if self.target == -1:
            return compute * 0
        return self.scale(epoch) * (COMPUTE_SHARE * compute + DENSITY_SHARE * (self.target - weights).abs())


def warm_up(network: nn.Module, epoch: int, epochs: int = 20, generator: Optional[torch.Generator] = None) -> None:
    """Draw, for every LHC layer, which output channels use their mask in this epoch (all from ``epochs`` on)."""
    for layer in lhc_layers(network):
        layer.warm_up(epoch, epochs, generator)


def set_stage(network: nn.Module, stage: str) -> None:
    """Start the ``coarse`` stage (masks and weights learn) or the ``fine`` one (masks fixed, weights learn)."""
    check_choice("stage", stage, STAGES)
    for layer in lhc_layers(network):
        layer.effects.requires_grad_(stage == "coarse")


def draw_masks(network: nn.Module, density: float, generator: Optional[torch.Generator] = None) -> None:
    """Give every LHC layer (free shapes) random masks with this share of kept blocks, as training would end with.

    For measuring speed at a density without training; which blocks are kept does not matter to the work. Raises
    ``ValueError`` for a density outside 0 to 1 and for rigid shapes.
    """
    if not 0 <= density <= 1:
        raise ValueError("a density lies between 0 and 1, not {}".format(density))
    for layer in lhc_layers(network):
        if layer.shape != "free":
            raise ValueError("masks of a given density can be drawn for shape='free' only")
        order = torch.randperm(layer.effects.numel(), generator=generator).to(layer.effects.device)
        kept = (order < round(density * layer.effects.numel())).to(layer.effects)
        with torch.no_grad():
            layer.effects.copy_((kept - 0.5).reshape(layer.effects.shape))


def freeze(network: nn.Module, implementation: str = "auto") -> int:
    """Put the inference form in place of every LHC layer inside ``network``; return how many there were."""
    count = 0
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LhcConv2d):
                setattr(parent, name, child.freeze(implementation))
                count += 1
    return count
