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


@pytest.fixture
def uncounted():
    """Inference mode, where torch counts no changes of what is made."""
    if not hasattr(torch, "inference_mode"):
        pytest.skip("this torch has no inference mode")
    with torch.inference_mode():
        yield


def test_weights_without_a_version_counter_are_packed_once_and_anew_after_every_change(store, uncounted):
    weight, bias = torch.nn.Parameter(torch.tensor([1.0, float("nan"), 0.0])), torch.zeros(3)
    assert store.get((weight, bias)) is store.get((weight, bias))
    changes = (lambda: weight.add_(1), lambda: weight.data.mul_(2), lambda: weight.detach()[:1].fill_(7),
               lambda: bias.view(3, 1).fill_(5), lambda: bias.mul_(-1), lambda: weight.zero_(), lambda: weight.neg_(),
               lambda: setattr(weight, "data", torch.full((3,), 9.0)),
               lambda: setattr(weight, "data", weight.double()))
    for number, change in enumerate(changes):
        change()
        packed = store.get((weight, bias))
        assert len(store.made) == 2 + number and packed is store.get((weight, bias)), number
        for one, other in zip(packed, (weight, bias)):  # bit by bit: a zero may have a sign
            assert one.dtype == other.dtype and one.numpy().tobytes() == other.detach().numpy().tobytes(), number


def test_a_counted_weight_changed_in_inference_mode_is_packed_anew(store):
    if not hasattr(torch, "inference_mode"):
        pytest.skip("this torch has no inference mode")
    weight = torch.nn.Parameter(torch.ones(3))
    with torch.inference_mode():
        bias = torch.zeros(3)
        store.get((weight, bias))
        for change in (lambda: weight.add_(1), lambda: weight.view(-1).mul_(3), lambda: weight[1:].zero_(),
                       lambda: bias.add_(1)):
            change()
            packed = store.get((weight, bias))
            assert torch.equal(packed[0], weight) and torch.equal(packed[1], bias)
        # From here on it has a counter that stands still.
        weight.data = torch.full((3,), 8.0)
        assert store.get((weight, bias))[0].tolist() == [8, 8, 8]
        weight.mul_(2)
        assert store.get((weight, bias))[0].tolist() == [16, 16, 16]
