"""The copies that goals are held against: what one read and one write of memory take."""

import pytest
import torch

from harness.plan import Case
from harness.subjects import Inputs, build
from suites.builders import copies


@pytest.mark.parametrize("form", ["memcpy", "past the caches"])
def test_the_kernels_copy_is_one(kernels, form):
    case = Case("Copy", form, "suites.builders.copies:kernels_copy", (2, 3, 4, 8))
    inputs = Inputs(1)
    subject = build(case, inputs)
    assert torch.equal(subject.call(), inputs.get(case)) and subject.call().data_ptr() != inputs.get(case).data_ptr()


def test_a_copy_of_half_a_line_or_by_another_name_is_refused(kernels):
    with pytest.raises(ValueError, match="multiple of 64 bytes"):
        copies.copier(torch.zeros(8), torch.zeros(8), True, 1)
    with pytest.raises(ValueError, match="use memcpy"):
        build(Case("Copy", "cp", "suites.builders.copies:kernels_copy", (2, 3, 4, 8)), Inputs(1))
