import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from suites.layers.debut import bipolar_test, chain_kind, chain_weights, generate_chain, validate_chain
from suites.layers.debut.chain import rule_break

kinds = st.sampled_from(["monotonic", "bulging"])


def check(chain, out_features, in_features, kind):
    assert rule_break(validate_chain(chain, out_features, in_features)) is None
    assert chain_kind(chain) == kind
    assert chain_weights(chain) <= out_features * in_features
    if out_features * in_features <= 1 << 16:
        assert bipolar_test(chain) == 1.0


@given(st.integers(1, 700), st.integers(1, 700), kinds)
@settings(max_examples=300, deadline=None)
def test_any_size_gives_a_valid_chain_with_its_own_ends_or_a_clear_refusal(out_features, in_features, kind):
    try:
        chain = generate_chain(out_features, in_features, kind)
    except ValueError as refusal:
        assert "keep the dense layer" in str(refusal) and "\n" not in str(refusal)
        return
    check(chain, out_features, in_features, kind)


@given(st.integers(3, 13), st.integers(3, 13))
@settings(max_examples=60, deadline=None)
def test_every_pair_of_powers_of_two_from_8_on_is_served(log_out, log_in):
    check(generate_chain(2 ** log_out, 2 ** log_in), 2 ** log_out, 2 ** log_in, "monotonic")


@given(st.integers(3, 11), st.integers(3, 11), st.sampled_from([3, 5, 7]), kinds)
@settings(max_examples=100, deadline=None)
def test_convolutions_of_powers_of_two_are_served(log_out, log_in, kernel, kind):
    assume(kind == "monotonic" or abs(log_out - log_in) <= 2)
    out_features, in_features = 2 ** log_out, kernel ** 2 * 2 ** log_in
    check(generate_chain(out_features, in_features, kind, kernel_size=kernel), out_features, in_features, kind)


@given(st.integers(1, 10), st.integers(1, 10), st.sampled_from([1, 9]), kinds, st.integers(1, 12))
@settings(max_examples=200, deadline=None)
def test_every_level_gives_a_valid_chain_or_says_which_levels_there_are(log_out, log_in, taps, kind, level):
    out_features, in_features = 2 ** log_out, taps * 2 ** log_in
    try:
        chain = generate_chain(out_features, in_features, kind, level)
    except ValueError as refusal:
        assert "keep the dense layer" in str(refusal) or "level {} cannot serve".format(level) in str(refusal)
        return
    check(chain, out_features, in_features, kind)


@pytest.mark.parametrize("out_features, level, weights", [
    (256, 4, 37888), (256, 6, 33792), (256, 7, 33792), (256, 8, 35840),
    (512, 6, 40960), (512, 7, 40960), (128, 4, 26112), (128, 5, 26112)])
def test_published_levels_give_the_published_counts(out_features, level, weights):
    assert chain_weights(generate_chain(out_features, 2304, level=level)) == weights


@pytest.mark.parametrize("level, total", [(3, 42762), (4, 35594), (5, 33802), (6, 34698)])
def test_the_generated_mnist_network_has_the_published_count(level, total):
    chains = sum(chain_weights(generate_chain(2 * channels, 9 * channels, level=level)) for channels in (32, 64, 128))
    first, biases, classifier = 32 * 9, 32 + 64 + 128 + 256, 256 * 10 + 10
    assert chains + first + biases + classifier == total


@pytest.mark.parametrize("out_features, in_features", [(128, 2304), (64, 288)])
def test_a_level_where_the_published_generator_divides_to_zero_is_refused(out_features, in_features):
    generate_chain(out_features, in_features, level=6)
    with pytest.raises(ValueError, match="level 7 cannot serve .*: choose 3 to 6"):
        generate_chain(out_features, in_features, level=7)


@given(st.integers(3, 10), st.sampled_from([-1, 0, 1]), st.integers(3, 12))
@settings(max_examples=80, deadline=None)
def test_bulging_chains_of_the_published_sizes_are_valid_unlike_the_published_ones(log_in, ratio, level):
    channels = 2 ** log_in
    out_features = 2 ** (log_in + ratio)
    try:
        chain = generate_chain(out_features, 9 * channels, "bulging", level)
    except ValueError as refusal:
        assert "level" in str(refusal) or "dense" in str(refusal)
        return
    check(chain, out_features, 9 * channels, "bulging")


def test_the_bulging_recipe_passes_through_four_thirds_of_the_input():
    chain = generate_chain(512, 4608, "bulging", 7)
    assert chain[0] == [6144, 4608, 8, 6, 1] and chain[1] == [4096, 6144, 4, 6, 8]


@given(st.integers(3, 600), st.integers(3, 120), st.sampled_from([1, 3]))
@settings(max_examples=100, deadline=None)
def test_the_rounding_rule_ends_at_powers_of_two_at_or_above(out_features, channels, kernel):
    try:
        chain = generate_chain(out_features, kernel ** 2 * channels, kernel_size=kernel, round_up=True)
    except ValueError as refusal:
        assert "keep the dense layer" in str(refusal)
        return
    ends = (chain[-1][0], chain[0][1] // kernel ** 2)
    for end, size in zip(ends, (out_features, channels)):
        assert end & (end - 1) == 0 and size <= end < 2 * size
    validate_chain(chain)


@pytest.mark.parametrize("arguments, sentence", [
    (((0, 8),), "out_features must be a positive whole number"),
    (((8, 8.0),), "in_features must be a positive whole number"),
    (((8, 10, "monotonic", None, 3),), "in_features 10 must be 3 x 3 x input channels"),
    (((8, 8, "wide"),), "kind must be 'monotonic' or 'bulging'"),
    (((8, 8, "monotonic", 0),), "level must be a positive whole number"),
    (((37, 41),), "no monotonic chain from 41 to 37 features .* round_up=True"),
])
def test_what_it_cannot_serve_is_refused_with_a_remedy(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        generate_chain(*arguments[0])
