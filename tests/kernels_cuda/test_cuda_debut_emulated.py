"""The DeBut kernel, run thread by thread on the CPU, against float64: any chain, any tensor, every form."""

import cuda_emulator
import pytest
import torch
from debut_emulated import reference, run, spec_of, weights_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suites.kernels.cuda import debut_form, source
from suites.layers.debut import published_chains
from suites.layers.debut.chain import chain_from_pairs

pytestmark = pytest.mark.sampled

#: Sums of float32 against float64, for layers that keep the size of N(0, 1) data.
TOLERANCE = 2e-6
MULTIPROCESSORS = (1, 40, 132)
# A chain whose values go through both buffers and back: steps of one factor and of two, in place and not.
CHAIN = chain_from_pairs([(2, 9), (2, 2), (2, 2), (5, 2), (2, 2), (3, 1), (3, 2)])
SPEC = spec_of(CHAIN, 32, 717, kernel=(3, 3), padding=(1, 1))


def gaussian(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def check(library, x, spec, bias=True, rounding=0.0, **how):
    factors, bias = weights_of(spec), gaussian(5, spec.out_features) if bias else None
    factors = [factor.to(x.dtype) for factor in factors]
    y, expected = run(library, x, factors, bias, spec, **how), reference(x, factors, bias, spec)
    assert y.shape == expected.shape
    error = (y.double() - expected).abs()
    largest = max(1.0, float(expected.abs().max()))
    assert bool((error <= TOLERANCE * len(spec.shapes) * largest + rounding * expected.abs()).all())


@pytest.mark.parametrize("network", sorted(published_chains()))
@pytest.mark.parametrize("multiprocessors", MULTIPROCESSORS)
def test_every_published_chain_is_right(debut_library, network, multiprocessors):
    for chain in published_chains(network):
        spec = spec_of(chain, chain[0][1], chain[-1][0])
        check(debut_library, gaussian(1, 3, spec.in_features), spec, multiprocessors=multiprocessors)


@pytest.mark.parametrize("number", range(len(list(debut_form.candidates(SPEC.shapes)))))
def test_every_form_gives_the_same_layer(debut_library, number):
    form = list(debut_form.candidates(SPEC.shapes))[number]
    check(debut_library, gaussian(1, 1, 32, 3, 2), SPEC, form=form, reversed_order=bool(number % 2))


@st.composite
def chains(draw):
    """A chain, mostly one that obeys the rule; else factors that only fit one another."""
    if draw(st.integers(0, 4)):
        pairs = draw(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=5))
        if draw(st.integers(0, 3)) == 0:
            pairs[draw(st.integers(0, len(pairs) - 1))] = (draw(st.integers(1, 40)), draw(st.integers(1, 40)))
        return chain_from_pairs(pairs)
    found, q = [], draw(st.sampled_from((12, 24, 36)))
    for _ in range(draw(st.integers(1, 4))):
        s = draw(st.sampled_from([n for n in (1, 2, 3, 4) if q % n == 0]))
        t = draw(st.sampled_from([n for n in (1, 2, 3, 4, 6) if q % (n * s) == 0]))
        r = draw(st.integers(1, 4))
        found.append([q // s * r, q, r, s, t])
        q = q // s * r
    return found


@st.composite
def layers(draw):
    """A layer and an input, whole or with gaps in memory, and the form and order it runs in."""
    chain = draw(chains())
    inputs, outputs = chain[0][1], chain[-1][0]
    cropped = max(1, outputs - draw(st.integers(0, 3)))
    taps = [kernel for kernel in ((1, 1), (3, 3), (1, 3), (2, 2), (5, 5)) if inputs % (kernel[0] * kernel[1]) == 0]
    kernel = draw(st.one_of(st.none(), st.sampled_from(taps)))
    seed = draw(st.integers(0, 1000))
    if kernel is None:
        features = max(1, inputs - draw(st.integers(0, 3)))
        x = gaussian(seed, draw(st.integers(1, 40)), features)
        x = x.t().contiguous().t() if draw(st.booleans()) else x
        return x, spec_of(chain, features, cropped)
    channels = inputs // (kernel[0] * kernel[1])
    channels = max(1, channels - draw(st.integers(0, 1)))
    padding = tuple(draw(st.integers(0, 2)) for _ in kernel)
    sides = [draw(st.integers(max(1, size - 2 * pad), 9)) for size, pad in zip(kernel, padding)]
    stride = tuple(draw(st.integers(1, 3)) for _ in kernel)
    x = gaussian(seed, draw(st.integers(1, 3)), channels, sides[0], 2 * sides[1])
    layout = draw(st.sampled_from(("gaps", "dense", "last", "expanded")))
    x = x[..., ::2]
    if layout == "dense":
        x = x.contiguous()
    elif layout == "last":
        x = x.contiguous(memory_format=torch.channels_last)
    elif layout == "expanded":
        x = x[:1].expand(2, -1, -1, -1)
    return x, spec_of(chain, channels, cropped, kernel=kernel, stride=stride, padding=padding,
                      tap_order=draw(st.booleans()))


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(layers(), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 10 ** 6))
def test_any_layer_on_any_tensor_is_right_in_any_form(debut_library, layer, bias, fixed, turned, pick):
    x, spec = layer
    forms = list(debut_form.candidates(spec.shapes))
    check(debut_library, x, spec, bias, fixed=fixed, reversed_order=turned, form=forms[pick % len(forms)])


@pytest.mark.parametrize("dtype, step", [(torch.float16, 2.0 ** -11), (torch.bfloat16, 2.0 ** -8)])
def test_half_precision_rounds_outputs_once(debut_library, dtype, step):
    check(debut_library, gaussian(1, 2, 32, 5, 3).to(dtype), SPEC, rounding=step)


@pytest.mark.parametrize("height, width", [(1, 1), (1, 7), (7, 1), (2, 2), (5, 9), (13, 3)])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_odd_planes_come_out_right_to_the_last_pixel(debut_library, height, width, stride):
    check(debut_library, gaussian(1, 2, 32, height, width), SPEC._replace(stride=(stride, stride)))


def test_nan_and_infinity_reach_every_output_that_reads_them_and_no_other(debut_library):
    x = gaussian(1, 1, 32, 6, 6)
    x[0, 3, 0, 0], x[0, 5, 5, 5] = float("nan"), float("inf")
    factors = weights_of(SPEC)
    y, expected = run(debut_library, x, factors, None, SPEC), reference(x, factors, None, SPEC)
    assert torch.equal(torch.isfinite(y), torch.isfinite(expected)) and not bool(torch.isfinite(y).all())


def test_the_same_call_gives_the_same_bits_in_any_order_of_threads(debut_library):
    x, factors = gaussian(1, 2, 32, 5, 5), weights_of(SPEC)
    first, second = (run(debut_library, x, factors, None, SPEC, reversed_order=turned) for turned in (False, True))
    assert torch.equal(first, second)


# Text that stands once in the source, and what it becomes: each must be noticed.
MUTATIONS = {
    "the barrier between two steps": ("if (k > 0) GPU_BLOCK_BARRIER();", "", "race|nobody has written"),
    "the other buffer of a step that is not in place": ("DEBUT_TO_##k,", "DEBUT_FROM_##k,", "race"),
    "the end of the positions": ("if (position >= args.positions) continue;", "", "outside its tensor|second time"),
    "the end of the channels": ("!DEBUT_PADDED || channel < args.channels", "true", "outside its tensor"),
    "the end of the outputs": ("if (DEBUT_CROPPED && feature >= args.out_features) return;", "", "outside its t"),
    "the edge of the image": ("(at.inside[v] >> tap & 1)", "true", "outside its tensor"),
}


@pytest.mark.usefixtures("debut_library")
@pytest.mark.parametrize("broken", sorted(MUTATIONS))
def test_the_checks_find_a_kernel_without(broken, tmp_path):
    old, new, words = MUTATIONS[broken]
    text = source.read("debut")
    assert text.count(old) == 1
    library = cuda_emulator.build(str(tmp_path), text.replace(old, new), "debut")
    with pytest.raises(AssertionError, match=words):
        for turned in (False, True):
            check(library, gaussian(1, 1, 30, 3, 3), SPEC._replace(in_features=30), reversed_order=turned)


def test_the_chain_of_these_tests_goes_through_both_buffers_and_stays_in_place():
    for form in debut_form.candidates(SPEC.shapes):
        ways = {(step.source, step.target) for step in form.steps}
        assert ways >= {(None, 0), (0, 0), (0, 1), (1, 0), (0, None)} and max(len(s.factors) for s in form.steps) > 1


def test_a_warp_finds_neighbouring_features_in_neighbouring_words():
    for form in debut_form.candidates(SPEC.shapes):
        assert form.threads % form.columns == 0 and form.threads % 32 == 0 and form.threads <= debut_form.THREADS
        assert 4 * form.shared_words <= debut_form.SHARED_BYTES


def test_each_weight_is_read_once_in_each_slice_that_needs_it():
    from suites.kernels.cuda import debut_pack

    total = sum(b * r * s * t for b, r, s, t in SPEC.shapes)
    for form in debut_form.candidates(SPEC.shapes):
        order = debut_pack.order(SPEC.shapes, form)
        assert order.numel() == form.slices * form.slice_words
        counts = torch.bincount(order, minlength=total + 1)
        assert bool((counts[:total] == 1).all())


@pytest.mark.parametrize("pairs, words", [
    ([(3, 20000)], None),
    ([(2, 3), (20000, 3)], None),
    ([(2, 1), (30000, 1), (3, 1)], "keeps more features at once than the 48 KB"),
    ([(11, 11)] * 3 + [(1, 11)] * 6, "takes 9 steps, the CUDA kernel does 8")])
def test_a_chain_beyond_the_limits_is_declined_in_words(pairs, words):
    shapes = spec_of(chain_from_pairs(pairs), 1, 1).shapes
    if words is None:
        assert debut_form.choose(shapes, 100, 8).slices >= 1
    else:
        with pytest.raises(debut_form.UnfitError, match=words):
            debut_form.choose(shapes, 100, 8)


def test_the_headline_chain_runs_in_slices_and_steps_of_several_factors():
    spec = spec_of(published_chains("vgg16_cifar10")[5], 512, 512, kernel=(3, 3), padding=(1, 1))
    form = debut_form.choose(spec.shapes, 196, 132)
    assert form.slices > 1 and max(len(step.factors) for step in form.steps) == 3
