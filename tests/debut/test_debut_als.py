import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suites.layers.debut import DebutConv2d, DebutLinear, fit_chain, generate_chain, published_chains
from suites.layers.debut.als import _solve_system
from suites.layers.debut.chain import chain_from_pairs, validate_chain
from suites.layers.debut.factors import apply_blocks, new_weight, product, transposed

pairs = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=4)


def factorable(chain):
    return product([new_weight(factor).double() for factor in validate_chain(chain, strict=False)])


@given(pairs, st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_a_matrix_that_is_a_chain_is_recovered_exactly(given_pairs, seed):
    torch.manual_seed(seed)
    chain = chain_from_pairs(given_pairs)
    matrix = factorable(chain)
    fitted = fit_chain(matrix, chain, sweeps=0)
    assert fitted.errors[0] < 1e-7
    assert torch.allclose(product(fitted.weights), matrix, atol=1e-6 * float(matrix.abs().max()))


@given(pairs, st.sampled_from(["rank-1", "random"]), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_no_sweep_makes_the_error_larger(given_pairs, start, seed):
    torch.manual_seed(seed)
    chain = chain_from_pairs(given_pairs)
    matrix = torch.randn(chain[-1][0], chain[0][1], dtype=torch.float64)
    fitted = fit_chain(matrix, chain, sweeps=4, start=start)
    assert len(fitted.errors) == 5
    for before, after in zip(fitted.errors, fitted.errors[1:]):
        assert after <= before * (1 + 1e-9) + 1e-14
    told = float((matrix - product(fitted.weights)).norm() / matrix.norm())
    assert fitted.errors[-1] == pytest.approx(told, abs=1e-9)


def test_sweeps_lower_the_error_of_a_dense_matrix_and_random_starts_come_close():
    torch.manual_seed(0)
    matrix = torch.randn(64, 288)
    good, random = (fit_chain(matrix, generate_chain(64, 288), 8, start).errors for start in ("rank-1", "random"))
    assert good[-1] < 0.99 * good[0] and random[-1] < 0.9 * random[0]
    assert good[-1] < random[0] and abs(good[-1] - random[-1]) < 0.02


def test_chains_with_several_paths_to_an_entry_are_fitted_by_least_squares_too():
    torch.manual_seed(1)
    chain = published_chains("resnet110_cifar100")[2]
    errors = fit_chain(torch.randn(32, 16, dtype=torch.float64), chain, 5, strict=False).errors
    assert errors[-1] < 0.9 * errors[0]
    assert all(after <= before * (1 + 1e-9) for before, after in zip(errors, errors[1:]))
    with pytest.raises(ValueError, match="strict=False"):
        fit_chain(torch.randn(32, 16), chain)


def test_the_division_per_weight_is_the_least_squares_solution():
    torch.manual_seed(2)
    factors = validate_chain(generate_chain(8, 18))
    weights = [new_weight(factor).double() for factor in factors]
    target = torch.randn(8, 18, dtype=torch.float64)
    best = fit_chain(target, factors, sweeps=0).weights
    index = len(best) - 1
    right = torch.eye(18, dtype=torch.float64).unsqueeze(0)
    for weight in weights[:index]:
        right = apply_blocks(right, weight)
    blocks, r, s, t = weights[index].shape
    moment = torch.matmul(target.reshape(blocks, r, t, 18).transpose(1, 2),
                          right.reshape(blocks, s, t, 18).transpose(1, 2).transpose(2, 3))
    by_system = _solve_system(weights, index, moment, right[0])
    from suites.layers.debut.als import _solve
    assert torch.allclose(_solve(weights, index, target.unsqueeze(0), right, True), by_system)
    assert transposed(transposed(by_system)).shape == by_system.shape


@pytest.mark.parametrize("order", ["channel", "tap"])
def test_a_convolution_starts_close_to_the_dense_one_it_replaces(order):
    torch.manual_seed(3)
    source = DebutConv2d(8, 16, 3, padding=1, order=order)
    dense = torch.nn.Conv2d(8, 16, 3, padding=1)
    with torch.no_grad():
        dense.weight.copy_(source.dense_weight())
    made = DebutConv2d.from_dense(dense, sweeps=2, order=order)
    x = torch.randn(2, 8, 6, 6)
    assert made.als_errors[-1] < 1e-5
    assert torch.allclose(made(x), dense(x), atol=1e-3)


def test_a_linear_layer_keeps_its_bias_and_tells_its_error():
    torch.manual_seed(4)
    dense = torch.nn.Linear(64, 32)
    made = DebutLinear.from_dense(dense, sweeps=3)
    assert torch.equal(made.bias, dense.bias)
    assert made.als_errors[-1] == pytest.approx(
        float(((dense.weight - made.dense_matrix()).norm() / dense.weight.norm()).detach()), rel=1e-4)
    assert DebutLinear.from_dense(dense, sweeps=0).als_errors is None


def test_factors_come_out_of_one_size():
    torch.manual_seed(5)
    weights = fit_chain(torch.randn(32, 64), generate_chain(32, 64), 2).weights
    sizes = [float(weight.pow(2).mean().sqrt()) for weight in weights]
    assert max(sizes) == pytest.approx(min(sizes), rel=1e-4)


def test_wrong_matrices_are_refused():
    chain = generate_chain(8, 16)
    with pytest.raises(ValueError, match="takes 16 features where 8"):
        fit_chain(torch.zeros(8, 8), chain)
    with pytest.raises(ValueError, match="not to shape"):
        fit_chain(torch.zeros(8, 8, 1), chain)
    with pytest.raises(ValueError, match="start must be"):
        fit_chain(torch.zeros(8, 16), chain, start="svd")
