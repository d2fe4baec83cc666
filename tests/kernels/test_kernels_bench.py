import itertools
import json
import math

import pytest
import torch

from suites.kernels import baselines
from suites.kernels.bench import __main__ as program
from suites.kernels.bench import field
from suites.kernels.bench.goals import judge
from suites.kernels.bench.timing import Entrant, calls_in_a_sample, play, ratios_to
from suites.kernels.geometry import Spec
from suites.kernels.plain import plain_layer


class Clock:
    """Time that passes only where an entrant spends it."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def entrant(self, name, seconds):
        def call():
            self.now += next(costs)
        costs = itertools.cycle(seconds if isinstance(seconds, list) else [seconds])
        return Entrant(name, call)


def test_a_sample_is_as_many_calls_as_last_a_millisecond():
    clock = Clock()
    assert calls_in_a_sample(clock.entrant("a", 1e-4), clock) in (10, 11)
    assert calls_in_a_sample(clock.entrant("b", 0.5), clock) == 1


def test_ratios_are_those_of_the_set_costs_whatever_the_order():
    clock = Clock()
    entrants = [clock.entrant("fast", 1e-3), clock.entrant("slow", 2e-3), clock.entrant("noisy", [3e-3, 5e-3])]
    games = play(entrants, rounds=12, seed=3, budget_s=1e9, clock=clock)
    first, slow, noisy = ratios_to(games, entrants)
    assert len(games["rounds"]) == 12 and len({tuple(r["order"]) for r in games["rounds"]}) > 1
    assert slow["ratio"] == pytest.approx(2.0) and slow["low"] == pytest.approx(2.0)
    assert first["ratio"] == 1.0 and first["median_s"] == pytest.approx(1e-3)
    assert 3.0 <= noisy["low"] <= noisy["ratio"] <= noisy["high"] <= 5.0 + 1e-9


def test_the_budget_ends_the_rounds_but_not_before_an_interval_is_possible():
    clock = Clock()
    entrants = [clock.entrant("a", 1.0), clock.entrant("b", 2.0)]
    games = play(entrants, rounds=100, seed=1, budget_s=0.1, clock=clock)
    assert len(games["rounds"]) == 8
    assert ratios_to(games, entrants)[1]["low"] is not None


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


@pytest.mark.parametrize("shape,spec", [((2, 64, 5, 5), Spec()), ((2, 96, 4, 3), Spec()),
                                        ((2, 96, 4, 4), Spec(block=32)),
                                        ((2, 40, 4, 4), Spec(block=32)), ((2, 3, 7, 9), Spec((2, 3)))], ids=str)
def test_the_eager_rivals_are_the_same_layer(shape, spec):
    x = noise(*shape).double()
    length = {Spec(): 64 if shape[1] == 64 else 128, Spec((2, 3)): 128}.get(spec, 32)
    threshold = torch.rand(length, dtype=torch.float64) * 0.3
    want = plain_layer(x, threshold, None, spec)
    assert torch.allclose(baselines.kronecker_layer(x, threshold, spec)(x), want)
    assert torch.equal(baselines.butterfly_layer(x, threshold, spec)(x), want)


def test_the_work_of_a_layer_is_counted_from_its_definition():
    small = field.Shape("s", (1, 4, 1, 1), Spec(), True)
    assert field.work_of(small) == {"operations": 4 * (2 * 2 + 21), "bytes": 32.0}
    padded = field.Shape("p", (2, 3, 5, 1), Spec(), True)
    assert field.work_of(padded)["operations"] == 2 * 5 * 4 * (2 * 2 + 21)


def entrant(name, ratio, median=1.0):
    return {"name": name, "ratio": ratio, "low": ratio * 0.9, "high": ratio * 1.1, "median_s": median}


def test_goals_are_judged_against_the_best_rival_and_only_where_it_ran():
    results = [{"shape": "1-D 10x1024x32x32", "pass": "forward", "threads": 1, "entrants": [
        entrant("fused", 1.0), entrant("copy past the caches", 0.5), entrant("best conv 1x1", 17.0),
        entrant("eager butterflies", 30.0), entrant("eager Kronecker", 15.0)]},
        {"shape": "1-D 10x1024x32x32", "pass": "backward", "threads": 1, "entrants": [
            entrant("fused backward", 1.0), entrant("fused forward", 0.5)]}]
    lines = {line["goal"]: line for line in judge(results)}
    assert len(lines) == 4
    copy, conv, eager, backward = lines.values()
    assert copy["found"] == 2.0 and copy["reached"] and copy["low"] < 2.0 < copy["high"]
    assert conv["found"] == 17.0 and not conv["reached"]
    assert eager["found"] == 15.0 and eager["reached"] and "Kronecker" in eager["goal"]
    assert backward["found"] == 2.0 and not backward["reached"]


def test_the_program_writes_what_it_measured(kernels, tmp_path, monkeypatch, capsys):
    small = field.Shape("small", (1, 16, 4, 4), Spec(), True)
    monkeypatch.setattr(field, "SHAPES", (small,))
    monkeypatch.setattr(field, "roofs", lambda threads, clock: {"multiply_add_gflops": 1.0})
    monkeypatch.setattr(program, "on_heap", lambda heap, argv: None)
    path = tmp_path / "bench.json"
    assert program.main(["--quick", "--threads", "1", "--rounds", "8", "--budget", "1", "--json", str(path)]) == 0
    found = json.loads(path.read_text())
    result, = found["results"]
    assert [e["name"] for e in result["entrants"]][:4] == ["fused", "fused, new output", "copy past the caches",
                                                           "memcpy"]
    assert all(len(e["sample_s"]) == 16 and e["ratio"] > 0 for e in result["entrants"])
    point, = found["roofline"]["points"]
    assert point["gb_s"] > 0 and math.isclose(point["operations_per_byte"], (2 * 4 + 21) / 8)
    assert "small, forward, 1 thread(s)" in capsys.readouterr().out


def test_the_roofs_are_found_and_the_backward_field_runs(kernels):
    import time

    found = field.roofs(1, time.perf_counter, megabytes=1)
    assert all(value > 0 for value in found.values()) and len(found) == 3
    for one in field.backward_entrants(field.Shape("b", (1, 16, 4, 4), Spec(), True)):
        one.call()


def test_the_program_starts_again_on_the_heap_it_is_asked_for(monkeypatch):
    started = []
    monkeypatch.setattr(program.os, "execv", lambda path, argv: started.append(argv))
    monkeypatch.setattr(program.os, "environ", {})
    program.on_heap("default", [])
    assert started == []
    program.on_heap("warm", ["--quick"])
    assert started[0][-1] == "--quick"
    program.on_heap("warm", ["--quick"])
    assert len(started) == 1
