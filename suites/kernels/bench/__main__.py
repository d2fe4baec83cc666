"""``python -m suites.kernels.bench``: a table of ratios, the goals, and with ``--json`` every sample."""

import argparse
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, List, Optional, Sequence

from harness.allocator import HEAPS, describe_heap, heap_environment
from suites.kernels.bench.goals import judge


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m suites.kernels.bench", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="write every sample, the roofs and the goals")
    parser.add_argument("--quick", action="store_true", help="the small shapes, no torch.compile, no backward")
    parser.add_argument("--only", help="only shapes whose name contains this text")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads (default: 1 2)")
    parser.add_argument("--rounds", type=int, default=27, help="most rounds of a shape (default: 27)")
    parser.add_argument("--budget", type=float, default=30.0, help="seconds of a shape (default: 30)")
    parser.add_argument("--heap", choices=HEAPS, default="warm", help="the allocator's manner (default: warm)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", metavar="FILE", help=argparse.SUPPRESS)  # one number of threads, for the parent
    return parser.parse_args(argv)


def on_heap(heap: str, argv: Sequence[str]) -> None:
    """Start this program again if its heap is another: malloc reads its settings only at the start."""
    wanted = heap_environment(heap)
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.environ.update(wanted)
        os.execv(sys.executable, [sys.executable, "-m", "suites.kernels.bench"] + list(argv))


def play_shapes(arguments: argparse.Namespace, threads: int) -> Dict[str, Any]:
    """Play every shape on ``threads`` threads and return results, roofs and roofline points as JSON-ready data."""
    import torch

    from suites.kernels import status
    from suites.kernels.bench import field
    from suites.kernels.bench.timing import play, ratios_to

    torch.set_num_threads(threads)
    results: List[Dict[str, Any]] = []
    points: List[Dict[str, Any]] = []
    roofs = field.roofs(threads, time.perf_counter)
    for shape in field.SHAPES:
        if (arguments.quick and not shape.quick) or (arguments.only and arguments.only not in shape.name):
            continue
        for which in ("forward",) if arguments.quick else ("forward", "backward"):
            absent: List[str] = []
            if which == "forward":
                entrants, absent = field.forward_entrants(shape, not arguments.quick)
            else:
                entrants = field.backward_entrants(shape)
            grad = torch.enable_grad() if which == "backward" else torch.no_grad()
            with grad:
                found = ratios_to(play(entrants, arguments.rounds, arguments.seed, arguments.budget), entrants)
            results.append({"shape": shape.name, "pass": which, "threads": threads, "entrants": found,
                            "absent": absent})
            print_table(results[-1])
            if which == "forward":
                work = field.work_of(shape)
                points.append({"shape": shape.name, "threads": threads,
                               "gflops": work["operations"] / found[0]["median_s"] / 1e9,
                               "gb_s": work["bytes"] / found[0]["median_s"] / 1e9,
                               "operations_per_byte": work["operations"] / work["bytes"]})
    return {"format": 1, "kind": "kernels bench", "torch": torch.__version__, "python": platform.python_version(),
            "heap": describe_heap(os.environ), "status": status(), "seed": arguments.seed, "results": results,
            "roofline": {"roofs": {str(threads): roofs}, "points": points}}


def play_in_turn(arguments: argparse.Namespace, argv: Sequence[str]) -> Dict[str, Any]:
    """Play each number of threads in a process of its own and return all results in one.

    A pool that was resized puts its threads to sleep sooner, which costs a small layer more than its work.
    """
    whole: Dict[str, Any] = {}
    folder = tempfile.mkdtemp(prefix="kernels-bench-")
    try:
        for threads in arguments.threads:
            path = os.path.join(folder, "{}.json".format(threads))
            subprocess.check_call([sys.executable, "-m", "suites.kernels.bench"] + list(argv)
                                  + ["--threads", str(threads), "--part", path])
            with io.open(path, encoding="utf-8") as file:
                part = json.load(file)
            if not whole:
                whole = part
            else:
                whole["results"] += part["results"]
                whole["roofline"]["roofs"].update(part["roofline"]["roofs"])
                whole["roofline"]["points"] += part["roofline"]["points"]
    finally:
        shutil.rmtree(folder)
    return whole


def print_table(result: Dict[str, Any]) -> None:
    """Print one shape's times and ratios to the fused layer."""
    print("\n{}, {}, {} thread(s)".format(result["shape"], result["pass"], result["threads"]))
    for entrant in result["entrants"]:
        interval = "" if entrant["low"] is None else "  [{:.2f} .. {:.2f}]".format(entrant["low"], entrant["high"])
        print("  {:28s} {:10.4f} ms  {:8.2f} x{}  {}".format(
            entrant["name"], entrant["median_s"] * 1e3, entrant["ratio"], interval, entrant["backend"] or ""))
    for text in result["absent"]:
        print("  not here: " + text)
    sys.stdout.flush()


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the benchmark; the exit status is 0 however the goals fare."""
    argv = sys.argv[1:] if argv is None else argv
    arguments = _arguments(argv)
    on_heap(arguments.heap, argv)
    if arguments.part:
        _write(arguments.part, play_shapes(arguments, arguments.threads[0]))
        return 0
    alone = len(arguments.threads) == 1
    found = play_shapes(arguments, arguments.threads[0]) if alone else play_in_turn(arguments, argv)
    found["goals"] = judge(found["results"])
    print("\nRoofs: " + json.dumps(found["roofline"]["roofs"], sort_keys=True))
    for line in found["goals"]:
        interval = "" if line["low"] is None else " [{:.2f} .. {:.2f}]".format(line["low"], line["high"])
        value = "{:.1f} us".format(line["found"] * 1e6) if line["wanted"] < 1e-3 else "{:.2f}".format(line["found"])
        print("{:8s} {}: {}{}".format("reached" if line["reached"] else "missed", line["goal"], value, interval))
    if arguments.json:
        _write(arguments.json, found)
    return 0


def _write(path: str, data: Dict[str, Any]) -> None:
    with io.open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(data, sort_keys=True, indent=1))


if __name__ == "__main__":
    sys.exit(main())
