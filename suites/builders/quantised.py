"""Builders in eight bits: the quantised convolution, and the 1-D Walsh-Hadamard layer that stands in for it there.

Both are rivals in another precision beside layers in float32, never their baseline.
"""

import warnings
from typing import Any, Callable, Tuple

import torch
from torch import nn

from harness.plan import Case, Subject
from suites.builders import dense
from suites.builders.subject import options, seeded
from suites.kernels.int8_plan import Scale
from suites.layers.counts import convolution_macs, wht1d_macs
from suites.layers.int8_wht1d import QuantisedWalshHadamard1d
from suites.layers.operations import wht1d_operations
from suites.layers.wht1d import WalshHadamard1d

#: Fastest first on x86; ``qnnpack`` is for ARM.
ENGINES = ("onednn", "x86", "fbgemm", "qnnpack")
#: Largest error allowed against float64, relative to the output's root mean square. Rounding x, weights and output
#: to steps of 1/127 to 1/255 of their largest values leaves 0.06 to 0.08 at the worst point; a wrong scale is off by
#: the whole signal.
TOLERANCE = 0.15
REASON = "a rival in another precision: 8-bit input and output, its error is that of the check"

Run = Callable[[torch.Tensor], torch.Tensor]


def convolution(case: Case, x: torch.Tensor) -> Subject:
    """Same-padding convolution with bias and ReLU in int8; options ``kernel`` (1) and ``out_channels`` (as in).

    Activations are unsigned bytes with one scale, weights signed bytes with a scale for each output channel, sums
    are 32-bit. The input is quantised beforehand and the output stays quantised, as inside a quantised network:
    no conversion is timed. The subject holds the quantised input (a quarter of the float32 one). Scales come from
    the first and last image. The check compares the dequantised output with float64 and records the error.
    """
    images, channels, height, width = x.shape
    kernel, out_channels = options(case).get("kernel", 1), options(case).get("out_channels", channels)
    _check(case, x, "torch quantises convolutions")

    def made() -> nn.Conv2d:
        return seeded(lambda: nn.Conv2d(channels, out_channels, kernel, padding=kernel // 2), case)

    def reference(batch: torch.Tensor) -> torch.Tensor:
        layer = made()
        assert layer.bias is not None
        return torch.relu(dense.convolution(batch, layer.weight.detach().double(), layer.bias.detach().double()))

    layer = made()
    parameters = sum(one.numel() for one in layer.parameters())
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer torch announces that another package will hold these types
        ends = x[sorted({0, images - 1})]
        given = _activations(x, _scale(ends))
        after = _scale(torch.relu(layer(ends)))
        engine, run = _packed(layer, given, after)
    return Subject(call=_inference(run, given), reference=reference, tolerance=TOLERANCE,
                   implementation="int8 ({})".format(engine), reason=REASON, parameters=parameters,
                   bytes=given.numel() + parameters + images * out_channels * height * width,
                   macs=convolution_macs(images, height * width, channels, out_channels, kernel * kernel))


def wht1d(case: Case, x: torch.Tensor) -> Subject:
    """The 1-D layer in int8; option ``out_channels`` (as in). Scales, timing and check are as :func:`convolution`'s.

    The quantised input is contiguous, as the layer reads it.
    """
    images, channels, height, width = x.shape
    out_channels = options(case).get("out_channels", channels)
    _check(case, x, "the layer in int8 runs")
    layer = WalshHadamard1d(channels, out_channels, implementation="two-stage")  # its kernel need not be built

    def reference(batch: torch.Tensor) -> torch.Tensor:
        return dense.wht1d(batch, layer.threshold.detach().double(), out_channels, False)

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        ends = x[sorted({0, images - 1})]
        before, after = _scale(ends), _scale(layer(ends))
        given = torch.quantize_per_tensor(x.contiguous(), before.step, before.zero, torch.quint8)
    small = QuantisedWalshHadamard1d.from_float(layer, before, after, case.implementation)
    form, why = small.choose(given)
    return Subject(call=_inference(small, given), reference=reference, tolerance=TOLERANCE,
                   implementation="int8 ({})".format(form),
                   reason=REASON if why is None else "{}; {}".format(REASON, why),
                   parameters=small.threshold.numel(),
                   bytes=given.numel() + 4 * small.threshold.numel() + images * out_channels * height * width,
                   operations=wht1d_operations(images * height * width, channels, out_channels, "fused"),
                   macs=wht1d_macs(images * height * width, channels, out_channels, "fused"))


def _check(case: Case, x: torch.Tensor, who: str) -> None:
    if x.device.type != "cpu" or x.dtype != torch.float32 or case.mode != "inference":
        raise ValueError("{} for inference on the CPU from float32 only".format(who))


def product(channels: int, pixels: int) -> Callable[[], torch.Tensor]:
    """Return a call of the 1x1 convolution from ``channels`` to as many, in int8, on one image of ``pixels``.

    Raises ``RuntimeError`` where no engine of this torch runs it.
    """
    x = torch.randn(1, channels, 1, pixels)
    layer = nn.Conv2d(channels, channels, 1)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = _activations(x, _scale(x))
        run = _packed(layer, given, _scale(torch.relu(layer(x))))[1]
    return _inference(run, given)


def _scale(values: torch.Tensor) -> Scale:
    """Return the scale whose 255 steps span ``values`` and zero."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 1e-9)
    step = (high - low) / 255.0
    return Scale(step, int(round(-low / step)))


def _activations(x: torch.Tensor, scale: Scale) -> torch.Tensor:
    last = x.contiguous(memory_format=torch.channels_last)  # three times faster than NCHW in every engine
    return torch.quantize_per_tensor(last, scale.step, scale.zero, torch.quint8)


def _packed(layer: nn.Conv2d, given: torch.Tensor, after: Scale) -> Tuple[str, Run]:
    """Return the name of the first engine that runs ``layer`` on ``given``, and a function that does so."""
    weight, bias = layer.weight.detach(), layer.bias.detach() if layer.bias is not None else None
    steps = weight.abs().amax(dim=(1, 2, 3)).clamp_min(1e-9).double() / 127.0
    small = torch.quantize_per_channel(weight.contiguous(memory_format=torch.channels_last), steps,
                                       torch.zeros(len(steps), dtype=torch.long), 0, torch.qint8)
    before, reasons = torch.backends.quantized.engine, []
    for engine in ENGINES:
        if engine not in torch.backends.quantized.supported_engines:
            continue
        try:
            torch.backends.quantized.engine = engine
            packed = torch.ops.quantized.conv2d_prepack(small, bias, [1, 1], list(layer.padding), [1, 1], 1)
            run = _bind(packed, after)
            run(given)
            return engine, run
        except RuntimeError as error:
            reasons.append("{}: {}".format(engine, str(error).splitlines()[0]))
        finally:
            torch.backends.quantized.engine = before
    raise RuntimeError("no engine of this torch runs a quantised convolution ({})".format(
        "; ".join(reasons) or "it has none"))


def _bind(packed: Any, after: Scale) -> Run:
    def run(x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = torch.ops.quantized.conv2d_relu(x, packed, after.step, after.zero)
        return y

    return run


def _inference(run: Run, x: torch.Tensor) -> Callable[[], torch.Tensor]:
    def call() -> torch.Tensor:
        with torch.inference_mode():
            return run(x)

    return call
