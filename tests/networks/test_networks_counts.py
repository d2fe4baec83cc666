import pytest
from torch import nn

from suites.layers.debut import chain_weights, generate_chain, published_chains
from suites.layers.lhc import LhcConv2d
from suites.networks import build, count_parameters

pytestmark = pytest.mark.sampled

LENET = published_chains("lenet_mnist_paper")
FC1 = [LENET[1]]
CONV2 = published_chains("lenet_mnist_conv2")
VGG_512 = [published_chains("vgg16_cifar10")[1]]

COUNTS = [
    ("keras", 2270794, "mobilenet_v2", {}),
    ("torch", 2236682, "mobilenet_v2", {}),
    ("keras", 947786, "mobilenet_v2", {"variant": "fwht", "replace_last": 5}),
    ("keras", 540234, "mobilenet_v2", {"variant": "fwht", "replace_last": 5, "replace_head": True}),
    ("keras", 937866, "mobilenet_v2", {"variant": "bwht", "replace_last": 5, "block_size": 16}),
    ("keras", 938186, "mobilenet_v2", {"variant": "bwht", "replace_last": 5, "block_size": 32}),
    ("keras", 938826, "mobilenet_v2", {"variant": "bwht", "replace_last": 5, "block_size": 64}),
    ("keras", 528650, "mobilenet_v2", {"variant": "bwht", "replace_last": 5, "block_size": 32, "replace_head": True}),
    ("keras", 2270794, "mobilenet_v2", {"variant": "mf", "replace_last": 5}),
    ("torch", 5483032, "mobilenet_v3_large", {"num_classes": 1000}),
    ("torch", 272474, "resnet20", {}),
    ("torch", 151514, "resnet20", {"variant": "ht", "paths": 1}),
    ("torch", 199898, "resnet20", {"variant": "ht", "paths": 3}),
    ("torch", 248282, "resnet20", {"variant": "ht", "paths": 5}),
    ("torch", 21797672, "resnet34", {}),
    ("torch", 25557032, "resnet50", {}),
    ("torch", 13402152, "resnet50", {"variant": "debut", "chains": published_chains("resnet50_imagenet")}),
    ("torch", 13095976, "resnet50", {"variant": "debut", "chains": published_chains("resnet50_imagenet_monotonic")}),
    ("torch", 1736564, "resnet110", {"num_classes": 100}),
    ("torch", 399840, "resnet110", {"num_classes": 100, "variant": "debut"}),
    ("torch", 14991946, "vgg16", {}),
    ("torch", 12708426, "vgg16", {"variant": "debut", "replace_last": 1}),
    ("torch", 12708426, "vgg16", {"variant": "debut", "replace_last": 1, "chains": VGG_512}),
    ("torch", 2432586, "vgg16", {"variant": "debut"}),
    ("torch", 14774436, "vgg16", {"num_classes": 100}),
    ("torch", 563416, "vgg16", {"num_classes": 100, "variant": "debut"}),
    ("torch", 14719818, "vgg16", {"variant": "lhc"}),
    ("torch", 14719818, "vgg16", {"head": "one", "batch_norm": False}),
    ("torch", 3471473, "pointnet", {}),
    ("torch", 173005, "pointnet", {"variant": "debut", "chains": published_chains("pointnet_modelnet40_small")}),
    ("torch", 61482, "lenet", {}),
    ("torch", 17962, "lenet", {"variant": "debut", "chains": FC1}),
    ("torch", 60842, "lenet", {"variant": "debut", "chains": CONV2}),
    ("torch", 10186, "lenet", {"variant": "debut", "chains": LENET}),
    ("torch", 10026, "lenet", {"variant": "debut"}),
]


@pytest.mark.parametrize("convention, count, name, options", COUNTS)
def test_the_published_count_comes_out(convention, count, name, options):
    assert count_parameters(build(name, **options), convention) == count


@pytest.mark.parametrize("head", [False, True])
@pytest.mark.parametrize("blocks", [0, 1, 4, 9, 16])
def test_replacing_any_number_of_blocks_follows_the_papers_rule(blocks, head):
    dense = build("mobilenet_v2", 10)
    replaced = build("mobilenet_v2", 10, variant="fwht", replace_last=blocks, replace_head=head)
    layers = dict(dense.named_modules())
    saved = 0
    names = [name for block in dense.layer_names("pointwise")[17 - blocks:] for name in block]
    for name in names + ["last.conv"] * head:
        layer = layers[name]
        size = 1
        while size < max(layer.in_channels, layer.out_channels):
            size *= 2
        saved += layer.in_channels * layer.out_channels - size
    assert count_parameters(replaced, "keras") == 2270794 - saved
    assert len(replaced.surgery) == 2 * blocks + head


@pytest.mark.parametrize("classes", [2, 100])
def test_the_class_count_changes_the_classifier_only(classes):
    for name, width in (("mobilenet_v2", 1280), ("resnet20", 64), ("pointnet", 256), ("lenet", 64)):
        usual = build(name)
        usual_classes = {"pointnet": 40}.get(name, 10)
        assert count_parameters(build(name, classes)) == count_parameters(usual) + (width + 1) * (
            classes - usual_classes)


@pytest.mark.parametrize("depth", [8, 32, 56])
def test_any_depth_of_the_small_resnets_can_be_built(depth):
    repeats = (depth - 2) // 6
    per_block = [2 * 9 * width * width + 4 * width for width in (16, 32, 64)]
    grown = [9 * half * 2 * half + 9 * 4 * half * half + 8 * half + 2 * half * half + 4 * half for half in (16, 32)]
    total = 3 * 16 * 9 + 32 + repeats * per_block[0] + 650 + sum(
        (repeats - 1) * block + first for block, first in zip(per_block[1:], grown))
    assert count_parameters(build("resnet{}".format(depth))) == total


def test_other_chains_count_as_their_weights():
    chain = generate_chain(512, 4608, level=8)
    dense, replaced = build("vgg19", 10), build("vgg19", 10, variant="debut", chains=[chain], replace_last=3)
    assert count_parameters(dense) - count_parameters(replaced) == 3 * (512 * 4608 - chain_weights(chain))


def test_bias_of_the_replaced_convolutions_is_a_choice():
    chains = published_chains("resnet50_imagenet")
    counts = [count_parameters(build("resnet50", variant="debut", chains=chains, bias=bias))
              for bias in (True, False)]
    assert counts[0] - counts[1] == 3 * (512 + 512 + 2048)


def test_heterogeneous_kernels_hold_the_published_share_and_their_effects_are_training_only():
    network = build("vgg16", 10, variant="lhc")
    layers = [layer for layer in network.modules() if isinstance(layer, LhcConv2d)]
    assert len(layers) == 12
    assert sum(layer.weight.numel() for layer in layers) + sum(
        layer.weight.numel() for layer in network.features[:1]) == 14708736 + 1728
    assert sum(layer.weight.numel() for layer in layers) == 14708736
    assert count_parameters(network, training_only=True) - count_parameters(network) == 28728
    rigid = build("vgg16", 10, variant="lhc", shape="rigid")
    assert count_parameters(rigid, training_only=True) - count_parameters(rigid) == 47880


def test_keras_counts_the_moving_statistics_too_and_shared_tensors_once():
    norm = nn.Sequential(nn.BatchNorm2d(8), nn.BatchNorm1d(4, track_running_stats=False))
    assert (count_parameters(norm), count_parameters(norm, "keras")) == (24, 40)
    shared = nn.Linear(3, 3)
    assert count_parameters(nn.Sequential(shared, shared)) == 12
    with pytest.raises(ValueError, match="did you mean 'keras'"):
        count_parameters(norm, "kears")


@pytest.mark.parametrize("arguments, sentence", [
    (("resnet21", {}), "did you mean 'resnet20'"),
    (("mobilenet_v4", {}), "did you mean 'mobilenet_v2'"),
    (("vgg16", {"variant": "debat"}), "did you mean 'debut'"),
    (("vgg16", {"variant": "debut", "swep": 3}), "did you mean 'sweeps'"),
    (("mobilenet_v2", {"variant": "fwht", "replace_last": 18}), "replace_last must be 0 to 17"),
    (("mobilenet_v2", {"variant": "bwht", "block_size": 48}), "48"),
    (("mobilenet_v2", {"variant": "ht"}), "variant 'ht' has no layer"),
    (("resnet20", {"variant": "ht", "replace_head": True}), "leave replace_head out"),
    (("lenet", {"variant": "debut", "chains": VGG_512}), "none of the chains fits"),
    (("lenet", {"variant": "debut", "chains": [[[4, 4, 2, 2, 1], [4, 4, 2, 0, 2]]]}), "factor 2 of 2"),
    (("vgg16", {"head": "three"}), "unknown head"),
    (("resnet50", {"stem": "tiny"}), "unknown stem"),
    (("pointnet", {"variant": "debut", "strict": True}), "strict=False"),
])
def test_a_wrong_wish_is_refused_with_the_nearest_right_one(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        build(arguments[0], **arguments[1])
