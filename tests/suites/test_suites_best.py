"""The baseline is the best convolution here; the choice is made once and kept for the whole run."""

import pytest
import torch

from harness.passes.verify import verify_case
from harness.plan import Case, with_options
from harness.subjects import Inputs, build
from suites.kernels.baselines import best_convolution, convolutions

CASE = Case("Conv 1x1", "best", "suites.builders.best:convolution", (2, 16, 6, 5))


@pytest.mark.parametrize("kernel, groups", [(1, 1), (3, 1), (3, 16)])
@pytest.mark.parametrize("memory_format", ["contiguous", "channels_last"])
def test_it_is_right_and_says_which_form_it_is_and_what_it_was_chosen_from(kernel, groups, memory_format):
    case = with_options(CASE._replace(memory_format=memory_format), {"kernel": kernel, "groups": groups})
    result = verify_case(case, Inputs(1))
    assert result["ok"] is True
    assert result["implementation"].startswith(result["pinned"]["form"])
    assert "F.conv2d channels-last" in result["implementation_reason"]


def test_a_pinned_form_is_taken_without_trying_and_gives_the_same_numbers():
    inputs = Inputs(1)
    names = [way.name for way in convolutions(inputs.get(CASE), torch.randn(16, 16, 1, 1))]
    outputs = []
    for name in names:
        subject = build(with_options(CASE, {"form": name}), inputs)
        assert subject.pinned == (("form", name),) and subject.implementation.startswith(name)
        outputs.append(subject.call())
    assert all(torch.allclose(one, outputs[0], atol=1e-5) for one in outputs)


def test_a_form_this_torch_lacks_asks_for_a_new_run():
    with pytest.raises(ValueError, match="start a new run"):
        build(with_options(CASE, {"form": "oneDNN backwards"}), Inputs(1))


def test_the_fastest_is_chosen_by_the_clock():
    x = torch.randn(1, 4, 3, 3)
    ways = convolutions(x, torch.randn(4, 4, 1, 1))[:2]
    times = iter([0, 9, 0, 9, 0, 5, 0, 3, 0, 5, 0, 3])  # the first turn does not count
    way, seconds = best_convolution(x, ways, lambda: next(times), rounds=2)
    assert way.name == ways[1].name and seconds == {ways[0].name: 5, ways[1].name: 3}
