"""The sweep over the kernel's forms, without a GPU: which forms, that they agree, and what it prints."""

import pytest
import torch

from harness.timing.sampler import Sample, Sampler
from suites.kernels.cuda import geometry, sweep, work

pytestmark = pytest.mark.sampled


@pytest.mark.parametrize("points", [2, 32, 64, 256, 1024, 4096])
@pytest.mark.parametrize("strided", [True, False])
def test_every_form_of_the_sweep_computes_the_same_layer(emulator_library, monkeypatch, points, strided):
    import cuda_emulator

    x = torch.randn(1, points, 3, 3, generator=torch.Generator().manual_seed(1))
    x = x if strided else x.contiguous(memory_format=torch.channels_last)
    options, threshold = work.Options((1,), (points,)), torch.rand(points)
    emulator = cuda_emulator.Emulator(emulator_library, 90)
    expected = emulator.forward(x, threshold, None, options)
    job = work.describe(cuda_emulator.described(x), [cuda_emulator.described(x)], options)
    forms = [form for form in sweep.candidates(job) if form.min_blocks == 1]
    chosen = geometry.choose(job, False, 90, 1)
    assert chosen._replace(min_blocks=1) in forms and len(forms) > 1
    for form in forms:
        monkeypatch.setattr(geometry, "choose", lambda *arguments, form=form: form)
        y = emulator.forward(x, threshold, None, options)
        assert float((y - expected).abs().max()) <= 4e-6


class Told(Sampler):
    """A sampler to which calls tell their own seconds; the first samples are not hidden."""

    def __init__(self, bare):
        self.bare = bare

    def sample(self, call, calls):
        self.bare -= 1
        return Sample(calls * call(), 1e-6, self.bare < 0)


def test_the_fastest_form_comes_first_and_everything_is_told_against_the_copy():
    entries = [sweep.Entry("clone", lambda: 2e-5), sweep.Entry("a", lambda: 3e-5), sweep.Entry("b", lambda: 1e-5),
               sweep.Entry("hopeless", lambda: 1e-3)]
    lines = sweep.ranked(entries, Told(0), 3)
    assert [line.split()[-1] for line in lines] == ["b", "clone", "a", "hopeless"]
    assert lines[0].split() == ["10.0", "us", "0.50", "x", "clone", "b"]


def test_samples_that_were_not_hidden_are_counted_and_told():
    line = sweep.ranked([sweep.Entry("clone", lambda: 2e-5), sweep.Entry("a", lambda: 3e-5)], Told(7), 3)[-1]
    assert line.startswith("7 of ") and "launches are timed as work" in line


def test_each_form_runs_is_checked_and_the_chosen_one_marked(launcher_device, monkeypatch):
    x, said = torch.randn(2, 64, 4, 8, generator=torch.Generator().manual_seed(1)), []
    forms = [geometry.Geometry(8, 8, 32, 1, 1, blocks) for blocks in (1, 2)]
    monkeypatch.setattr(sweep, "candidates", lambda job: forms)
    monkeypatch.setattr(geometry, "choose", lambda *arguments: forms[1])
    entries = sweep.field(x, sweep.Spec(), said.append)
    assert [entry.name.endswith("(chosen)") for entry in entries] == [False, False, True] and said == []
    assert torch.equal(entries[1].call(), entries[2].call())


def test_a_form_that_computes_something_else_is_not_timed(launcher_device, monkeypatch):
    x, said, real = torch.randn(2, 64, 4, 8), [], sweep.launch.run_forward
    monkeypatch.setattr(sweep, "candidates", lambda job: [geometry.Geometry(8, 8, 32, 1, 1, 1)])
    expected = sweep.launch.forward(x, torch.arange(64.0) / 640, None, sweep.Spec())
    monkeypatch.setattr(sweep.launch, "forward", lambda *arguments: expected)
    monkeypatch.setattr(sweep.launch, "run_forward", lambda *arguments: real(*arguments) + 1.0)
    assert [entry.name for entry in sweep.field(x, sweep.Spec(), said.append)] == ["clone"]
    assert "differs from the chosen form by 1.0e+00, not timed" in said[0]


def test_without_a_device_the_sweep_has_nothing_to_measure(capsys):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    assert sweep.main([]) == 1 and "nothing to measure" in capsys.readouterr().out


def test_the_sweep_of_a_chain_times_every_form_that_gives_the_same_layer(debut_library, device_of, monkeypatch):
    from suites.kernels.cuda import debut_form, debut_launch
    from suites.layers.debut import cuda_sweep as debut_sweep

    monkeypatch.setattr(debut_launch, "_PLANS", {})
    device_of(debut_library, "debut")
    spec, said = debut_sweep.spec_of("lenet_mnist_paper", 0, (1, 8, 4, 4), 3), []
    x = torch.randn(1, 8, 4, 4, generator=torch.Generator().manual_seed(1))
    entries = debut_sweep.field(x, spec, said.append)
    assert not said and len(entries) == 1 + len(list(debut_form.candidates(spec.shapes)))
    assert len([entry for entry in entries if "(chosen)" in entry.name]) == 1
    assert all(torch.equal(entry.call(), entries[1].call()) for entry in entries[2:3])


def test_a_form_that_gives_another_layer_is_told_and_not_timed(debut_library, device_of, monkeypatch):
    from suites.kernels.cuda import debut_launch
    from suites.layers.debut import cuda_sweep as debut_sweep

    monkeypatch.setattr(debut_launch, "_PLANS", {})
    device_of(debut_library, "debut")
    right = debut_launch.run_plan
    monkeypatch.setattr(debut_launch, "run_plan",
                        lambda plan, *rest: right(plan, *rest) + (plan.form.slices > 1))
    spec, said = debut_sweep.spec_of("lenet_mnist_paper", 0, (1, 8, 4, 4), 3), []
    entries = debut_sweep.field(torch.randn(1, 8, 4, 4), spec, said.append)
    assert said and all("differs from the chosen form" in line for line in said)
    assert len(entries) > 1


@pytest.mark.parametrize("shape, forms", [((2, 5, 6, 6), 12), ((40, 20), 9)])
def test_the_sweep_of_sums_times_every_member_in_every_form_of_the_same_layer(
        depthwise_library, mf_library, device_of, shape, forms):
    from suites.kernels.cuda import sums_sweep

    flat = len(shape) == 2
    device_of(mf_library if flat else depthwise_library, "mf" if flat else "depthwise")
    entries = sums_sweep.field(torch.randn(shape, generator=torch.Generator().manual_seed(1)))
    assert len(entries) == 1 + forms
    assert len([entry for entry in entries if "(chosen)" in entry.name]) == forms // 3
    for start in range(1, len(entries), 3):  # three numbers of rows of one member
        made = [entry.call() for entry in entries[start:start + 3]]
        assert torch.equal(made[0], made[1]) and torch.equal(made[0], made[2])


def test_without_a_device_the_sweeps_of_layers_say_so(capsys):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    from suites.kernels.cuda import sums_sweep
    from suites.layers.debut import cuda_sweep as debut_sweep

    for one in (debut_sweep, sums_sweep):
        assert one.main([]) == 1 and "nothing to measure" in capsys.readouterr().out


def test_a_form_that_does_not_compile_or_computes_something_else_is_said_and_not_timed():
    said, right = [], torch.ones(3)

    def broken():
        raise sweep.CompileError("no such instruction")

    assert sweep.checked("broken", broken, right, 1e-6, said.append) == []
    assert sweep.checked("wrong", lambda: lambda: right + 1, right, 1e-6, said.append) == []
    assert sweep.checked("lost", lambda: lambda: right * float("nan"), right, 1e-6, said.append) == []
    entry, = sweep.checked("good", lambda: lambda: right, right, 1e-6, said.append)
    assert entry.name == "good" and entry.call() is right
    assert [line.split(":")[0] for line in said] == ["broken", "wrong", "lost"] and "no such instruction" in said[0]
