"""Every network of the four papers by name, dense or with structured layers in place of its own."""

import difflib
import inspect
import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import nn

from suites.layers.choices import check_choice
from suites.layers.debut.chain import published_chains
from suites.networks import rules
from suites.networks.lenet import LeNetMod
from suites.networks.mobilenet import mobilenet_v2, mobilenet_v3_large
from suites.networks.pointnet import PointNet
from suites.networks.resnet import large_resnet, small_resnet
from suites.networks.sample import trace_input_shapes
from suites.networks.surgery import replace
from suites.networks.table import SurgeryTable
from suites.networks.vgg import HEADS, Vgg

VARIANTS = ("dense", "fwht", "bwht", "ht", "mf", "debut", "lhc")
# Which layers each variant takes: the first of these kinds that the network's ``layer_names`` knows.
KINDS = {"fwht": ("pointwise", "spatial", "dense"), "bwht": ("pointwise", "spatial", "dense"), "ht": ("spatial",),
         "mf": ("depthwise", "dense"), "lhc": ("every3x3",)}
OPTIONS = {"debut": ("bias", "order", "sweeps", "strict", "kind"), "lhc": ("shape", "group_in", "group_out"),
           "fwht": ("replace_gates",), "bwht": ("replace_gates",), "ht": ("norm",), "mf": ("member",)}
# The papers on these replace the last third of the blocks; the others replace all that fits.
THIRD = ("fwht", "bwht", "mf")


class Network(NamedTuple):
    """How a network is made, its usual class count and input (without the batch), its own options."""

    make: Callable[..., nn.Module]
    num_classes: int
    input_shape: Tuple[int, ...]
    # Chains by head or alone, and whether the published chain convolutions carry a bias that the dense ones lack.
    chains: str = ""
    debut_bias: Optional[bool] = None


def _vgg(depth: int) -> Callable[..., nn.Module]:
    def make(num_classes: int, variant: str, head: str = "auto", batch_norm: Optional[bool] = None) -> nn.Module:
        # The papers' own: DeBut on 10 classes has a hidden layer; All-DeBut on 100 has none; LHC has no batch norm.
        if head == "auto":
            head = "two" if num_classes == 10 and variant != "lhc" else "one"
        check_choice("head", head, HEADS)
        return Vgg(depth, num_classes, head, variant != "lhc" if batch_norm is None else batch_norm)
    return make


def _small(depth: int) -> Callable[..., nn.Module]:
    return lambda num_classes, variant: small_resnet(depth, num_classes)


def _large(depth: int) -> Callable[..., nn.Module]:
    def make(num_classes: int, variant: str, stem: str = "large") -> nn.Module:
        check_choice("stem", stem, ("small", "large"))
        return large_resnet(depth, num_classes, stem)
    return make


NETWORKS = {
    "mobilenet_v2": Network(lambda num_classes, variant: mobilenet_v2(num_classes), 10, (3, 224, 224)),
    "mobilenet_v3_large": Network(lambda num_classes, variant: mobilenet_v3_large(num_classes), 10, (3, 224, 224)),
    "resnet20": Network(_small(20), 10, (3, 32, 32)),
    "resnet34": Network(_large(34), 1000, (3, 224, 224)),
    "resnet50": Network(_large(50), 1000, (3, 224, 224), "resnet50_imagenet", True),
    "resnet110": Network(_small(110), 100, (3, 32, 32), "resnet110_cifar100"),
    "vgg16": Network(_vgg(16), 10, (3, 32, 32), "vgg16"),
    "vgg19": Network(_vgg(19), 10, (3, 32, 32), "vgg16"),
    "pointnet": Network(lambda num_classes, variant: PointNet(num_classes), 40, (3, 1024),
                        "pointnet_modelnet40_small"),
    "lenet": Network(lambda num_classes, variant: LeNetMod(num_classes), 10, (1, 28, 28), "lenet_mnist"),
}  # type: Dict[str, Network]


def build(name: str, num_classes: Optional[int] = None, variant: str = "dense", replace_last: Optional[int] = None,
          replace_head: bool = False, paths: int = 3, block_size: Optional[int] = 16,
          chains: Optional[rules.Chains] = None, input_shape: Optional[Sequence[int]] = None,
          **options: Any) -> nn.Module:
    """Return the network called ``name``; its ``surgery`` attribute is the table of what was replaced (or ``None``).

    ``variant`` says which structured layer stands in: ``fwht`` and ``bwht`` for the 1x1 convolutions (their 2-D
    forms for the second 3x3 of basic residual blocks and the 3x3 of VGG; the 1-D ones for the hidden linear layers of
    LeNet), ``ht`` for 3x3 convolutions, ``mf`` for depthwise ones or hidden linear layers, ``debut`` for every layer
    with a chain of its size, ``lhc`` for the 3x3 convolutions but the first.
    ``replace_last`` counts blocks from the end (residual blocks; single layers in VGG, LeNet and PointNet);
    ``None`` is the last third for ``fwht``, ``bwht`` and ``mf`` and all that fits for the others. ``replace_head``
    adds the last 1x1 convolution of a MobileNet, or the classifier where a chain fits it.
    ``paths`` belongs to ``ht``, ``block_size`` to ``bwht`` (``None``: the largest that fits each layer), ``chains``
    to ``debut`` (default: the published ones, else generated); ``input_shape`` (without the batch) sets the planes of
    2-D layers. Further options: of ``debut`` ``bias``, ``order``, ``sweeps``, ``strict``, ``kind``; of ``lhc``
    ``shape``, ``group_in``, ``group_out``; of ``ht`` ``norm``; of ``mf`` ``member``; of ``fwht`` and ``bwht``
    ``replace_gates`` (2-D layers for the squeeze-and-excites of the replaced blocks); of VGG ``head`` and
    ``batch_norm``; of ResNet-34 and -50 ``stem``.
    Raises ``ValueError`` with the nearest right name for a wrong one.
    """
    check_choice("variant", variant, VARIANTS)
    spec = network_spec(name)
    own = {key: options.pop(key) for key in list(options) if key in inspect.signature(spec.make).parameters}
    _check_options(options, variant, spec)
    classes = spec.num_classes if num_classes is None else num_classes
    network = spec.make(classes, variant, **own)  # type: Any
    network.surgery = None
    if variant == "dense":
        return network
    shape = tuple(spec.input_shape if input_shape is None else input_shape)
    if variant == "debut":
        table = _debut(network, spec, shape, chains, replace_last, replace_head, options)
    else:
        table = _structured(network, variant, shape, paths, block_size, replace_last, replace_head, options)
    network.surgery = table
    return network


def network_spec(name: str) -> Network:
    """Return how the network called ``name`` is made; ``resnet`` with another depth 6 n + 2 is for 32x32 images."""
    depth = re.match(r"resnet(\d+)$", str(name))
    if name not in NETWORKS and depth and int(depth.group(1)) >= 8 and int(depth.group(1)) % 6 == 2:
        return Network(_small(int(depth.group(1))), 10, (3, 32, 32))
    check_choice("network", name, NETWORKS)
    return NETWORKS[name]


def network_names() -> List[str]:
    """Return the names that ``build`` knows."""
    return sorted(NETWORKS)


def _structured(network: Any, variant: str, shape: Tuple[int, ...], paths: int, block_size: Optional[int],
                replace_last: Optional[int], replace_head: bool, options: Dict[str, Any]) -> SurgeryTable:
    replace_gates = options.pop("replace_gates", False)
    modules = dict(network.named_modules())
    for kind in KINDS[variant]:
        planes = replace_gates or kind == "spatial" and any(network.layer_names(kind))
        shapes = trace_input_shapes(network, torch.zeros((1,) + shape)) if planes else {}
        if variant == "ht":
            rule = rules.ht(shapes, paths=paths, **options)
        elif variant == "fwht":
            rule = rules.fwht(shapes=shapes)
        elif variant == "bwht":
            rule = rules.bwht(block_size=block_size, shapes=shapes)
        else:
            rule = rules.mf(**options) if variant == "mf" else rules.lhc(**options)
        blocks = [[layer for layer in block if rule.fits(layer, modules[layer])]
                  for block in network.layer_names(kind)]
        blocks = [block for block in blocks if block]
        if blocks:
            break
    else:
        raise ValueError("variant '{}' has no layer that it can replace in this {}: use another one of {}".format(
            variant, type(network).__name__, ", ".join(VARIANTS)))
    if replace_last is None:
        replace_last = _third(network, variant, blocks)
    names = [layer for block in _last(blocks, replace_last) for layer in block]
    if replace_head:
        head = getattr(network, "head_names", []) if kind == "pointwise" else []
        if not head:
            raise ValueError("this network has no last 1x1 convolution to replace: leave replace_head out")
        names += head
    table = replace(network, rule.only(names), torch.zeros((1,) + shape)) if names else SurgeryTable([])
    if not replace_gates:
        return table
    touched = {name.rsplit(".", 2)[0] for name in names}
    gates = [name for block in network.layer_names("gate") for name in block if name.rsplit(".", 1)[0] in touched]
    if not gates:
        raise ValueError("the replaced blocks hold no squeeze-and-excite: leave replace_gates out")
    return SurgeryTable(list(table) + list(replace(
        network, rules.gates(shapes, gates), torch.zeros((1,) + shape))))


def _third(network: Any, variant: str, blocks: Sequence[Sequence[str]]) -> int:
    if variant not in THIRD:
        return len(blocks)
    # The paper's third is of the blocks that both expand and project.
    full = [block for block in blocks if len(block) == max(len(other) for other in blocks)]
    return max(1, len(full) // 3)


def _debut(network: Any, spec: Network, shape: Tuple[int, ...], chains: Optional[rules.Chains],
           replace_last: Optional[int], replace_head: bool, options: Dict[str, Any]) -> SurgeryTable:
    chains = _default_chains(network, spec) if chains is None else chains
    options = dict({"bias": spec.debut_bias}, **options)
    rule = rules.debut(chains=chains, **options)
    modules = dict(network.named_modules())
    classifier = [name for name, layer in modules.items() if isinstance(layer, nn.Linear)][-1]
    stem = [name for name, layer in modules.items() if isinstance(layer, (nn.Conv2d, nn.Linear))][0]
    fitting = [name for name, layer in modules.items() if rule.fits(name, layer)]
    if chains is None:
        # Without published chains the first and the last layer stay dense, as the papers keep them.
        fitting = [name for name in fitting if name not in (stem, classifier) or replace_head and name == classifier]
    if replace_last is not None:
        blocks = _grouped(network, [name for name in fitting if name != classifier])
        head = [classifier] if replace_head and classifier in fitting else []
        fitting = [name for block in _last(blocks, replace_last) for name in block] + head
    if not fitting and replace_last != 0:
        raise ValueError("none of the chains fits a layer of this {}: a layer takes the chain whose (last p, first "
                         "q) equals its (out, k k in)".format(type(network).__name__))
    return replace(network, rule.only(fitting), torch.zeros((1,) + shape)) if fitting else SurgeryTable([])


def _default_chains(network: nn.Module, spec: Network) -> Optional[rules.Chains]:
    if spec.chains == "vgg16":
        two = isinstance(network, Vgg) and hasattr(network.classifier, "fc2")
        return published_chains("vgg16_cifar10" if two else "vgg16_cifar100_monotonic")
    return published_chains(spec.chains) if spec.chains else None


def _grouped(network: nn.Module, names: Sequence[str]) -> List[List[str]]:
    """Return names by the block they sit in; in a network of blocks the layers outside them are left out."""
    if not hasattr(network, "blocks"):
        return [[name] for name in names]
    groups = {}  # type: Dict[int, List[str]]
    for name in names:
        if name.startswith("blocks."):
            groups.setdefault(int(name.split(".")[1]), []).append(name)
    return [groups[index] for index in sorted(groups)]


def _last(blocks: Sequence[List[str]], count: int) -> Sequence[List[str]]:
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= len(blocks):
        raise ValueError("replace_last must be 0 to {}, the number of blocks that can be replaced, not {!r}".format(
            len(blocks), count))
    return blocks[len(blocks) - count:]


def _check_options(options: Dict[str, Any], variant: str, spec: Network) -> None:
    known = OPTIONS.get(variant, ())
    network = [key for key in inspect.signature(spec.make).parameters if key not in ("num_classes", "variant")]
    for key in options:
        if key not in known:
            near = difflib.get_close_matches(key, list(known) + network + list(
                inspect.signature(build).parameters), 1)
            raise ValueError("unknown option '{}' for this network and variant{}".format(
                key, ": did you mean '{}'?".format(near[0]) if near else ""))
