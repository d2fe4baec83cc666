"""The steps of ``first_contact.sh`` that are Python: ``python tests/gpu/steps.py present|device|kernels|...``.

Each prints what it found and ends with 0 (passed), 1 (failed) or 77 (cannot run here; the last line says why).
"""

import json
import os
import sys
import time
from typing import Any, Callable, Dict

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

SKIPPED = 77
#: Rates of the sleep, cold and under load, that count as the same clock.
SAME_CLOCK = 0.1
LOADED_PRODUCTS, LOADED_SIDE = 30, 8192
GRADIENT_TOLERANCE = 1e-3


def present() -> int:
    """Say in one sentence where there is no GPU."""
    try:
        import torch
    except ImportError:
        print("skipped: {} has no torch".format(sys.executable))
        return SKIPPED
    if not torch.cuda.is_available():
        print("skipped: torch {} of {} sees no CUDA device".format(torch.__version__, sys.executable))
        return SKIPPED
    return 0


def device() -> int:
    """Print the versions and the device's name."""
    import torch

    properties = torch.cuda.get_device_properties(0)
    print("torch {}, CUDA {}, cuDNN {}, Python {}".format(
        torch.__version__, torch.version.cuda, torch.backends.cudnn.version(), sys.version.split()[0]))
    print("{}: {} multiprocessors, {:.1f} GiB, capability {}.{}".format(
        properties.name, properties.multi_processor_count, properties.total_memory / 2.0 ** 30, properties.major,
        properties.minor))
    return 0


def kernels() -> int:
    """Pass if the CUDA kernels build and load here."""
    from suites.kernels.cuda import devices

    found = devices.describe()
    print(json.dumps(found, indent=1, sort_keys=True))
    return 0 if found["available"] else 1


def compiled() -> int:
    """Pass if a compiled training step of the fused 2-D layer has the gradients of the eager one."""
    import torch

    from suites.layers.wht2d import WalshHadamard2d

    if not hasattr(torch, "compile"):
        print("torch.compile came with torch 2, this is {}".format(torch.__version__))
        return SKIPPED
    layer = WalshHadamard2d(8, implementation="fused").cuda()
    x = torch.randn(4, 16, 8, 8, device="cuda")
    found = []
    for run in (layer, torch.compile(layer, fullgraph=True)):
        leaf = x.clone().requires_grad_()
        layer.zero_grad()
        (run(leaf) ** 2).sum().backward()
        found.append([leaf.grad] + [parameter.grad.clone() for parameter in layer.parameters()])
    worst = max(float((one - other).abs().max() / other.abs().max().clamp_min(1e-9)) for one, other in zip(*found))
    print("largest difference of a gradient: {:.1e} of its largest value, allowed {:.0e}".format(
        worst, GRADIENT_TOLERANCE))
    return 0 if worst <= GRADIENT_TOLERANCE else 1


def roof() -> int:
    """Print the device's limits; pass if each type has a number or a reason and the copy is measured."""
    from suites.roof import TYPES, measure

    found = measure("cuda", 1)
    for name in TYPES:
        value = found["flops_per_s_by_dtype"][name]
        print("{:<9} {}".format(name, found["flops_per_s_by_dtype_reason"].get(name) if value is None else
                                "{:.2f} TFLOP/s by {}".format(value / 1e12, found["flops_by_dtype"][name])))
    print("copy      {:.1f} GB/s, read and written; hold both against the data sheet".format(
        found["bytes_per_s"] / 1e9))
    return 0 if found["flops_per_s"] and found["bytes_per_s"] else 1


def sleep() -> int:
    """Pass if the rate of the sleep, probed before any work, is the one after thirty large products."""
    import torch

    from harness.timing.gpu_sleep import GpuSleep

    cold = GpuSleep(torch, time.perf_counter)
    if cold.reason is not None:
        print(cold.reason)
        return SKIPPED
    side = LOADED_SIDE if torch.cuda.get_device_properties(0).total_memory > 2 ** 33 else 1024
    x = torch.randn(side, side, device="cuda")
    for _ in range(LOADED_PRODUCTS):
        torch.mm(x, x)
    torch.cuda.synchronize()
    loaded = GpuSleep(torch, time.perf_counter)
    apart = abs(cold.cycles_per_s / loaded.cycles_per_s - 1.0)
    print("cold {:.0f} MHz ({}), loaded {:.0f} MHz: {:.1f} % apart, allowed {:.0f} %".format(
        cold.cycles_per_s / 1e6, "settled" if cold.settled else "not settled", loaded.cycles_per_s / 1e6,
        100.0 * apart, 100.0 * SAME_CLOCK))
    return 0 if apart <= SAME_CLOCK else 1


STEPS: Dict[str, Callable[[], int]] = {"present": present, "device": device, "kernels": kernels, "compiled": compiled,
                                       "roof": roof, "sleep": sleep}


def main(argv: Any) -> int:
    """Run the step that ``argv`` names."""
    if len(argv) != 1 or argv[0] not in STEPS:
        print("name one step of: {}".format(", ".join(STEPS)))
        return 2
    return STEPS[argv[0]]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
