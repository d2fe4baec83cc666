"""Every layer of the Walsh-Hadamard papers against the layer it replaces, over sizes, types and modes.

Sweeps change one size and keep the rest, so the report can draw from which size on a transform wins: their cases
carry the options ``sweep`` (which sweep), ``sweep_axis`` and ``sweep_value``. Factor chains and heterogeneous
convolutions have suites of their own.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from harness.plan import Case, Comparison, Suite, Target

BEST = "suites.builders.best:convolution"
BEST_LINEAR = "suites.builders.best:linear"
CONVOLUTION = "suites.builders.convolutions:convolution"
DEPTHWISE = "suites.builders.convolutions:depthwise"
OWN_DEPTHWISE = "suites.builders.convolutions:own_depthwise"
SEPARABLE = "suites.builders.convolutions:depthwise_separable"
SQUEEZE_EXCITE = "suites.builders.convolutions:squeeze_excite"
LINEAR = "suites.builders.convolutions:linear"
WHT_1D = "suites.builders.transforms:wht1d"
WHT_2D = "suites.builders.transforms:wht2d"
BLOCK_WHT = "suites.builders.transforms:block_wht1d"
HT = "suites.builders.transforms:ht_perceptron"
INT8_CONVOLUTION = "suites.builders.quantised:convolution"
INT8_WHT = "suites.builders.quantised:wht1d"
MF_DEPTHWISE = "suites.builders.multiplication_free:depthwise"
MF_LINEAR = "suites.builders.multiplication_free:linear"

CHANNELS = (16, 32, 64, 128, 256, 512, 1024, 2048)
PLANES = (7, 14, 28, 56, 112)
MEMBERS = ("sum", "min", "match-min")
#: Channels and plane as they go together in the papers' networks.
NETWORK = ((16, 112), (64, 56), (256, 14), (1024, 7))
#: Channels, plane and batch at which the 1-D layer in int8 meets the convolution in int8.
INT8 = ((64, 56, 10), (256, 14, 10), (1024, 7, 10), (1024, 8, 10), (1024, 32, 10), (2048, 7, 10))
#: A width the transform must pad: to 128, a third more work.
UNEVEN = 96
BLOCK = 16


class Setting(NamedTuple):
    """One input and the way it is run."""

    channels: int
    plane: int
    batch: int = 10
    dtype: str = "float32"
    mode: str = "inference"


Family = Callable[[Case], Tuple[Case, ...]]


def pointwise(case: Case) -> Tuple[Case, ...]:
    """The 1x1 convolution and the layers that mix channels pixel by pixel."""
    best, default = _convolutions(case, "Conv 1x1")
    return (best, _rival(case, "WHT 1D", WHT_1D, "fused"), _rival(case, "WHT 1D", WHT_1D, "two-stage"),
            _rival(case, "Block WHT 1D", BLOCK_WHT, "auto", block_size=BLOCK), default
            ) + _compiled(case, "WHT 1D", WHT_1D, "two-stage")


def spatial(case: Case) -> Tuple[Case, ...]:
    """The 3x3 convolution and the layers that stand in for it."""
    best, default = _convolutions(case, "Conv 3x3", kernel=3)
    return (best, _rival(case, "WHT 2D", WHT_2D, "fused"), _rival(case, "WHT 2D", WHT_2D, "matrix"),
            _rival(case, "HT-perceptron, 3 paths", HT, "auto", paths=3),
            _rival(case, "HT-perceptron, 3 paths", HT, "matrix", paths=3),
            _rival(case, "Depthwise 3x3 + 1x1", SEPARABLE), default) + _compiled(case, "WHT 2D", WHT_2D, "matrix")


def depthwise(case: Case) -> Tuple[Case, ...]:
    """The depthwise 3x3 convolution and its multiplication-free forms."""
    default = _rival(case, "Depthwise 3x3", DEPTHWISE, "default")
    best = _rival(case, "Depthwise 3x3", BEST, "best", kernel=3, groups=case.shape[1], relu=False)
    return _both(best, default) + _own_depthwise(case) + tuple(
        _rival(case, "MF depthwise 3x3 " + member, MF_DEPTHWISE, form, member=member)
        for member in MEMBERS for form in ("auto", "stock"))


def gate(case: Case) -> Tuple[Case, ...]:
    """Squeeze-and-excite and the 2-D layer that stands in for it."""
    wht = _rival(case, "WHT 2D", WHT_2D)
    return (_rival(case, "Squeeze-excite", SQUEEZE_EXCITE), wht._replace(implementation="fused"),
            wht._replace(implementation="matrix"))


def eight_bits(case: Case) -> Tuple[Case, ...]:
    """The 1x1 convolution in int8 and the 1-D layer in int8; both in float32 beside them."""
    best, default = _convolutions(case, "Conv 1x1")
    return (_rival(case, "Conv 1x1", INT8_CONVOLUTION, "int8", arithmetic="int8"),
            _rival(case, "WHT 1D int8", INT8_WHT, "fused", arithmetic="int8"),
            _rival(case, "WHT 1D", WHT_1D, "fused"), best, default)


def linear(case: Case) -> Tuple[Case, ...]:
    """The dense layer and its multiplication-free forms."""
    return _both(_rival(case, "Linear", BEST_LINEAR, "best"), _rival(case, "Linear", LINEAR, "default")) + tuple(
        _rival(case, "MF linear " + member, MF_LINEAR, form, member=member)
        for member in MEMBERS for form in ("auto", "stock"))


FAMILIES: Dict[str, Tuple[Family, str]] = {
    "1x1": (pointwise, "1x1 convolution"),
    "3x3": (spatial, "3x3 convolution"),
    "depthwise": (depthwise, "Depthwise 3x3 convolution"),
    "gate": (gate, "Squeeze-and-excite"),
    "linear": (linear, "Dense layer"),
    "int8": (eight_bits, "1x1 convolution in int8"),
}


def compare(target: Target, family: str, setting: Setting, sweep_axis: Optional[str] = None) -> Comparison:
    """Return the comparison of ``family`` at ``setting``; ``sweep_axis`` names the size it is a sweep over."""
    make, words = FAMILIES[family]
    flat = family == "linear"
    shape: Tuple[int, ...] = (setting.batch, setting.channels) + (() if flat else (setting.plane, setting.plane))
    size = "{} {}".format(setting.channels, "features" if flat else "channels, {0}x{0}".format(setting.plane))
    base = Case("", "", "", shape, dtype=setting.dtype, device=target.device, threads=target.threads,
                mode=setting.mode, options=_sweep(family, setting, sweep_axis))
    cases = make(base)
    return Comparison(
        "-".join([family, "c{}".format(setting.channels)] + ([] if flat else ["{0}x{0}".format(setting.plane)])
                 + ["b{}".format(setting.batch)] + [word for word in (setting.dtype, setting.mode)
                                                   if word not in ("float32", "inference")]),
        "{}: {}, batch {}, {}, {}".format(words, size, setting.batch, setting.dtype, setting.mode),
        cases[0], cases[1:])


def comparisons(target: Target) -> List[Comparison]:
    """Return the suite's comparisons for ``target``."""
    found = [compare(target, "1x1", Setting(channels, 14, batch), "channels")
             for batch in (10, 1) for channels in CHANNELS]
    found += [compare(target, "1x1", Setting(UNEVEN, plane), "plane") for plane in PLANES]
    found += [compare(target, "3x3", Setting(channels, 14), "channels") for channels in CHANNELS]
    found += [compare(target, "3x3", Setting(UNEVEN, plane), "plane") for plane in PLANES]
    found += [compare(target, family, Setting(channels, plane, 1))
              for family in ("1x1", "3x3") for channels, plane in NETWORK
              if family == "3x3" or plane != 14]  # that one is part of a sweep
    found += [compare(target, "depthwise", Setting(channels, 14), "channels") for channels in CHANNELS[::2]]
    found += [compare(target, "depthwise", Setting(UNEVEN, plane), "plane") for plane in PLANES]
    found += [compare(target, "gate", Setting(channels, 7), "channels") for channels in CHANNELS[::2]]
    found += [compare(target, "linear", Setting(channels, 1), "channels") for channels in CHANNELS[::2]]
    for channels, plane in NETWORK:
        found += [compare(target, family, Setting(channels, plane, dtype="float16")) for family in ("1x1", "3x3")]
        found += [compare(target, family, Setting(channels, plane, mode="training"))
                  for family in ("1x1", "3x3", "depthwise")]
    if target.device == "cpu":  # torch quantises convolutions there alone
        found += [compare(target, "int8", Setting(*setting)) for setting in INT8]
    return found


#: Ids that ``--quick`` runs: two or three sizes of each family, all of them short.
QUICK = ("1x1-c16-14x14-b10", "1x1-c128-14x14-b10", "1x1-c1024-14x14-b10", "3x3-c16-14x14-b10", "3x3-c128-14x14-b10",
         "depthwise-c64-14x14-b10", "gate-c256-7x7-b10", "linear-c256-b10", "1x1-c256-14x14-b10-float16",
         "1x1-c256-14x14-b10-training", "int8-c1024-8x8-b10")


def quick(plan: List[Comparison]) -> List[Comparison]:
    """Return the comparisons of ``plan`` for ``--quick``: every family, one of them also in float16 and training.

    Without the stock forms of the layers that have a kernel, by far the slowest calls.
    """
    return [comparison._replace(rivals=tuple(case for case in comparison.rivals if case.implementation != "stock"))
            for comparison in plan if comparison.id in QUICK]


def _convolutions(case: Case, layer: str, **chosen: Any) -> Tuple[Case, Case]:
    """The baseline and its other form: the fastest convolution found and F.conv2d on the input as it is.

    A training step goes through autograd, so there the default comes first and channels-last beside it.
    """
    default = _rival(case, layer, CONVOLUTION, "default", **chosen)
    if case.mode == "training":
        return default, default._replace(implementation="channels-last", memory_format="channels_last")
    return _rival(case, layer, BEST, "best", **chosen), default


def _both(best: Case, default: Case) -> Tuple[Case, ...]:
    """The fastest form found and torch's own beside it; a training step goes through autograd and has the latter."""
    return (default,) if best.mode == "training" else (best, default)


def _own_depthwise(case: Case) -> Tuple[Case, ...]:
    """The depthwise convolution in the project's own kernel, which has a forward only."""
    if case.mode == "training" or case.dtype == "float64":
        return ()
    return (_rival(case, "Depthwise 3x3", OWN_DEPTHWISE, "own kernel"),)


def _compiled(case: Case, layer: str, builder: str, form: str) -> Tuple[Case, ...]:
    """The layer under torch.compile, at single sizes only: each of its workers compiles for seconds."""
    if dict(case.options).get("sweep") or case.mode == "training" or case.dtype != "float32":
        return ()
    return (_rival(case, layer, builder, form + " compiled", compile=True, form=form),)


def _rival(case: Case, layer: str, builder: str, implementation: str = "", **chosen: Any) -> Case:
    options = dict(case.options, **chosen)
    return case._replace(layer=layer, builder=builder, implementation=implementation,
                         options=tuple(sorted(options.items())))


def _sweep(family: str, setting: Setting, axis: Optional[str]) -> Tuple[Tuple[str, Any], ...]:
    if axis is None:
        return ()
    kept = "{0}x{0}".format(setting.plane) if axis == "channels" else "{} channels".format(setting.channels)
    if family == "linear":
        kept = "dense"
    return (("sweep", "{}, {}, batch {}".format(FAMILIES[family][1], kept, setting.batch)), ("sweep_axis", axis),
            ("sweep_value", getattr(setting, axis)))


SUITE = Suite("layers", "Every transform layer against the layer it replaces, over sizes, types and modes",
              comparisons, quick)
