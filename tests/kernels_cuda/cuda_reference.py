"""The fused layer as dense float64 matrix products, written from its definition, and its gradients by autograd."""

from typing import NamedTuple, Optional

import torch

from suites.kernels.cuda.work import Options


class Reference(NamedTuple):
    y: torch.Tensor
    grad_x: Optional[torch.Tensor]
    grad_threshold: Optional[torch.Tensor]
    grad_scale: Optional[torch.Tensor]


def sylvester(points: int) -> torch.Tensor:
    matrix = torch.ones(1, 1, dtype=torch.float64)
    while matrix.shape[0] < points:
        matrix = torch.cat((torch.cat((matrix, matrix), 1), torch.cat((matrix, -matrix), 1)), 0)
    return matrix


def layer(x: torch.Tensor, threshold: torch.Tensor, scale: Optional[torch.Tensor], options: Options) -> torch.Tensor:
    """Return the layer's output; all tensors float64."""
    first, second = {"ortho": (options.points ** -0.5,) * 2, "backward": (1.0, 1.0 / options.points),
                     "forward": (1.0 / options.points, 1.0)}[options.norm]
    matrix = sylvester(options.points)
    pad = torch.nn.functional.pad
    if len(options.dims) == 2:
        moved = x.movedim(options.dims, (-2, -1))
        height, width = moved.shape[-2:]
        rows = pad(moved, (0, options.sizes[1] - width, 0, options.sizes[0] - height))
        rows = rows.reshape(moved.shape[:-2] + (1, options.points))
    else:
        moved = x.movedim(options.dims[0], -1)
        channels = options.out_channels or moved.shape[-1]
        blocks = -(-max(channels, moved.shape[-1]) // options.points)
        rows = pad(moved, (0, blocks * options.points - moved.shape[-1]))
        rows = rows.reshape(moved.shape[:-1] + (blocks, options.points))
    v = rows @ matrix * first
    w = v if scale is None else v * scale
    if options.threshold_mode == "abs":
        threshold = threshold.abs()
    if options.threshold_mode == "clamp":
        threshold = torch.relu(threshold)
    size = torch.relu(w.abs() - threshold)
    u = (torch.tanh(w) if options.nonlinearity == "smooth" else torch.sign(w)) * size
    if options.keep_first:
        u = torch.cat((v[..., :1], u[..., 1:]), -1)
    y = u @ matrix * second
    if len(options.dims) == 2:
        y = y.reshape(moved.shape[:-2] + options.sizes)[..., :height, :width].movedim((-2, -1), options.dims)
    else:
        y = y.reshape(moved.shape[:-1] + (-1,))[..., :channels].movedim(-1, options.dims[0])
    return y + x if options.residual else y


def reference(x: torch.Tensor, threshold: torch.Tensor, scale: Optional[torch.Tensor], options: Options,
              gradient: Optional[torch.Tensor] = None) -> Reference:
    """Return output and, for the output's ``gradient``, all gradients in float64."""
    leaves = [tensor.detach().double().requires_grad_() for tensor in (x, threshold)]
    factor = None if scale is None else scale.detach().double().requires_grad_()
    y = layer(leaves[0], leaves[1], factor, options)
    if gradient is None:
        return Reference(y.detach(), None, None, None)
    y.backward(gradient.double())
    return Reference(y.detach(), leaves[0].grad, leaves[1].grad, None if factor is None else factor.grad)
