"""A training step with the kernel going forward takes no longer than through stock operations and autograd."""

import time

import pytest
import torch

from suites.layers import HTPerceptron
from suites.layers.debut import DebutConv2d, DebutLinear, published_chains
from suites.layers.mf_layers import MultiplicationFreeDepthwise2d, MultiplicationFreeLinear

#: A gradient that repeats the whole forward in stock operations twice is beyond it.
MARGIN = 1.3
#: Steps of both are taken by turns until so many pairs lie within the margin, or so many beyond. Other programs make
#: either step of a pair the longer one: of a layer that is no slower they put a half beyond at most, and that 40 come
#: before 10 then has a chance of 4 in a million.
WITHIN, BEYOND = 10, 40

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
    layers, ratios = [plain, make("fused")], []
    torch.set_num_threads(1)
    try:
        for layer in layers:
            seconds(layer, x)
        while sum(one <= MARGIN for one in ratios) < WITHIN and sum(one > MARGIN for one in ratios) < BEYOND:
            turn = layers[::-1] if len(ratios) % 2 else layers
            spent = {layer: seconds(layer, x) for layer in turn}
            ratios.append(spent[layers[1]] / spent[layers[0]])
    finally:
        torch.set_num_threads(before)
    assert sum(one <= MARGIN for one in ratios) == WITHIN, sorted(ratios)
