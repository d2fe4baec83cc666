"""VGG-16 and VGG-19 for 32x32 images and larger (Simonyan 2014), with the heads that the papers give them."""

from collections import OrderedDict
from typing import List

import torch
from torch import nn

# Convolutions per stage; every stage ends in a 2x2 max-pool.
DEPTHS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)
HEADS = ("one", "two")


class Vgg(nn.Module):
    """3x3 convolutions with bias, five poolings, global average, head. (N, 3, H, W) to (N, num_classes), H, W >= 32.

    ``head`` ``one`` is a linear layer; ``two`` is 512-512 with batch norm and ReLU before it (DeBut, CIFAR-10).
    """

    def __init__(self, depth: int, num_classes: int, head: str, batch_norm: bool) -> None:
        super().__init__()
        layers = OrderedDict()  # type: OrderedDict[str, nn.Module]
        channels, number = 3, 0
        for stage, (repeats, width) in enumerate(zip(DEPTHS[depth], WIDTHS)):
            for _ in range(repeats):
                number += 1
                layers["conv{}".format(number)] = nn.Conv2d(channels, width, 3, 1, 1)
                if batch_norm:
                    layers["bn{}".format(number)] = nn.BatchNorm2d(width)
                layers["relu{}".format(number)] = nn.ReLU()
                channels = width
            layers["pool{}".format(stage + 1)] = nn.MaxPool2d(2)
        self.features = nn.Sequential(layers)
        tail = OrderedDict()  # type: OrderedDict[str, nn.Module]
        if head == "two":
            tail["fc1"], tail["bn"], tail["relu"] = nn.Linear(channels, 512), nn.BatchNorm1d(512), nn.ReLU()
        tail["fc2" if head == "two" else "fc1"] = nn.Linear(channels, num_classes)
        self.classifier = nn.Sequential(tail)
        self.convolutions = number
        if not batch_norm:
            # Without norms torch's default start fades out over so many layers.
            for layer in self.features:
                if isinstance(layer, nn.Conv2d):
                    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def layer_names(self, kind: str) -> List[List[str]]:
        """Return, one per block, the names of its layers of a kind: ``spatial``, ``every3x3`` or ``dense``."""
        if kind in ("spatial", "every3x3"):
            return [["features.conv{}".format(number)] for number in range(2, self.convolutions + 1)]
        return [["classifier.fc1"]] if kind == "dense" and hasattr(self.classifier, "fc2") else []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return class scores for images ``x`` (N, 3, H, W)."""
        return self.classifier(self.features(x).mean((2, 3)))
