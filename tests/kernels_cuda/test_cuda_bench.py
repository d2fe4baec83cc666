"""The benchmark's arithmetic and its course, without a GPU."""

import json
import random

import pytest
import torch

from suites.kernels.cuda.bench import __main__ as bench
from suites.kernels.cuda.bench import entrants as field
from suites.kernels.cuda.bench.rounds import calls_of_a_sample, interleave, median, median_interval, speed_ratio
from suites.kernels.geometry import Spec


def test_a_sample_has_calls_enough_to_be_long():
    assert calls_of_a_sample(3e-6, 2e-3) == 667 and calls_of_a_sample(1.0, 2e-3) == 1


def test_every_round_times_everyone_once_in_an_order_of_its_own():
    log = []
    samplers = {name: (lambda name=name: log.append(name) or 1.0) for name in "abcd"}
    found = interleave(samplers, 20, seed=1)
    rounds = ["".join(log[start:start + 4]) for start in range(0, 80, 4)]
    assert all(sorted(order) == list("abcd") for order in rounds) and len(set(rounds)) > 5
    assert all(len(values) == 20 for values in found.values())


def test_the_interval_misses_the_median_no_more_often_than_it_says():
    source, missed = random.Random(3), 0
    for _ in range(2000):
        low, high = median_interval([source.expovariate(1.0) for _ in range(15)], level=0.05)
        missed += not low <= 0.6931471805599453 <= high
    assert missed <= 0.05 * 2000


def test_too_few_rounds_give_no_interval():
    assert median_interval([1.0, 2.0, 3.0]) is None
    assert speed_ratio([2.0] * 3, [1.0] * 3).low is None


def test_a_ratio_says_how_many_times_faster_the_second_is():
    ratio = speed_ratio([4.0, 4.2, 3.8] * 10, [2.0, 2.1, 1.9] * 10)
    assert ratio.middle == pytest.approx(2.0) and ratio.low == pytest.approx(2.0)
    assert median([3.0, 1.0, 2.0, 10.0]) == 2.5


@pytest.mark.parametrize("bytes_each, cache, free, expected", [
    (42 << 20, 50 << 20, None, 5), (1 << 20, 256 << 10, None, 2), (1, 1 << 20, None, field.MOST_BUFFERS),
    (42 << 20, 50 << 20, 1 << 30, 2), (42 << 20, 50 << 20, 100 << 30, 5)])
def test_buffers_pass_the_cache_and_leave_memory_free(bytes_each, cache, free, expected):
    assert field.buffer_count(bytes_each, cache, free) == expected


def test_outputs_stay_alive_until_their_buffer_comes_round():
    buffers = field.Buffers((1, 2, 2, 2), torch.device("cpu"), 3, seed=1)
    seen = []
    run = buffers.each(torch.float32, False, lambda x, other: seen.append((x.data_ptr(), other.data_ptr())) or x)
    for turn in range(6):
        run(turn)
    assert len(set(seen)) == 3 and seen[:3] == seen[3:] and all(x != other for x, other in seen)


def test_a_whole_case_runs_and_says_what_it_measured(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(field, "SHAPES", (field.Shape("tiny", (1, 8, 4, 4), Spec()),))
    monkeypatch.setattr(field, "UNKNOWN_L2_BYTES", 1 << 10)
    path = tmp_path / "bench.json"
    monkeypatch.setattr(bench, "host_timer", lambda work: work() or 1e-3)
    assert bench.main(["--device", "cpu", "--rounds", "2", "--json", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "tiny 1x8x4x4" in printed and "conv3x3 TF32" in printed
    assert "x the time of fused forward bfloat16" in printed
    kept = json.loads(path.read_text())
    samples = kept["cases"][0]["sample_s"]
    assert len(samples["clone float32"]) == 2 and "environment" in kept


def test_an_entrant_that_cannot_run_is_said_to_have_failed(monkeypatch):
    def broken(case, buffers, convolutions):
        def fail(turn):
            raise RuntimeError("no such convolution here")
        yield field.Entrant("fused forward float32", lambda turn: None, False)
        yield field.Entrant("conv1x1 bfloat16", fail, False)

    monkeypatch.setattr(field, "entrants", broken)
    case = field.Shape("tiny", (1, 8, 4, 4), Spec())
    result = bench.run_case(case, torch.device("cpu"), 2, 1, lambda work: work() or 1e-3, 1 << 10, True)
    assert result["failed"] == {"conv1x1 bfloat16": "no such convolution here"}
    assert "did not run: no such convolution here" in bench.table(result)


def test_without_a_device_there_is_nothing_to_measure(capsys):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    assert bench.main([]) == 1
    assert capsys.readouterr().out == "there is nothing to measure: torch sees no CUDA device\n"


@pytest.mark.parametrize("points", [2, 32, 64, 256, 1024, 4096])
@pytest.mark.parametrize("strided", [True, False])
def test_every_form_of_the_sweep_computes_the_same_layer(emulator_library, monkeypatch, points, strided):
    import cuda_emulator

    from suites.kernels.cuda import geometry, work
    from suites.kernels.cuda.bench.sweep import candidates

    x = torch.randn(1, points, 3, 3, generator=torch.Generator().manual_seed(1))
    x = x if strided else x.contiguous(memory_format=torch.channels_last)
    options, threshold = work.Options((1,), (points,)), torch.rand(points)
    emulator = cuda_emulator.Emulator(emulator_library, 90)
    expected = emulator.forward(x, threshold, None, options)
    job = work.describe(cuda_emulator.described(x), [cuda_emulator.described(x)], options)
    forms = [form for form in candidates(job) if form.min_blocks == 1]
    chosen = geometry.choose(job, False, 90, 1)
    assert chosen._replace(min_blocks=1) in forms and len(forms) > 1
    for form in forms:
        monkeypatch.setattr(geometry, "choose", lambda *arguments, form=form: form)
        y = emulator.forward(x, threshold, None, options)
        assert float((y - expected).abs().max()) <= 4e-6


def test_without_a_device_the_sweep_has_nothing_to_measure(capsys):
    from suites.kernels.cuda.bench import sweep

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    assert sweep.main([]) == 1 and "nothing to measure" in capsys.readouterr().out
