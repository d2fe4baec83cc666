"""The weights of a DeBut chain in the order in which its CUDA kernel reads them."""

import functools
from typing import List, Sequence, Tuple

import torch
from torch import Tensor

from suites.kernels.cuda.debut_form import Form, Shape, Step


@functools.lru_cache(maxsize=256)
def order(shapes: Tuple[Shape, ...], form: Form) -> Tensor:
    """Return for each word that the kernel reads its place among the flattened factors, one after another.

    Slice by slice, step by step, four weights of a group at a time; words that fill up a load of four point behind
    the last weight, where a zero is to stand.
    """
    starts, total = [], 0
    for blocks, r, s, t in shapes:
        starts.append(total)
        total += blocks * r * s * t
    parts = []
    for step in form.steps:
        rows = _step_rows(shapes, starts, step, form.slices)
        rows += [torch.full_like(rows[0], total)] * (4 * step.quads - len(rows))
        # (slice, weight, group) to (slice, load, group, four of a load)
        table = torch.stack(rows, 1).reshape(form.slices, step.quads, 4, step.groups).transpose(2, 3)
        parts.append(table.reshape(form.slices, -1))
    return torch.cat(parts, 1).reshape(-1)


def _step_rows(shapes: Sequence[Shape], starts: Sequence[int], step: Step, slices: int) -> List[Tensor]:
    """Return the place of each weight of a group, in the order of reading, for all (slices, groups)."""
    lanes = step.factors[0][3]
    group = torch.arange(step.groups).reshape(1, -1)
    lane, rest = group % lanes, _whole(group, lanes)
    chunk, block = rest % step.chunks, _whole(rest, step.chunks)
    part = torch.arange(slices).reshape(-1, 1)
    width = shapes[0][1] // slices

    def place(number: int, b: Tensor, i: Tensor, j: int, k: Tensor) -> Tensor:
        """Return where weight (b, i, j, k) of the slice's factor lies among those of the whole chain."""
        index = step.first + number
        _, r, s, t = shapes[index]
        if slices > 1 and index == 0:
            i = part * width + i
        elif slices > 1:
            k = _whole(k, width) * shapes[0][1] + part * width + k % width
        return (((b * r + i) * s + j) * t + k + starts[index]) + 0 * (part + group)

    pairs = [(shape[1], shape[2]) for shape in step.factors]
    if len(pairs) == 1:
        r, s = pairs[0]
        own = r // step.chunks
        return [place(0, block, chunk * own + i, j, lane) for j in range(s) for i in range(own)]
    (r1, s1), (r2, s2) = pairs[:2]
    r3, s3 = pairs[2] if len(pairs) == 3 else (1, 1)
    zero, rows = torch.zeros_like(lane), []  # type: Tensor, List[Tensor]
    for j3 in range(s3):
        second = block * s3 + j3
        for j2 in range(s2):
            rows += [place(0, second * s2 + j2, zero + i, j, lane) for j in range(s1) for i in range(r1)]
            rows += [place(1, second, zero + i // r1, j2, i % r1 * lanes + lane) for i in range(r2 * r1)]
        if len(pairs) == 3:
            rows += [place(2, block, zero + i // (r2 * r1), j3, i % (r2 * r1) * lanes + lane)
                     for i in range(r3 * r2 * r1)]
    return rows


def _whole(numbers: Tensor, by: int) -> Tensor:
    return torch.div(numbers, by, rounding_mode="floor")  # torch 1.10 warns of what // is going to mean


def pack(factors: Sequence[Tensor], shapes: Tuple[Shape, ...], form: Form) -> Tensor:
    """Return the weights of ``factors`` (blocks, r, s, t) as float32 in the kernel's order."""
    flat = torch.cat([factor.detach().reshape(-1).float() for factor in factors] + [factors[0].new_zeros(1).float()])
    return flat[order(shapes, form).to(flat.device)]
