"""What a subject keeps alive beside what its layer needs: it would be counted as the layer's in the memory pass."""

import gc

import pytest
import torch

from harness.plan import Case
from suites.builders.lhc import lhc

CHANNELS, OUT = 72, 80
DENSE = CHANNELS * OUT * 9


def _of_a_dense_kernel(known=()):
    gc.collect()
    return [one for one in gc.get_objects() if type(one) in (torch.Tensor, torch.nn.Parameter)
            and one.numel() >= DENSE and id(one) not in known]


@pytest.mark.parametrize("form, kernels", [("auto", 0), ("shifted", 0), ("gathered", 0), ("masked", 1)])
def test_a_heterogeneous_layer_holds_a_dense_kernel_in_its_training_form_alone(form, kernels):
    x = torch.randn(1, CHANNELS, 4, 4)
    known = {id(one) for one in _of_a_dense_kernel()}
    subject = lhc(Case("LHC", form, "", tuple(x.shape), options=(("density", 0.1), ("out_channels", OUT))), x)
    y = subject.call()
    assert len([one for one in _of_a_dense_kernel(known) if one.numel() == DENSE]) == kernels
    assert torch.allclose(y.double(), subject.reference(x.double()), atol=1e-4)
