"""``auto`` measured: no other form beats the one it picks by more than a tenth. Slow: it measures."""

import time

import pytest
import torch

from suites.layers.implementations import IMPLEMENTATIONS
from suites.layers.wht1d import WalshHadamard1d
from suites.layers.wht2d import WalshHadamard2d

ALONG_CHANNELS = [(1, 16, 7, 7), (1, 32, 14, 14), (1, 64, 1, 1), (16, 128), (8, 64, 28, 28), (1, 256, 14, 14),
                  (4, 320, 7, 7)]
ALONG_PLANES = [(1, 16, 8, 8), (4, 64, 14, 14), (1, 32, 32, 32)]
#: ``auto`` may take this much longer than the best form. A tenth is the promise, the rest is for noise.
ALLOWED = 1.1 * 1.1
TRIES = 3


def least_seconds(calls, rounds=15, sample_s=5e-4):
    """The least time per call of each, taken in turns."""
    for call in calls:
        call()
    times = []
    for call in calls:
        started = time.perf_counter()
        call()
        times.append(max(1, int(sample_s / max(time.perf_counter() - started, 1e-6))))
    best = [float("inf")] * len(calls)
    for turn in range(rounds):
        order = range(len(calls)) if turn % 2 else reversed(range(len(calls)))
        for index in order:
            calls[index]()
            started = time.perf_counter()
            for _ in range(times[index]):
                calls[index]()
            best[index] = min(best[index], (time.perf_counter() - started) / times[index])
    return best


def beaten_by(make, x, plain):
    """How much slower ``auto`` is than the best form, and which that is; ``plain`` keeps the kernels out of it."""
    forms = [form for form in IMPLEMENTATIONS if form not in ("auto", "fused")]
    layers = [make(form) for form in forms]
    auto = make("auto")
    if plain:
        chosen = make(auto.choose(x.double()).form) if " and " not in auto.choose(x.double()).form else None
        if chosen is None:
            pytest.skip("auto takes a form of its own for each axis here")
        auto = chosen
    with torch.no_grad():
        seconds = least_seconds([lambda: auto(x)] + [lambda layer=layer: layer(x) for layer in layers])
    best = min(range(len(forms)), key=lambda index: seconds[1 + index])
    return seconds[0] / seconds[1 + best], forms[best]


@pytest.mark.slow
@pytest.mark.parametrize("plain", [False, True], ids=["auto", "auto without kernels"])
@pytest.mark.parametrize("shape", ALONG_CHANNELS + ALONG_PLANES, ids=str)
def test_no_form_beats_the_choice_of_auto_by_more_than_a_tenth(shape, plain):
    planes = shape in ALONG_PLANES
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(1))

    def make(form):
        return WalshHadamard2d(shape[2:], implementation=form) if planes else WalshHadamard1d(
            shape[1], implementation=form)

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for _ in range(TRIES):  # noise makes a choice look bad now and then, a bad one looks bad every time
            ratio, form = beaten_by(make, x, plain)
            if ratio <= ALLOWED:
                return
    finally:
        torch.set_num_threads(before)
    pytest.fail("auto takes {:.2f} times as long as {}".format(ratio, form))
