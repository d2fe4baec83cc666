"""Shared memory: no races, no bank conflicts, no more of it than planned; and proof that the checks would tell."""

import cuda_emulator
import pytest
import torch

from suites.kernels.cuda import geometry, source, work
from suites.kernels.cuda.work import Options

pytestmark = pytest.mark.sampled

FORWARD_LENGTHS = [2 ** n for n in range(1, 13)]
# Text that stands once in the source, and what it becomes.
MUTATIONS = {
    "the barrier between writing and reading an exchange": (
        "                GPU_SHARED_PUT(shared, back ? wht_low_word(words, s) : wht_high_word(words, s), v[s]);\n"
        "            }\n        }\n        wht_barrier();",
        "                GPU_SHARED_PUT(shared, back ? wht_low_word(words, s) : wht_high_word(words, s), v[s]);\n"
        "            }\n        }\n"),
    "the barrier between two rounds of an exchange": ("if (r > 0) wht_barrier();", ""),
    "the barrier between the exchanges of x and of its gradient": (
        "            wht_barrier();\n            wht_exchange(g,", "            wht_exchange(g,"),
    "the barrier before sums reuse the exchange's memory": (
        "int which) {\n    GPU_BLOCK_BARRIER();", "int which) {"),
    "the reversed order of rounds on the way back, which the next tile relies on": (
        "(back ? WHT_ROUNDS - 1 - r : r)", "r"),
}


def run(emulator, points):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(1, points, 3, 5, generator=generator)
    options = Options((1,), (points,))
    threshold, scale = torch.rand(points, generator=generator), torch.ones(points)
    emulator.forward(x, threshold, scale, options)
    emulator.backward(x, x, threshold, scale, options)


@pytest.mark.usefixtures("emulator_library")
@pytest.mark.parametrize("missing", sorted(MUTATIONS))
def test_the_race_check_finds(missing, tmp_path):
    old, new = MUTATIONS[missing]
    text = source.read()
    assert text.count(old) == 1
    library = cuda_emulator.build(str(tmp_path), text.replace(old, new))
    with pytest.raises(AssertionError, match="race|nobody has written"):
        for turned in (False, True):
            run(cuda_emulator.Emulator(library, 53, reversed_order=turned), 1024)
            run(cuda_emulator.Emulator(library, 90, reversed_order=turned), 4096)


@pytest.mark.usefixtures("emulator_library")
def test_the_bounds_check_finds_an_element_too_many(tmp_path):
    text = source.read().replace("unsigned left = at.unit < args.units ? args.units - at.unit : 0;",
                                 "unsigned left = args.units;")
    library = cuda_emulator.build(str(tmp_path), text)
    with pytest.raises(AssertionError, match="outside its tensor|second time"):
        run(cuda_emulator.Emulator(library, 53), 256)


@pytest.mark.parametrize("points", FORWARD_LENGTHS)
@pytest.mark.parametrize("strided", [True, False])
@pytest.mark.parametrize("backward", [True, False])
@pytest.mark.parametrize("arch", [53, 90])
def test_every_form_fits_and_meets_no_bank_twice(emulator_library, points, strided, backward, arch):
    shape = (4, points, 1024)
    strides = (points * 1024, 1024, 1) if strided else (points * 1024, 1, points)
    x = work.Tensor(shape, strides)
    options = Options((1,), (points,))
    job = work.describe(x, [x, x] if backward else [x], options)
    assert job.strided == strided
    form = geometry.choose(job, backward, arch, 1)
    for name, value in geometry.macros(job, options, True, "float32", form, backward, fixed=False).items():
        emulator_library.emulator_set(name.encode(), value)
    shared = form.shared_bytes(points, strided, backward)
    assert 4 * emulator_library.emulator_shared_words(int(backward)) == shared <= geometry.STATIC_SHARED_BYTES
    assert form.threads % 32 == 0 and form.threads <= 1024 and form.slots * form.lanes >= points
    if form.lanes > 1:
        assert emulator_library.emulator_worst_bank(0) == emulator_library.emulator_worst_bank(1) == 1
