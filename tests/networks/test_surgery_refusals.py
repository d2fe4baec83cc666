"""What surgery must leave: layers that are not used the way a new one would be."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from suites.networks import Refused, replace, rules


def refused(table):
    return {refusal.name: refusal.reason for refusal in table.refused}


class Functional(nn.Module):
    """Uses the weights of one layer by a function, calls another."""

    def __init__(self):
        super().__init__()
        self.unused, self.used = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x):
        return self.used(F.linear(x, self.unused.weight, self.unused.bias))


class TiedDecoder(nn.Module):
    """An autoencoder whose decoder is the encoder's weight transposed."""

    def __init__(self):
        super().__init__()
        self.encoder, self.other = nn.Linear(8, 4), nn.Linear(8, 8)

    def forward(self, x):
        return self.other(F.linear(self.encoder(x), self.encoder.weight.t()))


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.middle, self.head = nn.Embedding(16, 8), nn.Linear(8, 8), nn.Linear(8, 16, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x):
        return self.head(self.middle(self.embedding(x)))


class Hidden(nn.Module):
    """Calls its layers by a list that no surgery can see."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)
        self.secret = [self.first]

    def forward(self, x):
        return self.second(self.secret[0](x))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.after = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 8)

    def forward(self, x):
        return self.after(self.attention(x, x, x)[0])


class Scaled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class Standardised(nn.Conv2d):
    def _conv_forward(self, x, weight, bias):
        return super()._conv_forward(x, weight - weight.mean(), bias)


def around(layer):
    """Make a padding of zeros one around the edges, as is done to networks that are to draw tiles."""
    layer._conv_forward = lambda x, weight, bias: F.conv2d(F.pad(x, (1, 1, 1, 1), mode="circular"), weight, bias)
    return layer


ROWS = torch.zeros(3, 8)
CASES = [
    (Attention, torch.zeros(2, 5, 8), {"attention.out_proj": Refused.NEVER_CALLED}, ["after"]),
    (Functional, ROWS, {"unused": Refused.NEVER_CALLED}, ["used"]),
    (TiedDecoder, ROWS, {"encoder": Refused.READ_ELSEWHERE}, ["other"]),
    (LanguageModel, torch.zeros(2, 3, dtype=torch.long), {"head": Refused.TIED}, ["middle"]),
    (Hidden, ROWS, {"first": Refused.BYPASSED}, ["second"]),
    (lambda: nn.Sequential(Scaled(8, 8), nn.Linear(8, 8)), ROWS, {"0": Refused.OWN_FORWARD}, ["1"]),
    (lambda: nn.Sequential(nn.Conv2d(8, 8, 1, padding_mode="reflect"), nn.Conv2d(8, 8, 1)), torch.zeros(1, 8, 4, 4),
     {"0": Refused.PADDING_MODE}, ["1"]),
]


@pytest.mark.parametrize("rule", [rules.fwht, rules.bwht, rules.mf, rules.debut])
@pytest.mark.parametrize("make, example, left, taken", CASES[:6])
def test_a_layer_that_is_not_used_through_its_forward_is_left_with_the_reason(rule, make, example, left, taken):
    network = make()
    before = dict(network.named_modules())
    table = replace(network, rule(), example)
    assert refused(table) == left
    assert [row.name for row in table] == taken
    for name in left:
        assert dict(network.named_modules())[name] is before[name]
        assert "left: {} (".format(name) in str(table) and left[name].value in str(table)


def test_another_padding_mode_is_refused_for_every_kind_of_convolution():
    image = torch.zeros(1, 8, 8, 8)
    for rule, options in ((rules.fwht(), {"kernel_size": 1}), (rules.bwht(), {"kernel_size": 1}),
                          (rules.mf(), {"kernel_size": 3, "padding": 1, "groups": 8}),
                          (rules.lhc(), {"kernel_size": 3, "padding": 1}),
                          (rules.debut(), {"kernel_size": 3, "padding": 1}),
                          (rules.ht({"0": (1, 8, 8, 8), "1": (1, 8, 8, 8)}), {"kernel_size": 3, "padding": 1})):
        for mode in ("reflect", "replicate", "circular"):
            network = nn.Sequential(nn.Conv2d(8, 8, padding_mode=mode, **options), nn.Conv2d(8, 8, **options))
            table = replace(network, rule, image)
            assert refused(table) == {"0": Refused.PADDING_MODE} and [row.name for row in table] == ["1"]


def test_a_refused_layer_that_was_named_in_full_is_an_error_with_the_reason():
    network = Attention()
    with pytest.raises(ValueError, match="layer attention.out_proj .*forward is never called"):
        replace(network, rules.fwht(["after", "attention.out_proj"]), torch.zeros(2, 5, 8))
    assert isinstance(network.after, nn.Linear)
    with pytest.raises(ValueError, match="no layer was replaced.*left: attention.out_proj.*never called"):
        replace(network, rules.fwht("*.out_proj"), torch.zeros(2, 5, 8))
    with pytest.raises(ValueError, match="no layer 'atention.out_proj', did you mean 'attention.out_proj'"):
        replace(network, rules.fwht(["after", "atention.out_proj"]), torch.zeros(2, 5, 8))
    with pytest.raises(ValueError, match=r"layer 'attention' \(MultiheadAttention\) is of no kind"):
        replace(network, rules.fwht(["after", "attention"]), torch.zeros(2, 5, 8))


@pytest.mark.skipif(not hasattr(torch.backends, "mha"), reason="the fast path came with torch 2")
@pytest.mark.parametrize("rule", [rules.fwht(), rules.mf()])
def test_an_encoder_layer_whose_fast_path_takes_the_weights_keeps_them(rule):
    """torch's encoder layers read ``linear1.weight`` in evaluation: a layer with a weight would be used as dense."""
    network = nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.Linear(8, 8))
    x = torch.randn(2, 5, 8)
    table = replace(network, rule, x)
    assert [row.name for row in table] == ["1"]
    assert set(refused(table)) == {"0.self_attn.out_proj", "0.linear1", "0.linear2"}
    with torch.no_grad():
        assert network.eval()(x).shape == x.shape
    network.train()(x).sum().backward()


def test_an_unbatched_image_hides_its_channels_from_a_layer_that_looks_on_axis_1():
    network = nn.Sequential(nn.Conv2d(8, 8, 1))
    with pytest.raises(ValueError, match="no batch axis|4-dimensional input"):
        replace(network, rules.fwht(), torch.zeros(8, 8, 8))


def test_layers_tied_to_each_other_are_replaced_together_and_counted_once():
    network = nn.Sequential(nn.Linear(8, 8, bias=False), nn.ReLU(), nn.Linear(8, 8, bias=False))
    network[2].weight = network[0].weight
    table = replace(network, rules.fwht(), ROWS)
    assert [(row.parameters_before, row.parameters_after, row.note) for row in table] == [
        (64, 8, ""), (0, 8, "no longer tied to 0")]
    assert table.parameters_before == 64
    network = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
    network[2].weight = network[0].weight
    with pytest.raises(ValueError, match=r"layer 0 .*also those of a layer that stays \(2\)"):
        replace(network, rules.fwht("0"), ROWS)


def test_nothing_larger_than_blocks_of_one_is_refused_and_the_rest_goes_on():
    network = nn.Sequential(nn.Conv2d(3, 5, 1), nn.Conv2d(5, 8, 1))
    table = replace(network, rules.bwht(), torch.zeros(1, 3, 4, 4))
    assert refused(table) == {"0": Refused.NO_BLOCK}
    assert table[0].after == "BlockWalshHadamard1d 5 -> 8, blocks of 4"


@pytest.mark.parametrize("rule", [rules.lhc, rules.debut])
@pytest.mark.parametrize("make", [lambda: Standardised(8, 8, 3, padding=1),
                                  lambda: around(nn.Conv2d(8, 8, 3, padding=1))])
def test_a_convolution_whose_inner_part_is_another_is_left(rule, make):
    network = nn.Sequential(make(), nn.Conv2d(8, 8, 3, padding=1))
    table = replace(network, rule(), torch.zeros(1, 8, 6, 6))
    assert refused(table) == {"0": Refused.OWN_FORWARD} and [row.name for row in table] == ["1"]


def test_a_layer_whose_forward_was_replaced_on_itself_is_left():
    network = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    plain = network[0].forward
    network[0].forward = lambda x: 2 * plain(x)
    table = replace(network, rules.fwht(), ROWS)
    assert refused(table) == {"0": Refused.OWN_FORWARD} and [row.name for row in table] == ["1"]
