"""PointNet for classification (Qi 2017) with input and feature transforms, as All-DeBut compresses it."""

from typing import List, Sequence

import torch
import torch.nn.functional as F
from torch import fx, nn


class PointLayers(nn.Module):
    """Pointwise layers over points, each with batch norm and ReLU (the last one without if ``open_end``).

    The points stand as a plane (N, C, points, 1), so a pointwise layer is a 1x1 convolution.
    """

    def __init__(self, widths: Sequence[int], open_end: bool = False) -> None:
        super().__init__()
        pairs = list(zip(widths, widths[1:]))
        self.layers = nn.ModuleList([nn.Conv2d(a, b, 1) for a, b in pairs])
        self.norms = nn.ModuleList([nn.BatchNorm2d(b) for _, b in pairs])
        self.open_end = open_end

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the features of points ``x`` (N, C, points, 1)."""
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms)):
            x = norm(layer(x))
            x = x if self.open_end and number == len(self.layers) - 1 else F.relu(x)
        return x


class DenseLayers(nn.Module):
    """Linear layers with batch norm and ReLU after all but the last. (N, C) to (N, last width)."""

    def __init__(self, widths: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__()
        pairs = list(zip(widths, widths[1:]))
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in pairs])
        self.norms = nn.ModuleList([nn.BatchNorm1d(b) for _, b in pairs[:-1]])
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output for ``x`` (N, C)."""
        for number, norm in enumerate(self.norms):
            x = self.layers[number](x)
            x = F.relu(norm(self.dropout(x) if number == len(self.norms) - 1 else x))
        return self.layers[len(self.norms)](x)


def with_identity(matrix: torch.Tensor) -> torch.Tensor:
    """Return ``matrix`` (N, size, size) plus the identity."""
    return matrix + torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)


def check_points(x: torch.Tensor) -> None:
    """Raise ``ValueError`` unless ``x`` is (N, 3, points)."""
    if x.dim() != 3 or x.shape[1] != 3:
        raise ValueError("PointNet takes points of shape (N, 3, points), not {}".format(tuple(x.shape)))


# One step each of a traced network: what they do depends on the input's type and shape.
fx.wrap("with_identity")
fx.wrap("check_points")


class PointTransform(nn.Module):
    """Multiplies every point by its cloud's matrix: (N, size, size), (N, size, points, 1) to the latter shape."""

    def forward(self, matrix: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Return ``x``, each point a row vector times ``matrix``."""
        return (matrix.transpose(1, 2) @ x.squeeze(3)).unsqueeze(3)


class SpatialTransform(nn.Module):
    """Predicts a size x size matrix from the points and multiplies every point by it."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.points = PointLayers((size, 64, 128, 1024))
        self.dense = DenseLayers((1024, 512, 256, size * size))
        self.transform = PointTransform()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the points ``x`` (N, size, points, 1), transformed."""
        matrix = self.dense(self.points(x).amax((2, 3))).reshape(-1, self.size, self.size)
        return self.transform(with_identity(matrix), x)  # the prediction is a correction


class PointNet(nn.Module):
    """Classifies point clouds, (N, 3, points) to (N, num_classes)."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.input_transform = SpatialTransform(3)
        self.first = PointLayers((3, 64))
        self.feature_transform = SpatialTransform(64)
        self.second = PointLayers((64, 128, 1024), open_end=True)
        self.head = DenseLayers((1024, 512, 256, num_classes), dropout=0.3)

    def layer_names(self, kind: str) -> List[List[str]]:
        """Return, one per block, the names of its layers of a kind: ``pointwise`` or ``dense`` (hidden ones)."""
        pointwise = [name for name, layer in self.named_modules() if isinstance(layer, nn.Conv2d)]
        hidden = [name for name, layer in self.named_modules() if isinstance(layer, nn.Linear)
                  and not name.endswith("layers.2")]
        return [[name] for name in {"pointwise": pointwise, "dense": hidden}.get(kind, [])]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return class scores for point clouds ``x`` (N, 3, points)."""
        check_points(x)
        y = self.feature_transform(self.first(self.input_transform(x.unsqueeze(3))))
        return self.head(self.second(y).amax((2, 3)))
