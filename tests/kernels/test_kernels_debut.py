import copy
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.kernels import debut
from suites.layers.debut import DebutConv2d, DebutLinear, generate_chain, published_chains
from suites.layers.debut.chain import chain_from_pairs

pytestmark = pytest.mark.sampled

TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 1.2e-2, torch.float16: 2e-3}
dtypes = st.sampled_from(sorted(TOLERANCES, key=str))


@pytest.fixture(autouse=True)
def library(kernels):
    found = debut.library()
    if found.handle is None:
        pytest.skip("no DeBut kernel here: {}".format(found.reason))


def in_double(layer, x, form="product"):
    """The layer's definition: the chain multiplied out, in float64, on the very values the layer holds."""
    exact = copy.deepcopy(layer).double()
    exact.implementation = form
    with torch.no_grad():
        return exact(x.double())


def check(layer, x, form="product"):
    dtype = x.dtype
    layer = layer.to(dtype)
    with torch.no_grad():
        y, wanted = layer(x), in_double(layer, x, form)
    assert layer.implementation_used == "fused", layer.implementation_reason
    assert y.shape == wanted.shape and y.dtype == dtype
    assert y.is_contiguous()
    if y.numel():
        assert float((y.double() - wanted).abs().max()) <= TOLERANCES[dtype] * (1e-6 + float(wanted.abs().max()))


pairs = st.lists(st.tuples(st.sampled_from([1, 2, 3, 4, 5, 8, 16, 17]), st.sampled_from([1, 2, 3, 4, 8])), min_size=2,
                 max_size=5).filter(lambda found: max(_sizes(found)) <= 2000)


def _sizes(found):
    chain = chain_from_pairs(found)
    return [chain[0][1]] + [factor[0] for factor in chain]


@given(pairs, st.integers(1, 70), dtypes, st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_linear_layer_of_any_chain_is_its_definition(found, rows, dtype, bias):
    torch.manual_seed(0)
    chain = chain_from_pairs(found)
    layer = DebutLinear(chain[0][1], chain[-1][0], chain, bias=bias)
    check(layer, torch.randn(rows, chain[0][1]).to(dtype))


@given(pairs, st.sampled_from([(1, 1), (3, 3), (2, 3), (5, 1)]), st.integers(1, 3), st.integers(1, 3),
       st.integers(0, 2), st.integers(0, 3), st.integers(1, 3), st.integers(3, 20), st.integers(5, 23),
       st.sampled_from(["channel", "tap"]), dtypes, st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_convolution_of_any_chain_stride_padding_and_plane_is_its_definition(
        found, kernel, stride_h, stride_w, pad_h, pad_w, images, height, width, order, dtype, channels_last):
    torch.manual_seed(1)
    found = [(found[0][0], kernel[0] * kernel[1])] + found[1:]
    chain = chain_from_pairs(found)
    if max(_sizes(found)) > 4000 or height + 2 * pad_h < kernel[0] or width + 2 * pad_w < kernel[1]:
        return
    channels = chain[0][1] // (kernel[0] * kernel[1])
    layer = DebutConv2d(channels, chain[-1][0], kernel, chain, (stride_h, stride_w), (pad_h, pad_w), order=order)
    x = torch.randn(images, channels, height, width).to(dtype)
    check(layer, x.contiguous(memory_format=torch.channels_last) if channels_last else x)


@pytest.mark.parametrize("network", sorted(published_chains()))
def test_every_published_chain_is_its_definition_also_those_that_break_the_rule(network):
    torch.manual_seed(2)
    # Factor by factor, as other tests hold against the product: the products of these are large.
    for chain in {repr(chain): chain for chain in published_chains(network)}.values():
        check(DebutLinear(chain[0][1], chain[-1][0], chain, strict=False), torch.randn(19, chain[0][1]), "blocks")
        if chain[0][1] % 9 == 0:
            layer = DebutConv2d(chain[0][1] // 9, chain[-1][0], 3, chain, padding=1, strict=False)
            check(layer, torch.randn(2, chain[0][1] // 9, 5, 5), "blocks")


#: Chains whose first factors are done in every way that planes of few positions have: (r, s) of each factor.
FEW_POSITIONS = [
    [(8, 9), (2, 2), (2, 2), (2, 4)], [(16, 9), (2, 4), (2, 2), (2, 2)], [(16, 9), (2, 4), (2, 4)],
    [(32, 9), (2, 2), (2, 2)], [(4, 9), (4, 2), (2, 4)], [(2, 9), (8, 4), (2, 2)], [(1, 9), (16, 3), (2, 2)],
    [(17, 9), (16, 2), (3, 2)], [(12, 18), (4, 2), (2, 3)],
    # Three and two factors at once, beyond those whose inputs begin with one block.
    [(8, 9), (2, 2), (2, 2), (2, 2), (2, 4), (2, 2), (2, 2)], [(16, 9), (2, 4), (2, 4), (2, 2), (2, 4)],
]


@pytest.mark.parametrize("plane", [(1, 1), (2, 2), (2, 3), (1, 8), (4, 2), (4, 4), (3, 7), (7, 7), (4, 6)], ids=str)
@pytest.mark.parametrize("found", FEW_POSITIONS, ids=str)
def test_planes_of_few_positions_or_few_past_a_vector_are_the_definition_in_every_type_and_layout(found, plane):
    torch.manual_seed(10)
    chain = chain_from_pairs(found)
    channels = chain[0][1] // 9
    for dtype in sorted(TOLERANCES, key=str):
        for images, stride, padding, order in ((1, 1, 1, "channel"), (3, 1, 1, "channel"), (9, 2, 1, "channel"),
                                               (2, (1, 2), 2, "channel"), (3, 1, 1, "tap"), (2, (2, 1), 2, "tap")):
            if order == "tap" and dtype != torch.float32:
                continue  # the rows that it makes are float32
            layer = DebutConv2d(channels, chain[-1][0], 3, chain, stride, padding, order=order)
            x = torch.randn((images, channels) + plane).to(dtype)
            check(layer, x)
            check(layer, x.contiguous(memory_format=torch.channels_last))


@pytest.mark.parametrize("plane", [None, (2, 2), (4, 4), (7, 7)], ids=str)
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-6, 1e6], ids=str)
def test_weights_of_zero_or_far_smaller_or_larger_than_the_others_are_the_definition(plane, size):
    # With features in lanes every feature is measured in units of a weight, which these are bad for.
    torch.manual_seed(13)
    chain = chain_from_pairs([(8, 9), (2, 2), (2, 2), (2, 2), (2, 4), (2, 2)])
    for places in (slice(0, 1), slice(4, 5), slice(0, 9), slice(0, None)):
        layer = (DebutLinear(chain[0][1], chain[-1][0], chain) if plane is None
                 else DebutConv2d(chain[0][1] // 9, chain[-1][0], 3, chain, padding=1))
        with torch.no_grad():
            for factor in layer.factors[:-1]:
                factor.flatten()[torch.randperm(factor.numel())[places.start:places.stop]] *= size
        check(layer, torch.randn(3, chain[0][1]) if plane is None else torch.randn((2, chain[0][1] // 9) + plane))


#: How :meth:`debut.Kernel.plan` calls a packing of features in lanes, and of positions in lanes with them at its end.
FEATURES, BOTH = 1, 2
PRUNED = ("all", "half", "first factor", "second factor", "last factor", "one weight")


def prune(layer, what):
    """Set ``what`` of the layer's weights to zero."""
    factors = list(layer.factors)
    chosen = {"all": factors, "half": factors, "first factor": factors[:1], "second factor": factors[1:2],
              "last factor": factors[-1:], "one weight": [factors[-1][:1, :1, :1, :1]]}[what]
    with torch.no_grad():
        for weights in chosen:
            weights.mul_((torch.rand_like(weights) < (0.5 if what == "half" else 0)).to(weights.dtype))


def packing_of(layer, x):
    """Return which packing the layer's plan for ``x`` reads, and whether its weights are in units of one another."""
    kernel = debut.kernel_of(layer.spec)
    packing = kernel.plan(x)[1]
    return packing, packing != 0 and float(kernel.pack((*layer.factors, layer.bias), packing)[0]) == 1


@pytest.mark.parametrize("what", PRUNED)
@pytest.mark.parametrize("found", FEW_POSITIONS, ids=str)
def test_pruned_weights_are_the_definition_in_every_type_layout_and_order(found, what):
    torch.manual_seed(14)
    chain = chain_from_pairs(found)
    channels, outputs = chain[0][1] // 9, chain[-1][0]
    ways = itertools.cycle(itertools.product(sorted(TOLERANCES, key=str), ("channel", "tap"), (False, True)))
    # Three of the twelve ways for each plane, those of the next one being others.
    for plane in ((1, 1), (2, 2), (2, 3), (1, 8), (4, 2), (4, 4), (3, 7), (7, 7)):
        for dtype, order, channels_last in itertools.islice(ways, 3):
            images, stride, padding = (1, 1, 1) if channels_last else (3, 1, 1) if order == "tap" else (2, (1, 2), 2)
            layer = DebutConv2d(channels, outputs, 3, chain, stride, padding, order=order)
            prune(layer, what)
            x = torch.randn((images, channels) + plane).to(dtype)
            x = x.contiguous(memory_format=torch.channels_last) if channels_last else x
            check(layer, x)
            assert not packing_of(layer, x)[1]
    for rows, dtype in itertools.product((1, 3, 8), sorted(TOLERANCES, key=str)):
        layer = DebutLinear(chain[0][1], outputs, chain)
        prune(layer, what)
        check(layer, torch.randn(rows, chain[0][1]).to(dtype))
        assert not packing_of(layer, torch.randn(rows, chain[0][1]).to(dtype))[1]


def ends_in_ones(layer, packing):
    """Tell whether the packed weights have the outputs' units, each 1, before a bias: features in lanes, as given."""
    packed, bias = debut.kernel_of(layer.spec).pack((*layer.factors, layer.bias), packing), layer.bias.detach()
    ends = packed.unfold(0, 2 * bias.numel(), 1)
    return bool(((ends[:, :bias.numel()] == 1).all(1) & (ends[:, bias.numel():] == bias).all(1)).any())


@pytest.mark.parametrize("what", PRUNED)
@pytest.mark.parametrize("plane,packing,least", [(None, FEATURES, 16), ((1, 1), FEATURES, 16), ((2, 2), FEATURES, 32),
                                                 ((7, 7), BOTH, 64)], ids=str)
def test_pruned_weights_of_few_positions_still_have_features_in_lanes(plane, packing, least, what):
    if debut.library().vector_bytes < least:
        pytest.skip("vectors of {} bytes and more".format(least))
    torch.manual_seed(15)
    chain = chain_from_pairs([(8, 9), (2, 2), (2, 2), (2, 2), (2, 4), (2, 2)])
    layer = (DebutLinear(chain[0][1], chain[-1][0], chain) if plane is None
             else DebutConv2d(chain[0][1] // 9, chain[-1][0], 3, chain, padding=1))
    x = torch.randn(1, chain[0][1]) if plane is None else torch.randn((1, chain[0][1] // 9) + plane)
    assert packing_of(layer, x) == (packing, True)
    prune(layer, what)
    assert packing_of(layer, x) == (packing, False) and ends_in_ones(layer, packing)


def same_numbers(layer, x):
    """Hold the layer against its factors in float64, where these give NaN or an infinity too; return these places."""
    with torch.no_grad():
        y, wanted = layer(x), in_double(layer, x, "blocks")
    assert layer.implementation_used == "fused"
    assert torch.allclose(y.double(), wanted, rtol=1e-4, atol=1e-4, equal_nan=True)
    return ~torch.isfinite(wanted)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")], ids=str)
@pytest.mark.parametrize("plane", [None, (2, 2), (2, 3), (4, 4), (7, 7)], ids=str)
def test_nan_and_infinity_show_in_the_outputs_that_depend_on_them_alone(plane, bad):
    torch.manual_seed(16)
    chain = chain_from_pairs([(8, 9), (2, 2), (2, 2), (2, 2), (2, 4), (2, 2)])
    for what in (None, "half", "second factor"):
        layer = (DebutLinear(chain[0][1], chain[-1][0], chain) if plane is None
                 else DebutConv2d(chain[0][1] // 9, chain[-1][0], 3, chain, padding=1))
        if what:
            prune(layer, what)
        x = torch.randn(2, chain[0][1]) if plane is None else torch.randn((2, chain[0][1] // 9) + plane)
        spoilt = x.clone()
        spoilt[0, 3] = bad
        shown = same_numbers(layer, spoilt)
        assert shown[0].any() and not shown[1].any()
        # The middle tap of a channel: others lie outside of some places' planes, where they are left out.
        for number, place in ((0, 4), (1, 0), (3, 5), (5, 7)):
            one = copy.deepcopy(layer)
            with torch.no_grad():
                one.factors[number].flatten()[place] = bad
            assert 0 < float(same_numbers(one, x).float().mean()) <= 0.5


@pytest.mark.parametrize("found", [[(3, 9), pair, last] for pair in ((2, 8), (1, 2), (2, 2), (2, 4), (4, 2), (4, 4))
                                   for last in ((2, 2), (2, 4), (4, 2), (3, 5))], ids=str)
def test_every_pair_of_factors_is_the_definition_on_large_planes(found):
    torch.manual_seed(11)
    chain = chain_from_pairs(found)
    layer = DebutConv2d(chain[0][1] // 9, chain[-1][0], 3, chain, padding=1)
    check(layer, torch.randn(2, chain[0][1] // 9, 19, 18))


@pytest.mark.parametrize("plane", [(1, 1), (2, 2), (4, 4), (7, 7), (14, 14), (3, 40)])
def test_a_chain_longer_than_the_layer_is_padded_and_cropped(plane):
    torch.manual_seed(3)
    chain = generate_chain(10, 12 * 9, kernel_size=3, round_up=True)
    for order in ("channel", "tap"):
        check(DebutConv2d(12, 10, 3, chain, padding=1, order=order), torch.randn((3, 12) + plane))
    check(DebutLinear(100, 10, generate_chain(10, 100, round_up=True)), torch.randn(3, 5, 100))


@pytest.mark.parametrize("features", [32, 31, 25, 24, 9, 2])
def test_few_rows_of_fewer_features_than_the_chain_takes_are_padded(features):
    torch.manual_seed(12)
    chain = chain_from_pairs([(4, 4), (8, 2), (2, 4)])
    for dtype in sorted(TOLERANCES, key=str):
        for rows in (1, 3, 8, 9):
            check(DebutLinear(features, 60, chain), torch.randn(rows, features).to(dtype))


def test_inputs_that_lie_apart_in_memory_are_read_where_they_are():
    torch.manual_seed(4)
    layer = DebutConv2d(16, 32, 3, padding=1)
    wide = torch.randn(4, 40, 9, 24)
    channels = wide[:, :16]
    for x in (wide[::2, 3:35:2], channels[:, :, :, ::2], channels.transpose(2, 3), channels[:1].expand(3, 16, 9, 24)):
        check(layer, x)
    rows = torch.randn(33, 200)
    linear = DebutLinear(64, 16)
    for x in (rows[:, 7:71], rows[::3, ::2][:, :64], rows.t()[:64].t(), rows[:6, :192].reshape(2, 3, 3, 64)):
        check(linear, x)


def test_no_lane_reads_beyond_the_input_or_writes_beyond_the_output():
    torch.manual_seed(5)
    layer = DebutConv2d(16, 32, 3, padding=1)
    for plane in ((2, 2), (3, 5), (4, 4), (7, 7), (9, 14)):
        size = 16 * plane[0] * plane[1]
        memory = torch.full((size + 256,), float("nan"))
        memory[128:128 + size] = torch.randn(size)
        check(layer, memory[128:128 + size].reshape((1, 16) + plane))


@pytest.mark.parametrize("shape", [(1, 64, 14, 14), (5, 64, 7, 7), (3, 64, 5, 3)])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_bits_are_the_same_for_every_number_of_threads(shape, stride):
    torch.manual_seed(6)
    layer = DebutConv2d(64, 128, 3, stride=stride, padding=1)
    linear = DebutLinear(64, 32)
    x = torch.randn(shape)
    found = []
    with torch.no_grad():
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append((layer(x), linear(x[:, :, 0, 0].repeat(9, 1))))
    for convolved, rows in found[1:]:
        assert torch.equal(convolved, found[0][0]) and torch.equal(rows, found[0][1])


def test_a_changed_weight_or_bias_is_seen():
    torch.manual_seed(7)
    layer = DebutConv2d(16, 32, 3, padding=1)
    x = torch.randn(1, 16, 6, 6)
    check(layer, x)
    with torch.no_grad():
        layer.factors[1].mul_(3)
    check(layer, x)
    with torch.no_grad():
        layer.bias.add_(1)
    check(layer, x)
    layer.load_state_dict(DebutConv2d(16, 32, 3, padding=1).state_dict())
    check(layer, x)


@pytest.mark.parametrize("make,shape", [
    (lambda: DebutConv2d(16, 32, 3, padding=1), (2, 16, 7, 7)),
    (lambda: DebutConv2d(16, 8, 3, stride=2), (3, 16, 6, 9)),
    (lambda: DebutConv2d(16, 32, 3, padding=1, order="tap", bias=False), (1, 16, 2, 2)),
    (lambda: DebutLinear(64, 32), (5, 64)), (lambda: DebutLinear(64, 32), (2, 3, 64))])
def test_gradients_and_their_gradients_are_those_of_the_blocks(make, shape):
    torch.manual_seed(8)
    fused, x, found = make(), torch.randn(shape), []
    blocks = copy.deepcopy(fused)
    blocks.implementation = "blocks"
    for layer in (fused, blocks):
        leaf = x.clone().requires_grad_()
        inputs = [leaf] + list(layer.parameters())
        first = torch.autograd.grad(layer(leaf).square().sum(), inputs, create_graph=True)
        second = torch.autograd.grad(sum(one.square().sum() for one in first), inputs)
        found.append([one.detach() for one in first + second])
    assert fused.implementation_used == "fused" and blocks.implementation_used == "blocks"
    for one, wanted in zip(*found):
        assert torch.allclose(one, wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))


def test_what_no_kernel_takes_runs_in_plain_torch_with_a_reason():
    layer = DebutConv2d(16, 32, 3, padding=1).double()
    with torch.no_grad():
        layer(torch.randn(1, 16, 5, 5, dtype=torch.float64))
    assert layer.implementation_used == "blocks" and "not float64" in layer.implementation_reason
    layer.implementation = "fused"
    with pytest.raises(RuntimeError, match="the fused kernel cannot run: .*not float64; use implementation='auto'"):
        with torch.no_grad():
            layer(torch.randn(1, 16, 5, 5, dtype=torch.float64))


@pytest.mark.skipif(not hasattr(torch, "library") or not hasattr(torch.library, "opcheck"), reason="an older torch")
def test_torch_knows_the_operator_its_fake_and_its_gradient():
    from suites.layers.debut import operator

    torch.manual_seed(9)
    layer = DebutConv2d(4, 8, 3, stride=2, padding=1)
    linear = DebutLinear(16, 8, bias=False)
    for one, x in ((layer, torch.randn(2, 4, 7, 6)), (linear, torch.randn(5, 16))):
        x.requires_grad_()
        torch.library.opcheck(operator.LAYER, (x, list(one.factors), one.bias, operator.pack(one.spec)))
        assert operator.unpack(operator.pack(one.spec)) == one.spec


def test_no_images_give_no_outputs():
    with torch.no_grad():
        assert DebutConv2d(16, 32, 3, padding=1)(torch.zeros(0, 16, 5, 5)).shape == (0, 32, 5, 5)
        assert DebutLinear(16, 8)(torch.zeros(0, 16)).shape == (0, 8)
