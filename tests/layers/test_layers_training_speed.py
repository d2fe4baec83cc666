"""A training step with the kernel going forward takes no longer than through stock operations and autograd."""

import time

import pytest
import torch

from suites.layers import HTPerceptron
from suites.layers.debut import DebutConv2d, DebutLinear, published_chains
from suites.layers.mf_layers import MultiplicationFreeDepthwise2d, MultiplicationFreeLinear

ROUNDS = 9
#: Wide enough for a busy machine; a gradient that repeats the whole forward in stock operations twice is beyond it.
MARGIN = 1.3

STEPS = {
    "debut": ("blocks", lambda form: DebutConv2d(512, 512, 3, published_chains("vgg16_cifar10")[5], padding=1,
                                                 implementation=form), (1, 512, 4, 4)),
    "debut linear": ("blocks", lambda form: DebutLinear(512, 256, implementation=form), (64, 512)),
    "ht": ("matrix", lambda form: HTPerceptron(16, 16, (32, 32), 3, implementation=form), (1, 16, 32, 32)),
}
for member in ("sum", "min", "match-min"):
    STEPS["depthwise " + member] = ("stock", lambda form, member=member: MultiplicationFreeDepthwise2d(
        128, member=member, implementation=form), (1, 128, 14, 14))
    STEPS["linear " + member] = ("stock", lambda form, member=member: MultiplicationFreeLinear(
        128, 128, member=member, implementation=form), (32, 128))


def seconds(layer, x):
    """Processor time of one step, which a neighbour on the core adds little to."""
    leaf = x.detach().requires_grad_()
    layer.zero_grad()
    start = time.process_time()
    y = layer(leaf)
    y.backward(y.detach())
    return time.process_time() - start


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_training_step_is_no_slower_than_through_stock_operations(name):
    torch.manual_seed(0)
    stock, make, shape = STEPS[name]
    x, before = torch.randn(shape), torch.get_num_threads()
    plain = make(stock)
    with torch.no_grad():
        probe = make("auto")
        probe(x)
    if probe.implementation_used != "fused":
        pytest.skip(probe.implementation_reason)
    fused = make("fused")
    torch.set_num_threads(1)
    try:
        times = [[seconds(layer, x) for layer in (plain, fused)] for _ in range(ROUNDS + 1)][1:]
    finally:
        torch.set_num_threads(before)
    medians = [sorted(column)[ROUNDS // 2] for column in zip(*times)]
    assert medians[1] <= MARGIN * medians[0], medians
