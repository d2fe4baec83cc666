import pytest
import torch

from suites.kernels import baselines


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("groups,size", [(1, 1), (1, 3), (16, 3)])
def test_every_way_to_convolve_gives_the_same_convolution(groups, size):
    x, weight, bias = noise(2, 16, 9, 9), noise(16, 16 // groups, size, size), noise(16)
    ways = baselines.convolutions(x, weight, bias, size // 2, groups)
    want = torch.nn.functional.conv2d(x.double(), weight.double(), bias.double(), padding=size // 2, groups=groups)
    assert ways[0].name == "F.conv2d" and len({way.name for way in ways}) == len(ways) >= 2
    for way in ways:
        given = x.contiguous(memory_format=way.memory_format)
        assert torch.allclose(way.run(given).double(), want, atol=1e-4), way.name
        assert way.backend
