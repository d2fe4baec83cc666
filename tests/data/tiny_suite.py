"""A suite as a user would write it: small layers, one of them wrong on purpose, one that cannot be built."""

import torch
from torch import nn

from suites import modules

CONV = nn.Conv2d(16, 16, 1)


class Bad(nn.Module):
    def forward(self, x):
        return x + 1


def refuse():
    raise RuntimeError("this layer needs a magic wand")


def dense(x):
    torch.manual_seed(0)
    conv = nn.Conv2d(16, 16, 1)
    return torch.einsum("oi,nihw->nohw", conv.weight[:, :, 0, 0].double(), x) + conv.bias.double()[:, None, None]


SUITE = modules.suite(
    "tiny", input_shape=(2, 16, 8, 8),
    baseline=("conv1x1", lambda: nn.Conv2d(16, 16, 1)),
    rivals={"twice": lambda: nn.Sequential(*[nn.Conv2d(16, 16, 3, padding=1) for _ in range(8)]),
            "wrong": Bad, "refuses": refuse},
    references={"conv1x1": dense, "wrong": lambda x: x})
