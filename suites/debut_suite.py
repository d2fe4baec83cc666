"""DeBut chains against the dense layers they replace: published chains, both forms, and generated ones.

``results/published/debut.csv`` holds the published compressions, by the comparison and case names used here.
"""

from typing import Any, List, NamedTuple, Optional, Tuple

from harness.plan import Case, Comparison, Suite, Target

BEST = "suites.builders.best:convolution"
BEST_LINEAR = "suites.builders.best:linear"
DENSE = "suites.builders.debut:dense_layer"
DEBUT = "suites.builders.debut:debut_layer"


class Layer(NamedTuple):
    """A layer of a published network: its input, its size, and where its chain stands (``chains``, ``index``)."""

    id: str
    title: str
    shape: Tuple[int, ...]
    out_features: int
    kernel: int
    chains: Tuple[Tuple[str, str, int], ...]
    generated: Tuple[Tuple[str, str, Optional[int]], ...] = ()


MONOTONIC, BULGING = ("generated monotonic", "monotonic", None), ("generated bulging", "bulging", None)
LAYERS = (
    Layer("lenet-fc1", "LeNet-mod fc1, 400 to 128, 64 images", (64, 400), 128, 0,
          (("paper", "lenet_mnist_paper", 1),), (MONOTONIC,)),
    Layer("vgg16-conv8", "VGG-16 conv8, 256 to 512, 4x4", (1, 256, 4, 4), 512, 3,
          (("paper", "vgg16_cifar10", 0),), (MONOTONIC, BULGING)),
    Layer("vgg16-conv13", "VGG-16 conv13, 512 to 512, 2x2", (1, 512, 2, 2), 512, 3,
          (("paper", "vgg16_cifar10", 5),), (MONOTONIC, BULGING)),
    Layer("resnet50-1x1-reduce", "ResNet-50 last stage, 1x1 2048 to 512, 7x7", (1, 2048, 7, 7), 512, 1,
          (("bulging", "resnet50_imagenet", 3), ("monotonic", "resnet50_imagenet_monotonic", 3))),
    Layer("resnet50-3x3", "ResNet-50 last stage, 3x3 512 to 512, 7x7", (1, 512, 7, 7), 512, 3,
          (("bulging", "resnet50_imagenet", 1), ("monotonic", "resnet50_imagenet_monotonic", 1))),
    Layer("resnet50-1x1-expand", "ResNet-50 last stage, 1x1 512 to 2048, 7x7", (1, 512, 7, 7), 2048, 1,
          (("bulging", "resnet50_imagenet", 2),)),
    Layer("pointnet-1024", "PointNet, 128 to 1024 over 1024 points", (1, 128, 1024, 1), 1024, 1,
          (("small", "pointnet_modelnet40_small", 2),)),
    Layer("generator-256", "Generated chains, 3x3 256 to 256, 14x14", (1, 256, 14, 14), 256, 3, (),
          tuple(("level {}".format(level), "monotonic", level) for level in (4, 6, 8)) + (BULGING,)),
)
QUICK = ("lenet-fc1", "vgg16-conv8", "vgg16-conv13", "resnet50-3x3", "pointnet-1024", "generator-256")


def comparison(layer: Layer, target: Target) -> Comparison:
    """Return the best dense layer, each chain in its best form, the first in all forms, and torch's dense layer."""
    size = {"out_features": layer.out_features, "kernel": layer.kernel}

    def case(name: str, form: str, builder: str, **more: Any) -> Case:
        return Case(name, form, builder, layer.shape, device=target.device, threads=target.threads,
                    options=tuple(sorted(dict(size, **more).items())))

    rivals = [case("DeBut {}".format(label), "auto", DEBUT, chains=chains, index=index)
              for label, chains, index in layer.chains]
    rivals += [case("DeBut {}".format(label), "auto", DEBUT, kind=kind, level=level)
               for label, kind, level in layer.generated]
    first = rivals[0]
    rivals[1:1] = [first._replace(implementation=form) for form in ("blocks", "grouped")]
    if layer.kernel > 1:
        rivals.insert(3, first._replace(layer=first.layer + " tap order", options=tuple(sorted(
            dict(first.options, order="tap").items()))))
    default = case("Dense", "default", DENSE)
    rivals.append(default)
    builder, chosen = BEST_LINEAR, (("out_features", layer.out_features),)  # type: Tuple[str, Tuple]
    if layer.kernel:
        builder, chosen = BEST, (("kernel", layer.kernel), ("out_channels", layer.out_features), ("relu", False))
    best = default._replace(implementation="best", builder=builder, options=chosen)
    return Comparison(layer.id, layer.title, best, tuple(rivals),
                      "Fused: a kernel for the whole chain; blocks: sums on strided views; grouped: grouped 1x1 "
                      "convolutions. "
                      "The baseline is the fastest dense layer here, 'default' torch's own on the input as it is.")


def comparisons(target: Target) -> List[Comparison]:
    """Return the suite's comparisons for ``target``."""
    return [comparison(layer, target) for layer in LAYERS]


def quick(every: List[Comparison]) -> List[Comparison]:
    """Return the comparisons that ``--quick`` runs: one layer of each kind."""
    return [one for one in every if one.id in QUICK]


SUITE = Suite("debut", "DeBut factor chains against dense layers and their published compression", comparisons, quick)
