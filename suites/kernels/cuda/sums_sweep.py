"""``python -m suites.kernels.cuda.sums_sweep``: times the depthwise and dense kernels by the rows of a thread.

Every member with each number of rows, against a copy of the input, the chosen one marked; timed as
``suites.kernels.cuda.sweep`` times.
"""

import argparse
import sys
from typing import List, Optional, Sequence

import torch

from suites.kernels.cuda import launch, sums_form, sums_launch
from suites.kernels.cuda.sweep import Entry, sweep


def field(x: torch.Tensor) -> List[Entry]:
    """Return a copy of ``x`` and every member in every form: depthwise 3x3 for planes, dense for rows."""
    generator, entries = torch.Generator().manual_seed(2), [Entry("clone", x.clone)]
    multiprocessors, side = launch.device_of(x).multiprocessors, x.shape[1]
    if x.dim() == 2:
        weight = torch.randn((side, side), generator=generator).to(x.device)
        chosen = sums_form.mf_rows(x.shape[0], side, multiprocessors)
        for member in sums_form.MEMBERS:
            for rows in sums_form.ROWS if member != "product" else ():
                plan = sums_launch.dense_plan(x, side, member, False, rows)
                entries.append(Entry(_name("dense", member, rows, chosen),
                                     lambda plan=plan: sums_launch.run_dense(plan, x, weight, None, 1.0)))  # type: ignore
        return entries
    weight = torch.randn((side, 1, 3, 3), generator=generator).to(x.device)
    for member in sums_form.MEMBERS:
        layer = sums_form.Depthwise(3, 1, member)
        chosen = sums_form.depthwise_rows(layer, x.shape, multiprocessors)
        for rows in sums_form.ROWS:
            made = sums_launch.depthwise_plan(x, layer, False, 1.0, rows)
            entries.append(Entry(_name("depthwise 3x3", member, rows, chosen),
                                 lambda plan=made: sums_launch.run_depthwise(plan, x, weight, None, 1)))  # type: ignore
    return entries


def _name(kind: str, member: str, rows: int, chosen: int) -> str:
    return "{} {}, {} rows{}".format(kind, member, rows, " (chosen)" * (rows == chosen))


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Time every form for one shape; 1 and a sentence where there is no device."""
    parser = argparse.ArgumentParser(prog="python -m suites.kernels.cuda.sums_sweep", description=__doc__)
    parser.add_argument("--shape", default="10x1024x32x32", help="two sizes are rows and features of a dense layer")
    parser.add_argument("--dtype", default="float32", choices=("float32", "float16", "bfloat16"))
    parser.add_argument("--channels-last", action="store_true")
    return sweep(parser, argv, lambda x, settings: field(x))


if __name__ == "__main__":
    sys.exit(main())
