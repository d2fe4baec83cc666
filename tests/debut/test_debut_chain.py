import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.layers.debut import bipolar_test, chain_features, chain_weights, published_chains, validate_chain
from suites.layers.debut.chain import chain_from_pairs, path_counts, rule_break

VALID = [[96, 72, 4, 3, 1], [48, 96, 1, 2, 4], [16, 48, 2, 6, 4], [16, 16, 2, 2, 8]]
# The published chains that leave entries of the product out of reach.
UNREACHABLE = {("pointnet_modelnet40_small", (4096, 256)): 0.25, ("resnet110_cifar100", (32, 16)): 0.5}
pairs = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=4)


def factor_by_definition(factor):
    """Blocks on the diagonal, each an r x s grid of t x t diagonal matrices, all ones."""
    p, q, r, s, t = factor
    block = np.kron(np.ones((r, s), dtype=int), np.eye(t, dtype=int))
    return np.kron(np.eye(p // (r * t), dtype=int), block)


@given(pairs)
@settings(max_examples=60, deadline=None)
def test_a_chain_made_of_factor_pairs_obeys_the_rule_and_every_entry_has_one_path(given_pairs):
    chain = chain_from_pairs(given_pairs)
    factors = validate_chain(chain)
    assert rule_break(factors) is None
    assert (path_counts(chain) == 1).all()
    assert chain_weights(chain) == sum(p * s for p, _, _, s, _ in chain)


@given(pairs, st.data())
@settings(max_examples=60, deadline=None)
def test_path_counts_are_the_product_of_the_factors_by_definition(given_pairs, data):
    chain = chain_from_pairs(given_pairs)
    index = data.draw(st.integers(0, len(chain) - 1))
    p, q, r, s, t = chain[index]
    others = [other for other in range(1, max(p, q) + 1) if p % (r * other) == 0 and q % (s * other) == 0
              and p // (r * other) == q // (s * other)]
    chain[index] = [p, q, r, s, data.draw(st.sampled_from(others))]
    product = factor_by_definition(chain[0])
    for factor in chain[1:]:
        product = factor_by_definition(factor) @ product
    assert (path_counts(chain) == product).all()
    reachable = (product != 0).mean()
    assert bipolar_test(chain) == pytest.approx(reachable)
    if reachable == 1:
        validate_chain(chain)
    else:
        with pytest.raises(ValueError, match="factor . of"):
            validate_chain(chain)
        validate_chain(chain, strict=False)


@pytest.mark.parametrize("network", sorted(published_chains()))
def test_published_chains_pass_but_for_the_two_that_cannot_reach_all_entries(network):
    for chain in published_chains(network):
        share = UNREACHABLE.get((network, chain_features(chain)))
        if share is None:
            validate_chain(chain)
        else:
            assert bipolar_test(chain) == share
            with pytest.raises(ValueError, match="strict=False"):
                validate_chain(chain)
            validate_chain(chain, strict=False)


def test_a_chain_with_another_t_after_s_1_is_dense_and_accepted():
    chain = published_chains("pointnet_modelnet40_small")[0]
    assert rule_break(validate_chain(chain)) is not None
    assert bipolar_test(chain) == 1.0


@pytest.mark.parametrize("chain, sentence", [
    ([], "at least one factor"),
    ("chain", "list of factors"),
    ([[4, 4, 2, 2]], r"factor 1 of 1, \[4, 4, 2, 2\], must be five positive whole numbers"),
    ([[4, 4, 2, 2, 1], [4, 4, 2, 0, 2]], "factor 2 of 2.*five positive"),
    ([[4, 4, 2, 2, 1.0]], "five positive whole numbers"),
    ([[6, 4, 4, 2, 1]], "factor 1 of 1.*r t must divide p"),
    ([[8, 4, 2, 2, 1]], r"factor 1 of 1.*p/\(r t\) = 4 and q/\(s t\) = 2"),
    ([VALID[0], VALID[2]], "factor 2 of 2.*takes 48 features where factor 1 gives 96"),
    (VALID[:1] + [[48, 96, 1, 2, 2]] + VALID[2:],
     r"factor 2 of 4, \[48, 96, 1, 2, 2\] has t = 2 .* asks for 4.* 50 %"),
    (VALID[:3], r"factor 3 of 3.*has r t = 8 where the chain rule asks for its p = 16"),
])
def test_a_wrong_chain_is_refused_in_one_sentence_that_names_the_factor(chain, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        validate_chain(chain)
    assert "\n" not in str(caught.value)


def test_end_sizes_are_checked_where_given():
    assert [factor.p for factor in validate_chain(VALID, 16, 72)] == [96, 48, 16, 16]
    with pytest.raises(ValueError, match="factor 1 of 4.*takes 72 features where 64 are wanted"):
        validate_chain(VALID, 16, 64)
    with pytest.raises(ValueError, match="factor 4 of 4.*gives 16 features where 32 are wanted"):
        validate_chain(VALID, 32, 72)


def test_published_weights_of_the_chains():
    weights = {chain_features(chain): chain_weights(chain) for chain in published_chains("resnet50_imagenet")}
    assert weights == {(512, 1024): 23552, (512, 4608): 120832, (2048, 512): 24576, (512, 2048): 110592}
    assert [chain_weights(chain) for chain in published_chains("pointnet_modelnet40_small")] == [
        132, 1280, 7680, 24576, 8192, 1600, 660, 768, 22528]


def test_an_unknown_network_of_chains_lists_the_known_ones():
    with pytest.raises(ValueError, match="vgg16_cifar10"):
        published_chains("vgg17")
