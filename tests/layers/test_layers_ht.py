import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard

from suites.layers import HTPerceptron

FORMS = ("auto", "matrix", "two-stage", "butterfly")


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dense(layer, x):
    (rows, columns), (height, width) = layer.sizes, layer.plane
    down, across = (torch.from_numpy(hadamard(size).astype("float64")) for size in layer.sizes)
    forward, back = (1.0, 1.0 / (rows * columns)) if layer.norm == "backward" else ((rows * columns) ** -0.5,) * 2
    spectrum = torch.einsum("ih,jw,nchw->ncij", down[:, :height], across[:, :width], x) * forward
    total = 0
    for path in range(layer.paths):
        # The order of the published layer: scale, then 1x1 convolution, then soft threshold.
        mixed = torch.einsum("oc,ncij->noij", layer.weight[path], spectrum * layer.scale[path])
        total = total + torch.sign(mixed) * torch.relu(mixed.abs() - torch.relu(layer.threshold[path]))
    y = torch.einsum("hi,wj,ncij->nchw", down[:height], across[:width], total) * back
    return y + x if layer.residual else y


@given(cin=st.integers(1, 6), cout=st.integers(1, 6), height=st.integers(1, 9), width=st.integers(1, 9),
       paths=st.integers(1, 4), residual=st.booleans(), norm=st.sampled_from(["ortho", "backward"]),
       form=st.sampled_from(FORMS), last=st.booleans(), seed=st.integers(0, 99))
@settings(max_examples=80, deadline=None)
def test_it_is_its_dense_float64_form_for_any_shape(
        cin, cout, height, width, paths, residual, norm, form, last, seed):
    torch.manual_seed(seed)
    cout = cin if residual else cout
    layer = HTPerceptron(cin, cout, (height, width), paths, residual, norm, form, dtype=torch.float64)
    with torch.no_grad():
        layer.threshold.sub_(0.03)
    x = random(2, cin, height, width, seed=seed)
    x = x.to(memory_format=torch.channels_last) if last else x
    wanted = dense(layer, x)
    with torch.no_grad():
        inferred = layer(x)
    assert torch.allclose(layer(x), wanted, atol=1e-10)
    assert torch.allclose(inferred, wanted, atol=1e-10)


@pytest.mark.parametrize("norm", ["ortho", "backward"])
@pytest.mark.parametrize("form", FORMS)
def test_its_gradients_are_the_numerical_ones(form, norm):
    torch.manual_seed(0)
    layer = HTPerceptron(2, 3, (3, 4), 2, norm=norm, implementation=form, dtype=torch.float64)
    x = random(1, 2, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda *_: layer(x), (x, layer.weight, layer.scale, layer.threshold))


def test_its_parameters_follow_the_published_rule():
    for paths, plane, padded in ((1, 8, 8), (3, 14, 16), (5, (7, 9), None)):
        layer = HTPerceptron(16, 32, plane, paths)
        size = padded * padded if padded else 8 * 16
        assert sum(p.numel() for p in layer.parameters()) == paths * (16 * 32 + 2 * size)
    assert layer.threshold.min() >= 0 and layer.threshold.max() < 0.1
    assert layer.scale.min() >= 0 and layer.scale.max() < 1


def test_wrong_arguments_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match="set residual=False"):
        HTPerceptron(2, 3, 4, residual=True)
    with pytest.raises(ValueError, match="unknown norm 'forward'"):
        HTPerceptron(2, 3, 4, norm="forward")
    with pytest.raises(ValueError, match="at least one path"):
        HTPerceptron(2, 3, 4, paths=0)
    with pytest.raises(ValueError, match=r"shape \(N, 2, 4, 4\), got \(1, 2, 4, 5\)"):
        HTPerceptron(2, 3, 4)(torch.zeros(1, 2, 4, 5))
    with pytest.raises(RuntimeError, match="not float64"):
        HTPerceptron(2, 3, 4, implementation="fused", dtype=torch.float64)(torch.zeros(1, 2, 4, 4).double())
