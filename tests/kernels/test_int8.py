"""The 1-D layer in 8-bit integers: equal to integers computed one stage at a time, close to float64, without bias."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.kernels import int8
from suites.kernels.int8_plan import Scale, Spec, check_spec, stages_of
from suites.layers.int8_wht1d import QuantisedWalshHadamard1d
from suites.layers.wht1d import WalshHadamard1d

pytestmark = pytest.mark.sampled

UNIT = Scale(1 / 32, 128)
#: Bits of the first and the middle pass, and of the roundings: before the core, before each pass of the inverse.
PASSES = {16: (1, 0, 0, 0, 0, 0), 32: (1, 1, 0, 0, 0, 0), 64: (2, 1, 0, 0, 0, 1), 128: (2, 2, 0, 1, 1, 1),
          256: (3, 2, 0, 2, 1, 1), 512: (3, 3, 1, 2, 1, 2), 1024: (4, 3, 2, 2, 1, 2), 2048: (4, 4, 3, 2, 2, 2)}


@pytest.fixture(scope="module", autouse=True)
def library():
    if int8.library().reason is not None:
        pytest.skip("no int8 kernel here: {}".format(int8.library().reason))


def layer_of(channels, before=UNIT, after=UNIT, out_channels=None, nonlinearity="smooth", form="fused", seed=0):
    layer = QuantisedWalshHadamard1d(channels, before, after, out_channels, nonlinearity, form)
    # Some are negative, which act as 0.
    drawn = torch.rand(layer.size, generator=torch.Generator().manual_seed(seed)) - 0.1
    layer.threshold.copy_(drawn)
    return layer


def normal(images, channels, pixels, scale=UNIT, seed=0):
    x = torch.randn(images, channels, pixels, generator=torch.Generator().manual_seed(seed))
    return (x / scale.step + scale.zero).round().clamp(0, 255).to(torch.uint8)


def real(stored, scale):
    return (stored.double() - scale.zero) * scale.step


def in_float64(layer, x):
    """The layer on real numbers, by a dense matrix from bit counts."""
    size = layer.size
    bits = np.array([bin(i).count("1") for i in range(size)])
    matrix = torch.tensor(np.where(bits[np.arange(size)[:, None] & np.arange(size)] % 2, -1.0, 1.0) / math.sqrt(size))
    v = torch.einsum("kc,ncp->nkp", matrix[:, :x.shape[1]], x)
    kept = torch.relu(v.abs() - torch.relu(layer.threshold.double()).reshape(1, -1, 1))
    u = (torch.tanh(v) if layer.nonlinearity == "smooth" else torch.sign(v)) * kept
    return torch.einsum("ck,nkp->ncp", matrix[:layer.out_channels], u)


def in_integers(layer, x, signed):
    """The arithmetic of ``int8_plan`` for one image (C, pixels), written again from its words: rows in Python's own
    integers, roundings as floors of exact fractions, tanh's pieces by interpolation between their knots."""
    size, center = layer.size, 0 if signed else 128
    first, middle, forward, of_core, of_middle, of_last = PASSES[size]
    unit = math.sqrt(size) / 2 ** forward / layer.before.step  # integers of the spectrum in a real 1
    v = np.full((size, x.shape[1]), layer.before.zero - center, dtype=np.int64)
    v[:x.shape[0]] = x.astype(np.int64) - center
    odd = np.arange(x.shape[1]) % 2

    def floor_product(v, even_factor, odd_factor):
        return np.floor((v * np.where(odd, odd_factor, even_factor) + 0.5 * 2 ** 15) / 2.0 ** 15).astype(np.int64)

    def divided(v, shift, even):
        return floor_product(v, 2 ** (15 - shift) + even, 2 ** (15 - shift) - even) if shift else v

    def word(v):
        return np.clip(v, -2 ** 15, 2 ** 15 - 1)

    def joined(v, low, count):
        for bit in range(low, low + count):
            v = np.stack([v[k & ~(1 << bit)] + (-1) ** (k >> bit & 1) * v[k | 1 << bit] for k in range(size)])
            assert np.array_equal(v, word(v))  # no sum needs more than 16 bits
        return v

    v = joined(joined(v, 0, first), first + 3, middle)
    v = joined(np.maximum(divided(v, forward, 1), -2 ** 15 >> forward), first, 3)
    hidden = np.zeros((size, 1), dtype=np.int64)
    hidden[0] = min(2 ** 15 - 1, (center - layer.before.zero) * size // 2 ** forward)
    whole = word(v + hidden)
    magnitude = np.minimum(np.abs(whole), 2 ** 15 - (layer.nonlinearity == "smooth"))
    limits = np.array([min(2 ** 15 - 1, math.floor(max(0.0, t) * unit + 0.5)) for t in layer.threshold.tolist()])
    rest = np.maximum(0, magnitude - limits[:, None])
    if layer.nonlinearity == "smooth":
        width = 2 ** min(10, max(1, math.ceil(math.log(max(5 * unit, 1.0) / 32, 2))))
        knots = []
        for k in range(33):
            t, w = math.tanh(k * width / unit), width / unit
            knots.append(min(2 ** 15 - 1, round(2 ** 15 * min(1.0, t + 2 * t * (1 - t * t) * w * w / 16))))
        near = np.minimum(magnitude, 32 * width - 1)
        starts, rises = np.array(knots[:-1]), np.maximum(0, np.diff(knots))
        tanh = starts[near // width] + near % width * rises[near // width] // width
        rest = np.floor((rest * tanh + 2 ** 14) / 2.0 ** 15).astype(np.int64)
    u = np.sign(whole) * rest
    u[0] = u[0] if hidden[0] == 0 else word(v[0] - word(whole[0] - u[0]))
    u = joined(divided(u, of_core, -1), first, 3)
    u = joined(divided(u, of_middle, 1), first + 3, middle)
    u = joined(divided(u, of_last, -1), 0, first)[:layer.out_channels]
    power = 2 ** (int(math.log2(size)) - forward - of_core - of_middle - of_last)
    factor = min(2 ** 15 - 2, round(2 ** 15 * layer.before.step / layer.after.step / power))
    apart = int(factor % 64 == 0)
    u = word(u + power * (center - layer.before.zero))
    u = floor_product(u, factor + apart, factor - apart) + layer.after.zero - center
    return np.clip(u, -128, 127) + center


@given(size=st.sampled_from(sorted(PASSES)), data=st.data(), pixels=st.integers(1, 140), signed=st.booleans(),
       nonlinearity=st.sampled_from(["smooth", "soft"]), wild=st.booleans(), threads=st.integers(1, 3),
       seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_kernel_and_stock_operations_give_the_integers_of_the_definition(
        size, data, pixels, signed, nonlinearity, wild, threads, seed):
    channels = data.draw(st.integers(size // 2 + 1, size))
    out_channels = data.draw(st.integers(1, size))
    zeros = st.integers(-128, 127) if signed else st.integers(0, 255)
    before = Scale(data.draw(st.floats(1e-3, 2.0)), data.draw(zeros))
    after = Scale(before.step * data.draw(st.sampled_from([0.5, 1.0, 1.7, 3.9])), data.draw(zeros))
    layer = layer_of(channels, before, after, out_channels, nonlinearity, seed=seed)
    drawn = np.random.RandomState(seed)
    x = drawn.choice([0, 255], (2, channels, pixels)) if wild else np.clip(
        drawn.randn(2, channels, pixels) * 32 + drawn.randint(256), 0, 255)
    x = torch.from_numpy(x.astype(np.uint8).view(np.int8) if signed else x.astype(np.uint8))
    torch.set_num_threads(threads)
    y = layer(x)
    assert y.dtype == x.dtype and layer.implementation_used == "fused"
    layer.implementation = "stock"
    assert torch.equal(layer(x), y)
    for image in range(2):
        assert np.array_equal(y[image].numpy(), in_integers(layer, x[image].numpy(), signed))


@pytest.mark.parametrize("size", sorted(PASSES))
@pytest.mark.parametrize("byte", [0, 255])
@pytest.mark.parametrize("nonlinearity", ["smooth", "soft"])
def test_the_outermost_byte_in_all_channels_goes_beyond_no_word(size, byte, nonlinearity):
    # All of it in one coefficient, the largest that there is: at 2048 channels the one value of -2^15.
    layer = layer_of(size, nonlinearity=nonlinearity)
    x = torch.full((1, size, 5), byte, dtype=torch.uint8)
    assert np.array_equal(layer(x)[0].numpy(), in_integers(layer, x[0].numpy(), False))


def test_tanh_bends_up_to_the_end_of_its_last_piece():
    # On a scale so fine that no coefficient is above 2; on others tanh is flat there, and any piece would do.
    layer = layer_of(256, Scale(1 / 1024, 128), Scale(1 / 1024, 128))
    byte = np.array([[1 if bin(channel & k).count("1") % 2 else 255 for k in range(64)] for channel in range(256)])
    x = torch.from_numpy(byte[None].astype(np.uint8))  # pixel k has all in coefficient k
    assert np.array_equal(layer(x)[0].numpy(), in_integers(layer, x[0].numpy(), False))


@pytest.mark.parametrize("nonlinearity", ["smooth", "soft"])
@pytest.mark.parametrize("channels", [64, 256, 1024, 2048])
def test_on_normal_data_the_error_is_little_more_than_that_of_rounding_the_output(channels, nonlinearity):
    layer, x = layer_of(channels, nonlinearity=nonlinearity), normal(1, channels, 200)
    wanted = in_float64(layer, real(x, UNIT))
    error = (real(layer(x), UNIT) - wanted) / UNIT.step
    rounded = ((wanted / UNIT.step).round() - wanted / UNIT.step)  # what no 8-bit output can do without: 0.29
    inner = error.pow(2).mean() - rounded.pow(2).mean()
    assert 0.27 < rounded.pow(2).mean().sqrt() < 0.31
    assert inner < {64: 0.15, 256: 0.15, 1024: 0.26, 2048: 0.5}[channels] ** 2  # in steps of the output
    assert error.abs().max() < {64: 1.3, 256: 1.3, 1024: 2.0, 2048: 3.0}[channels]
    decibels = 10 * math.log10(wanted.pow(2).mean() / error.pow(2).mean()) - 20 * math.log10(UNIT.step)
    assert decibels > (34 if channels < 2048 else 31)


@pytest.mark.parametrize("level", [0, 60], ids=["about zero", "all positive"])
@pytest.mark.parametrize("channels", [256, 1024])
def test_no_rounding_leaves_a_bias(channels, level):
    layer, pixels, images = layer_of(channels, after=Scale(1 / 16, 100)), 512, 8
    x = (normal(images, channels, pixels).int() // 2 + 64 + level).to(torch.uint8)
    error = (real(layer(x), layer.after) - in_float64(layer, real(x, layer.before))) / layer.after.step
    by_channel = error.mean((0, 2))
    spread = error.std() / math.sqrt(images * pixels)
    # In steps of the output; a halving that rounds halves up leaves half a step, all of it in a few channels.
    assert abs(by_channel.mean()) < 0.002
    assert by_channel.abs().max() < 5.5 * spread + 0.02


@pytest.mark.parametrize("value", [0, 1, 127, 128, 255])
@pytest.mark.parametrize("zero", [0, 128, 255])
def test_no_input_overflows(value, zero):
    layer = layer_of(1024, Scale(1 / 32, zero), Scale(1 / 4, 128), nonlinearity="soft")
    rows = np.array([[bin(i & k).count("1") % 2 for i in range(1024)] for k in (0, 1, 512, 1023, 341)])
    x = torch.from_numpy(np.where(rows, 255 - value, value).T[None].astype(np.uint8).copy())  # all in one coefficient
    wanted = (in_float64(layer, real(x, layer.before)) / layer.after.step + 128).clamp(0, 255)
    assert (layer(x).double() - wanted).abs().max() < 1.5


def test_a_stored_zero_stays_zero():
    for zero in (0, 77, 128, 255):
        layer = layer_of(512, Scale(0.05, zero), Scale(0.04, 13))
        assert bool((layer(torch.full((2, 512, 37), zero, dtype=torch.uint8)) == 13).all())


@pytest.mark.parametrize("shape", [(3, 1024, 14, 14), (1, 256, 1), (2, 96, 65), (70, 64)])
def test_the_same_bytes_for_every_number_of_threads(shape):
    layer, x = layer_of(shape[1]), torch.randint(0, 256, shape, dtype=torch.uint8)
    torch.set_num_threads(1)
    first = layer(x)
    for threads in (2, 3, 5):
        torch.set_num_threads(threads)
        assert torch.equal(layer(x), first)


@pytest.mark.parametrize("stored, plain", [(torch.quint8, torch.uint8), (torch.qint8, torch.int8)])
@pytest.mark.parametrize("form", ["fused", "stock"])
def test_torchs_quantised_tensors_are_their_bytes_with_a_scale(stored, plain, form):
    before, after = Scale(0.03, 5), Scale(0.05, 9)
    layer = layer_of(128, before, after, form=form)
    x = torch.quantize_per_tensor(torch.randn(2, 128, 5, 7), before.step, before.zero, stored)
    last = x.contiguous(memory_format=torch.channels_last)
    y = layer(x)
    assert (y.q_scale(), y.q_zero_point(), y.dtype) == (after.step, after.zero, stored)
    assert x.int_repr().dtype == plain and torch.equal(y.int_repr(), layer(x.int_repr()))
    assert torch.equal(layer(last).int_repr(), y.int_repr())


def test_it_is_the_float_layer_converted():
    layer = WalshHadamard1d(256, order="sequency")
    small = QuantisedWalshHadamard1d.from_float(layer, UNIT, UNIT)
    x = normal(1, 256, 90)
    with torch.no_grad():
        wanted = layer(real(x, UNIT).float())
    assert (real(small(x), UNIT) - wanted).abs().max() < 2 * UNIT.step
    with pytest.raises(ValueError, match="keep_first"):
        QuantisedWalshHadamard1d.from_float(WalshHadamard1d(256, keep_first=True), UNIT, UNIT)


def test_thresholds_changed_in_place_are_seen():
    layer, x = layer_of(64), normal(1, 64, 10)
    before = layer(x)
    layer.threshold.add_(0.5)
    assert not torch.equal(layer(x), before)


def test_who_asks_for_a_gradient_is_told_that_there_is_none():
    layer = layer_of(64)
    layer.threshold.requires_grad_()
    with pytest.raises(RuntimeError, match="inference only.*train WalshHadamard1d"):
        layer(normal(1, 64, 10))
    with torch.no_grad():
        layer(normal(1, 64, 10))


def test_bad_input_gets_one_sentence():
    layer = layer_of(64)
    with pytest.raises(TypeError, match="8-bit integers, got float32"):
        layer(torch.randn(1, 64, 4))
    with pytest.raises(ValueError, match="made for 64 channels"):
        layer(normal(1, 32, 4))
    with pytest.raises(ValueError, match="requantise"):
        layer(torch.quantize_per_tensor(torch.randn(1, 64, 4), 0.5, 128, torch.quint8))
    with pytest.raises(ValueError, match="zero point is 128: use -128 to 127"):
        layer(torch.zeros(1, 64, 4, dtype=torch.int8))
    layer.threshold[3] = float("nan")
    with pytest.raises(ValueError, match="finite"):
        layer(normal(1, 64, 4))


@pytest.mark.parametrize("change, said", [
    ({"channels": 8, "out_channels": 8}, "16 to 2048 channels"), ({"channels": 4096}, "16 to 2048 channels"),
    ({"after": Scale(0.001, 0)}, "output scale"), ({"before": Scale(0.0, 0)}, "input scale is 0"),
    ({"before": Scale(0.1, -1)}, "zero point is -1"), ({"nonlinearity": "hard"}, "nonlinearity is 'hard'")])
def test_a_layer_without_a_meaning_is_refused_in_a_sentence(change, said):
    spec = Spec(1024, 1024, Scale(0.1, 0), Scale(0.1, 0), "soft", False)
    check_spec(spec)
    with pytest.raises(ValueError, match=said):
        check_spec(spec._replace(**change))


@pytest.mark.parametrize("size", sorted(PASSES))
def test_the_bounds_of_every_pass_fit_a_word(size):
    stages, halves = stages_of(size), 2 * (7 + int(math.log2(size)))
    assert tuple(stages)[1:] == PASSES[size]
    halves -= 2 * stages.forward_shift
    for count, shift in ((3, stages.core_shift), (stages.middle_bits, stages.middle_shift),
                         (stages.first_bits, stages.last_shift)):
        assert halves <= 30
        halves += count - 2 * shift
    assert halves <= 30


def test_without_the_kernel_stock_operations_run_and_the_reason_is_said(tmp_path):
    script = ("import torch; from suites.layers.int8_wht1d import QuantisedWalshHadamard1d as Layer;"
              "layer = Layer(64, (1 / 32, 128), (1 / 32, 128));"
              "layer(torch.randint(0, 256, (1, 64, 5), dtype=torch.uint8));"
              "assert layer.implementation_used == 'stock' and 'does not run' in layer.implementation_reason")
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert subprocess.call([sys.executable, "-c", script], env=dict(os.environ, CXX=str(broken))) == 0


@pytest.mark.skipif(int8.OPERATOR is None, reason="this torch has no custom operators")
def test_a_graph_holds_the_layer_as_an_operator():
    layer, x = layer_of(128, nonlinearity="soft"), normal(2, 128, 9)
    torch.library.opcheck(int8.OPERATOR, (x, layer.threshold.detach(), 128, 128, 1 / 32, 128, 1 / 32, 128, "soft"),
                          test_utils=("test_schema", "test_faketensor"))
    found = torch.export.export(layer, (x,))
    assert any("int8_wht1d" in str(node.target) for node in found.graph.nodes)
    assert torch.equal(found.module()(x), layer(x))
