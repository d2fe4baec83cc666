"""Builds recorded runs with synthetic samples, for the tests of the reports."""

import math
import random

from harness.plan import Case, Comparison, comparison_to_dict
from harness.record import RecordWriter, load_run

RULE = {"factor": 0.02, "level": 0.01, "launches": 4, "looks": [12, 18, 27, 40, 60, 90, 135, 200, 300, 450]}
BUILDER = "suites.layers:build"

NANO = {
    "board": {"model": "NVIDIA Jetson Nano Developer Kit", "l4t": "32.7.1", "jetpack": "4.6.1"},
    "os": {"system": "Linux", "kernel": "4.9.253-tegra"},
    "cpu": {"model": "ARMv8 Processor rev 1 (v8l)", "cores": 4},
    "gpu": {"model": "NVIDIA Tegra X1", "driver": None, "driver_reason": "the L4T driver has no version of its own"},
    "memory": {"total_bytes": 4156932096, "swap_total_bytes": 2078461952, "swap_used_bytes": 0},
    "python": {"version": "3.6.9"},
    "torch": {"version": "1.10.0", "cuda": "10.2"},
    "git": {"commit": "0123456789abcdef", "dirty": False},
    "clocks": {"power_mode": "MAXN", "cpu_governor": "schedutil", "cpu_locked": True, "gpu_locked": True,
               "locked": True, "locked_for_run": True},
    "meters": [
        {"name": "tegrastats", "quantity": "power", "available": True, "chosen": True, "reason": None,
         "remedy": None},
        {"name": "nvml", "quantity": "power", "available": False, "chosen": False,
         "reason": "this board has no NVML", "remedy": "none: use tegrastats"},
    ],
}


def layer(name, implementation="", shape=(10, 64, 56, 56), **more):
    return Case(name, implementation, BUILDER, shape, **more)


def comparison(ident, title, baseline, rivals, shape=(10, 64, 56, 56), note="", **more):
    """A comparison from names: "fwht fused" is the layer fwht in its form fused."""
    cases = [layer(*(text.split(" ", 1)), shape=shape, **more) for text in [baseline] + list(rivals)]
    return Comparison(ident, title, cases[0], tuple(cases[1:]), note)


class RecordBuilder:
    """Writes one record line at a time; every number comes from a seeded generator."""

    def __init__(self, folder, comparisons, suite="paper", seed=1, ident="20260314-101500-paper-nano-ab12",
                 settings=None, environment=NANO):
        self.random = random.Random(seed)
        self.comparisons = {one.id: one for one in comparisons}
        self.writer = RecordWriter(str(folder))
        self.folder = str(folder)
        base = {"quick": False, "launches": 4, "budget_s": 720, "device": "cpu", "threads": 2, "only": None,
                "power": None}
        base.update(settings or {})
        self.writer.append({"kind": "run", "format": 1, "id": ident, "suite": suite,
                            "created": "2026-03-14T10:15:00Z", "seed": seed, "settings": base,
                            "comparisons": [comparison_to_dict(one) for one in comparisons],
                            "rule": dict(RULE, launches=base["launches"])})
        if environment is not None:
            self.session(environment)

    def session(self, environment, argv=("run", "paper")):
        self.writer.append({"kind": "session", "argv": list(argv), "started": "2026-03-14T10:15:01Z",
                            "environment": environment})

    def unit(self, name, ident, case=None, status="ok", reason=None, **payload):
        line = {"kind": "pass", "pass": name, "comparison": ident, "case": case, "status": status,
                "reason": reason, "started_s": 100.0, "seconds": 3.5}
        line.update(payload)
        self.writer.append(line)

    def verify(self, ident, wrong=(), unchecked=()):
        one = self.comparisons[ident]
        results = []
        for case in one.cases:
            ok = False if case.slug in wrong else None if case.slug in unchecked else True
            results.append({
                "case": one.case_id(case), "ok": ok, "error": {True: 3e-6, False: 3.1e-2, None: None}[ok],
                "allowed": 1e-4, "implementation": case.implementation or "conv", "implementation_reason": None,
                "reason": {True: None, False: "max error 3.1e-2 against the float64 reference, allowed 1e-4",
                           None: "no reference is known for this layer"}[ok],
                "parameters": 1049600, "macs": 10737418240})
        self.unit("verify", ident, results=results)

    def sample(self, seconds, noise):
        value = seconds * math.exp(self.random.gauss(0, noise))
        return value * (1 + 0.5 * self.random.random()) if self.random.random() < 0.02 else value

    def series(self, one, times, rounds, noise, cache="hot", clock=None, role="first", decisions=None,
               stopped=None, calls=4):
        """One series; ``times`` maps the slug of each case that is timed to its seconds per call."""
        slugs = [one.baseline.slug, one.baseline.slug] + [c.slug for c in one.rivals if c.slug in times]
        body = []
        for number in range(rounds):
            order = list(range(len(slugs)))
            self.random.shuffle(order)
            played = order + order[::-1]
            body.append({
                "order": order, "settle_s": None,
                "sample_s": [self.sample(times[slugs[i]], noise) * calls for i in played],
                "enqueue_s": None, "clock_hz": list(clock(number)) if clock else None})
        return {"cache": cache, "entrants": ["{}/{}".format(one.id, slug) for slug in slugs],
                "calls_per_sample": [calls] * len(slugs), "rounds": body, "looks": RULE["looks"],
                "level": 0.01 if role == "first" else 0.005, "role": role, "decisions": decisions or {},
                "stopped": stopped or "every rival was decided by round {}".format(rounds),
                "clock_reason": None if clock else "this machine does not report its clock"}

    def time(self, ident, times, launches=4, rounds=18, noise=0.01, caches=("hot",), clock=None, settled=True,
             stopped=None, jump=0.0):
        """The launches of one comparison; ``jump`` moves the rivals' times from launch to launch."""
        one = self.comparisons[ident]
        for launch in range(1, launches + 1):
            shift = {slug: value * (1 + jump * (-1) ** launch * (slug != one.baseline.slug))
                     for slug, value in times.items()}
            series = []
            for cache in caches:
                slower = {slug: value * (1.3 if cache == "cold" else 1) for slug, value in shift.items()}
                state = self.decisions(one, slower, launch, rounds)
                series.append(self.series(one, slower, rounds, noise, cache, clock,
                                          "first" if launch == 1 else "confirm", state, stopped))
            self.unit("time", ident, launch=launch, series=series,
                      timer={"name": "perf_counter", "resolution_s": 1e-9, "overhead_s": 5e-8},
                      warmup=[{"case": "{}/{}".format(ident, slug), "sample_s": [t, t], "settled": settled}
                              for slug, t in shift.items()],
                      allocator="default")

    def decisions(self, one, times, launch, rounds):
        states = {}
        for case in one.rivals:
            if case.slug not in times:
                continue
            ratio = math.log(times[one.baseline.slug] / times[case.slug])
            first = "faster" if ratio > 0.025 else "slower" if ratio < -0.025 else \
                "same" if abs(ratio) < 0.012 else "undecided"
            states["{}/{}".format(one.id, case.slug)] = {
                "state": first if launch == 1 else "undecided" if first == "undecided" else "agrees",
                "round": rounds}
        return states

    def memory(self, ident, sizes, swap=0, torch_peak=True):
        one = self.comparisons[ident]
        for case in one.cases:
            if case.slug not in sizes:
                continue
            peak = sizes[case.slug]
            stages = {name: {"rss_bytes": 60000000 + i * 40000000, "uss_bytes": 50000000 + i * 40000000,
                             "ram_used_bytes": 900000000 + i * 40000000, "swap_used_bytes": 0}
                      for i, name in enumerate(["start", "torch", "context", "input", "layer", "peak"])}
            reason = None if torch_peak else "torch has no allocator counters for the CPU"
            self.unit("memory", ident, case=one.case_id(case), stages=stages,
                      torch_peak_allocated_bytes=peak if torch_peak else None,
                      torch_peak_allocated_bytes_reason=reason,
                      torch_peak_reserved_bytes=int(peak * 1.25) if torch_peak else None,
                      torch_peak_reserved_bytes_reason=reason, rss_peak_bytes=peak + 220000000,
                      rss_delta_peak_bytes=peak + 2000000, uss_delta_peak_bytes=peak + 1000000,
                      ram_delta_peak_bytes=peak + 3000000, ram_baseline_bytes=1020000000, nvmap_delta_bytes=None,
                      nvmap_delta_bytes_reason="the NvMap statistics need root", swap_delta_bytes=swap,
                      sampling_period_s=0.005, ram_resolution_bytes=4096)

    def energy(self, ident, per_call, seconds=10.0, idle_w=1.24, drop=False, refused=(), seconds_per_call=0.002):
        """Energy passes; slugs in ``refused`` get no number and a reason."""
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
            self.unit("energy", ident, case=one.case_id(case), meter="tegrastats", rail="POM_5V_IN",
                      rail_reason="the board's input rail", sensor_period_s=0.1, readings_fresh=100 if known else 31,
                      calls=int(seconds / seconds_per_call), window_s=seconds,
                      energy_per_call_j=per_call[case.slug] + idle_w * seconds_per_call if known else None,
                      energy_above_idle_per_call_j=per_call[case.slug] if known else None,
                      uncertainty_j=per_call[case.slug] * 0.02 if known else None, idle_before_w=idle_w,
                      idle_after_w=idle_w - 0.01, mean_w=mean if known else None, peak_w=max(power),
                      reason=None if known else "only 31 fresh readings in the window, 50 are needed: run longer",
                      traces={"time_s": times, "power_w": power, "clock_hz": clock, "temperature_c": heat},
                      phases=[{"name": "unmetered-before", "start_s": -2.0, "end_s": 0.0},
                              {"name": "idle-before", "start_s": 0.0, "end_s": 4.5},
                              {"name": "settle", "start_s": 4.5, "end_s": 5.0},
                              {"name": "load", "start_s": 5.0, "end_s": 5.0 + seconds},
                              {"name": "idle-after", "start_s": 5.2 + seconds, "end_s": None}],
                      sampling_cost={"call_s_with": seconds_per_call * 1.004, "call_s_without": seconds_per_call,
                                     "ratio": 1.004})

    def end(self, status="complete", reason=None):
        self.writer.append({"kind": "end", "status": status, "reason": reason, "finished": "2026-03-14T10:25:00Z"})

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
        build.memory(one.id, {slug: int(49.4e6 * value / base) for slug, value in times.items()})
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
    environment = dict(NANO, roof={"flops_per_s": 236e9, "bytes_per_s": 20.5e9})
    build = RecordBuilder(folder, comparisons, "sweep", settings={"device": "cuda", "launches": 1},
                          environment=environment, ident="20260314-101500-sweep-cuda-ab12")
    for one, size in zip(comparisons, sizes):
        base = 6e-5 * (size / 8.0) ** 1.35
        times = {"conv-3x3": base, "wht-fused": 1.8e-4 * (size / 8.0) ** 0.93,
                 "wht-torch": 7e-4 * (size / 8.0) ** 0.8, "dct-fused": 2.6e-4 * (size / 8.0) ** 0.99}
        work = {"conv-3x3": (3.3, 30.0), "wht-fused": (0.12, 2.2), "wht-torch": (0.06, 0.5),
                "dct-fused": (0.14, 3.4)}
        results = []
        for case in one.cases:
            flops = work[case.slug][0] * 1e9 * times[case.slug] * 20
            results.append({"case": one.case_id(case), "ok": True, "error": 1e-6, "allowed": 1e-4, "reason": None,
                            "implementation": case.implementation, "implementation_reason": None, "parameters": 1,
                            "macs": int(flops / 2) if size == 64 else None,
                            "bytes": int(flops / work[case.slug][1]) if size == 64 else None})
        build.unit("verify", one.id, results=results)
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
    build = RecordBuilder(folder, [one], suite=HOSTILE, environment=dict(NANO, board={"model": HOSTILE}))
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
    build = RecordBuilder(folder, [first, second], settings={"quick": True, "launches": 1}, environment=dict(
        NANO, git={"commit": "0123", "dirty": True}, clocks={"cpu_locked": False, "gpu_locked": None, "locked": False,
                                                    "cpu_governor": "schedutil"}))
    build.unit("verify", "crash", status="failed", reason="the worker crashed: Segmentation fault")
    build.unit("time", "crash", launch=1, status="failed", reason="the baseline not measured, since its check failed")
    build.verify("killed", unchecked=["fwht-fused"])
    build.time("killed", {"conv3x3": 1e-3, "fwht-fused": 9e-4, "fwht-torch": 1.001e-3}, launches=1, settled=False,
               noise=0.2)
    build.unit("memory", "killed", case="killed/conv3x3", status="failed",
               reason="the worker was killed for memory (signal 9): free some, or use a smaller shape")
    build.memory("killed", {"fwht-fused": 10 ** 7})
    build.unit("memory", "killed", case="killed/fwht-torch", status="failed",
               reason="it hung and was ended after 900 s")
    build.energy("killed", {"conv3x3": 1e-3, "fwht-fused": 1e-3}, refused=("conv3x3", "fwht-fused"))
    build.unit("energy", "killed", case="killed/fwht-torch", status="skipped", reason="no power meter answers here")
    build.end("interrupted", "stopped before its end")
    return build.load()
