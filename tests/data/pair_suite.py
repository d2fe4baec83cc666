"""The small layers of the recorded pair in ``recorded_pair``: nothing changed between its two runs."""

from torch import nn

from suites import modules

SUITE = modules.suite(
    "pair", input_shape=(4, 32, 16, 16),
    baseline=("conv3x3", lambda: nn.Conv2d(32, 32, 3, padding=1, bias=False)),
    rivals={"conv1x1": lambda: nn.Conv2d(32, 32, 1, bias=False),
            "two-groups": lambda: nn.Conv2d(32, 32, 3, padding=1, groups=2, bias=False)})
