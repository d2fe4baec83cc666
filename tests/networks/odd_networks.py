"""Small networks written in odd ways, each with what surgery may take of it and what it must leave."""

import warnings
from typing import Any, Callable, Dict, List, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from suites.networks import Refused


class Holding(nn.Module):
    """Calls a layer and uses something of its weight that it holds where no module looks."""

    def __init__(self, hold: Callable[[nn.Linear], Any], use: Callable[[torch.Tensor, Any], torch.Tensor]) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(8, 8), nn.Linear(8, 8)
        self.held, self.use = [hold(self.first)], use

    def forward(self, x):
        return self.use(self.last(self.first(x)), self.held[0])


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.again = self.layer

    def forward(self, x):
        return self.layer(torch.relu(self.again(x)))


class ByKeyword(nn.Module):
    def __init__(self):
        super().__init__()
        self.named, self.usual = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x):
        return self.usual(self.named(input=x))


class Residual(nn.Sequential):
    """A sequence with a forward of its own, which runs through one of its layers twice."""

    def forward(self, x):
        return x + super().forward(self[0](x))


class Checkpointed(nn.Module):
    def __init__(self):
        super().__init__()
        self.block, self.last = nn.Sequential(nn.Linear(8, 8), nn.ReLU()), nn.Linear(8, 8)

    def forward(self, x):
        return self.last(checkpoint(self.block, x, use_reentrant=False))


class Gated(nn.Module):
    """A hook of its own puts another output in the place of the layer's."""

    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(nn.Linear(8, 8))
        self.block.register_forward_hook(lambda module, inputs, output: torch.sigmoid(output) * inputs[0])

    def forward(self, x):
        return self.block(x)


class Bound(nn.Module):
    """Took a layer's forward when it was made."""

    def __init__(self):
        super().__init__()
        self.taken, self.called = nn.Linear(8, 8), nn.Linear(8, 8)
        self.run = self.taken.forward

    def forward(self, x):
        return self.called(self.run(x))


class Tokens(nn.Module):
    """Attention with torch's fast path, between linear layers."""

    def __init__(self):
        super().__init__()
        self.before, self.attention = nn.Linear(8, 8), nn.MultiheadAttention(8, 2, batch_first=True)
        self.after = nn.Linear(8, 8)

    def forward(self, x):
        x = self.before(x)[:, None]
        return self.after(self.attention(x, x, x, need_weights=False)[0][:, 0])


class Mapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.last = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x):
        return self.last(torch.func.vmap(self.layer)(x))


class Printing(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.said = ""

    def forward(self, x):
        device, dtype = next(self.parameters()).device, next(self.parameters()).dtype
        self.said = repr(self)
        return self.layer(x.to(device, dtype))


def product(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return torch.mm(x, weight)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that there are newer ways
    scripted = torch.jit.script(product)


def tied_by_view():
    """A weight of the network's own that lies in a layer's memory, transposed."""
    network = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    network.register_parameter("view", nn.Parameter(network[0].weight.detach().t()))
    network.register_forward_hook(lambda module, inputs, output: output @ module.view)
    return network


def in_one_vector():
    """All parameters are stretches of one memory, as some optimisers lay them."""
    network = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 8))
    vector = nn.utils.parameters_to_vector(network.parameters()).detach()
    nn.utils.vector_to_parameters(vector, network.parameters())
    return network


def holding(hold: Callable[[nn.Linear], Any], use: Callable[[torch.Tensor, Any], torch.Tensor]) -> Any:
    return lambda: Holding(hold, use)


class Odd(NamedTuple):
    make: Callable[[], nn.Module]
    taken: List[str]
    left: Dict[str, Refused]


#: Those whose weights are used where only the operators of a run show it.
HELD = {name: Odd(make, ["last"], {"first": Refused.READ_ELSEWHERE}) for name, make in {
    "a weight in a list": holding(lambda layer: layer.weight, F.linear),
    "a bias in a list": holding(lambda layer: layer.bias, torch.add),
    "a weight by keyword": holding(lambda layer: layer.weight, lambda x, weight: F.linear(input=x, weight=weight)),
    "a view of a weight": holding(lambda layer: layer.weight.detach().t(), torch.matmul),
    "a row of a weight": holding(lambda layer: layer.weight.data[3], torch.mul),
    "weights in a list of lists": holding(lambda layer: [layer.weight, layer.weight],
                                          lambda x, weights: x + torch.stack(weights).sum()),
    "a weight for a script": holding(lambda layer: layer.weight, scripted),
}.items()}
HELD["a tie by memory"] = Odd(tied_by_view, ["1"], {"0": Refused.READ_ELSEWHERE})
ODD = {
    "called twice": Odd(Twice, ["layer"], {}),
    "a sequence of its own": Odd(lambda: Residual(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)), ["0", "2"], {}),
    "a hook of its own": Odd(Gated, ["block.0"], {}),
    "prints itself": Odd(Printing, ["layer"], {}),
    "a bound forward": Odd(Bound, ["called"], {"taken": Refused.NEVER_CALLED}),
    "in one vector": Odd(in_one_vector, ["0", "2"], {}),
    "spread over devices": Odd(lambda: nn.DataParallel(nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))),
                               ["module.0", "module.1"], {}),
    "attention": Odd(Tokens, ["before", "after"], {"attention.out_proj": Refused.NEVER_CALLED}),
}
if hasattr(torch, "compile"):  # before 2.0 hooks, which count, see no inputs by keyword
    ODD["called by keyword"] = Odd(ByKeyword, ["usual"], {"named": Refused.BY_KEYWORD})
if hasattr(torch, "func"):
    ODD["mapped by vmap"] = Odd(Mapped, ["layer", "last"], {})
if hasattr(nn.utils, "parametrizations") and hasattr(nn.utils.parametrizations, "weight_norm"):
    ODD["weight norm"] = Odd(lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)),
                                                   nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8))),
                             ["0", "1"], {})
if hasattr(torch, "library"):  # before, checkpoints had one way only, which wants an input with a gradient
    ODD["checkpointed"] = Odd(Checkpointed, ["block.0", "last"], {})
