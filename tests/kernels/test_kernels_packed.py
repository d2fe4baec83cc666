import gc

import pytest
import torch

from suites.kernels.packed import Packed


@pytest.fixture
def store():
    made = []

    def pack(tensors, option):
        made.append(option)
        return [None if tensor is None else tensor.detach().clone() for tensor in tensors]

    packed = Packed(pack)
    packed.made = made
    return packed


def test_weights_are_packed_once_and_anew_after_every_change(store):
    weight, bias = torch.nn.Parameter(torch.ones(3)), torch.zeros(3)
    assert store.get((weight, bias)) is store.get((weight, bias))
    with torch.no_grad():
        weight.add_(1)
    assert store.get((weight, bias))[0].tolist() == [2, 2, 2]
    bias.fill_(5)
    assert store.get((weight, bias))[1].tolist() == [5, 5, 5]
    weight.data = torch.full((3,), 9.0)
    assert store.get((weight, bias))[0].tolist() == [9, 9, 9]
    weight.data = weight.data.double()
    assert store.get((weight, bias))[0].dtype == torch.float64
    assert store.get((weight, None))[1] is None
    assert len(store.made) == 6


def test_each_option_has_a_packing_of_its_own(store):
    weight = torch.ones(3)
    assert store.get((weight,), "a") is not store.get((weight,), "b")
    store.get((weight,), "a")
    assert store.made == ["a", "b"]


def test_a_weight_that_takes_the_place_of_another_is_not_taken_for_it(store):
    for value in range(20):
        weight = torch.full((1000,), float(value))
        assert store.get((weight,))[0][0] == value
        weight.data = torch.full((1000,), value + 0.5)
        assert store.get((weight,))[0][0] == value + 0.5


def test_packed_weights_go_when_their_weight_goes(store):
    weight = torch.ones(3)
    store.get((weight,))
    assert len(store) == 1
    del weight
    gc.collect()
    assert len(store) == 0


def test_weights_without_a_version_counter_are_packed_every_time(store):
    if not hasattr(torch, "inference_mode"):
        pytest.skip("this torch has no inference mode")
    with torch.inference_mode():
        weight = torch.ones(3)
        store.get((weight,))
        weight.add_(1)
        assert store.get((weight,))[0].tolist() == [2, 2, 2]
