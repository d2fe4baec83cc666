"""Where the time of a network goes, by kind of step: ``python -m suites.networks.shares resnet110 --variant debut``.

A replaced network gains less than its layers do: norms, activations, sums and pooling pass over memory as before, and
layers that were not replaced stay what they were. CPU only; each step is timed alone, the median of the calls counts.
"""

import argparse
import statistics
import sys
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

import torch
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from suites.networks.build import VARIANTS, build, network_names, network_spec
from suites.networks.folding import layer_of, traced
from suites.networks.inference import DEFAULT, FORMS, inference_form, is_structured
from suites.networks.packing import PackedConvolution, PackedLinear

REPLACED, DENSE, NORM, REST = "structured layers", "convolutions and dense layers", "batch norms", "everything else"
KINDS = (REPLACED, DENSE, NORM, REST)


class Shares(NamedTuple):
    """Seconds per call by kind of step, and how many steps there are of each."""

    seconds: Dict[str, float]
    steps: Dict[str, int]

    @property
    def total_s(self) -> float:
        """Seconds of all steps."""
        return sum(self.seconds.values())

    def __str__(self) -> str:
        return "\n".join("{:<30} {:5d} steps {:9.3f} ms {:6.1%}".format(
            kind, self.steps[kind], 1e3 * self.seconds[kind], self.seconds[kind] / self.total_s) for kind in KINDS)


class _Clocked(fx.Interpreter):
    """Runs a traced network step by step and notes what each takes."""

    def __init__(self, made: fx.GraphModule) -> None:
        super().__init__(made)
        self.taken: Dict[str, List[float]] = {}
        self._name = ""

    def run_node(self, n: fx.Node) -> Any:
        """Run one step; looking up its inputs is not its work."""
        self._name = n.name
        return super().run_node(n)

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Run a layer."""
        layer = self.fetch_attr(target)
        return self._clock(lambda: layer(*args, **kwargs))

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Run a function."""
        return self._clock(lambda: target(*args, **kwargs))

    def call_method(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Run a method of the first argument."""
        method = getattr(args[0], target)
        return self._clock(lambda: method(*args[1:], **kwargs))

    def _clock(self, call: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = call()
        self.taken.setdefault(self._name, []).append(time.perf_counter() - start)
        return result


def kind_of(layer: Optional[nn.Module]) -> str:
    """Return which of :data:`KINDS` a step with this layer is; ``None`` is a function."""
    if layer is None:
        return REST
    if is_structured(layer):
        return REPLACED
    if isinstance(layer, (nn.Conv2d, nn.Linear, PackedConvolution, PackedLinear)):
        return DENSE
    return NORM if isinstance(layer, _BatchNorm) else REST


def time_shares(network: nn.Module, x: torch.Tensor, calls: int = 20, warm_up: int = 3) -> Shares:
    """Return where the time of ``network`` on ``x`` goes; raises what ``torch.fx`` raises if it cannot be traced."""
    made = network if isinstance(network, fx.GraphModule) else traced(network)
    found = Shares(dict.fromkeys(KINDS, 0.0), dict.fromkeys(KINDS, 0))
    clocked = _Clocked(made)
    with torch.inference_mode():
        for call in range(warm_up + calls):
            if call == warm_up:
                clocked.taken.clear()
            clocked.run(x)
    for node in made.graph.nodes:
        if node.name in clocked.taken:
            kind = kind_of(layer_of(made, node))
            found.seconds[kind] += statistics.median(clocked.taken[node.name])
            found.steps[kind] += 1
    return found


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Print the shares of one network; 2 and a sentence for a wrong wish."""
    parser = argparse.ArgumentParser(prog="python -m suites.networks.shares", description=__doc__)
    parser.add_argument("network", choices=network_names())
    parser.add_argument("--variant", default="dense", choices=VARIANTS)
    parser.add_argument("--classes", type=int)
    parser.add_argument("--form", default="folded", choices=FORMS)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--calls", type=int, default=20)
    wished = parser.parse_args(argv)
    torch.set_num_threads(wished.threads)
    try:
        network = build(wished.network, wished.classes, variant=wished.variant)
        x = torch.randn((wished.batch,) + network_spec(wished.network).input_shape)
        made = network if wished.form == DEFAULT else inference_form(network, x, wished.form)
        print(time_shares(made, x, wished.calls))
    except (ValueError, RuntimeError, AttributeError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
