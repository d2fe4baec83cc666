"""The baseline is the best layer here; the choice is made once, kept for the run, and costs no memory afterwards."""

import gc
import warnings

import pytest
import torch

from harness.passes.verify import verify_case
from harness.plan import Case, with_options
from harness.subjects import Inputs, build, pinned_case
from harness.timing.sampler import Sample, Sampler
from suites.builders import best
from suites.kernels.baselines import Convolution, best_convolution, convolutions
from suites.kernels.fastest import Search, fastest, hot_sampler

CASE = Case("Conv 1x1", "best", "suites.builders.best:convolution", (2, 16, 6, 5))
LINEAR = Case("Dense", "best", "suites.builders.best:linear", (9, 40), options=(("out_features", 24),))


@pytest.mark.parametrize("kernel, groups", [(1, 1), (3, 1), (3, 16)])
@pytest.mark.parametrize("memory_format", ["contiguous", "channels_last"])
def test_it_is_right_and_says_which_form_it_is_and_what_it_was_chosen_from(kernel, groups, memory_format):
    case = with_options(CASE._replace(memory_format=memory_format), {"kernel": kernel, "groups": groups})
    result = verify_case(case, Inputs(1))
    assert result.ok is True
    assert result.implementation.startswith(result.pinned["form"])
    assert "F.conv2d channels-last" in result.implementation_reason


@pytest.mark.parametrize("chosen", [{"stride": 2}, {"out_channels": 24}, {"relu": False}, {"kernel": 3, "stride": 2}])
@pytest.mark.parametrize("form", ["F.conv2d", "oneDNN channels-last", "oneDNN prepacked"])
def test_every_form_takes_a_stride_other_channels_and_no_relu(chosen, form):
    result = verify_case(with_options(CASE, dict(chosen, form=form)), Inputs(1))
    out_channels, taps = chosen.get("out_channels", 16), chosen.get("kernel", 1) ** 2
    assert result.ok is True and result.parameters == out_channels * (16 * taps + 1)


def test_a_pinned_form_is_taken_without_trying_and_gives_the_same_numbers(monkeypatch):
    inputs = Inputs(1)
    names = [way.name for way in convolutions(inputs.get(CASE), torch.randn(16, 16, 1, 1))]
    monkeypatch.setattr(best, "best_convolution", None)
    outputs = []
    for name in names:
        subject = build(with_options(CASE, {"form": name}), inputs)
        assert dict(subject.pinned)["form"] == name and subject.implementation.startswith(name)
        outputs.append(subject.call())
    assert all(torch.allclose(one, outputs[0], atol=1e-5) for one in outputs)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
def test_packed_weights_are_among_the_forms():
    names = [way.name for way in convolutions(torch.randn(1, 8, 5, 5), torch.randn(8, 8, 3, 3), padding=1)]
    assert {"oneDNN prepacked", "oneDNN prepacked channels-last"} <= set(names)


@pytest.mark.parametrize("case, words", [(CASE, "no convolution"), (LINEAR, "no dense layer")])
def test_a_form_this_torch_lacks_asks_for_a_new_run(case, words):
    with pytest.raises(ValueError, match=words + ".*start a new run"):
        build(with_options(case, {"form": "oneDNN backwards"}), Inputs(1))


@pytest.mark.parametrize("case", [CASE, LINEAR])
def test_training_is_refused_with_the_remedy(case):
    with pytest.raises(ValueError, match="use builders.convolutions"):
        build(case._replace(mode="training"), Inputs(1))


@pytest.mark.parametrize("form", [None, "F.linear"])
def test_the_best_dense_layer_is_right_and_pinned(form):
    result = verify_case(LINEAR if form is None else with_options(LINEAR, {"form": form}), Inputs(1))
    assert result.ok is True and result.parameters == 24 * 41
    assert result.implementation == result.pinned["form"] in ("F.linear", "oneDNN prepacked")


def live_bytes():
    """Bytes of every storage that a Python tensor holds; a tensor of oneDNN's own counts its elements."""
    gc.collect()
    warnings.simplefilter("ignore")  # torch 2 calls storages with a type deprecated, torch 1 has no others
    storages = {}
    for found in gc.get_objects():
        # not those of torch's own tracing, which hold no memory and may outlive other tests
        if type(found) in (torch.Tensor, torch.nn.Parameter):
            if found.layout is torch.strided:
                try:
                    storage = found.storage()
                except NotImplementedError:              # torch 1.10: a gradient that was never defined
                    continue
                storages[storage.data_ptr()] = len(storage) * found.element_size()
            else:
                storages[id(found)] = found.numel() * found.element_size()
    return sum(storages.values())


WEIGHT_BYTES = 4 * (32 * 32 * 9 + 32)
WIDE = with_options(CASE._replace(shape=(3, 32, 20, 20)), {"kernel": 3})


@pytest.mark.parametrize("form", ["F.conv2d", "F.conv2d channels-last", "oneDNN", "oneDNN channels-last",
                                  "oneDNN prepacked", "oneDNN prepacked channels-last"])
def test_a_pinned_subject_holds_its_weights_once_and_no_copy_of_its_input(form):
    layout = "channels_last" if "last" in form else "contiguous"
    case, inputs = pinned_case(WIDE, {"form": form, "memory_format": layout}), Inputs(1)
    x = inputs.get(case)
    assert x.is_contiguous(memory_format=torch.channels_last if "last" in form else torch.contiguous_format)
    before = live_bytes()
    subject = build(case, inputs)
    assert live_bytes() - before == WEIGHT_BYTES
    subject.call()
    assert live_bytes() - before == WEIGHT_BYTES


def test_nothing_of_the_search_is_left_when_the_builder_returns():
    inputs = Inputs(1)
    x = inputs.get(WIDE)
    before = live_bytes()
    subject = build(WIDE, inputs)
    moved = dict(subject.pinned)["memory_format"] == "channels_last"  # only this first build holds such an input
    assert live_bytes() - before == WEIGHT_BYTES + (x.numel() * 4 if moved else 0)


class Ramp(Sampler):
    """A device whose clock doubles every ten milliseconds of work, up to eight times; ``costs`` at full clock."""

    def __init__(self, set_up_s=0.0):
        self.now, self.set_up_s, self.played = 0.0, set_up_s, []

    def sample(self, call, calls):
        cost = call()
        slow = 2.0 ** max(3.0 - self.now / 0.01, 0.0)
        seconds = calls * cost * slow + (self.set_up_s if call not in self.played else 0.0)
        self.played.append(call)
        self.now += seconds
        return Sample(seconds)


@pytest.mark.parametrize("set_up_s", [0.0, 0.3])
def test_the_fastest_is_found_though_the_clock_was_cold_when_it_was_tried(set_up_s):
    calls = [lambda: 1.0e-4, lambda: 1.3e-4, lambda: 1.2e-4, lambda: 9e-4]
    index, seconds = fastest(calls, Ramp(set_up_s))
    assert index == 0 and seconds[:3] == pytest.approx([1.0e-4, 1.3e-4, 1.2e-4])


def test_samples_are_taken_in_turns_and_last_a_millisecond():
    sampler = Ramp()
    calls = [lambda: 1e-5, lambda: 1.1e-5]
    fastest(calls, sampler, Search(rounds=3))
    assert [calls.index(call) for call in sampler.played[-12:]] == [0, 1, 1, 0] * 3


def test_one_sample_that_another_program_disturbed_drops_no_way():
    class Disturbed(Ramp):
        def sample(self, call, calls):
            found = super().sample(call, calls)
            late = call is calls_of[0] and self.played.count(call) % 4 == 1
            return Sample(found.seconds + (2.0 if late else 0.0))

    calls_of = [lambda: 1e-2, lambda: 1.3e-2]
    for _ in range(3):
        assert fastest(calls_of, Disturbed())[0] == 0


def test_a_call_of_seconds_is_made_four_times_and_a_hopeless_one_twice():
    sampler = Ramp()
    calls = [lambda: 5.0, lambda: 6.0, lambda: 60.0]
    assert fastest(calls, sampler)[0] == 0
    assert [sampler.played.count(call) for call in calls] == [4, 4, 2]


def test_each_way_gets_its_own_layout_and_the_times_go_by_name():
    def way(name, memory_format, cost):
        def run(x):
            assert x.is_contiguous(memory_format=memory_format)
            return cost
        return Convolution(name, run, memory_format, "set")

    ways = [way("a", torch.contiguous_format, 2e-3), way("b", torch.channels_last, 1e-3)]
    chosen, seconds = best_convolution(torch.randn(2, 3, 4, 5), ways, Ramp())
    assert chosen.name == "b" and seconds == {"a": pytest.approx(2e-3), "b": pytest.approx(1e-3)}


def test_the_cpu_is_timed_by_its_monotonic_clock():
    assert hot_sampler("cpu").sample(lambda: sum(range(1000)), 10).seconds > 1e-5
