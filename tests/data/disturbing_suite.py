"""Layers that a harness must be on its guard against: in place, changing the process, and not finite."""

import torch
from torch import nn

from suites import modules


class InPlace(nn.Module):
    def forward(self, x):
        return x.mul_(0.5)


class Disturbs(nn.Module):
    def forward(self, x):
        torch.set_num_threads(3)
        torch.set_flush_denormal(True)
        torch.set_default_dtype(torch.float64)
        return x + 1


class Nan(nn.Module):
    def forward(self, x):
        return x / 0.0 * 0.0


class Innocent(nn.Module):
    def forward(self, x):
        return x * 3


SUITE = modules.suite(
    "disturbing", input_shape=(4, 16, 32, 32), baseline=("plain", lambda: Innocent()),
    rivals={"in place": InPlace, "disturbs": Disturbs, "nan": Nan, "innocent": Innocent},
    references={"plain": lambda x: x * 3, "in place": lambda x: x * 0.5, "disturbs": lambda x: x + 1,
                "innocent": lambda x: x * 3})
