"""The papers' networks, dense and with structured layers, at the papers' inputs.

``results/published/networks.csv`` holds what the papers report, by the comparison and case names used here.
"""

from typing import Any, List, NamedTuple, Tuple

from harness.plan import Case, Comparison, Suite, Target

BUILDER = "suites.builders.networks:network"
#: Images per call of the throughput comparisons.
MANY = 10

Rival = Tuple[str, Tuple[Tuple[str, Any], ...]]


class Entry(NamedTuple):
    """A network, its input without the batch, options of all its cases, and what replaces what in each rival."""

    id: str
    title: str
    network: str
    classes: int
    shape: Tuple[int, ...]
    rivals: Tuple[Rival, ...]
    options: Tuple[Tuple[str, Any], ...] = ()
    note: str = ""


def rival(label: str, **chosen: Any) -> Rival:
    """Return a rival called ``label`` made with these options of ``suites.networks.build``."""
    return label, tuple(chosen.items())


ENTRIES = (
    Entry("mobilenet-v2", "MobileNet-V2, 10 classes", "mobilenet_v2", 10, (3, 224, 224), (
        rival("FWHT last 5", variant="fwht", replace_last=5),
        rival("FWHT last 5 and head", variant="fwht", replace_last=5, replace_head=True),
        rival("BWHT 16 last 5 and head", variant="bwht", block_size=16, replace_last=5, replace_head=True),
        rival("MF depthwise last 5", variant="mf", replace_last=5)),
        note="The papers do not state the input size of their CIFAR MobileNet; 224 is that of the network."),
    Entry("mobilenet-v3-large", "MobileNet-V3-Large, 10 classes", "mobilenet_v3_large", 10, (3, 224, 224), (
        rival("FWHT last 5", variant="fwht", replace_last=5),
        rival("BWHT 16 last 5", variant="bwht", block_size=16, replace_last=5),
        rival("BWHT 16 last 5 and gates", variant="bwht", block_size=16, replace_last=5, replace_gates=True))),
    Entry("resnet20", "ResNet-20, CIFAR-10", "resnet20", 10, (3, 32, 32), (
        rival("HT 1 path", variant="ht", paths=1), rival("HT 3 paths", variant="ht", paths=3),
        rival("HT 5 paths", variant="ht", paths=5), rival("FWHT 2D last third", variant="fwht"))),
    Entry("resnet34", "ResNet-34, ImageNet", "resnet34", 1000, (3, 224, 224), (
        rival("HT 3 paths", variant="ht", paths=3), rival("LHC 25%", variant="lhc", density=0.25))),
    Entry("resnet50", "ResNet-50, ImageNet", "resnet50", 1000, (3, 224, 224), (
        rival("DeBut bulging last stage", variant="debut", chains="resnet50_imagenet"),
        rival("DeBut monotonic last stage", variant="debut", chains="resnet50_imagenet_monotonic"),
        rival("HT 3 paths", variant="ht", paths=3), rival("LHC 25%", variant="lhc", density=0.25))),
    Entry("resnet110", "ResNet-110, CIFAR-100", "resnet110", 100, (3, 32, 32), (
        rival("All-DeBut", variant="debut", chains="resnet110_cifar100"),)),
    Entry("vgg16-cifar10", "VGG-16, CIFAR-10, hidden layer and batch norm", "vgg16", 10, (3, 32, 32), (
        rival("DeBut conv13", variant="debut", chains="vgg16_cifar10", replace_last=1),
        rival("DeBut conv8-13", variant="debut", chains="vgg16_cifar10")), (("head", "two"),)),
    Entry("vgg16-cifar100", "VGG-16, CIFAR-100", "vgg16", 100, (3, 32, 32), (
        rival("All-DeBut", variant="debut", chains="vgg16_cifar100_monotonic"),), (("head", "one"),)),
    Entry("vgg16-lhc", "VGG-16, CIFAR-10, no batch norm", "vgg16", 10, (3, 32, 32), (
        rival("LHC 10%", variant="lhc", density=0.1), rival("LHC 50%", variant="lhc", density=0.5)),
        (("batch_norm", False), ("head", "one"))),
    Entry("vgg19-lhc", "VGG-19, CIFAR-10, no batch norm", "vgg19", 10, (3, 32, 32), (
        rival("LHC 10%", variant="lhc", density=0.1),), (("batch_norm", False), ("head", "one"))),
    Entry("pointnet", "PointNet, ModelNet40, 1024 points", "pointnet", 40, (3, 1024), (
        rival("All-DeBut", variant="debut", chains="pointnet_modelnet40_small"),)),
    Entry("lenet", "LeNet-mod, MNIST", "lenet", 10, (1, 28, 28), (
        rival("DeBut fc1", variant="debut", chains="lenet_mnist_fc1"),
        rival("DeBut conv2", variant="debut", chains="lenet_mnist_conv2"),
        rival("DeBut conv2, fc1, fc2", variant="debut", chains="lenet_mnist_paper"))),
)

#: Networks that are also run with ten images per call: those that lose every dense layer, and one that loses some.
THROUGHPUT = ("resnet110", "vgg16-cifar10", "vgg16-cifar100", "pointnet")
#: Networks of which a paper's counts are checked and nothing is timed: another one here holds the same layers.
COUNTED = ("mobilenet-v3-large", "resnet34", "vgg19-lhc", "lenet")
#: Comparisons whose memory is measured, a process for each case and repeat.
MEMORY = ("resnet110-batch-1", "vgg16-cifar100-batch-1", "pointnet-batch-1")
#: Networks of ``--quick``: each kind of layer once, batch 1, what takes seconds.
QUICK = ("mobilenet-v2-batch-1", "resnet20-batch-1", "resnet110-batch-1", "vgg16-cifar100-batch-1",
         "vgg16-lhc-batch-1", "pointnet-batch-1")
QUICK_MEMORY = "vgg16-cifar100-batch-1"
#: Rivals that differ from a kept one in degree only.
NOT_QUICK = ("HT 1 path", "HT 5 paths", "FWHT last 5", "BWHT 16 last 5 and head", "LHC 50%")
DEFAULT = "default"
NOTE = ("Every network is run in the fastest form found here: as written, or batch norms folded into the layers "
        "before them, or that with oneDNN on packed weights, in either memory format; 'dense default' is the dense "
        "one as written.")
COUNTED_NOTE = "Counted and checked, not timed: another network of this suite holds the same layers."


def comparison(entry: Entry, batch: int, target: Target) -> Comparison:
    """Return the comparison of ``entry`` with ``batch`` images per call: the dense network in its best form first."""
    def case(label: str, chosen: Tuple[Tuple[str, Any], ...]) -> Case:
        given = dict(entry.options + chosen, network=entry.network, num_classes=entry.classes)
        return Case(label, "", BUILDER, (batch,) + entry.shape, device=target.device, threads=target.threads,
                    options=tuple(sorted(given.items())))

    ident, dense = "{}-batch-{}".format(entry.id, batch), case("dense", ())
    rivals = tuple(case(label, chosen) for label, chosen in entry.rivals)
    without: Tuple[str, ...] = () if ident in MEMORY else ("memory",) if batch == 1 else ("memory", "energy")
    note = NOTE
    if entry.id in COUNTED:
        without, note = ("time", "memory", "energy"), COUNTED_NOTE
    else:
        rivals += (dense._replace(implementation=DEFAULT),)
    return Comparison(ident, "{}, batch {}".format(entry.title, batch), dense, rivals,
                      " ".join([entry.note] * bool(entry.note) + [note]), without)


def comparisons(target: Target) -> List[Comparison]:
    """Return every network with one image per call (latency), then some with ten (throughput)."""
    return [comparison(entry, batch, target) for batch in (1, MANY) for entry in ENTRIES
            if batch == 1 or entry.id in THROUGHPUT]


def quick(every: List[Comparison]) -> List[Comparison]:
    """Return the comparisons that ``--quick`` runs; the memory of one of them, whose workers take longest."""
    return [one._replace(rivals=tuple(case for case in one.rivals if case.layer not in NOT_QUICK),
                         without=() if one.id == QUICK_MEMORY else ("memory",))
            for one in every if one.id in QUICK]


SUITE = Suite("networks", "The papers' networks, dense and with structured layers, at the papers' inputs",
              comparisons, quick)
