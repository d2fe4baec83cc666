"""TensorRT's own program for timing, where its Python bindings are missing. Never run on hardware by this project.

    python -m suites.trtexec conv1x1 10 1024 32 32        (description, then the input's shape)

It times a model alone in its own process and says nothing of the outputs, so its times stand beside the table and
decide nothing in it. Only the times between CUDA events are read: it enqueues a query ahead, so its rates and
latencies are not those of a call that is waited for.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Any, List, NamedTuple, Optional, Tuple

PROGRAM = "EDGE_BENCH_TRTEXEC"
#: Where JetPack puts it, which no path names.
PLACES = ("/usr/src/tensorrt/bin/trtexec",)
WORKSPACE_MB, WARM_UP_MS, DURATION_S, LIMIT_S = 256, 500, 5, 900
#: The key of a query's time on the GPU, in versions 8 and later and in older ones.
KEYS = ("computeMs", "compute")


class TrtexecError(RuntimeError):
    """It could not be run or read; the message is one sentence with the remedy."""


class Plan(NamedTuple):
    """One run: the model, where the engine and the times are written, whether float16 is allowed."""

    onnx: str
    engine: str
    times: str
    float16: bool = False


def find_program() -> Optional[str]:
    """Return trtexec's path: the one that the environment names, on the path, or where JetPack puts it."""
    named = os.environ.get(PROGRAM)
    if named:
        return named
    return shutil.which("trtexec") or next((place for place in PLACES if os.access(place, os.X_OK)), None)


def command(program: str, plan: Plan, options: str) -> List[str]:
    """Return the command line, by what the program's own help (``options``) knows."""
    workspace = "--memPoolSize=workspace:{}" if "--memPoolSize" in options else "--workspace={}"
    words = [program, "--onnx=" + plan.onnx, "--saveEngine=" + plan.engine, workspace.format(WORKSPACE_MB),
             "--warmUp={}".format(WARM_UP_MS), "--duration={}".format(DURATION_S), "--noDataTransfers",
             "--exportTimes=" + plan.times]
    words += ["--noTF32"] if "--noTF32" in options else []
    return words + (["--fp16"] if plan.float16 else [])


def read_times(text: str) -> Tuple[float, ...]:
    """Return the time of every query on the GPU, in seconds. Raises :class:`TrtexecError` for anything else."""
    try:
        queries = json.loads(text)
        key = next(key for key in KEYS if key in queries[0])
        return tuple(float(query[key]) / 1e3 for query in queries)
    except (ValueError, KeyError, IndexError, TypeError, StopIteration):
        raise TrtexecError("trtexec's times are in a form that is not known, please report its first lines: "
                           "{}".format(text[:200].replace("\n", " "))) from None


def measure(data: bytes, float16: bool = False) -> Tuple[float, ...]:
    """Return the times of the ONNX model ``data`` on the GPU, in seconds. Raises :class:`TrtexecError`."""
    program = find_program()
    if program is None:
        raise TrtexecError("trtexec is not here: install TensorRT (on a Jetson: sudo apt-get install "
                           "libnvinfer-bin), or name the program with {}=/path/to/trtexec".format(PROGRAM))
    with tempfile.TemporaryDirectory(prefix="edge-transform-bench-") as folder:
        paths = [os.path.join(folder, name) for name in ("model.onnx", "model.engine", "times.json")]
        plan = Plan(paths[0], paths[1], paths[2], float16)
        with open(plan.onnx, "wb") as file:
            file.write(data)
        options = _call([program, "--help"])[1]
        status, said = _call(command(program, plan, options))
        if status != 0:
            raise TrtexecError("trtexec {}: {}".format(
                "was ended by signal {}, most often for want of memory".format(-status) if status < 0 else
                "failed with status {}".format(status), _last_error(said)))
        if not os.path.exists(plan.times):
            raise TrtexecError("trtexec ended well and wrote no times: {}".format(_last_error(said)))
        with open(plan.times) as times:
            return read_times(times.read())


def _call(words: List[str]) -> Tuple[int, str]:
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=LIMIT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TrtexecError("trtexec could not be run ({}): name another with {}=/path/to/trtexec".format(
            error, PROGRAM)) from None
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _last_error(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "[E]" in line]
    return (errors or lines or ["it said nothing"])[-1]


def main(words: Optional[List[str]] = None) -> int:
    """Time one described layer and print its median and spread; return the exit status."""
    from harness.plan import Case
    from suites.builders.described import layer
    from suites.runtimes.lower import onnx

    given: Any = sys.argv[1:] if words is None else words
    try:
        case = Case("", "", "", tuple(int(one) for one in given[1:]), options=(("graph", given[0] if given else ""),))
        times = sorted(measure(onnx.lower(layer(case).graph, "stock").data))
    except ValueError as error:
        sys.stderr.write("{}\n{}\n".format(error, (__doc__ or "").splitlines()[2].strip()))
        return 2
    except TrtexecError as error:
        sys.stderr.write("{}\n".format(error))
        return 1
    sys.stdout.write("{}: median {:.4g} ms on the GPU, {:.4g} to {:.4g}, {} queries (float32; outputs not checked)\n"
                     .format(given[0], times[len(times) // 2] * 1e3, times[0] * 1e3, times[-1] * 1e3, len(times)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
