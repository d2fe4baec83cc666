"""Layers in the forked workers of a data loader, after they ran in the parent."""

import pytest
import torch
from every_layer import FAMILIES, make, noise
from torch.utils.data import DataLoader, Dataset

SAMPLES = 4


class Transformed(Dataset):
    """What every layer makes of a sample, and the gradient of it."""

    def __init__(self, layers):
        self.layers = layers

    def __len__(self):
        return SAMPLES

    def __getitem__(self, index):
        x = noise(seed=index)
        with torch.no_grad():
            outputs = [layer(x) for layer in self.layers]
        if not hasattr(torch, "compile"):  # torch 1 goes backwards on threads of its own, which a fork leaves behind
            return outputs
        leaf = x.clone().requires_grad_()
        for layer in self.layers:
            y = layer(leaf)
            if y.requires_grad:
                y.sum().backward(inputs=[leaf])
        return outputs + [leaf.grad]


@pytest.mark.parametrize("threads", [1, 2])
def test_forked_workers_give_what_the_parent_gives(threads):
    given = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        samples = Transformed([make(name) for name in FAMILIES])
        wanted = [samples[index] for index in range(SAMPLES)]
        loader = DataLoader(samples, batch_size=None, num_workers=2, multiprocessing_context="fork", timeout=300)
        found = list(loader)
    finally:
        torch.set_num_threads(given)
    for got, want in zip(found, wanted):
        assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(got, want))
    assert len(found) == SAMPLES
