"""What is found out about a machine by trying, on machines that are made up and on this one."""

import itertools
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.kernels import cpu_call, probe
from suites.kernels.build import SOURCE_FOLDER
from suites.kernels.geometry import ROWS, STRIDED, Geometry
from suites.kernels.tuning import DEFAULT, MIB, NEAR, NEVER, SIZES, WAYS, Tuning, choose, kind_of_work

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(probe.__file__))))
KIND = "long strided"


class Machine:
    """Work takes a second for each byte in the caches and three beyond; storing past them saves one of three.

    ``cache_bytes`` is the cache this machine really gives; what it reports is for whoever asks.
    """

    def __init__(self, cache_bytes, reported_bytes=None, noise=None, prefers=None):
        self.cache_bytes, self.reported_bytes = cache_bytes, reported_bytes
        self.noise, self.prefers = noise or (lambda: 1.0), prefers
        self.raced = []

    def race(self, size, forms, cold):
        self.raced.append((size, forms))
        return [self.seconds(size, form, cold) * self.noise() for form in forms]

    def seconds(self, size, form, cold=False):
        past, ahead = size > form.past_cache_bytes, size > form.prefetch_bytes
        if 2 * size <= self.cache_bytes and not cold:
            return size * (1.0 + 0.5 * past + 0.01 * ahead)
        return size * (3.0 - past - 0.5 * ahead) * (0.8 if form == self.prefers else 1.0)


@pytest.mark.parametrize("cache", [4 * MIB, 8 * MIB, 32 * MIB])
def test_the_limit_is_where_the_ways_change_places(cache):
    found = choose(Machine(cache).race, WAYS[KIND])
    assert cache / 4 <= found.past_cache_bytes <= cache and found.prefetch_bytes == found.past_cache_bytes


def test_a_machine_that_reports_480_mb_of_which_it_gets_8_is_not_believed(tmp_path, monkeypatch):
    honest, boasting = Machine(8 * MIB), Machine(8 * MIB, reported_bytes=480 * MIB)
    assert choose(boasting.race, WAYS[KIND]) == choose(honest.race, WAYS[KIND])
    assert choose(boasting.race, WAYS[KIND]).past_cache_bytes < 8 * MIB
    # Nothing that finds or keeps a tuning reads what the system reports of its caches.
    for name in os.listdir(os.path.dirname(probe.__file__)):
        if name.endswith(".py"):
            with open(os.path.join(os.path.dirname(probe.__file__), name)) as file:
                assert not re.search(r"cpu\d*/cache|lscpu|getconf|LEVEL3_CACHE", file.read()), name


def test_where_the_caches_hold_everything_nothing_goes_past_them():
    assert choose(Machine(480 * MIB).race, WAYS[KIND]) == NEAR


def test_another_way_is_preferred_only_by_a_margin():
    usual, other = WAYS[KIND][0], WAYS[KIND][1]
    found = choose(Machine(8 * MIB, prefers=other).race, WAYS[KIND])
    assert (found.in_flight, found.far_tile) == (other.in_flight, other.far_tile)
    seconds = iter([1.01, 0.99] * 100)
    found = choose(Machine(8 * MIB, noise=lambda: next(seconds)).race, WAYS[KIND])
    assert (found.in_flight, found.far_tile) == (usual.in_flight, usual.far_tile)


@pytest.mark.parametrize("cold,goes_past", [(0.6, True), (1.0, False), (1.1, False)])
def test_where_two_buffers_say_nothing_tensors_out_of_the_caches_decide(cold, goes_past):
    def race(size, forms, out_of_caches):
        return [1.0 if form == NEAR else cold if out_of_caches else 0.98 for form in forms]

    found = choose(race, WAYS[KIND])
    assert (found.past_cache_bytes < SIZES[0]) == goes_past and (found == NEAR) == (not goes_past)


def test_two_buffers_that_do_say_something_are_not_asked_again():
    asked = []

    def race(size, forms, cold):
        asked.append(cold)
        return [1.0 if form == NEAR else 1.2 for form in forms]

    assert choose(race, WAYS[KIND]) == NEAR and not any(asked)


class Library:
    """Remembers the buffers of its calls."""

    def __init__(self):
        self.calls = []

    def wht_plan(self, *anything):
        return 1

    def wht_free(self, plan):
        pass

    def wht_forward(self, plan, x, y, *anything):
        self.calls.append((x, y))
        return 0


@pytest.mark.parametrize("size", [MIB, 8 * MIB, 32 * MIB], ids=lambda size: "{} MiB".format(size // MIB))
def test_a_cold_race_comes_back_to_a_tensor_only_after_64_mib_of_others(size):
    library, seconds = Library(), itertools.count()
    runner = probe.Runner(library, 1, lambda: 1e-5 * next(seconds))
    runner.race(KIND, size, (NEAR, Tuning(0, 0)), True)
    pairs = 64 * MIB // size // 2
    used = {address for pair in library.calls[:pairs] for address in pair}
    assert len(used) == 2 * pairs and max(used) - min(used) == 64 * MIB - size
    assert library.calls == (library.calls[:pairs] * len(library.calls))[:len(library.calls)]
    library.calls.clear()
    runner.race(KIND, size, (NEAR, Tuning(0, 0)))
    assert len(set(library.calls)) == 2 and library.calls[0] == library.calls[1][::-1]


@given(st.randoms(use_true_random=False))
def test_noise_of_a_tenth_costs_no_more_than_two_tenths(random):
    machine = Machine(8 * MIB, noise=lambda: random.uniform(1.0, 1.1))
    found = choose(machine.race, WAYS[KIND])
    for size in SIZES:
        best = min(machine.seconds(size, form) for form in (NEAR,) + tuple(WAYS[KIND]))
        if size <= 2 * MIB or size >= 16 * MIB:
            assert machine.seconds(size, found) <= 1.2 * best


def test_every_call_is_one_of_the_kinds_that_are_tried():
    for kind in WAYS:
        for size in SIZES:
            geometry = probe.probe_geometry(kind, size)
            assert kind_of_work(geometry) == kind
            assert geometry.outer * geometry.inner * geometry.p2 * 4 == size
            assert geometry.kind == (ROWS if kind.endswith("rows") else STRIDED)
            two_bytes = probe.probe_geometry(kind, size, 1)
            assert kind_of_work(two_bytes) == kind and two_bytes.dtype == 1
            assert two_bytes.outer * two_bytes.inner * two_bytes.p2 * 2 == size


def test_the_structures_have_the_fields_of_the_sources_in_their_order():
    with open(os.path.join(SOURCE_FOLDER, "plan.h")) as file:
        source = file.read()
    for name, fields in (("Geometry", Geometry._fields), ("Tuning", Tuning._fields)):
        body = re.sub(r"//.*", "", re.search(r"struct {} \{{(.*?)\n\}};".format(name), source, re.S).group(1))
        lines = re.findall(r"int64_t ([^;]*);", body)
        assert [word.strip() for line in lines for word in line.split(",")] == list(fields)


PROBED = probe.Probed(2, 0.25, {kind: Tuning(3 * MIB, NEVER, 0, 128) for kind in WAYS})


def test_a_finding_is_kept_and_read_again(tmp_path):
    assert probe.kept(str(tmp_path), 2, lambda: PROBED) == PROBED
    assert probe.kept(str(tmp_path), 2, lambda: pytest.fail("probed again")) == PROBED
    assert sorted(os.listdir(str(tmp_path))) == ["tuning-2.json", "tuning-2.json.lock"]


@pytest.mark.parametrize("damage", [lambda text: "", lambda text: text[:len(text) // 2], lambda text: "[]",
                                    lambda text: text.replace('"threads": 2', '"threads": 4'),
                                    lambda text: text.replace("128", '"wide"'),
                                    lambda text: text.replace("128", "-1"),
                                    lambda text: text.replace('"format": 2', '"format": 1')],
                         ids=["empty", "half", "list", "threads", "word", "negative", "format"])
def test_a_damaged_file_is_probed_again(tmp_path, damage):
    probe.kept(str(tmp_path), 2, lambda: PROBED._replace(seconds=9.0))
    path = tmp_path / "tuning-2.json"
    path.write_text(damage(path.read_text()))
    assert probe.kept(str(tmp_path), 2, lambda: PROBED) == PROBED
    assert probe.read(str(path), 2) == PROBED


def test_where_nothing_can_be_written_the_finding_serves_this_process(tmp_path):
    assert probe.kept(str(tmp_path / "gone"), 2, lambda: PROBED) == PROBED


WAITING = """
import sys, time
from suites.kernels import probe
from suites.kernels.tuning import DEFAULT, WAYS
def find():
    print("probing", flush=True)
    time.sleep(float(sys.argv[2]))
    return probe.Probed(2, 0.5, {kind: DEFAULT for kind in WAYS})
probe.kept(sys.argv[1], 2, find)
print("done", flush=True)
"""


def start(folder, seconds):
    return subprocess.Popen([sys.executable, "-c", WAITING, str(folder), str(seconds)], cwd=ROOT,
                            stdout=subprocess.PIPE, universal_newlines=True)


def test_of_two_processes_one_probes_and_the_other_waits(tmp_path):
    both = [start(tmp_path, 0.5) for _ in range(2)]
    said = [process.communicate()[0].split() for process in both]
    assert sorted(said) == [["done"], ["probing", "done"]]


def test_a_process_killed_while_it_probes_leaves_the_next_one_free(tmp_path):
    process = start(tmp_path, 600)
    assert process.stdout.readline() == "probing\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert probe.kept(str(tmp_path), 2, lambda: PROBED) == PROBED


def test_this_machine_is_probed_in_moments_and_says_what_was_found(kernels, tmp_path):
    started = time.process_time()
    found = probe.tunings_of(cpu_call.loaded().handle, str(tmp_path)).at(1)
    assert time.process_time() - started < 20 and sorted(found.tunings) == sorted(WAYS)
    assert all(tuning.far_tile in (64, 128) for tuning in found.tunings.values())
    described = kernels["tuning"]
    assert described and all(sorted(entry["kinds"]) == sorted(WAYS) for entry in described.values())


class Busy:
    """A processor that other programs have half of the time."""

    def __init__(self, share):
        self.share = share
        self.begun = time.perf_counter(), time.process_time()

    def __call__(self):
        return (time.perf_counter() - self.begun[0]) * self.share


def test_a_machine_that_is_busy_keeps_the_default_and_writes_nothing(kernels, tmp_path):
    library = cpu_call.loaded().handle
    found = probe.kept(str(tmp_path), 1, lambda: probe.probe(library, 1, cpu_clock=Busy(0.5)))
    assert not found.quiet and set(found.tunings.values()) == {DEFAULT}
    assert not os.path.exists(str(tmp_path / "tuning-1.json"))
    assert probe.probe(library, 1, cpu_clock=Busy(1.0)).quiet


def test_more_threads_than_cores_are_as_many_as_cores():
    asked = []
    tunings = probe.Tunings(lambda threads: asked.append(threads) or PROBED, cores=2)
    geometry = probe.probe_geometry(KIND, MIB)
    assert [tunings.of(geometry, threads) for threads in (1, 2, 5, 64)] == [PROBED.tunings[KIND]] * 4
    assert asked == [1, 2]


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(WAYS))
@pytest.mark.parametrize("size", [MIB, 4 * MIB, 16 * MIB, 32 * MIB], ids=lambda size: "{} MiB".format(size // MIB))
def test_no_way_beats_the_one_that_was_found_by_more_than_a_tenth(kernels, kind, size):
    library = cpu_call.loaded().handle
    tunings = probe.tunings_of(library, os.path.dirname(cpu_call.loaded().built.path)).at(1)
    if not tunings.quiet:
        pytest.skip("the machine is too busy to find anything")
    geometry = probe.probe_geometry(kind, size)
    ways = [tunings.tunings[kind_of_work(geometry)], NEAR] + list(WAYS[kind])
    ratios = []
    for _ in range(15):  # noise makes a choice look bad now and then, a bad one looks bad every time
        seconds = probe.Runner(library, 1).race(kind, size, ways)
        ratios.append(seconds[0] / min(seconds))
        if ratios[-1] <= 1.1:
            return
    pytest.fail("beaten by {}".format(", ".join("{:.2f}".format(ratio) for ratio in ratios)))
