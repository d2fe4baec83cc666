"""Builds recorded runs with synthetic samples, for the tests of the reports."""

import math
import random

from harness.plan import Case, Comparison
from harness.reasons import Code, because, owing_to
from harness.record import (
    FORMAT,
    CheckLine,
    CheckResult,
    End,
    EnergyLine,
    EnergyWindow,
    Environment,
    Header,
    LaunchLine,
    MemoryLine,
    MeterStatus,
    Phase,
    RecordWriter,
    Round,
    SamplingCost,
    Series,
    SeriesDecision,
    Session,
    Stage,
    TimerFacts,
    Traces,
    WarmUpFacts,
    load_run,
)
from harness.rule import Rule
from harness.settings import Settings
from harness.words import Heap, Role, RunStatus, State, Status

LOOKS = (12, 18, 27, 40, 60, 90, 135, 200, 300, 450)
BUILDER = "suites.layers:build"

NANO = Environment(
    board={"model": "NVIDIA Jetson Nano Developer Kit", "l4t": "32.7.1", "jetpack": "4.6.1"},
    os={"system": "Linux", "kernel": "4.9.253-tegra"},
    cpu={"model": "ARMv8 Processor rev 1 (v8l)", "cores": 4},
    gpu={"name": "NVIDIA Tegra X1", "driver": None, "driver_reason": "the L4T driver has no version of its own"},
    memory={"total_bytes": 4156932096, "swap_total_bytes": 2078461952, "swap_used_bytes": 0},
    python={"version": "3.6.9"},
    torch={"version": "1.10.0", "cuda": "10.2"},
    git={"commit": "0123456789abcdef", "dirty": False},
    clocks={"power_mode": "MAXN", "cpu_governor": "schedutil", "cpu_locked": True, "gpu_locked": True,
            "locked": True, "locked_for_run": True},
    meters=(MeterStatus("tegrastats", "power", True, True),
            MeterStatus("nvml", "power", False, False, "this board has no NVML", "none: use tegrastats")))


def layer(name, implementation="", shape=(10, 64, 56, 56), **more):
    return Case(name, implementation, BUILDER, shape, **more)


def comparison(ident, title, baseline, rivals, shape=(10, 64, 56, 56), note="", **more):
    """A comparison from names: "fwht fused" is the layer fwht in its form fused."""
    cases = [layer(*(text.split(" ", 1)), shape=shape, **more) for text in [baseline] + list(rivals)]
    return Comparison(ident, title, cases[0], tuple(cases[1:]), note)


class RecordBuilder:
    """Writes one record line at a time; every number comes from a seeded generator."""

    def __init__(self, folder, comparisons, suite="paper", seed=1, ident="20260314-101500-paper-nano-ab12",
                 environment=NANO, **settings):
        self.random = random.Random(seed)
        self.comparisons = {one.id: one for one in comparisons}
        self.writer = RecordWriter(str(folder))
        self.folder = str(folder)
        chosen = Settings(**dict({"device": "cpu", "threads": 2, "seed": seed, "budget_s": 720.0}, **settings))
        self.append(Header(FORMAT, ident, suite, "2026-03-14T10:15:00Z", seed, chosen,
                           Rule(launches=chosen.launches), tuple(comparisons)))
        if environment is not None:
            self.session(environment)

    def append(self, line):
        self.writer.append(line)

    def session(self, environment, argv=("run", "paper")):
        self.append(Session(tuple(argv), "2026-03-14T10:15:01Z", environment))

    def check(self, ident, results):
        self.append(CheckLine(ident, None, Status.OK, seconds=3.5, results=tuple(results)))

    def verify(self, ident, wrong=(), unchecked=()):
        one = self.comparisons[ident]
        results = []
        for case in one.cases:
            ok = False if case.slug in wrong else None if case.slug in unchecked else True
            results.append(CheckResult(
                one.case_id(case), ok, {True: 3e-6, False: 3.1e-2, None: None}[ok], 1e-4,
                {True: None, False: because(Code.WRONG, error=3.1e-2, allowed=1e-4),
                 None: because(Code.NO_REFERENCE, "no reference is known for this layer")}[ok],
                case.implementation or "conv", None, 1049600, 10737418240))
        self.check(ident, results)

    def sample(self, seconds, noise):
        value = seconds * math.exp(self.random.gauss(0, noise))
        return value * (1 + 0.5 * self.random.random()) if self.random.random() < 0.02 else value

    def series(self, one, times, rounds, noise, cache="hot", clock=None, role=Role.FIRST, decisions=None,
               stopped=None, calls=4):
        """One series; ``times`` maps the slug of each case that is timed to its seconds per call."""
        slugs = [one.baseline.slug, one.baseline.slug] + [c.slug for c in one.rivals if c.slug in times]
        body = []
        for number in range(rounds):
            order = list(range(len(slugs)))
            self.random.shuffle(order)
            samples = [self.sample(times[slugs[i]], noise) * calls for i in order + order[::-1]]
            body.append(Round(tuple(order), tuple(samples), clock_hz=tuple(clock(number)) if clock else None))
        return Series(cache, tuple("{}/{}".format(one.id, slug) for slug in slugs), (calls,) * len(slugs),
                      tuple(body), LOOKS, role, stopped or because(Code.ALL_DECIDED, round=rounds),
                      0.01 if role is Role.FIRST else 0.005, decisions or {},
                      clock_reason=None if clock else "this machine does not report its clock")

    def time(self, ident, times, launches=4, rounds=18, noise=0.01, caches=("hot",), clock=None, settled=True,
             stopped=None, jump=0.0, effect=0.0):
        """The launches of one comparison; ``jump`` moves the rivals' times from launch to launch, ``effect`` is the
        standard deviation of what a launch does to each case."""
        one = self.comparisons[ident]
        for launch in range(1, launches + 1):
            shift = {slug: value * (1 + jump * (-1) ** launch * (slug != one.baseline.slug))
                     for slug, value in times.items()}
            if effect:
                shift = {slug: value * math.exp(self.random.gauss(0, effect)) for slug, value in shift.items()}
            series = []
            for cache in caches:
                slower = {slug: value * (1.3 if cache == "cold" else 1) for slug, value in shift.items()}
                state = self.decisions(one, slower, launch, rounds)
                series.append(self.series(one, slower, rounds, noise, cache, clock,
                                          Role.FIRST if launch == 1 else Role.CONFIRM, state, stopped))
            self.append(LaunchLine(
                ident, launch, Status.OK, seconds=3.5, series=tuple(series),
                timer=TimerFacts("perf_counter", 1e-9, 5e-8),
                warmup=tuple(WarmUpFacts("{}/{}".format(ident, slug), sample_s=(2 * t, t), calls_per_sample=(1, 1),
                                         settled=settled)
                             for slug, t in shift.items()), allocator="default"))

    def failed_launch(self, ident, launch, reason, status=Status.FAILED):
        self.append(LaunchLine(ident, launch, status, reason, 3.5))

    def decisions(self, one, times, launch, rounds):
        states = {}
        for case in one.rivals:
            if case.slug not in times:
                continue
            ratio = math.log(times[one.baseline.slug] / times[case.slug])
            first = State.FASTER if ratio > 0.025 else State.SLOWER if ratio < -0.025 else \
                State.SAME if abs(ratio) < 0.012 else State.UNDECIDED
            states["{}/{}".format(one.id, case.slug)] = SeriesDecision(
                first if launch == 1 or first is State.UNDECIDED else State.AGREES, rounds)
        return states

    def memory(self, ident, sizes, swap=0, torch_peak=True, repeats=1, spread=20000, missing=(), heap=Heap.PINNED):
        """Memory passes: the baseline plays twice as often. Of the repeats in ``missing`` the RAM has no number."""
        one = self.comparisons[ident]
        for case in one.cases:
            if case.slug not in sizes:
                continue
            count = repeats * (2 if repeats > 1 and case == one.baseline else 1)
            for repeat in range(1, count + 1):
                self.memory_repeat(one, case, sizes[case.slug] + spread * ((repeat - 1) % 3 - 1) * (repeats > 1),
                                   repeat, swap, torch_peak, repeat in missing, heap=heap)

    def memory_repeat(self, one, case, peak, repeat, swap, torch_peak, no_ram, offsets=(2, 1, 3),
                      heap=Heap.PINNED):
        stages = {name: Stage(60000000 + i * 40000000, 50000000 + i * 40000000, 900000000 + i * 40000000, 0)
                  for i, name in enumerate(["start", "torch", "context", "warm", "input", "layer", "peak"])}
        rss, uss, ram = (peak + 1000000 * offset for offset in offsets)
        reason = None if torch_peak else "torch has no allocator counters for the CPU"
        self.append(MemoryLine(
            one.id, one.case_id(case), Status.OK, seconds=3.5, stages=stages, repeat=repeat,
            torch_peak_allocated_bytes=peak if torch_peak else None, torch_peak_allocated_bytes_reason=reason,
            torch_peak_reserved_bytes=int(peak * 1.25) if torch_peak else None,
            torch_peak_reserved_bytes_reason=reason, rss_peak_bytes=peak + 220000000,
            rss_delta_peak_bytes=rss, uss_delta_peak_bytes=uss, ram_delta_peak_bytes=None if no_ram else ram,
            ram_delta_peak_bytes_reason="other programs moved 9.0 MB meanwhile" if no_ram else None,
            ram_baseline_bytes=1020000000, nvmap_delta_bytes_reason="the NvMap statistics need root",
            swap_delta_bytes=swap, sampling_period_s=0.005, ram_resolution_bytes=4096, heap=heap))

    def energy(self, ident, per_call, seconds=10.0, idle_w=1.24, drop=False, refused=(), seconds_per_call=0.002,
               by_turns=True):
        """Energy passes; slugs in ``refused`` get no number and a reason; in old records cases had no turns."""
        one = self.comparisons[ident]
        for case in one.cases:
            if case.slug not in per_call:
                continue
            mean = idle_w + per_call[case.slug] / seconds_per_call
            times, power, clock, heat = [], [], [], []
            for i in range(int((seconds + 10) * 10)):
                t = i / 10.0
                busy = 5 <= t < 5 + seconds
                times.append(t)
                power.append((mean if busy else idle_w) + self.random.gauss(0, 0.06))
                low = drop and t > 5 + seconds / 2
                clock.append((768e6 if low else 921.6e6) if busy else 76.8e6)
                heat.append(41 + 15 * (1 - math.exp(-max(0.0, t - 5) / 8)) - max(0.0, t - 5 - seconds))
            known = case.slug not in refused
            said = "only 31 fresh readings in the window, 50 are needed: run longer"
            self.append(EnergyLine(
                ident, one.case_id(case), Status.OK, None if known else because(Code.NO_NUMBER, said), 3.5,
                meter="tegrastats", rail="POM_5V_IN", rail_reason="the board's input rail", sensor_period_s=0.1,
                readings_fresh=100 if known else 31, calls=int(seconds / seconds_per_call), window_s=seconds,
                energy_per_call_j=per_call[case.slug] + idle_w * seconds_per_call if known else None,
                energy_above_idle_per_call_j=per_call[case.slug] if known else None,
                uncertainty_j=per_call[case.slug] * 0.02 if known else None, idle_before_w=idle_w,
                idle_after_w=idle_w - 0.01, mean_w=mean if known else None, peak_w=max(power),
                traces=Traces(tuple(times), tuple(power), tuple(clock), tuple(heat)),
                phases=(Phase("unmetered-before", -2.0, 0.0), Phase("idle-before", 0.0, 4.5),
                        Phase("settle", 4.5, 5.0), Phase("load", 5.0, 5.0 + seconds),
                        Phase("idle-after", 5.2 + seconds)),
                sampling_cost=SamplingCost(seconds_per_call * 1.004, seconds_per_call, 1.004),
                together="worker", rounds=9, looks=(9, 18), copy_energy_per_call_j_reason="only the baseline",
                windows=self.windows(per_call[case.slug] + idle_w * seconds_per_call, seconds_per_call,
                                     case == one.baseline) if by_turns else ()))

    def windows(self, joules, seconds_per_call, twice):
        """Two windows of half a second in each of nine rounds, and of the second copy of the baseline."""
        calls, chance = int(0.5 / seconds_per_call) or 1, random.Random(5)
        return tuple(EnergyWindow(number, float(number), number + 0.5, calls,
                                  joules * calls * (1 + chance.gauss(0, 0.001)), copy)
                     for copy in ((False, True) if twice else (False,)) for number in range(1, 10) for _ in range(2))

    def end(self, status=RunStatus.COMPLETE, reason=None):
        self.append(End(status, "2026-03-14T10:25:00Z", reason))
        self.writer.close()

    def load(self):
        return load_run(self.folder)


RIVALS = ("fwht fused", "fwht torch", "dct fused", "butterfly", "conv1x1")
SPEEDS = {
    "64ch": (2.91e-3, (1.83, 1 / 2.44, 1.27, 1 / 1.41, 2.60)),
    "128ch": (2.10e-3, (1.46, 1 / 1.92, 1.09, 1 / 1.14, 2.20)),
    "256ch": (1.70e-3, (1.021, 1 / 1.52, 0.93, None, 1.90)),
}


def nano_run(folder, energy=True, **more):
    """A run of three comparisons on a Jetson Nano: faster, slower, same, cannot tell and wrong all occur."""
    comparisons = [comparison("{}".format(ident), "{} channels, {}x{}".format(ident[:-2], edge, edge), "conv3x3",
                              RIVALS, shape=(10, int(ident[:-2]), edge, edge))
                   for ident, edge in (("64ch", 56), ("128ch", 28), ("256ch", 14))]
    build = RecordBuilder(folder, comparisons, **more)
    for one in comparisons:
        base, ratios = SPEEDS[one.id]
        times = {one.baseline.slug: base}
        times.update({case.slug: base / ratio for case, ratio in zip(one.rivals, ratios) if ratio})
        build.verify(one.id, wrong=[case.slug for case in one.rivals if case.slug not in times])
        build.time(one.id, times)
        build.memory(one.id, {slug: int(49.4e6 * value / base) for slug, value in times.items()}, repeats=3)
        if energy:
            build.energy(one.id, {slug: 4.1 * value for slug, value in times.items()},
                         drop=one.id == "64ch", seconds_per_call=base)
    build.end()
    return build.load()


def sweep_run(folder):
    """A run that sweeps the channels, with a roof measured on the device and cold and hot caches on CUDA."""
    sizes = (8, 16, 32, 64, 128, 256, 512, 1024)
    rivals = ("WHT fused", "WHT torch", "DCT fused")
    comparisons = []
    for size in sizes:
        one = comparison("c{}".format(size), "{} channels".format(size), "Conv 3x3", rivals, (10, size, 32, 32),
                         device="cuda", options=(("sweep", "3x3, batch 10"), ("sweep_axis", "channels"),
                                                 ("sweep_value", size)))
        comparisons.append(one)
    environment = NANO._replace(roof={"flops_per_s": 236e9, "bytes_per_s": 20.5e9})
    build = RecordBuilder(folder, comparisons, "sweep", device="cuda", launches=1, environment=environment,
                          ident="20260314-101500-sweep-cuda-ab12", passes=("verify", "time", "memory"))
    for one, size in zip(comparisons, sizes):
        base = 6e-5 * (size / 8.0) ** 1.35
        times = {"conv-3x3": base, "wht-fused": 1.8e-4 * (size / 8.0) ** 0.93,
                 "wht-torch": 7e-4 * (size / 8.0) ** 0.8, "dct-fused": 2.6e-4 * (size / 8.0) ** 0.99}
        work = {"conv-3x3": (3.3, 30.0), "wht-fused": (0.12, 2.2), "wht-torch": (0.06, 0.5),
                "dct-fused": (0.14, 3.4)}
        results = []
        for case in one.cases:
            flops = work[case.slug][0] * 1e9 * times[case.slug] * 20
            results.append(CheckResult(one.case_id(case), True, 1e-6, 1e-4, implementation=case.implementation,
                                       parameters=1, macs=int(flops / 2) if size == 64 else None,
                                       bytes=int(flops / work[case.slug][1]) if size == 64 else None))
        build.check(one.id, results)
        build.time(one.id, times, launches=1, rounds=12, caches=("hot", "cold") if size == 64 else ("hot",),
                   clock=lambda number: [921.6e6, 768e6] if number == 3 else [921.6e6, 921.6e6])
        build.memory(one.id, {slug: int(1e6 * size * (2 + value / base)) for slug, value in times.items()},
                     swap=5 * 10 ** 6)
    build.end()
    return build.load()


HOSTILE = "</script><script>alert(1)</script><!-- \" ' & {{ 7*7 }} | `x` \u00e9\u4e2d \x1b[31m"


def hostile_run(folder):
    """Names that try to leave every place they are put in."""
    one = comparison("hostile", HOSTILE, HOSTILE, ("A " + HOSTILE, "=cmd|' /C calc'!A0"), note=HOSTILE)
    build = RecordBuilder(folder, [one], suite=HOSTILE, environment=NANO._replace(board={"model": HOSTILE}))
    times = {case.slug: 1e-3 * (1 + i) for i, case in enumerate(one.cases)}
    build.verify(one.id)
    build.time(one.id, times)
    build.memory(one.id, dict.fromkeys(times, 10 ** 7))
    build.energy(one.id, dict.fromkeys(times, 1e-3))
    build.end()
    return build.load()


def empty_run(folder):
    """A run that a power cut ended before its first pass."""
    return RecordBuilder(folder, [comparison("64ch", "64 channels", "conv3x3", RIVALS)]).load()


def broken_run(folder):
    """Every way a unit can fail: check crashed, launch killed, memory hung, energy refused, meter dead."""
    first = comparison("crash", "A crash", "conv3x3", ("fwht fused", "fwht torch"))
    second = comparison("killed", "A kill", "conv3x3", ("fwht fused", "fwht torch"))
    build = RecordBuilder(folder, [first, second], quick=True, launches=1, environment=NANO._replace(
        git={"commit": "0123", "dirty": True}, clocks={"cpu_locked": False, "gpu_locked": None, "locked": False,
                                                       "cpu_governor": "schedutil"}))
    crash = because(Code.CRASHED, "Segmentation fault", signal="SIGSEGV")
    build.append(CheckLine("crash", None, Status.FAILED, crash, 3.5))
    build.failed_launch("crash", 1, owing_to(Code.CHECK_UNFINISHED, crash), Status.SKIPPED)
    build.verify("killed", unchecked=["fwht-fused"])
    build.time("killed", {"conv3x3": 1e-3, "fwht-fused": 9e-4, "fwht-torch": 1.001e-3}, launches=1, settled=False,
               noise=0.2)
    build.append(MemoryLine("killed", "killed/conv3x3", Status.FAILED, because(Code.KILLED), 3.5))
    build.memory("killed", {"fwht-fused": 10 ** 7})
    build.append(MemoryLine("killed", "killed/fwht-torch", Status.FAILED, because(Code.HUNG, limit_s=900.0), 900.0))
    build.energy("killed", {"conv3x3": 1e-3, "fwht-fused": 1e-3}, refused=("conv3x3", "fwht-fused"))
    build.append(EnergyLine("killed", "killed/fwht-torch", Status.SKIPPED, because(Code.NO_METER, "tegrastats"), 0.0))
    build.end(RunStatus.INTERRUPTED, because(Code.STOPPED))
    return build.load()
