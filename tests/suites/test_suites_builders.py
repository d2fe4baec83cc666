import itertools

import pytest
import torch
import torch.nn.functional as F
from scipy.linalg import hadamard

from harness.plan import Case
from suites.builders import convolutions, dense, multiplication_free, transforms
from suites.kernels import depthwise as depthwise_kernel
from suites.layers.counts import transform_macs, wht1d_macs, wht2d_macs

BUILDERS = {
    "conv1x1": (convolutions.convolution, ()),
    "conv3x3": (convolutions.convolution, (("kernel", 3),)),
    "conv3x3 wider, stride 2": (convolutions.convolution, (("kernel", 3), ("out_channels", 20), ("stride", 2))),
    "depthwise": (convolutions.depthwise, ()),
    "separable": (convolutions.depthwise_separable, (("out_channels", 20),)),
    "squeeze-excite": (convolutions.squeeze_excite, ()),
    "wht1d": (transforms.wht1d, ()),
    "wht1d wider": (transforms.wht1d, (("out_channels", 20), ("keep_first", True))),
    "wht2d": (transforms.wht2d, ()),
    "wht2d stride 2": (transforms.wht2d, (("stride", 2),)),
    "block wht1d": (transforms.block_wht1d, ()),
    "block wht1d wider, stride 2": (transforms.block_wht1d, (("block_size", 4), ("out_channels", 20), ("stride", 2))),
    "block wht1d narrower": (transforms.block_wht1d, (("out_channels", 5),)),
    "ht": (transforms.ht_perceptron, (("out_channels", 5), ("paths", 2))),
    "mf depthwise sum": (multiplication_free.depthwise, (("member", "sum"),)),
    "mf depthwise min": (multiplication_free.depthwise, (("member", "min"),)),
    "mf depthwise match-min": (multiplication_free.depthwise, (("member", "match-min"),)),
}
FLAT = {
    "linear": (convolutions.linear, ()),
    "mf linear sum": (multiplication_free.linear, (("member", "sum"),)),
    "mf linear min": (multiplication_free.linear, (("member", "min"),)),
    "mf linear match-min": (multiplication_free.linear, (("member", "match-min"),)),
}


def subject(name, memory_format="contiguous", mode="inference", protocol="steady", dtype="float32",
            implementation="auto"):
    builder, options = BUILDERS[name] if name in BUILDERS else FLAT[name]
    shape = (3, 12, 7, 7) if name in BUILDERS else (3, 12)
    case = Case(name, implementation, "", shape, dtype, memory_format, mode=mode, protocol=protocol, options=options)
    x = torch.randn(case.shape, generator=torch.Generator().manual_seed(1)).to(getattr(torch, dtype))
    if memory_format == "channels_last":
        x = x.contiguous(memory_format=torch.channels_last)
    return builder(case, x), x


def tensors(output):
    return list(output) if isinstance(output, tuple) else [output]


WAYS = [(mode, protocol) for mode, protocol in itertools.product(("inference", "training"), ("steady", "published"))
        if (mode, protocol) != ("training", "published")]


@pytest.mark.parametrize("memory_format", ["contiguous", "channels_last"])
@pytest.mark.parametrize("mode, protocol", WAYS)
@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_every_builder_agrees_with_its_dense_float64_reference(name, mode, protocol, memory_format):
    built, x = subject(name, memory_format, mode, protocol)
    got, wanted = tensors(built.call()), tensors(built.reference(x[[0, 2]].double()))
    assert len(got) == len(wanted) == (2 if mode == "training" else 1)
    for have, want in zip(got, wanted):
        assert have.dtype == torch.float32 and want.dtype == torch.float64
        assert have[[0, 2]].shape == want.shape
        assert (have[[0, 2]].double() - want).abs().max() < 1e-5 * want.pow(2).mean().sqrt() + 1e-9


@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize("name", sorted(FLAT))
def test_so_does_every_builder_of_dense_layers(name, mode):
    built, x = subject(name, mode=mode)
    for have, want in zip(tensors(built.call()), tensors(built.reference(x[[0, 2]].double()))):
        assert (have[[0, 2]].double() - want).abs().max() < 1e-5 * want.pow(2).mean().sqrt() + 1e-9


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_calls_repeat_exactly_and_leave_the_shared_input_alone(name):
    for mode in ("inference", "training"):
        built, x = subject(name, mode=mode)
        before = x.clone()
        first = [part.clone() for part in tensors(built.call())]
        again = tensors(built.call())
        assert all(torch.equal(a, b) for a, b in zip(first, again))
        assert torch.equal(x, before) and not x.requires_grad


def test_weights_are_the_same_in_every_process_and_leave_the_random_state_alone():
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    first, second = subject("conv3x3")[0].call(), subject("conv3x3")[0].call()
    assert torch.equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_training_step_really_updates_with_the_gradient(monkeypatch):
    steps = []
    original = torch.optim.SGD.step
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self, *a: (
        steps.append([p.grad.abs().sum().item() for g in self.param_groups for p in g["params"]]),
        original(self, *a))[1])
    subject("conv3x3", mode="training")[0].call()
    assert len(steps) == 1 and len(steps[0]) == 2 and min(steps[0]) > 0


def test_the_published_protocol_calls_the_layer_once_for_each_image_on_a_fresh_copy(monkeypatch):
    seen = []
    original = transforms.WalshHadamard1d.forward
    monkeypatch.setattr(transforms.WalshHadamard1d, "forward",
                        lambda self, x: (seen.append((tuple(x.shape), x.data_ptr())), original(self, x))[1])
    built, x = subject("wht1d", protocol="published")
    out = built.call()
    assert [shape for shape, _ in seen] == [(1, 12, 7, 7)] * 3
    assert not {pointer for _, pointer in seen} & {x[i].data_ptr() for i in range(3)}
    assert built.call().data_ptr() != out.data_ptr()


def test_unknown_ways_to_run_are_refused():
    with pytest.raises(ValueError, match="mode 'evaluation'"):
        subject("conv1x1", mode="evaluation")
    with pytest.raises(ValueError, match="inference only"):
        subject("conv1x1", mode="training", protocol="published")


def test_parameters_and_macs_follow_the_rules():
    built = {name: subject(name, implementation="stock" if "mf" in name else "matrix")[0] for name in BUILDERS}
    macs = {name: (one.parameters, one.macs) for name, one in built.items()}
    pixels = 3 * 49
    assert macs["conv1x1"] == (12 * 12 + 12, pixels * 144)
    assert macs["conv3x3"] == (9 * 144 + 12, pixels * 144 * 9)
    assert macs["conv3x3 wider, stride 2"] == (9 * 240 + 20, 3 * 16 * 240 * 9)
    assert macs["depthwise"] == (120, pixels * 12 * 9)
    assert macs["separable"] == (120 + 260, pixels * (12 * 9 + 240))
    assert macs["squeeze-excite"] == (12 * 3 + 3 + 3 * 12 + 12, 3 * 72)
    assert macs["wht1d"] == (16, pixels * 2 * 12 * 16)
    assert macs["wht1d wider"][0] == 31
    assert macs["wht2d"][0] == 128
    assert macs["block wht1d"] == (8, pixels * 3 * 2 * 4 * 4)
    assert macs["block wht1d wider, stride 2"] == (8, 3 * 16 * 5 * 2 * 4 * 4)
    # Twelve channels pooled by two to five: blocks of four up to the tenth channel.
    assert macs["block wht1d narrower"] == (8, pixels * 3 * 2 * 4 * 4)
    assert macs["ht"] == (2 * (60 + 2 * 64), 3 * (2 * 60 * 64 + 12 * (7 * 56 + 8 * 56) + 5 * (8 * 56 + 7 * 56)))
    assert macs["mf depthwise sum"] == (108, pixels * 12 * 9)
    flat = {name: subject(name)[0] for name in FLAT}
    assert {(one.parameters, one.macs) for one in flat.values()} == {(156, 3 * 144)}
    # One pixel of the papers' 1024 channels, and one image of their 8x8 planes.
    assert [wht1d_macs(1, 1024, 1024, form) for form in ("matrix", "two-stage", "butterfly")] == [
        2097152, 131072, 20480]
    assert wht2d_macs(1024, 8, 8, "matrix", "matrix") == 2097152
    assert wht2d_macs(1024, 8, 8, "butterfly", "butterfly") == 786432
    assert transform_macs(2048, 320, 2048, "two-stage") == 10 * 32 * 32 + 10 * 64 * 32


def test_the_dense_references_agree_with_torchs_own_operations():
    x = torch.randn(2, 6, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weight = torch.randn(4, 6, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    bias = torch.arange(4.0, dtype=torch.float64)
    for stride in (1, 2):
        assert torch.allclose(dense.convolution(x, weight, bias, stride),
                              F.conv2d(x, weight, bias, stride=stride, padding=1))
    single = weight.reshape(-1, 1, 3, 3)[:6]
    assert torch.allclose(dense.depthwise(x, single, bias.new_ones(6)),
                          F.conv2d(x, single, bias.new_ones(6), padding=1, groups=6))
    for size in (1, 2, 64, 1024):
        assert torch.allclose(dense.hadamard(size) * size ** 0.5, torch.from_numpy(hadamard(size)).double())


@pytest.mark.parametrize("relu", [False, True])
def test_the_own_depthwise_convolution_agrees_with_its_reference_or_says_why_there_is_none(relu):
    case = Case("Depthwise 3x3", "own kernel", "", (3, 12, 7, 7), options=(("relu", relu),))
    x = torch.randn(case.shape, generator=torch.Generator().manual_seed(3))
    if depthwise_kernel.reason(x) is not None:
        pytest.skip("no depthwise kernels here: {}".format(depthwise_kernel.reason(x)))
    built = convolutions.own_depthwise(case, x)
    assert (built.implementation, built.parameters, built.macs) == ("own kernel", 120, 3 * 49 * 12 * 9)
    assert torch.allclose(built.call().double(), built.reference(x.double()), atol=1e-5)
    assert bool((built.call() < 0).any()) != relu
    with pytest.raises(RuntimeError, match="not float64"):
        convolutions.own_depthwise(case, x.double())
