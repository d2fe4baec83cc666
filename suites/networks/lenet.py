"""LeNet-mod: the small MNIST network of the DeBut paper (arXiv 2203.13556)."""

from typing import List

import torch
import torch.nn.functional as F
from torch import nn


class LeNetMod(nn.Module):
    """Two 3x3 convolutions with pooling, three linear layers. (N, 1, 28, 28) to (N, num_classes)."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3)
        self.conv2 = nn.Conv2d(8, 16, 3)
        self.fc1 = nn.Linear(400, 128)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, num_classes)

    def layer_names(self, kind: str) -> List[List[str]]:
        """Return, one per block, the names of its layers of a kind: ``every3x3`` (conv2), ``dense`` (fc1, fc2)."""
        return {"every3x3": [["conv2"]], "dense": [["fc1"], ["fc2"]]}.get(kind, [])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return class scores for images ``x`` (N, 1, 28, 28)."""
        y = F.max_pool2d(F.relu(self.conv1(x)), 2)
        y = F.max_pool2d(F.relu(self.conv2(y)), 2)
        y = F.relu(self.fc1(y.flatten(1)))
        # The published code has no activation between the last two layers.
        return self.fc3(self.fc2(y))
