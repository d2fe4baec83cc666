"""A kernel's call kept ready gives what a fresh one gives, whatever changed between two calls."""

import copy
import ctypes
import gc
import io
import pickle
import threading

import pytest
import torch

from suites.kernels import prepared
from suites.kernels.handles import Handle
from suites.kernels.packed import Packed
from suites.kernels.prepared import MOST_CALLS, Prepared
from suites.layers import HTPerceptron, WalshHadamard1d, WalshHadamard2d
from suites.layers.debut import DebutConv2d, DebutLinear
from suites.layers.lhc.frozen import FrozenLhcConv2d
from suites.layers.mf_layers import MultiplicationFreeDepthwise2d, MultiplicationFreeLinear


def _lhc():
    kept = torch.rand(2, 2, 3, 3) < 0.5
    return FrozenLhcConv2d(torch.randn(8, 8, 3, 3), torch.randn(8), kept, 4, 4, padding=(1, 1))


LAYERS = {
    "ht": (lambda: HTPerceptron(8, 8, (6, 7), 2), (2, 8, 6, 7)),
    "mf depthwise": (lambda: MultiplicationFreeDepthwise2d(8, bias=True), (2, 8, 6, 7)),
    "mf linear": (lambda: MultiplicationFreeLinear(24, 9), (5, 24)),
    "debut conv": (lambda: DebutConv2d(8, 16, 3, padding=1), (2, 8, 6, 7)),
    "debut linear": (lambda: DebutLinear(64, 32), (5, 64)),
    "lhc": (_lhc, (2, 8, 6, 7)),
    "wht 1-d": (lambda: WalshHadamard1d(6, 5), (2, 6, 6, 7)),
    "wht 2-d": (lambda: WalshHadamard2d((6, 7)), (2, 8, 6, 7)),
}


@pytest.fixture(params=sorted(LAYERS))
def case(request):
    torch.manual_seed(0)
    make, shape = LAYERS[request.param]
    layer, x = make(), torch.randn(shape)
    with torch.no_grad():
        layer(x)
    if layer.implementation_used != "fused":
        pytest.skip(layer.implementation_reason)
    return layer, x


def afresh(layer, x):
    """What a copy that has nothing ready computes."""
    fresh = copy.deepcopy(layer)
    assert len(fresh._prepared) == 0
    with torch.no_grad():
        return fresh(x)


def test_the_second_call_of_a_kind_is_ready_and_gives_the_same_bits(case):
    layer, x = case
    assert len(layer._prepared) == 1
    with torch.no_grad():
        found = layer._ready(x)
        assert found is not None and torch.equal(found(x), afresh(layer, x))
        other = torch.randn_like(x)
        assert torch.equal(layer(other), afresh(layer, other)) and len(layer._prepared) == 1


def test_a_changed_or_replaced_weight_is_seen(case):
    layer, x = case
    with torch.no_grad():
        for name, parameter in list(layer.named_parameters()):
            before = layer(x).clone()
            parameter.add_(0.5)
            assert torch.equal(layer(x), afresh(layer, x)) and not torch.equal(layer(x), before), name
            parameter.data = parameter.data * 2
            assert torch.equal(layer(x), afresh(layer, x)), name
            owner = layer.get_submodule(name.rpartition(".")[0])
            # The same memory under a new counter: only the tensor itself tells them apart.
            parameter.mul_(1.25)
            setattr(owner, name.rpartition(".")[2], torch.nn.Parameter(parameter.data, parameter.requires_grad))
            assert torch.equal(layer(x), afresh(layer, x)), name


def _fused_sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.5, fused=True)


class _Through(torch.optim.Optimizer):
    """An optimizer of the old kind, which writes past autograd."""

    def __init__(self, parameters):
        super().__init__(parameters, {})

    def step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.data.sub_(0.5 * parameter.grad)


@pytest.mark.parametrize("make_optimizer", [_fused_sgd, _Through])
def test_a_step_of_an_optimizer_that_goes_past_the_version_counter_is_seen(case, make_optimizer):
    if not hasattr(torch, "func"):
        pytest.skip("this torch does not tell when an optimizer made a step")
    layer, x = case
    for parameter in layer.parameters():
        parameter.requires_grad_(True)
        parameter.grad = torch.ones_like(parameter)
    try:
        optimizer = make_optimizer(layer.parameters())
    except RuntimeError as error:
        pytest.skip("no fused optimizers here: {}".format(error))
    with torch.no_grad():
        before = layer(x)
        layer(x)
        for _ in range(2):
            optimizer.step()
            after = layer(x)
            assert not torch.equal(after, before) and torch.equal(after, afresh(layer, x))
            before = after
    graded = layer(x).detach()
    optimizer.step()
    assert not torch.equal(layer(x).detach(), graded)


def test_other_types_shapes_and_layouts_have_calls_of_their_own(case):
    layer, x = case
    several = torch.cat([x, x])
    wide = torch.randn(x.shape[:-1] + (2 * x.shape[-1],))
    with torch.no_grad():
        for one in (several, wide[..., ::2], several.transpose(0, -1).contiguous().transpose(0, -1)):
            assert torch.equal(layer(one), afresh(layer, one))
            assert torch.equal(layer(x), afresh(layer, x))
        layer.to(torch.bfloat16)
        assert torch.equal(layer(x.bfloat16()), afresh(layer, x.bfloat16()))


def test_a_setting_changed_between_calls_is_seen(case):
    layer, x = case
    with torch.no_grad():
        layer(x)
        for name, value in (("residual", True), ("member", "min"), ("scale", 3.0)):
            if hasattr(layer, name) and not isinstance(getattr(layer, name), torch.Tensor):
                setattr(layer, name, value)
                assert torch.equal(layer(x), afresh(layer, x)), name
        transforms = HTPerceptron, WalshHadamard1d, WalshHadamard2d
        layer.implementation = "butterfly" if isinstance(layer, transforms) else (
            "blocks" if isinstance(layer, (DebutConv2d, DebutLinear)) else
            "shifted" if isinstance(layer, FrozenLhcConv2d) else "stock")
        layer(x)
        assert layer.implementation_used == layer.implementation
        layer.implementation = "auto"
        layer(x)
        assert layer.implementation_used == "fused" and layer.implementation_reason is None


def test_a_gradient_goes_past_the_ready_call_and_back(case):
    layer, x = case
    with torch.no_grad():
        quiet = layer(x)
    if isinstance(layer, FrozenLhcConv2d):
        return
    y = layer(x)
    assert y.requires_grad and torch.allclose(y, quiet, atol=1e-4 * (1 + float(quiet.abs().max())))
    used = layer.implementation_used
    with torch.no_grad():
        assert torch.equal(layer(x), quiet) and layer.implementation_used == "fused"
    assert layer(x).requires_grad and layer.implementation_used == used


def test_a_weight_made_anew_for_each_call_is_never_taken_for_ready():
    torch.manual_seed(1)
    layer, x = MultiplicationFreeLinear(8, 4), torch.randn(3, 8)
    parametrize = pytest.importorskip("torch.nn.utils.parametrize")

    class Twice(torch.nn.Module):
        factor = 2.0

        def forward(self, weight):
            return weight * self.factor

    twice = Twice()
    parametrize.register_parametrization(layer, "weight", twice)
    with torch.no_grad():
        first = layer(x)
        twice.factor = 0.0
        assert not torch.equal(layer(x), first) and len(layer._prepared) == 0


def test_copies_and_pickles_hold_no_calls_and_work(case):
    layer, x = case
    with torch.no_grad():
        wanted = layer(x)
        for one in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert len(one._prepared) == 0 and torch.equal(one(x), wanted)
        stream = io.BytesIO()
        torch.save(layer.state_dict(), stream)
        assert torch.equal(layer(x), wanted)


def test_threads_may_share_a_layer_while_its_kinds_of_input_change(case):
    layer, x = case
    inputs = [torch.cat([x] * count) for count in (1, 2, 3)]
    with torch.no_grad():
        wanted = [afresh(layer, one) for one in inputs]
    wrong = []

    def work(start):
        with torch.no_grad():
            for turn in range(60):
                which = (start + turn) % 3
                if turn % 7 == 0:
                    layer._prepared._forget()
                if not torch.equal(layer(inputs[which]), wanted[which]):
                    wrong.append(turn)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_weights_made_in_inference_mode_are_packed_once_and_their_changes_seen(name, monkeypatch):
    if not hasattr(torch, "inference_mode"):
        pytest.skip("this torch has no inference mode")
    packings, pack = [], Packed.get

    def counted(store, tensors, option=None):
        before = store._kept.get((id(tensors[0]), option))
        found = pack(store, tensors, option)
        packings.extend([store] * (store._kept[id(tensors[0]), option] is not before))
        return found

    monkeypatch.setattr(Packed, "get", counted)
    make, shape = LAYERS[name]
    with torch.inference_mode():
        torch.manual_seed(2)
        layer, x = make(), torch.randn(shape)
        first, made = layer(x), len(packings)
        if layer.implementation_used != "fused":
            pytest.skip(layer.implementation_reason)
        assert torch.equal(layer(x), first) and torch.equal(layer(x), first) and len(packings) == made
        assert (made > 0) is not name.startswith("wht")  # which read their tables where they are
        for parameter in layer.parameters():
            before = layer(x)
            parameter.add_(0.5)
            assert torch.equal(layer(x), afresh(layer, x)) and not torch.equal(layer(x), before)
        assert len(layer._prepared) == 0


def test_a_counted_weight_replaced_by_an_uncounted_one_is_never_taken_for_unchanged(case):
    layer, x = case
    if not hasattr(torch, "inference_mode"):
        pytest.skip("this torch has no inference mode")
    with torch.inference_mode():
        for parameter in layer.parameters():
            layer(x)
            parameter.data = parameter.data * 2
            for _ in range(3):
                parameter.add_(0.25)
                assert torch.equal(layer(x), afresh(layer, x))


def test_a_default_device_elsewhere_does_not_move_the_output(case):
    if not hasattr(torch, "set_default_device"):
        pytest.skip("this torch has no default device")
    layer, x = case
    with torch.no_grad():
        wanted = layer(x)
        with torch.device("meta"):
            assert torch.equal(layer(x), wanted)


def test_a_view_that_torch_negates_when_it_reads_it_is_read_negated(case):
    layer, x = case
    numbers = torch.complex(torch.randn_like(x), torch.randn_like(x))
    views = [numbers.conj().imag] + [torch._neg_view(x)] * hasattr(torch, "_neg_view")
    with torch.no_grad():
        for view in views:
            assert view.is_neg()
            for one in (view, view.resolve_neg(), view):
                assert torch.equal(layer(one), afresh(layer, view.resolve_neg()))


def test_one_number_that_torch_negates_when_it_reads_it_is_read_negated():
    layer = MultiplicationFreeDepthwise2d(1)
    view = torch.complex(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1)).conj().imag
    with torch.no_grad():
        assert view.is_neg() and view.is_contiguous()
        assert torch.equal(layer(view), layer(-torch.ones(1, 1, 1, 1)))


def test_a_ready_call_heeds_a_new_number_of_threads(case):
    layer, x = case
    x = torch.cat([x] * 4)
    before = torch.get_num_threads()
    try:
        with torch.no_grad():
            torch.set_num_threads(1)
            wanted = layer(x)
            for threads in (2, 3, 1):
                torch.set_num_threads(threads)
                assert torch.equal(layer(x), wanted)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_an_output_is_new_and_laid_out_as_torch_does_it_with_or_without_the_compilers_way(order, monkeypatch):
    wanted = torch.empty(2, 3, 4, 5, dtype=torch.bfloat16, memory_format=order)
    strides = prepared.strides_of((2, 3, 4, 5), order)
    for make in (prepared.outputs, prepared.outputs.__wrapped__):
        new = make((2, 3, 4, 5), strides, torch.bfloat16)
        one, other = new(), new()
        assert (one.shape, one.stride(), one.dtype) == (wanted.shape, wanted.stride(), wanted.dtype)
        assert one.data_ptr() != other.data_ptr() and torch.equal(one.fill_(2), torch.full_like(wanted, 2))
        monkeypatch.setattr(prepared, "_EMPTY", None)


def test_calls_are_kept_but_not_without_bound():
    kept, own = Prepared(("name",)), {"name": "layer", "_parameters": {}, "_forward_pre_hooks": {}}
    with torch.no_grad():
        for size in range(1, 3 * MOST_CALLS):
            x = torch.zeros(size)
            kept.keep(x, own, (), torch.neg)
            assert kept.find(x, own) is torch.neg and len(kept) <= MOST_CALLS


def test_a_handle_is_freed_once_and_after_what_needs_it():
    freed = []
    chain = Handle(1, freed.append)
    plan = Handle(2, freed.append, chain)
    del chain
    gc.collect()
    assert freed == []
    del plan
    gc.collect()
    assert freed == [2, 1]
    with pytest.raises(MemoryError, match="close other programs"):
        Handle(ctypes.c_void_p().value, freed.append)
    assert freed == [2, 1]
