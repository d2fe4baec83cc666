"""The convolution and the 1-D layer in int8: rivals that say so, with their error against float64."""

import pytest
import torch

from harness.passes.verify import verify_case
from harness.plan import Case, with_options
from harness.subjects import Inputs, build
from suites.builders import quantised

CASE = Case("Conv 3x3", "int8", "suites.builders.quantised:convolution", (3, 32, 9, 8), options=(("kernel", 3),))
pytestmark = pytest.mark.skipif(not set(quantised.ENGINES) & set(torch.backends.quantized.supported_engines),
                                reason="this torch has no quantised engine")


@pytest.mark.parametrize("chosen", [{"kernel": 1}, {"kernel": 3}, {"kernel": 3, "out_channels": 48}])
def test_it_is_right_within_eight_bits_and_states_its_error(chosen):
    result = verify_case(with_options(CASE, chosen), Inputs(1))
    assert result.ok is True and result.implementation.startswith("int8 (")
    assert 1e-3 < result.error <= result.allowed == quantised.TOLERANCE
    assert "another precision" in result.implementation_reason


def test_steps_of_five_bits_do_not_pass(monkeypatch):
    right = quantised._scale
    monkeypatch.setattr(quantised, "_scale", lambda values: right(values)._replace(step=right(values).step * 8))
    assert verify_case(CASE, Inputs(1)).ok is False


def test_input_and_output_stay_in_eight_bits():
    output = build(CASE, Inputs(1)).call()
    assert output.dtype == torch.quint8 and output.is_contiguous(memory_format=torch.channels_last)


def test_it_moves_bytes_and_no_floats():
    result = verify_case(CASE, Inputs(1))
    assert result.bytes == 2 * 3 * 32 * 9 * 8 + result.parameters


def test_the_engine_chosen_for_other_layers_is_left_as_it_was():
    before = torch.backends.quantized.engine
    build(CASE, Inputs(1))
    assert torch.backends.quantized.engine == before


@pytest.mark.parametrize("change", [{"dtype": "float16"}, {"mode": "training"}])
def test_what_torch_cannot_quantise_is_refused_in_a_sentence(change):
    with pytest.raises(ValueError, match="inference on the CPU from float32"):
        build(CASE._replace(**change), Inputs(1))


def test_without_an_engine_the_reason_says_so(monkeypatch):
    monkeypatch.setattr(quantised, "ENGINES", ())
    with pytest.raises(RuntimeError, match="no engine of this torch"):
        build(CASE, Inputs(1))


WHT = Case("WHT 1D int8", "auto", "suites.builders.quantised:wht1d", (3, 64, 9, 8))


@pytest.mark.parametrize("chosen", [{}, {"out_channels": 40}])
@pytest.mark.parametrize("channels", [64, 96, 256])
def test_the_layer_in_int8_is_right_within_eight_bits_and_states_its_error(channels, chosen):
    result = verify_case(with_options(WHT._replace(shape=(3, channels, 9, 8)), chosen), Inputs(1))
    assert result.ok is True and result.implementation in ("int8 (fused)", "int8 (stock)")
    assert 1e-3 < result.error <= result.allowed == quantised.TOLERANCE
    assert "another precision" in result.implementation_reason and result.parameters >= channels


def test_the_layer_in_int8_with_steps_of_five_bits_does_not_pass(monkeypatch):
    right = quantised._scale
    monkeypatch.setattr(quantised, "_scale", lambda values: right(values)._replace(step=right(values).step * 8))
    assert verify_case(WHT, Inputs(1)).ok is False


def test_the_layer_in_int8_keeps_its_input_in_eight_bits_and_does_not_train():
    output = build(WHT, Inputs(1)).call()
    assert output.dtype == torch.quint8 and output.is_contiguous()
    with pytest.raises(ValueError, match="inference on the CPU from float32"):
        build(WHT._replace(mode="training"), Inputs(1))
