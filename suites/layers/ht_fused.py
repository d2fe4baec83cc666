"""The door to the kernel of the HT-perceptron: bound to torch with the gradient of ``ht_paths``."""

from typing import List, Optional, Sequence, Tuple

import torch

from suites.kernels import ht as kernel
from suites.kernels.bound import Bound, Gradients, Rule, apart
from suites.layers.ht_paths import paths_gradient, run_paths
from suites.torch_modes import stock_only

Options = Tuple[List[int], List[int], str, bool]


def options_of(plane: Tuple[int, int], sizes: Tuple[int, int], norm: str, residual: bool) -> Options:
    """Return a layer's settings as :data:`FUSED` takes them after its tensors."""
    return list(plane), list(sizes), norm, residual


def _spec(plane: Sequence[int], sizes: Sequence[int], norm: str, residual: bool) -> kernel.Spec:
    return kernel.Spec((plane[0], plane[1]), (sizes[0], sizes[1]), norm, residual)


def _kernel(x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, threshold: torch.Tensor, plane: Sequence[int],
            sizes: Sequence[int], norm: str, residual: bool) -> torch.Tensor:
    return kernel.run(x, weight, scale, threshold, _spec(plane, sizes, norm, residual))


def _run(x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, threshold: torch.Tensor, plane: Sequence[int],
         sizes: Sequence[int], norm: str, residual: bool) -> torch.Tensor:
    if kernel.reason(x) is None:
        return kernel.run(x, weight, scale, threshold, _spec(plane, sizes, norm, residual))
    with torch.no_grad():
        y = run_paths(x, weight, scale, threshold, (plane[0], plane[1]), norm, "auto")
        return (y + x if residual else y).contiguous()


def _fake(x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, threshold: torch.Tensor, plane: Sequence[int],
          sizes: Sequence[int], norm: str, residual: bool) -> torch.Tensor:
    return torch.empty((x.shape[0], weight.shape[1], plane[0], plane[1]), dtype=x.dtype, device=x.device)


def _gradient(gradient: torch.Tensor, needed: Sequence[bool], x: torch.Tensor, weight: torch.Tensor,
              scale: torch.Tensor, threshold: torch.Tensor, plane: Sequence[int], sizes: Sequence[int], norm: str,
              residual: bool) -> Gradients:
    spec = _spec(plane, sizes, norm, residual)
    of_x, *of_tables = paths_gradient(gradient, x, weight, scale, threshold, spec.plane, spec.sizes, norm)
    return [of_x + gradient if residual else of_x] + of_tables


#: The whole layer, residual included.
FUSED = Bound(Rule("ht_perceptron", "Tensor x, Tensor weight, Tensor scale, Tensor threshold, int[] plane, "
                   "int[] sizes, str norm, bool residual", 4, _kernel, _run, _fake, _gradient))


def fused_problem(x: torch.Tensor, weight: torch.Tensor, asked: str) -> Optional[str]:
    """Return why no kernel takes ``x`` and ``weight`` where ``asked`` for, in a sentence, or ``None`` if one does."""
    problem = apart(x, weight)
    if problem is not None:
        return problem
    if asked == "fused" or stock_only():  # it may take an empty tensor; a graph must not ask for its size
        return FUSED.problem() or kernel.reason_of_type(x)
    return kernel.reason(x)
