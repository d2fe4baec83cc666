"""Our timing beside ``torch.utils.benchmark`` on the same callables: ``python -m suites.agreement``.

Both time the same function in one process, in shuffled mirrored rounds (ours theirs theirs ours, or the
other way round), so that drift and throttling meet both. Printed for each operation: the seconds per call
of each, and the ratio of ours to theirs with its exact 99 % interval over rounds. Exit code: 0 if every
ratio lies within 3 %, 1 if one does not, 2 if one does not but its interval reaches inside (a busy machine).
"""

import argparse
import math
import random
import sys
import time
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

from harness.quantiles import median
from harness.rule import Rule
from harness.statistics.signed_rank import Interval, signed_rank_interval
from harness.timing.calibrate import target_s
from harness.timing.cpu_timer import CpuTimer
from harness.timing.cuda_timer import CudaTimer
from harness.timing.rounds import quiet_collector
from harness.timing.sampler import Call, Sampler
from harness.timing.warmup import warm_up

TOLERANCE = 0.03
LEVEL = 0.01
ROUNDS = (12, 400)  # at least, at most
NARROW = 0.005  # half-width of the interval (log scale) that ends an operation early
CUDA_STRETCH_S = 0.02  # theirs waits for the device after a stretch: long stretches make that vanish


class Agreement(NamedTuple):
    """Seconds per call of both, and the interval of the log ratio ours / theirs."""

    name: str
    ours_s: float
    theirs_s: float
    log_ratio: Interval
    rounds: int

    @property
    def ratio(self) -> float:
        """Ours over theirs."""
        return math.exp(self.log_ratio.centre)

    def exit_code(self, tolerance: float) -> int:
        """0: the ratio lies within ``tolerance`` of 1; 1: beyond it; 2: beyond, but the interval reaches inside."""
        edge = math.log1p(tolerance)
        centre, low, high = self.log_ratio
        if abs(centre) <= edge:
            return 0
        return 2 if low is None or high is None or (low <= edge and high >= -edge) else 1


def operations(torch: Any, device: str) -> List[Tuple[str, Call]]:
    """Return (name, call) from about 10 us to 50 ms on two desktop cores, inputs from a fixed seed."""
    torch.manual_seed(1)

    def tensor(*shape: int) -> Any:
        return torch.randn(*shape, device=device)

    a, small, square = tensor(320, 320), tensor(64, 256), tensor(1024, 1024)
    images, large = tensor(1, 32, 112, 112), tensor(2, 64, 200, 200)
    linear = torch.nn.Linear(256, 256).to(device)
    narrow = torch.nn.Conv2d(32, 32, 3).to(device)
    wide = torch.nn.Conv2d(64, 64, 3).to(device)
    return [
        ("add 320x320", lambda: a + a),
        ("linear 256 on 64 rows", lambda: linear(small)),
        ("conv 32->32 3x3 on 112x112", lambda: narrow(images)),
        ("matrix product 1024", lambda: square @ square),
        ("conv 64->64 3x3 on 2x200x200", lambda: wide(large)),
    ]


def compare(name: str, call: Call, sampler: Sampler, theirs: Callable[[int], float], calls: int,
            order_random: random.Random, seconds: float, now: Callable[[], float] = time.perf_counter) -> Agreement:
    """Play shuffled mirrored rounds of ours and ``theirs`` (calls -> seconds per call) on one ``call``."""

    def ours(count: int) -> float:
        # What theirs does before a stretch: one in a hundred calls, at least two, outside its clock.
        for _ in range(max(count // 100, 2)):
            sampler.sample(call, 1)
        return sampler.sample(call, count)[0] / count

    ways = (ours, theirs)
    taken = ([], [])  # type: Tuple[List[float], List[float]]
    d = []  # type: List[float]
    begun = now()
    while len(d) < ROUNDS[1]:
        order = [0, 1] if order_random.random() < 0.5 else [1, 0]
        logs = [0.0, 0.0]
        for way in order + order[::-1]:
            value = ways[way](calls)
            taken[way].append(value)
            logs[way] += 0.5 * math.log(value)
        d.append(logs[0] - logs[1])
        if len(d) >= ROUNDS[0] and (_narrow(d) or now() - begun > seconds):
            break
    return Agreement(name, median(taken[0]), median(taken[1]), signed_rank_interval(d, LEVEL), len(d))


def _theirs(measure: Any) -> Callable[[int], float]:
    return lambda calls: measure.timeit(calls).mean


def _narrow(d: Sequence[float]) -> bool:
    low, high = signed_rank_interval(d, LEVEL)[1:]
    return low is not None and high is not None and 0.5 * (high - low) < NARROW


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the comparison; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m suites.agreement", description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda if torch sees a device, else cpu")
    parser.add_argument("--threads", type=int, default=1, help="torch threads on the CPU (default 1)")
    parser.add_argument("--seconds", type=float, default=10.0, help="most seconds per operation (default 10)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)

    import torch
    from torch.utils import benchmark

    torch.set_num_threads(options.threads)
    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    timer = CudaTimer(torch) if device == "cuda" else CpuTimer()
    order_random = random.Random(options.seed)
    print("{:30} {:>12} {:>12} {:>8}  {:18} rounds".format("operation", "ours", "torch's", "ratio", "99 % interval"))
    codes = {}
    with torch.no_grad(), quiet_collector():
        for name, call in operations(torch, device):
            theirs = benchmark.Timer("call()", globals={"call": call}, num_threads=options.threads)
            least_s = CUDA_STRETCH_S if device == "cuda" else target_s(
                timer.resolution_s, Rule().sample_s, Rule().sample_steps)
            calls = warm_up(timer.samplers[0], call, least_s, timer.now).calls
            found = compare(name, call, timer.samplers[0], _theirs(theirs), calls, order_random, options.seconds)
            low, high = found.log_ratio.low, found.log_ratio.high
            print("{:30} {:>9.2f} us {:>9.2f} us {:>8.4f}  {:18} {}".format(
                name, 1e6 * found.ours_s, 1e6 * found.theirs_s, found.ratio,
                "none" if low is None or high is None else "{:.4f} to {:.4f}".format(math.exp(low), math.exp(high)),
                found.rounds))
            codes[name] = found.exit_code(TOLERANCE)
    beyond = [name for name, code in codes.items() if code == 1]
    noisy = [name for name, code in codes.items() if code == 2]
    if beyond:
        print("beyond {:.0f} %: {}".format(100 * TOLERANCE, ", ".join(beyond)))
    if noisy:
        print("too noisy to tell: {}; close other programs or give more time with --seconds".format(", ".join(noisy)))
    if not beyond and not noisy:
        print("every ratio lies within {:.0f} %".format(100 * TOLERANCE))
    return 1 if beyond else 2 if noisy else 0


if __name__ == "__main__":
    sys.exit(main())
