"""The layer by dense matrices in float64: another route than any kernel or butterfly takes."""

import torch


def hadamard(length, order="natural"):
    h = torch.ones(1, 1, dtype=torch.float64)
    while h.shape[0] < length:
        h = torch.cat((torch.cat((h, h), 1), torch.cat((h, -h), 1)))
    if order == "sequency":
        changes = (h[:, 1:] != h[:, :-1]).sum(1)
        h = h[torch.argsort(changes)]
    return h


def power_of_two(n):
    p = 1
    while p < n:
        p *= 2
    return p


def nonlinear(v, threshold, scale, nonlinearity="smooth", threshold_mode="raw", keep_first=False):
    t = {"raw": lambda a: a, "abs": torch.abs, "clamp": lambda a: a.clamp(min=0)}[threshold_mode](threshold)
    w = v if scale is None else v * scale
    u = (torch.tanh(w) if nonlinearity == "smooth" else torch.sign(w)) * torch.relu(w.abs() - t)
    return torch.cat((v[..., :1], u[..., 1:]), -1) if keep_first else u


def dense_layer(x, threshold, scale=None, dims=(1,), block=None, residual=False, norm="ortho", order="natural",
                out_channels=None, **options):
    threshold, scale = threshold.reshape(-1), None if scale is None else scale.reshape(-1)
    if tuple(dims) == (2, 3):
        p1, p2 = power_of_two(x.shape[2]), power_of_two(x.shape[3])
        matrix = torch.kron(hadamard(p1, order), hadamard(p2, order))
        lines = torch.zeros(x.shape[:2] + (p1, p2), dtype=x.dtype)
        lines[:, :, :x.shape[2], :x.shape[3]] = x
        lines = lines.reshape(x.shape[:2] + (p1 * p2,))
    else:
        channels = out_channels or x.shape[1]
        size = block or power_of_two(max(x.shape[1], channels))
        matrix = hadamard(size, order)
        length = -(-max(channels, x.shape[1]) // size) * size
        lines = torch.zeros((x.shape[0],) + x.shape[2:] + (length,), dtype=x.dtype)
        lines[..., :x.shape[1]] = x.movedim(1, -1)
        lines = lines.reshape(lines.shape[:-1] + (-1, size))
    length = matrix.shape[0]
    first, second = {"ortho": (length ** -0.5,) * 2, "forward": (1 / length, 1), "backward": (1, 1 / length)}[norm]
    u = nonlinear(lines @ matrix.t() * first, threshold, scale, **options)
    y = u @ matrix * second
    if tuple(dims) == (2, 3):
        y = y.reshape(x.shape[:2] + (p1, p2))[:, :, :x.shape[2], :x.shape[3]]
    else:
        y = y.reshape(y.shape[:-2] + (-1,))[..., :channels].movedim(-1, 1)
    return y + x if residual else y


def tables(length, scaled, seed=0, negative=True):
    made = torch.Generator().manual_seed(seed)
    threshold = torch.rand(length, generator=made) * 0.4 - (0.1 if negative else 0)
    return threshold, torch.randn(length, generator=made) if scaled else None


def table_length(shape, dims=(1,), block=None, out_channels=None, **_):
    if tuple(dims) == (2, 3):
        return power_of_two(shape[2]) * power_of_two(shape[3])
    return block or power_of_two(max(shape[1], out_channels or 0))


def double(tensor):
    return None if tensor is None else tensor.detach().double()
