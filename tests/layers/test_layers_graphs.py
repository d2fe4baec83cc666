"""What torch records as a graph is the layer: compiled, exported, traced."""

import io
import warnings

import pytest
import torch
from every_layer import FAMILIES, NAMES, NO_KERNEL, SHAPE, breadth, make, noise

from suites.layers import WalshHadamard1d, walsh_hadamard
from suites.layers.matrices import shared_matrix

HAS_EXPORT = hasattr(torch, "export") and hasattr(torch.export, "Dim")
needs_compiler = pytest.mark.skipif(not hasattr(torch, "compile"), reason="this torch has no compiler")
needs_export = pytest.mark.skipif(not HAS_EXPORT, reason="this torch has no export")
needs_operators = pytest.mark.skipif(not hasattr(torch, "library") or not hasattr(torch.library, "custom_op"),
                                     reason="custom operators came with torch 2.4")
needs_kernel = pytest.mark.skipif(NO_KERNEL is not None, reason="no fused kernel here: {}".format(NO_KERNEL))
EVERY = breadth(NAMES)


@pytest.fixture(autouse=True)
def fresh_compiler():
    if hasattr(torch, "compile"):
        torch._dynamo.reset()
    yield


def close(got, wanted):
    return torch.allclose(got, wanted, atol=1e-5, rtol=1e-4)


@needs_compiler
@pytest.mark.parametrize("name", EVERY)
def test_a_compiled_layer_is_one_graph_with_the_layers_output_and_gradients(name):
    eager, layer, x = make(name), make(name), noise()
    want, got = eager(x), torch.compile(layer, fullgraph=True, backend="aot_eager")(x)
    assert close(got, want)
    if want.requires_grad:
        for y in (want, got):
            y.backward(torch.cos(want.detach()))
        assert all(close(a.grad, b.grad) for a, b in zip(layer.parameters(), eager.parameters()))


@needs_compiler
@pytest.mark.parametrize("name", EVERY)
def test_one_graph_serves_every_batch_size(name):
    layer, graphs = make(name), []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compiled, x = torch.compile(layer, fullgraph=True, backend=backend), noise(4, *SHAPE[1:])
    torch._dynamo.mark_dynamic(x, 0)
    for batch in (x, noise(7, *SHAPE[1:]), noise(3, *SHAPE[1:])):
        assert close(compiled(batch), layer(batch))
    assert len(graphs) == 1


@needs_compiler
@pytest.mark.parametrize("name", [n for n in FAMILIES if "fused" in n or n in ("1-D, two-stage", "LHC, free")])
def test_a_graph_with_all_sizes_dynamic_is_the_layer(name):
    layer = make(name)
    compiled = torch.compile(layer, fullgraph=True, backend="eager", dynamic=True)
    for batch in (2, 5):
        assert close(compiled(noise(batch, *SHAPE[1:])), layer(noise(batch, *SHAPE[1:])))


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_torchs_own_compiler_takes_every_family(name):
    layer, x = make(name), noise()
    y = torch.compile(layer, fullgraph=True)(x)
    assert close(y, layer(x))
    if y.requires_grad:
        y.sum().backward()


QUICK = ("1-D, auto", "1-D to 20 in sequency order, matrix", "DeBut linear, auto", "HT-perceptron, auto")


@needs_compiler
@pytest.mark.skipif(not HAS_EXPORT, reason="an older torch compiles no transforms")
@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
                                  for name in NAMES if "fused" not in name])
def test_a_compiled_transform_of_the_layer_is_one_graph(name):
    layer, x = make(name), noise(2, *SHAPE)

    def loss(one):
        return layer(one).pow(2).sum()

    gradient = torch.compile(torch.func.grad(loss), fullgraph=True, backend="eager")(x[0])
    assert torch.allclose(gradient, torch.func.grad(loss)(x[0]), atol=1e-4, rtol=1e-4)
    mapped = torch.compile(torch.func.vmap(lambda one: layer(one)), fullgraph=True, backend="eager")(x)
    assert close(mapped, torch.stack([layer(one) for one in x]))


@needs_compiler
@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name.startswith("1-D") else pytest.mark.slow)
                                  for name in FAMILIES])
def test_a_backward_pass_compiled_by_itself_has_the_layers_gradients(name):
    compiled_autograd = pytest.importorskip("torch._dynamo.compiled_autograd")
    if not hasattr(compiled_autograd, "_enable"):
        pytest.skip("this torch compiles no backward pass by itself")
    layer, x = make(name), noise().requires_grad_()
    if not layer(x).requires_grad:
        return
    wanted, = torch.autograd.grad(layer(x).pow(2).sum(), x)
    with compiled_autograd._enable(torch.compile(backend="eager")):
        layer(x).pow(2).sum().backward()
    assert close(x.grad, wanted)


@needs_export
@pytest.mark.parametrize("name", EVERY)
def test_an_exported_layer_takes_every_batch_size_and_leaves_nothing_behind(name):
    layer, x = make(name), noise(4, *SHAPE[1:])
    program = torch.export.export(layer, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    for batch in (4, 7, 1):
        x = noise(batch, *SHAPE[1:])
        y = layer(x)
        assert type(y) is torch.Tensor
        assert close(program.module()(x), y)


@needs_export
@pytest.mark.parametrize("name", FAMILIES)
def test_an_exported_layer_of_fixed_sizes_is_the_layer(name):
    layer, x = make(name), noise()
    assert close(torch.export.export(layer, (x,)).module()(x), layer(x))


@needs_export
def test_a_matrix_first_asked_for_while_exporting_is_a_real_one_afterwards():
    # 2048 points: nobody else in this process has asked for them.
    layer = WalshHadamard1d(2048, implementation="matrix")
    torch.export.export(layer, (torch.zeros(1, 2048),))
    assert type(shared_matrix(2048, "natural", torch.float32, torch.device("cpu"), 2048 ** -0.5)) is torch.Tensor
    assert type(walsh_hadamard(torch.ones(2048), implementation="matrix")) is torch.Tensor


@pytest.mark.parametrize("name", EVERY)
def test_a_trace_is_the_layer_on_other_numbers_and_survives_a_file(name):
    layer, other = make(name), noise(2, *SHAPE[1:], seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the checks of sizes become part of no trace
        try:
            trace = torch.jit.trace(layer, (noise(),))  # which checks itself, without gradients
        except RuntimeError as error:
            assert "fused" in name and "the fused kernel cannot run" in str(error)
            return
    file = io.BytesIO()
    torch.jit.save(trace, file)
    file.seek(0)
    want = layer(other)
    assert close(trace(other), want) and close(torch.jit.load(file)(other), want)
    if want.requires_grad:
        of_layer = torch.autograd.grad(want, list(layer.parameters()), torch.cos(want.detach()))
        of_trace = torch.autograd.grad(trace(other), list(trace.parameters()), torch.cos(want.detach()))
        assert all(close(one, other) for one, other in zip(of_trace, of_layer))


@needs_kernel
@needs_operators
def test_a_trace_of_the_fused_form_holds_the_operator():
    trace = torch.jit.trace(make("1-D, fused"), (noise(),), check_trace=False)
    assert "edge_transform_bench::wht_layer" in str(trace.inlined_graph)


@pytest.mark.slow
@pytest.mark.parametrize("dynamo", [False, True], ids=["torchscript", "export"])
@pytest.mark.parametrize("name", [name for name in FAMILIES if "fused" not in name] + ["1-D, auto"])
def test_onnx_runs_the_stock_forms(name, dynamo, tmp_path):
    if not HAS_EXPORT:
        pytest.skip("this torch cannot choose its ONNX exporter")
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    layer, path = make(name).eval(), str(tmp_path / "layer.onnx")
    if dynamo:
        sizes = {"dynamic_shapes": ({0: torch.export.Dim("batch")},)}
    else:
        sizes = {"input_names": ["x"], "dynamic_axes": {"x": {0: "batch"}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(layer, (noise(),), path, dynamo=dynamo, verbose=False, **sizes)
    session, x = runtime.InferenceSession(path), noise(5, *SHAPE[1:], seed=1)
    got = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
    assert torch.allclose(torch.from_numpy(got), layer(x), atol=1e-4)
