"""DeBut layers on the emulator, in any form, and what they should give in float64."""

from typing import Any, List, Optional, Sequence

import cuda_emulator
import torch

from suites.kernels.cuda import debut_form, debut_launch, debut_pack
from suites.kernels.debut import Spec, output_shape
from suites.layers.debut.plain import plain_layer

DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def spec_of(chain: Sequence[Sequence[int]], in_features: int, out_features: int, **options: Any) -> Spec:
    """Return the layer of ``chain`` ([p, q, r, s, t] each)."""
    shapes = tuple((p // (r * t), r, s, t) for p, _, r, s, t in chain)
    return Spec(shapes, in_features, out_features, **options)


def weights_of(spec: Spec, seed: int = 3) -> List[torch.Tensor]:
    """Return factors whose product keeps the size of its input."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=generator) / shape[2] ** 0.5 for shape in spec.shapes]


def run(library: Any, x: torch.Tensor, factors: List[torch.Tensor], bias: Optional[torch.Tensor], spec: Spec,
        form: Optional[debut_form.Form] = None, fixed: bool = True, multiprocessors: int = 1,
        reversed_order: bool = False) -> torch.Tensor:
    """Return the output by the emulated kernel, every access checked; ``form`` replaces the chosen one."""
    call = debut_launch.params(x.shape, x.stride(), spec)
    form = form or debut_form.choose(spec.shapes, call.positions, multiprocessors)
    strides = (call.x_channel, call.x_row, call.x_column) if fixed else None
    macros = debut_form.macros(spec, form, DTYPES.index(x.dtype), bias is not None, strides)
    y = torch.full(output_shape(x.shape, spec), float("nan")).to(x.dtype)
    weights = debut_pack.pack(factors, spec.shapes, form)
    cuda_emulator.launch_whole(library, call, macros, (-(-call.positions // form.positions), form.slices),
                               {"x": x, "y": y, "weights": weights, "bias": bias}, reversed_order)
    return y


def reference(x: torch.Tensor, factors: List[torch.Tensor], bias: Optional[torch.Tensor], spec: Spec) -> torch.Tensor:
    """Return the output in float64."""
    return plain_layer(x.double(), [factor.double() for factor in factors], None if bias is None else bias.double(),
                       spec)
