"""``python -m suites.kernels.cuda.bench.sweep``: times every form a kernel can take, to choose by measurement.

The forms in ``geometry.py`` were chosen by what the compiler says. This prints the forward kernel's time in each form
that fits the device, against a copy, with the chosen form marked.
"""

import argparse
import sys
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple

import torch

from suites.kernels.cuda import devices, geometry, launch, work
from suites.kernels.cuda.bench import entrants as field
from suites.kernels.cuda.bench.__main__ import cuda_timer, sampler
from suites.kernels.cuda.bench.rounds import interleave, median
from suites.kernels.cuda.compiler import CompileError
from suites.kernels.cuda.driver import CudaError
from suites.kernels.geometry import Spec

MOST_THREADS = 1024


def candidates(job: work.Work, shared_limit: int = geometry.STATIC_SHARED_BYTES) -> Iterator[geometry.Geometry]:
    """Yield every form that can do ``job`` within ``shared_limit`` bytes of shared memory."""
    points = 1 << job.log2_points
    for slots, lanes in _splits(points, job.strided):
        for pixels, tiles in _widths(job.strided):
            for rounds in (1, 2, 4):
                form = geometry.Geometry(slots, lanes, pixels, tiles, rounds, 1)
                if _fits(form, points, job.strided, shared_limit):
                    for blocks in (1, 2, 3, 4):
                        yield form._replace(min_blocks=blocks)


def _splits(points: int, strided: bool) -> List[Tuple[int, int]]:
    if not strided:
        # A tile of rows has at least a warp of lanes, and no fewer slots than those.
        return [(slots, lanes) for slots in (32, 64) for lanes in (32, 64)
                if points <= slots * lanes <= 4096 and lanes <= slots]
    return [(slots, points // slots) for slots in (2, 4, 8, 16, 32, 64) if 1 <= points // slots <= slots]


def _widths(strided: bool) -> List[Tuple[int, int]]:
    return [(pixels, 1) for pixels in (2, 4, 8, 16, 32, 64, 128, 256)] if strided else [
        (1, tiles) for tiles in (1, 2, 4, 8)]


def _fits(form: geometry.Geometry, points: int, strided: bool, shared_limit: int) -> bool:
    # The threads of a warp go through an exchange, and its rounds, together.
    together = form.lanes == 1 or not strided or form.lanes // form.rounds * form.pixels >= 32
    return (form.threads % 32 == 0 and form.threads <= MOST_THREADS and together
            and form.rounds <= max(form.lanes, 1) and (form.rounds == 1 or (strided and form.lanes > 1))
            and form.shared_bytes(points, strided, False) <= shared_limit)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Time every form for one shape; 1 and a sentence where there is no device."""
    parser = argparse.ArgumentParser(prog="python -m suites.kernels.cuda.bench.sweep", description=__doc__)
    parser.add_argument("--shape", default="10x1024x32x32")
    parser.add_argument("--dtype", default="float32", choices=geometry.DTYPES)
    parser.add_argument("--planes", action="store_true", help="the 2-D layer")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--rounds", type=int, default=12)
    settings = parser.parse_args(argv)
    reason = devices.problem(0)
    if reason is not None:
        print("there is nothing to measure: {}".format(reason))
        return 1
    spec = Spec(dims=(2, 3)) if settings.planes else Spec()
    shape = tuple(int(size) for size in settings.shape.split("x"))
    elements = 1
    for size in shape:
        elements *= size
    device, dtype = torch.device("cuda"), getattr(torch, settings.dtype)
    buffers = field.Buffers(shape, device, field.buffer_count(4 * elements, field.l2_bytes(device), None), seed=1)
    x = buffers.inputs(dtype, settings.channels_last)[0]
    points = launch.options_of(shape, spec).points
    threshold = torch.arange(points, dtype=torch.float32, device=device) / (10 * points)
    expected = launch.forward(x, threshold, None, spec)
    output = launch.output_of(x, spec)
    job = work.describe(work.Tensor(shape, tuple(x.stride())), [output], launch.options_of(shape, spec))
    here = devices.get(0)
    chosen = geometry.choose(job, False, here.arch, here.multiprocessors)
    clone = buffers.each(dtype, settings.channels_last, lambda x, _: x.clone())
    samplers = {"clone": sampler(field.Entrant("clone", clone, False), cuda_timer)}
    for form in candidates(job):
        name = "slots {} lanes {} pixels {} tiles {} rounds {} blocks {}".format(*form)
        try:
            plan = launch.make_plan(x, [output], False, spec, False, form)
            error = float((launch.run_forward(plan, x, threshold, None, spec) - expected).abs().max())
            if not error <= (4e-6 if dtype == torch.float32 else 0.05):
                print("{}: differs from the chosen form by {:.1e}".format(name, error))
        except (CompileError, CudaError) as problem:
            print("{}: {}".format(name, str(problem).splitlines()[0]))
            continue
        run = buffers.each(dtype, settings.channels_last, _run(plan, threshold, spec))
        name += " (chosen)" if form == chosen else ""
        samplers[name] = sampler(field.Entrant(name, run, False), cuda_timer)
    samples = interleave(samplers, settings.rounds, 1)
    for name in sorted(samples, key=lambda name: median(samples[name])):
        print("{:>10.1f} us {:>6.2f} x clone  {}".format(
            median(samples[name]) * 1e6, median(samples[name]) / median(samples["clone"]), name))
    return 0


def _run(plan: launch.Plan, threshold: torch.Tensor, spec: Spec) -> Callable[[torch.Tensor, torch.Tensor], Any]:
    return lambda x, _: launch.run_forward(plan, x, threshold, None, spec)


if __name__ == "__main__":
    sys.exit(main())
