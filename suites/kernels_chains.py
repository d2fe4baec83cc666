"""Comparisons of the kernels suite on a CPU: DeBut chains and heterogeneous convolutions against dense layers.

The suites ``debut`` and ``lhc`` run these layers in every form; here are the shapes whose speed is a goal.
"""

from typing import Any, List, NamedTuple, Optional, Tuple

from harness.plan import Case, Comparison, Target

BEST = "suites.builders.best:convolution"
BEST_LINEAR = "suites.builders.best:linear"
DENSE = "suites.builders.debut:dense_layer"
DEBUT = "suites.builders.debut:debut_layer"
LHC = "suites.builders.lhc:lhc"


class Layer(NamedTuple):
    """Input, output features, kernel (0: linear), and a published chain (list, index); ``None``: a generated one."""

    shape: Tuple[int, ...]
    out_features: int
    kernel: int
    chain: Optional[Tuple[str, int]] = None
    label: str = ""


VGG, MONOTONIC = ("vgg16_cifar10", 5), ("resnet50_imagenet_monotonic", 1)
CHAINS = (
    Layer((1, 512, 14, 14), 512, 3, VGG), Layer((1, 512, 7, 7), 512, 3, MONOTONIC),
    Layer((1, 512, 7, 7), 512, 3, ("resnet50_imagenet", 1), "bulging"), Layer((8, 512, 7, 7), 512, 3, MONOTONIC),
    Layer((1, 256, 4, 4), 512, 3, ("vgg16_cifar10", 0)), Layer((1, 512, 2, 2), 512, 3, VGG),
    Layer((1, 2048, 7, 7), 512, 1, ("resnet50_imagenet_monotonic", 3)),
    Layer((1, 128, 1024, 1), 1024, 1, ("pointnet_modelnet40_small", 2)),
    Layer((64, 512), 256, 0), Layer((64, 400), 128, 0, ("lenet_mnist_paper", 1)))
#: Channels and side of a plane, and the shares of the blocks that are kept.
SPARSE = ((64, 56), (128, 28), (256, 14), (512, 7))
DENSITIES = (0.1, 0.25, 0.5)
MF_DEPTHWISE = "suites.builders.multiplication_free:depthwise"
MF_LINEAR = "suites.builders.multiplication_free:linear"
MEMBERS = ("min", "match-min", "sum")
#: Name, stock form and layers of the training steps of each kind of layer that trains, on one input.
TRAINED = (
    ("debut", "blocks", (Case("DeBut", "", DEBUT, (1, 512, 7, 7), options=(
        ("chains", MONOTONIC[0]), ("index", MONOTONIC[1]), ("kernel", 3), ("out_features", 512))),)),
    ("debut-linear", "blocks", (Case("DeBut", "", DEBUT, (64, 512), options=(
        ("kernel", 0), ("out_features", 256))),)),
    ("ht", "matrix", (Case("HT-perceptron, 3 paths", "", "suites.builders.transforms:ht_perceptron", (1, 16, 32, 32),
                           options=(("paths", 3),)),)),
) + tuple(
    (kind, "stock", tuple(Case("MF {} {}".format(title, member), "", builder, shape, options=(("member", member),))
                          for member in MEMBERS))
    for kind, title, builder, shape in (("depthwise", "depthwise 3x3", MF_DEPTHWISE, (1, 256, 14, 14)),
                                        ("linear", "linear", MF_LINEAR, (32, 256))))


def comparisons(target: Target) -> List[Comparison]:
    """Return the comparisons for ``target``; none but on a CPU, where alone all these kernels run."""
    if target.device != "cpu":
        return []
    return ([chain(target, layer) for layer in CHAINS] + [sparse(target, *size) for size in SPARSE]
            + [training(target, *one) for one in TRAINED])


def chain(target: Target, layer: Layer) -> Comparison:
    """A DeBut layer against the best dense one."""
    name = "x".join(map(str, layer.shape)) + "-{}".format(layer.out_features)
    size = {"out_features": layer.out_features, "kernel": layer.kernel}
    base = _best(target, layer)

    def case(title: str, form: str, builder: str, **more: Any) -> Case:
        return base._replace(layer=title, implementation=form, builder=builder,
                             options=tuple(sorted(dict(size, **more).items())))

    source = {} if layer.chain is None else {"chains": layer.chain[0], "index": layer.chain[1]}
    return Comparison(
        "kernels-debut-{}{}".format(name, "-" + layer.label if layer.label else ""),
        "DeBut {}{} to {}, {}".format(layer.label + " " if layer.label else "", _kind(layer.kernel),
                                      layer.out_features, "x".join(map(str, layer.shape))), base,
        (case("DeBut", "fused", DEBUT, **source), case("Dense", "default", DENSE)),
        "The baseline is the fastest dense layer here, 'default' torch's own on the input as it is.")


def sparse(target: Target, channels: int, side: int) -> Comparison:
    """The heterogeneous 3x3 convolution at falling density against the best dense one."""
    layer = Layer((1, channels, side, side), channels, 3)
    base = _best(target, layer)
    rivals = tuple(base._replace(layer="LHC {:.0f}%".format(100 * density), implementation="fused", builder=LHC,
                                 options=(("density", density),)) for density in DENSITIES)
    default = base._replace(implementation="default", builder=DENSE,
                            options=(("kernel", 3), ("out_features", channels)))
    return Comparison("kernels-lhc-1x{0}x{1}x{1}".format(channels, side),
                      "Heterogeneous 3x3, 1x{0}x{1}x{1}".format(channels, side), base, rivals + (default,),
                      "Percent: share of the blocks of 16 outputs x 32 inputs x 1 tap that are kept.")


def training(target: Target, name: str, stock: str, layers: Tuple[Case, ...]) -> Comparison:
    """A training step with the kernel going forward against one through its stock form and autograd, of each."""
    steps = [layer._replace(implementation=form, device=target.device, threads=target.threads, mode="training")
             for layer in layers for form in (stock, "fused")]
    return Comparison("kernels-training-" + name,
                      "A training step, {}, {}".format(name, "x".join(map(str, layers[0].shape))), steps[0],
                      tuple(steps[1:]),
                      "Both go back in stock operations; the kernel's side keeps the input alone for it.")


def _best(target: Target, layer: Layer) -> Case:
    if not layer.kernel:
        return Case("Dense", "best", BEST_LINEAR, layer.shape, device=target.device, threads=target.threads,
                    options=(("out_features", layer.out_features),))
    return Case("Dense", "best", BEST, layer.shape, device=target.device, threads=target.threads, options=(
        ("kernel", layer.kernel), ("out_channels", layer.out_features), ("relu", False)))


def _kind(kernel: int) -> str:
    return "{0}x{0}".format(kernel) if kernel else "linear"
