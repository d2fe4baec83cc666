"""Depthwise and multiplication-free dense layers on the emulator, and what they should give in float64."""

from typing import Any, Optional

import cuda_emulator
import torch
import torch.nn.functional as F

from suites.kernels.cuda import sums_form
from suites.kernels.depthwise import memory_format, output_shape
from suites.layers.multiplication_free import min_term

DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def term(x: torch.Tensor, w: torch.Tensor, member: str) -> torch.Tensor:
    """Return what takes the place of the product, from its definition."""
    if member == "product":
        return x * w
    if member == "sum":
        return x * torch.sign(w) + torch.sign(x) * w
    return min_term(x, w, member)


def depthwise(library: Any, x: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor], stride: int,
              member: str, scale: float = 1.0, multiprocessors: int = 1,
              reversed_order: bool = False) -> torch.Tensor:
    """Return the output by the emulated kernel, every access checked."""
    layer = sums_form.Depthwise(weight.shape[-1], stride, member)
    y = torch.empty(output_shape(x.shape, stride), dtype=x.dtype, memory_format=memory_format(x)).fill_(float("nan"))
    rows = sums_form.depthwise_rows(layer, y.shape, multiprocessors)
    macros = sums_form.depthwise_macros(layer, rows, DTYPES.index(x.dtype), bias is not None,
                                        memory_format(x) == torch.channels_last, x.stride(3))
    call = sums_form.depthwise_params(x.shape, x.stride(), y.shape, y.stride(), rows, scale)
    cuda_emulator.launch_whole(library, call, macros, (sums_form.blocks(call.units), 1),
                               {"x": x, "y": y, "weight": weight, "bias": bias}, reversed_order)
    return y


def depthwise_reference(x: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor], stride: int,
                        member: str, scale: float = 1.0) -> torch.Tensor:
    """Return the output in float64, tap by tap."""
    side = weight.shape[-1]
    padded = F.pad(x.double(), (side // 2,) * 4)
    height, width = padded.shape[2:]
    total = torch.zeros(output_shape(x.shape, stride), dtype=torch.float64)
    for row in range(side):
        for column in range(side):
            seen = padded[:, :, row:height - side + 1 + row:stride, column:width - side + 1 + column:stride]
            total = total + term(seen, weight.double()[:, 0, row, column].reshape(1, -1, 1, 1), member)
    total = total * scale
    return total if bias is None else total + bias.double().reshape(-1, 1, 1)


def dense(library: Any, x: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor], member: str,
          scale: float = 1.0, per_thread: int = 1, reversed_order: bool = False) -> torch.Tensor:
    """Return the output by the emulated kernel, every access checked; ``x`` is (rows, inputs)."""
    rows, outputs = x.shape[0], weight.shape[0]
    y = torch.full((rows, outputs), float("nan")).to(x.dtype)
    macros = sums_form.mf_macros(member, per_thread, DTYPES.index(x.dtype), bias is not None)
    call = sums_form.MfParams(x_row=x.stride(0), rows=rows, inputs=x.shape[1], outputs=outputs, scale=scale)
    cuda_emulator.launch_whole(library, call, macros, sums_form.mf_blocks(rows, outputs, per_thread),
                               {"x": x, "y": y, "weight": weight, "bias": bias}, reversed_order)
    return y


def dense_reference(x: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor], member: str,
                    scale: float = 1.0) -> torch.Tensor:
    """Return the output in float64."""
    total = term(x.double().unsqueeze(1), weight.double(), member).sum(-1) * scale
    return total if bias is None else total + bias.double()
