"""Edge runtimes as rivals: the layers and what they replace in every engine people deploy with, in the same rounds.

Each case has a process of its own; any two are held against each other, so the report names the fastest convolution
of all engines and holds every layer against it, beside the convolution of the layer's own engine. An engine that is
not installed is a case with a reason. Float32 unless a case is named after another type.
"""

from typing import Any, Dict, List, Tuple

from harness.plan import Case, Comparison, Goal, Suite, Target

ENGINE = "suites.builders.runtimes:engine"
BEST = "suites.builders.best:convolution"
WHT_1D = "suites.builders.transforms:wht1d"
WHT_2D = "suites.builders.transforms:wht2d"
SEPARABLE = "suites.builders.convolutions:depthwise_separable"
SQUEEZE_EXCITE = "suites.builders.convolutions:squeeze_excite"
NETWORK = "suites.builders.networks:network"

ENGINES = ("litert", "onnxruntime", "openvino", "ncnn")
#: Engines that run the project's own operator, and those that compute in eight bits.
CUSTOM = ("litert", "onnxruntime", "ncnn")
INT8 = ("litert", "onnxruntime")
#: Of those with an operator the one that takes data of either order.
LAST = "onnxruntime"
#: Engines with another float type than float32, where the processor has it.
NARROW = (("ncnn", "float16"), ("openvino", "bfloat16"))

#: Engines that run whole networks, and the transform as the dense matrix: a form that loses everywhere needs no more.
PHONES = ("litert", "onnxruntime")

CHANNELS = 1024
#: Up to this side a plane's transform may be one product with the whole plane.
SMALL_PLANE = 8
#: The layers that have an operator; no comparison has both.
TRANSFORMS = ("WHT 1D", "WHT 2D")


def pointwise(case: Case) -> Tuple[Case, ...]:
    """The 1x1 convolution in every engine, and the 1-D layer fused, in two stages and, one image at a time, dense.

    ONNX Runtime, whose own convolutions know no other order than NCHW, is faster at two stages with channels last.
    """
    dense = PHONES if case.shape[0] == 1 else ()
    return (_torch(case, "Conv 1x1", BEST, "torch best"), ) + _convolutions(case, "Conv 1x1", "conv1x1") + (
        _torch(case, "WHT 1D", WHT_1D, "torch fused", form="fused"), ) + tuple(
        _case(case, "WHT 1D", name, "wht1d-fused", "fused", form="custom") for name in CUSTOM) + tuple(
        _case(case, "WHT 1D", name, "wht1d-two-stage", "two-stage") for name in ENGINES) + (
        _case(case, "WHT 1D", LAST, "wht1d-two-stage", "two-stage channels-last", form="channels-last"), ) + tuple(
        _case(case, "WHT 1D", name, "wht1d-dense", "dense") for name in dense)


def spatial(case: Case) -> Tuple[Case, ...]:
    """The 3x3 convolution in every engine, the 2-D layer and, one image at a time, the depthwise separable one."""
    found = (_torch(case, "Conv 3x3", BEST, "torch best", kernel=3), ) + _convolutions(case, "Conv 3x3", "conv3x3")
    found += _transforms(case) + _by_sides(case)
    if case.shape[0] == 1:
        found += (_torch(case, "Depthwise 3x3 + 1x1", SEPARABLE, "torch"), ) + tuple(
            _case(case, "Depthwise 3x3 + 1x1", name, "depthwise-separable") for name in ENGINES)
    return found


def gate(case: Case) -> Tuple[Case, ...]:
    """Squeeze-and-excite in every engine and the 2-D layer that stands in for it."""
    return (_torch(case, "Squeeze-excite", SQUEEZE_EXCITE, "torch"), ) + tuple(
        _case(case, "Squeeze-excite", name, "squeeze-excite") for name in ENGINES) + _transforms(case)


def network(case: Case) -> Tuple[Case, ...]:
    """MobileNet-V2, dense and replaced as the suite of networks has it, in torch and in the engines of phones."""
    dense: Dict[str, Any] = {"network": "mobilenet_v2", "num_classes": 10}
    found: Tuple[Case, ...] = ()
    for layer, chosen in (("MobileNet-V2", dense),
                          ("MobileNet-V2 FWHT last 5 and head",
                           dict(dense, variant="fwht", replace_last=5, replace_head=True))):
        found += (_torch(case, layer, NETWORK, "torch best", **chosen),) + tuple(
            _case(case, layer, name, "network", **chosen) for name in PHONES)
    return found


FAMILIES = {"1x1": (pointwise, "1x1 convolution"), "3x3": (spatial, "3x3 convolution"),
            "gate": (gate, "squeeze-and-excite"), "network": (network, "dense MobileNet-V2")}

#: Comparisons by family, plane, batch, and whether on all threads or on one.
PLAN = (("1x1", 32, 1, False), ("1x1", 32, 10, True), ("3x3", 8, 1, False), ("3x3", 8, 10, True),
        ("gate", 8, 1, False), ("network", 224, 1, False))
#: Words of the forms that a quick run leaves out.
SECOND = ("dense", "by sides", "channels-last")
QUICK = (("1x1", 32, 1, False), ("3x3", 8, 1, False))
#: Whose memory is measured; the 2-D layer's is in the suite that plays the papers' script.
MEMORY = (("1x1", 32, 1), ("network", 224, 1))

NOTE = ("Each case is named after the engine that runs it and has a process of its own. The baseline is the fastest "
        "{} of all engines here. Cases named after a type compute in it, all others in float32.")


def compare(target: Target, family: str, plane: int, batch: int, all_threads: bool) -> Comparison:
    """Return the comparison of ``family`` on ``batch`` images of 1024 channels, ``plane`` x ``plane``."""
    make, words = FAMILIES[family]
    threads = target.threads if all_threads else 1
    channels = 3 if family == "network" else CHANNELS
    cases = make(Case("", "", "", (batch, channels, plane, plane), device="cpu", threads=threads))
    return Comparison(
        "{0}-{1}x{1}-b{2}-t{3}".format(family, plane, batch, threads),
        "{}: {} channels, {}x{}, batch {}, {} thread{}".format(
            words, channels, plane, plane, batch, threads, "s" * (threads != 1)), cases[0], cases[1:],
        NOTE.format(words), without=() if (family, plane, batch) in MEMORY else ("memory", "energy"),
        apart=True, pairs=True)


def comparisons(target: Target) -> List[Comparison]:
    """Return the suite's comparisons: engines on the CPU, whatever the target's device."""
    return [compare(target, *one) for one in PLAN]


def goals(target: Target) -> List[Goal]:
    """Return what the operators are for: in each engine faster than every form of their layer in stock operators."""
    found: List[Goal] = []
    for one in comparisons(target):
        for name in CUSTOM:
            own = [(case, dict(case.options)) for case in one.cases]
            forms = [(one.case_id(case), chosen.get("form") == "custom") for case, chosen in own
                     if case.layer in TRANSFORMS and chosen["engine"] == name]
            found += [Goal(case, (stock,), 1.0) for case, custom in forms if custom
                      for stock, other in forms if not other]
    return found


def quick(plan: List[Comparison]) -> List[Comparison]:
    """Return the comparisons of ``plan`` for ``--quick``: each paper's layer once, in its fast forms."""
    wanted = {compare(Target("cpu", 1), *one).id for one in QUICK}
    return [one._replace(rivals=tuple(case for case in one.rivals if case.arithmetic in ("float32", "int8")
                                      and not any(word in case.implementation for word in SECOND)
                                      and case.builder != SEPARABLE
                                      and dict(case.options).get("graph") != "depthwise-separable"))
            for one in plan if one.id in wanted]


def _transforms(case: Case) -> Tuple[Case, ...]:
    """The 2-D layer fused and in every engine's own operators, small planes by one product with the whole plane."""
    graph = "wht2d-kron" if case.shape[2] <= SMALL_PLANE else "wht2d"
    return (_torch(case, "WHT 2D", WHT_2D, "torch fused", form="fused"), ) + tuple(
        _case(case, "WHT 2D", name, "wht2d-fused", "fused", form="custom") for name in CUSTOM) + tuple(
        _case(case, "WHT 2D", name, graph) for name in ENGINES)


def _by_sides(case: Case) -> Tuple[Case, ...]:
    """The 2-D layer on small planes as a product for each side, in the engines with an operator.

    Of the two forms some engines are faster at the one, some at the other: an operator is to beat both.
    """
    if case.shape[2] > SMALL_PLANE:
        return ()
    return tuple(_case(case, "WHT 2D", name, "wht2d", "by sides") for name in CUSTOM) + (
        _case(case, "WHT 2D", LAST, "wht2d", "by sides channels-last", form="channels-last"), )


def _convolutions(case: Case, layer: str, graph: str) -> Tuple[Case, ...]:
    """The convolution in every engine; one image at a time also in the narrower types that an engine has."""
    found = tuple(_case(case, layer, name, graph) for name in ENGINES)
    if case.shape[0] > 1:
        return found
    return (found
            + tuple(_case(case, layer, name, graph, "int8", form="int8", arithmetic="int8") for name in INT8)
            + tuple(_case(case, layer, name, graph, kind, form=kind, arithmetic=kind) for name, kind in NARROW))


def _case(case: Case, layer: str, engine: str, graph: str, word: str = "", **chosen: Any) -> Case:
    """The layer described as ``graph`` in ``engine``; ``word`` tells its form in the table."""
    name = "{} {}".format(engine, word).strip()
    return _named(case, layer, ENGINE, name, engine, graph=graph, **chosen)


def _torch(case: Case, layer: str, builder: str, name: str, **chosen: Any) -> Case:
    """The layer as this project runs it in torch."""
    return _named(case, layer, builder, name, "torch", **chosen)


def _named(case: Case, layer: str, builder: str, name: str, engine: str, **chosen: Any) -> Case:
    return case._replace(layer=layer, builder=builder, implementation=name,
                         options=tuple(sorted(dict(chosen, engine=engine).items())))


SUITE = Suite("runtimes", "The papers' layers and what they replace in every engine people deploy with", comparisons,
              quick, goals)
