"""The launcher, with the emulator in the place of device and driver: layouts, tables, orders, plans, graphs."""

import pytest
import torch
from cuda_reference import reference

from suites.kernels import operator
from suites.kernels.cuda import geometry, launch
from suites.kernels.geometry import Spec, table_order


@pytest.fixture
def device(launcher_device):
    return launcher_device


def gaussian(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def check(device, x, spec, scaled=True, gradient=None, tolerance=2e-6):
    options = launch.options_of(tuple(x.shape), spec)
    threshold, scale = gaussian(7, options.points) * 0.3, gaussian(8, options.points) if scaled else None
    order = table_order(*((1,) + options.sizes if len(options.sizes) == 1 else options.sizes), order=spec.order)
    natural = [table if table is None or order is None else table[order] for table in (threshold, scale)]
    assert launch.why_not(x, spec) is None
    y = launch.forward(x, threshold, scale, spec)
    gradient = gaussian(9, *y.shape) if gradient is None else gradient
    expected = reference(x, natural[0], natural[1], options, gradient)
    found = launch.backward(gradient, x, threshold, scale, spec)
    wanted = [expected.grad_x, expected.grad_threshold, expected.grad_scale]
    if order is not None:
        wanted[1:] = [None if g is None else torch.empty_like(g).index_copy_(0, torch.tensor(order), g)
                      for g in wanted[1:]]
    assert float((y.double() - expected.y).abs().max()) <= tolerance * max(1, float(expected.y.abs().max()))
    for have, want in zip(found, wanted):
        if want is None:
            assert have.numel() == 0
        else:
            assert float((have.double() - want).abs().max()) <= tolerance * max(1.0, float(want.abs().max()))
    return y, found


@pytest.mark.parametrize("spec", [
    Spec(), Spec(block=16), Spec(order="sequency", keep_first=True), Spec(out_channels=20), Spec(out_channels=70),
    Spec(nonlinearity="soft", threshold_mode="abs", residual=True, norm="forward"), Spec(dims=(2, 3)),
    Spec(dims=(2, 3), order="sequency", residual=True)], ids=str)
@pytest.mark.parametrize("last", [False, True])
def test_every_kind_of_layer_comes_out_right(device, spec, last):
    x = gaussian(1, 2, 40, 5, 6)
    check(device, x.contiguous(memory_format=torch.channels_last) if last else x, spec)
    check(device, x, spec, scaled=False)


def test_the_output_keeps_the_order_of_memory(device):
    x = gaussian(1, 2, 32, 5, 6).contiguous(memory_format=torch.channels_last)
    y, found = check(device, x, Spec())
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert found[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("x", [gaussian(1, 2, 32, 6, 8)[..., ::2], gaussian(1, 2, 32, 6, 8).transpose(1, 2),
                               gaussian(1, 3, 32, 6, 8)[::2, 5:25, 1:, :5],
                               gaussian(1, 1, 32, 4, 4).expand(3, 32, 4, 4),
                               torch.view_as_complex(gaussian(1, 2, 32, 6, 8, 2)).conj().imag])
def test_tensors_with_any_gaps_give_the_same_as_dense_ones(device, x):
    check(device, x, Spec())
    check(device, x, Spec(dims=(2, 3)))


def test_a_gradient_in_another_order_of_memory_is_taken(device):
    x = gaussian(1, 2, 32, 5, 6)
    check(device, x, Spec(), gradient=gaussian(2, 2, 32, 5, 6).contiguous(memory_format=torch.channels_last))
    check(device, x, Spec(), gradient=torch.ones(1).expand(2, 32, 5, 6))


def test_tables_of_half_precision_get_gradients_of_their_own_kind_and_shape(device):
    x, threshold = gaussian(1, 2, 3, 8, 8), (gaussian(2, 8, 8) * 0.1).half()
    found = launch.backward(x, x, threshold, None, Spec(dims=(2, 3)))
    assert found[1].shape == (8, 8) and found[1].dtype == torch.float16


def test_a_second_call_plans_and_builds_nothing(device):
    x = gaussian(1, 2, 32, 5, 6)
    for _ in range(3):
        launch.forward(x, gaussian(2, 32), None, Spec())
    assert device.builds == 1 and [name for name, _ in device.launches] == ["wht_forward"] * 3


def test_backward_runs_no_more_blocks_than_fit_at_once_and_one_reduction(device):
    x = gaussian(1, 4, 1024, 8, 8)
    launch.backward(x, x, gaussian(2, 1024), None, Spec())
    assert device.launches == [("wht_backward", (4, 1)), ("wht_reduce", (32, 1))]


def test_a_form_with_more_shared_memory_than_is_static_trains_too(device, monkeypatch):
    wide = geometry.Geometry(32, 32, 16, 1, 1, 1)
    monkeypatch.setattr(geometry, "choose", lambda *arguments: wide)
    assert wide.shared_bytes(1024, True, True) > geometry.STATIC_SHARED_BYTES
    check(device, gaussian(1, 2, 1024, 4, 8), Spec())
    assert [name for name, _ in device.launches] == ["wht_forward", "wht_backward", "wht_reduce"]


def test_a_form_that_is_asked_for_keeps_its_strides_however_many_kernels_there_are(device):
    device.fixes = False
    x = gaussian(1, 2, 64, 4, 8)
    for form, fixed in ((None, 0), (geometry.Geometry(8, 8, 32, 1, 1, 1), 1)):
        plan = launch.make_plan(x, [launch.output_of(x, Spec())], False, Spec(), False, form)
        assert plan.kernels[0].handle[1]["WHT_FIXED"] == fixed


def test_a_layer_without_a_channel_axis_of_images_works_too(device):
    check(device, gaussian(1, 7, 64), Spec())
    check(device, gaussian(1, 3, 32, 9), Spec(block=8))


@pytest.mark.parametrize("x, spec, words", [
    (torch.zeros(1, 4, 2, 2, dtype=torch.float64), Spec(), "not float64"),
    (torch.zeros(1, 4, 128, 128), Spec(dims=(2, 3)), "16384 points"),
    (torch.zeros(0, 4, 2, 2), Spec(), "empty")])
def test_what_no_kernel_takes_is_declined_in_a_sentence(device, x, spec, words):
    assert words in launch.why_not(x, spec)


@pytest.fixture
def launched_operator(device, monkeypatch):
    """The custom operator with the CUDA launcher behind it, whatever the device of its tensors."""
    if operator.LAYER is None:
        pytest.skip("this torch has no custom operators")
    monkeypatch.setattr(operator, "forward", launch.forward)
    monkeypatch.setattr(operator, "backward", launch.backward)
    return operator.LAYER


@pytest.mark.parametrize("spec", [Spec(), Spec(order="sequency"), Spec(dims=(2, 3))], ids=str)
@pytest.mark.parametrize("scaled", [True, False])
def test_a_compiled_training_step_has_the_gradients_of_the_eager_one(launched_operator, spec, scaled):
    points = launch.options_of((2, 16, 4, 4), spec).points

    def step(run):
        leaves = [gaussian(1, 2, 16, 4, 4), gaussian(2, points) * 0.3, gaussian(3, points)][:2 + scaled]
        leaves = [leaf.requires_grad_() for leaf in leaves]
        (run(*leaves) * gaussian(4, 2, 16, 4, 4)).sum().backward()
        return [leaf.grad for leaf in leaves]

    def layer(x, threshold, scale=None):
        return launched_operator(x, threshold, scale, *operator.pack(spec))

    torch._dynamo.reset()
    for eager, compiled in zip(step(layer), step(torch.compile(layer, backend="aot_eager", fullgraph=True))):
        assert torch.equal(eager, compiled)


@pytest.mark.parametrize("scaled", [True, False])
def test_no_gradient_shares_memory_with_another_or_with_an_input(device, scaled):
    x, threshold, scale = gaussian(1, 2, 16, 4, 4), gaussian(2, 16), gaussian(3, 16) if scaled else None
    found = launch.backward(x, x, threshold, scale, Spec())
    tensors = [t for t in found + (x, threshold, scale) if t is not None and t.numel()]
    places = [getattr(t, "untyped_storage", t.storage)().data_ptr() for t in tensors]
    assert len(set(places)) == len(places)


def test_without_a_device_the_reason_says_so():
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    assert launch.describe() == dict(launch.describe(), available=False, reason="torch sees no CUDA device")
    assert launch.describe()["remedy"]
