import copy

import pytest
import torch

from suites.layers import (
    BlockWalshHadamard1d,
    HTPerceptron,
    MultiplicationFreeDepthwise2d,
    MultiplicationFreeLinear,
    SqueezeExcite,
    WalshHadamard1d,
    WalshHadamard2d,
)

#: Largest error relative to the root mean square; old CPU builds accumulate in the type itself.
ALLOWED = {torch.float16: 0.05, torch.bfloat16: 0.3}

LAYERS = {
    "WHT 1-D": lambda: WalshHadamard1d(48, keep_first=True),
    "WHT 1-D two-stage": lambda: WalshHadamard1d(48, 20, implementation="two-stage"),
    "WHT 2-D": lambda: WalshHadamard2d(7),
    "WHT 2-D butterfly": lambda: WalshHadamard2d(7, implementation="butterfly"),
    "block WHT": lambda: BlockWalshHadamard1d(48, 144, 16),
    "HT-perceptron": lambda: HTPerceptron(48, 16, 7, 2),
    "squeeze-excite": lambda: SqueezeExcite(48),
    "MF depthwise sum": lambda: MultiplicationFreeDepthwise2d(48),
    "MF depthwise min": lambda: MultiplicationFreeDepthwise2d(48, member="min"),
    "MF linear match-min": lambda: MultiplicationFreeLinear(7, 5, member="match-min"),
    "MF linear sum": lambda: MultiplicationFreeLinear(7, 5),
}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", sorted(LAYERS))
def test_two_byte_types_give_their_own_type_close_to_float64_or_torchs_own_error(name, dtype):
    torch.manual_seed(0)
    layer = LAYERS[name]().to(dtype)
    x = torch.randn(2, 48, 7, 7).to(dtype)
    exact = copy.deepcopy(layer).double()(x.double())
    try:
        with torch.no_grad():
            y = layer(x)
    except RuntimeError as error:
        # Old torch has no such operation on the CPU; the message is torch's and says which.
        assert "not implemented for" in str(error)
        return
    assert y.dtype == dtype
    assert (y.double() - exact).abs().max() <= ALLOWED[dtype] * exact.pow(2).mean().sqrt()


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_layers_survive_a_copy_and_a_saved_state(name):
    torch.manual_seed(1)
    layer, fresh = LAYERS[name](), LAYERS[name]()
    x = torch.randn(1, 48, 7, 7)
    y = layer(x)
    fresh.load_state_dict(layer.state_dict())
    assert torch.equal(fresh(x), y)
    assert torch.equal(copy.deepcopy(layer)(x), y)


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_one_image_of_a_batch_does_not_depend_on_the_others(name):
    torch.manual_seed(2)
    layer = LAYERS[name]()
    x = torch.randn(3, 48, 7, 7)
    with torch.no_grad():
        assert torch.allclose(layer(x)[1:2], layer(x[1:2]), atol=1e-5)
        assert layer(x[:0]).shape[0] == 0


@pytest.mark.skipif(not hasattr(torch, "compile"), reason="this torch has no compiler")
@pytest.mark.parametrize("name", ["WHT 1-D two-stage", "squeeze-excite", "MF depthwise sum"])
def test_compiled_layers_are_one_graph_that_takes_its_matrices_as_they_are(name):
    torch.manual_seed(3)
    layer = LAYERS[name]()
    x = torch.randn(2, 48, 7, 7)
    torch._dynamo.reset()
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    assert torch.equal(compiled(x), layer(x))
    torch._dynamo.reset()
    graphs = torch._dynamo.explain(layer)(x).graphs
    assert not [node for graph in graphs for node in graph.graph.nodes if "cat" in str(node.target)]
