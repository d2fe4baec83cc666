"""``python -m suites.kernels.cuda.sweep``: times every form a kernel can take, to choose by measurement.

The forms in ``geometry.py`` were chosen by what the compiler says. This prints the forward kernel's time in each form
that fits the device, against a copy, with the chosen form marked: calls one by one on an empty L2 (``--hot``: in
stretches, on a full one), launches hidden behind a GPU sleep. What the layer is worth against convolutions is for the
suite ``kernels`` to say.
"""

import argparse
import sys
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch

from harness.timing.cuda_timer import CudaTimer
from harness.timing.sampler import COLD, HOT, Call, Sample, Sampler
from suites.kernels.cuda import devices, geometry, launch, work
from suites.kernels.cuda.compiler import CompileError
from suites.kernels.cuda.driver import CudaError
from suites.kernels.fastest import Search, fastest
from suites.kernels.geometry import Spec

MOST_THREADS = 1024
#: Forms this many times slower than the fastest get no more rounds; the whole sweep may sample this long.
HOPELESS, BUDGET_S = 3.0, 120.0
LARGEST_DIFFERENCE = {torch.float32: 4e-6, torch.float16: 0.05, torch.bfloat16: 0.05}


class Entry(NamedTuple):
    """One thing to time."""

    name: str
    call: Call


class Watched(Sampler):
    """A sampler that counts its samples and those whose launches were not hidden."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler, self.cache = sampler, sampler.cache
        self.samples = self.bare = 0

    def sample(self, call: Call, calls: int) -> Sample:
        """Pass on, and count."""
        found = self.sampler.sample(call, calls)
        self.samples += 1
        self.bare += found.hidden is False
        return found


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


def field(x: torch.Tensor, spec: Spec, say: Callable[[str], Any]) -> List[Entry]:
    """Return a copy of ``x`` and the layer in every form that runs, the chosen one marked; ``say`` gets the rest."""
    points = launch.options_of(tuple(x.shape), spec).points
    threshold = torch.arange(points, dtype=torch.float32, device=x.device) / (10 * points)
    expected, output = launch.forward(x, threshold, None, spec), launch.output_of(x, spec)
    job = work.describe(work.Tensor(tuple(x.shape), tuple(x.stride())), [output],
                        launch.options_of(tuple(x.shape), spec))
    device = launch.device_of(x)
    chosen = geometry.choose(job, False, device.arch, device.multiprocessors)
    entries = [Entry("clone", x.clone)]
    for form in candidates(job):
        name = "slots {} lanes {} pixels {} tiles {} rounds {} blocks {}".format(*form)
        entries += checked(name + " (chosen)" * (form == chosen), partial(_made, x, output, threshold, spec, form),
                           expected, LARGEST_DIFFERENCE[x.dtype], say)
    return entries


def checked(name: str, make: Callable[..., Call], expected: torch.Tensor, most: float,
            say: Callable[[str], Any]) -> List[Entry]:
    """Return the entry of the call that ``make`` makes if it runs and differs from ``expected`` by ``most`` at most.

    Of any other ``say`` gets the reason, and the list is empty.
    """
    try:
        run = make()
        difference = float((run() - expected).abs().max())
    except (CompileError, CudaError) as problem:
        say("{}: {}".format(name, str(problem).splitlines()[0]))
        return []
    if not difference <= most:
        say("{}: differs from the chosen form by {:.1e}, not timed".format(name, difference))
        return []
    return [Entry(name, run)]


def _made(x: torch.Tensor, output: work.Tensor, threshold: torch.Tensor, spec: Spec, form: geometry.Geometry) -> Call:
    plan = launch.make_plan(x, [output], False, spec, False, form)
    return lambda: launch.run_forward(plan, x, threshold, None, spec)


def ranked(entries: Sequence[Entry], sampler: Sampler, rounds: int) -> List[str]:
    """Return a line for each of ``entries``, the fastest first, and one more if launches were timed as work."""
    watched = Watched(sampler)
    _, seconds = fastest([entry.call for entry in entries], watched,
                         Search(rounds=rounds, hopeless=HOPELESS, budget_s=BUDGET_S))
    found: Dict[str, float] = dict(zip([entry.name for entry in entries], seconds))
    lines = ["{:>10.1f} us {:>6.2f} x {}  {}".format(1e6 * found[name], found[name] / found[entries[0].name],
                                                     entries[0].name, name)
             for name in sorted(found, key=lambda name: found[name])]
    if watched.bare:
        lines.append("{} of {} samples were not hidden: their launches are timed as work".format(
            watched.bare, watched.samples))
    return lines


def sweep(parser: argparse.ArgumentParser, argv: Optional[Sequence[str]],
          entries: Callable[[torch.Tensor, argparse.Namespace], Sequence[Entry]]) -> int:
    """Time what ``entries`` makes of the tensor that ``argv`` describes; 1 and a sentence where there is no device.

    ``parser`` knows ``--shape``, ``--dtype`` and what else ``entries`` asks for.
    """
    parser.add_argument("--hot", action="store_true", help="stretches of calls instead of an empty L2 before each")
    parser.add_argument("--rounds", type=int, default=6)
    settings = parser.parse_args(argv)
    reason = devices.problem(0)
    if reason is not None:
        print("there is nothing to measure: {}".format(reason))
        return 1
    shape = tuple(int(size) for size in settings.shape.split("x"))
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(getattr(torch, settings.dtype)).cuda()
    if getattr(settings, "channels_last", False):
        x = x.contiguous(memory_format=torch.channels_last)
    timer = CudaTimer(torch)
    sampler, = [one for one in timer.samplers if one.cache == (HOT if settings.hot else COLD)]
    print("\n".join(ranked(entries(x, settings), sampler, settings.rounds)))
    return 0


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Time every form for one shape; 1 and a sentence where there is no device."""
    parser = argparse.ArgumentParser(prog="python -m suites.kernels.cuda.sweep", description=__doc__)
    parser.add_argument("--shape", default="10x1024x32x32")
    parser.add_argument("--dtype", default="float32", choices=geometry.DTYPES)
    parser.add_argument("--planes", action="store_true", help="the 2-D layer")
    parser.add_argument("--channels-last", action="store_true")
    return sweep(parser, argv, lambda x, settings: field(x, Spec(dims=(2, 3)) if settings.planes else Spec(), print))


if __name__ == "__main__":
    sys.exit(main())
