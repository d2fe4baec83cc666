import re

import pytest
import torch
from torch import nn

from suites.layers.wht1d import WalshHadamard1d
from suites.networks import build
from suites.networks.inference import inference_form
from suites.networks.packing import can_pack
from suites.networks.shares import DENSE, KINDS, NORM, REPLACED, REST, main, time_shares


def test_every_step_counts_once_under_its_kind():
    network = nn.Sequential(nn.Conv2d(4, 8, 1), nn.BatchNorm2d(8), nn.ReLU(), WalshHadamard1d(8, 8),
                            nn.BatchNorm2d(8), nn.Flatten(1), nn.Linear(8 * 9, 2)).eval()
    found = time_shares(network, torch.randn(1, 4, 3, 3), calls=3)
    assert found.steps == {REPLACED: 1, DENSE: 2, NORM: 2, REST: 2}
    assert all(found.seconds[kind] > 0 for kind in KINDS)
    assert found.total_s == pytest.approx(sum(found.seconds.values()))


def test_the_heavier_kind_has_the_larger_share():
    torch.set_num_threads(1)
    network = nn.Sequential(nn.Conv2d(128, 128, 3, padding=1), WalshHadamard1d(128, 128)).eval()
    found = time_shares(network, torch.randn(1, 128, 32, 32), calls=41)  # the median: held up are fewer than half
    assert found.seconds[DENSE] > 3 * found.seconds[REPLACED] > 0


@pytest.mark.skipif(not can_pack(), reason="this torch has no such calls")
def test_packed_layers_are_dense_ones():
    network = build("resnet20").eval()
    x = torch.randn(1, 3, 32, 32)
    made = inference_form(network, x, "folded, oneDNN prepacked")
    found = time_shares(made, x, calls=2)
    assert found.steps[DENSE] == 22 and found.steps[NORM] == 0 and found.steps[REPLACED] == 0


def test_the_program_prints_a_line_for_each_kind(capsys):
    assert main(["lenet", "--variant", "debut", "--calls", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(KINDS)
    assert re.match(r"structured layers +\d+ steps +\d+\.\d{3} ms +\d+\.\d%$", lines[0])
    assert main(["lenet", "--variant", "ht"]) == 2
    assert "variant 'ht' has no layer" in capsys.readouterr().err
