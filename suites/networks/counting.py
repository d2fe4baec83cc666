"""How many parameters a network has, by the two conventions in use."""

from typing import Iterator, List

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from suites.layers.choices import check_choice

CONVENTIONS = ("torch", "keras")


def count_parameters(module: nn.Module, convention: str = "torch", training_only: bool = False) -> int:
    """Return the number of parameters of ``module``, each shared tensor once.

    ``torch`` counts parameters; ``keras`` ("total params") also the moving mean and variance of batch norms. Tensors
    that exist only to train a layer (those a module names in ``training_only``, such as the effects behind an LHC
    mask) count only with ``training_only=True``.
    """
    check_choice("convention", convention, CONVENTIONS)
    total = sum(tensor.numel() for tensor in counted_tensors(module, training_only))
    if convention == "keras":
        total += sum(layer.running_mean.numel() + layer.running_var.numel() for layer in module.modules()
                     if isinstance(layer, _BatchNorm) and layer.running_mean is not None
                     and layer.running_var is not None)
    return total


def counted_tensors(module: nn.Module, training_only: bool = False) -> List[nn.Parameter]:
    """Return the parameters of ``module`` that count, each shared tensor once."""
    skipped = set() if training_only else {id(tensor) for tensor in _training_only(module)}
    return [tensor for tensor in module.parameters() if id(tensor) not in skipped]


def _training_only(module: nn.Module) -> Iterator[nn.Parameter]:
    for layer in module.modules():
        names = getattr(layer, "training_only", ())
        for name in names:
            yield getattr(layer, name)
