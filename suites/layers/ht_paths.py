"""The paths of an HT-perceptron between its two transforms, in stock torch operations, and their gradient."""

from typing import List, Optional, Tuple

import torch
import torch.nn.functional as F

from suites.layers.planes import plane_inverse, plane_transform
from suites.layers.thresholds import soft_threshold

#: For each norm the one under which the other transform is this one's transpose.
TRANSPOSED = {"ortho": "ortho", "backward": "forward", "forward": "backward"}


def run_paths(x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, threshold: torch.Tensor,
              plane: Tuple[int, int], norm: str, implementation: str) -> torch.Tensor:
    """Return the layer's output without a residual, differentiable in all tensors.

    ``x`` is (N, in, H, W) with (H, W) = ``plane``, ``weight`` (paths, out, in), ``scale`` and ``threshold`` (paths,)
    and the padded plane; ``implementation`` the form of the transforms.
    """
    spectrum = plane_transform(x, (scale.shape[1], scale.shape[2]), implementation, norm)
    total: Optional[torch.Tensor] = None
    for mixing, factor, limit in zip(weight, scale, threshold):
        # One scale serves all channels of a coefficient, so it may follow the mixing of channels.
        mixed = F.conv2d(spectrum, mixing[:, :, None, None]) * factor
        path = soft_threshold(mixed, torch.relu(limit))
        total = path if total is None else total + path
    assert total is not None
    return plane_inverse(total, plane, implementation, norm)


def paths_gradient(gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor,
                   threshold: torch.Tensor, plane: Tuple[int, int], sizes: Tuple[int, int],
                   norm: str) -> Tuple[torch.Tensor, ...]:
    """Return the gradients of x, weight, scale and threshold from that of :func:`run_paths`; nothing need be kept.

    ``sizes`` is the padded plane: a graph may have numbers for it where a tensor's shape is symbols.
    """
    images, inputs = x.shape[:2]
    # The transform is symmetric: its transpose is itself with the norm at the other end.
    of_total = plane_transform(gradient, sizes, "auto", TRANSPOSED[norm]).flatten(2)
    spectrum = plane_transform(x, sizes, "auto", norm).flatten(2)
    of_spectrum = torch.zeros_like(spectrum)
    of_weight: List[torch.Tensor] = []
    of_scale: List[torch.Tensor] = []
    of_threshold: List[torch.Tensor] = []
    for mixing, factor, limit in zip(weight, scale.flatten(1), threshold.flatten(1)):
        raw = mixing @ spectrum
        mixed = raw * factor
        passed = of_total * (mixed.abs() > torch.relu(limit)).to(x.dtype)
        of_threshold.append(-(passed * torch.sign(mixed)).sum((0, 1)) * (limit > 0).to(x.dtype))
        of_scale.append((passed * raw).sum((0, 1)))
        of_raw = passed * factor
        of_weight.append(torch.einsum("nop,nip->oi", of_raw, spectrum))
        of_spectrum = of_spectrum + mixing.t() @ of_raw
    of_x = plane_inverse(of_spectrum.reshape((images, inputs) + sizes), plane, "auto", TRANSPOSED[norm])
    return (of_x, torch.stack(of_weight), torch.stack(of_scale).reshape(scale.shape),
            torch.stack(of_threshold).reshape(threshold.shape))
