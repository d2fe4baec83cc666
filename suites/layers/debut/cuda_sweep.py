"""``python -m suites.layers.debut.cuda_sweep``: times every form a DeBut kernel can take, to choose by measurement.

The model in ``suites/kernels/cuda/debut_form.py`` ranks the forms by counts of instructions and bytes. This prints
each form's time on a device beside what the model says of it, against a copy of the input, with the chosen form
marked; timed as ``suites.kernels.cuda.sweep`` times.
"""

import argparse
import sys
from functools import partial
from typing import Any, Callable, List, Optional, Sequence

import torch

from suites.kernels.cuda import debut_form, debut_launch, launch
from suites.kernels.cuda.sweep import LARGEST_DIFFERENCE, Call, Entry, checked, sweep
from suites.kernels.debut import Spec
from suites.layers.debut.chain import Factor, published_chains


def spec_of(network: str, index: int, shape: Sequence[int], kernel: int) -> Spec:
    """Return the layer of a published chain on an input of ``shape``, padded by half its ``kernel`` (0: linear)."""
    chain = [Factor(*factor) for factor in published_chains(network)[index]]
    options = {"kernel": (kernel, kernel), "padding": (kernel // 2, kernel // 2)} if kernel else {}  # type: Any
    return Spec(tuple((factor.blocks, factor.r, factor.s, factor.t) for factor in chain), shape[1], chain[-1].p,
                **options)


def field(x: torch.Tensor, spec: Spec, say: Callable[[str], Any]) -> List[Entry]:
    """Return a copy of ``x`` and the layer in every form that runs, the chosen one marked; ``say`` gets the rest."""
    factors = [torch.randn(shape, generator=torch.Generator().manual_seed(index)).to(x) / shape[2] ** 0.5
               for index, shape in enumerate(spec.shapes)]
    expected, device = debut_launch.run(x, factors, None, spec), launch.device_of(x)
    positions = debut_launch.params(x.shape, x.stride(), spec).positions
    chosen = debut_form.choose(spec.shapes, positions, device.multiprocessors)
    most = LARGEST_DIFFERENCE[x.dtype] * max(1.0, float(expected.abs().max()))
    entries = [Entry("clone", x.clone)]
    for form in debut_form.candidates(spec.shapes):
        name = "slices {} steps {} tile {} x {} threads {}, modelled {:.0f} cycles{}".format(
            form.slices, len(form.steps), form.columns, form.wide, form.threads,
            debut_form.modelled_cycles(form, positions, device.multiprocessors), " (chosen)" * (form == chosen))
        entries += checked(name, partial(_made, x, factors, spec, form), expected, most, say)
    return entries


def _made(x: torch.Tensor, factors: Sequence[torch.Tensor], spec: Spec, form: debut_form.Form) -> Call:
    plan = debut_launch.make_plan(x, False, spec, form)
    return lambda: debut_launch.run_plan(plan, x, factors, None, spec)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Time every form of one layer; 1 and a sentence where there is no device."""
    parser = argparse.ArgumentParser(prog="python -m suites.layers.debut.cuda_sweep", description=__doc__)
    parser.add_argument("--network", default="vgg16_cifar10", help="list of published chains")
    parser.add_argument("--index", type=int, default=5, help="place of the layer in it")
    parser.add_argument("--shape", default="1x512x14x14")
    parser.add_argument("--kernel", type=int, default=3, help="side of the convolution, 0 for a linear layer")
    parser.add_argument("--dtype", default="float32", choices=("float32", "float16", "bfloat16"))
    return sweep(parser, argv, lambda x, settings: field(
        x, spec_of(settings.network, settings.index, tuple(x.shape), settings.kernel), print))


if __name__ == "__main__":
    sys.exit(main())
