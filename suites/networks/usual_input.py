"""An input for a network that came without one: the first usual shape on which it runs."""

from typing import Iterator

import torch
from torch import nn

from suites.networks.sample import run

#: Sides of square images: ImageNet's, CIFAR's, MNIST's.
SIDES = (224, 32, 28)
#: Points or steps, and tokens.
LENGTH, TOKENS = 1024, 16


def usual_input(network: nn.Module) -> torch.Tensor:
    """Return zeros in a shape that its first layer suggests and the network runs on.

    Raises ``ValueError`` if it runs on none.
    """
    said = "it begins with no layer that tells its input"
    for example in _guesses(network):
        try:
            run(network, example)
            return example
        except Exception as error:  # whatever a foreign network raises, the next shape may do
            said = str(error)
    raise ValueError("{} runs on no usual input ({}): pass an example of its input".format(
        type(network).__name__, said))


def _guesses(network: nn.Module) -> Iterator[torch.Tensor]:
    for layer in network.modules():
        weight = getattr(layer, "weight", None)
        if not isinstance(weight, torch.Tensor):
            continue
        if isinstance(layer, nn.Embedding):
            yield weight.new_zeros((1, TOKENS), dtype=torch.long)
        elif isinstance(layer, nn.Linear):
            for shape in ((1, layer.in_features), (1, TOKENS, layer.in_features)):
                yield weight.new_zeros(shape)
        elif isinstance(layer, nn.Conv1d):
            yield weight.new_zeros((1, layer.in_channels, LENGTH))
        elif isinstance(layer, nn.Conv2d):
            for side in SIDES:
                yield weight.new_zeros((1, layer.in_channels, side, side))
        else:
            continue
        return
