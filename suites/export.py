"""Writes a layer or a network as another engine's model: ``python -m suites.export LAYER --to onnx|tflite|ncnn``.

LAYER is a description (conv1x1, wht1d-two-stage, wht1d-fused, ...), a network (mobilenet_v2), or ENTRY of a user's
own suite as FILE.py:ENTRY (to onnx, by torch's exporter). What is written is run at once where its engine is
installed and held against float64. Exit status: 0 written, 1 written but wrong, 2 not, with one sentence on standard
error.
"""

import argparse
import os
import re
import sys
import warnings
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

try:
    import torch
except ImportError:
    sys.exit("export: torch is not installed, and it makes the weights: ./run_bench.sh setup installs it")

from harness.caller import shown_path
from harness.passes.verify import TOLERANCES, relative_error
from harness.plan import Case, UnavailableError, slug
from suites.builders.described import FAMILIES, NETWORK, layer
from suites.builders.runtimes import TOLERANCES as NARROW_TOLERANCES
from suites.builders.runtimes import checked
from suites.kernels.build import home_as_tilde
from suites.networks.build import NETWORKS
from suites.runtimes import find_engine
from suites.runtimes.engine import fill, read
from suites.runtimes.operators import library
from suites.user_file import load_file

#: The engine that reads each format, and the endings of its files.
FORMATS = {"onnx": ("onnxruntime", (".onnx",)), "tflite": ("litert", (".tflite",)),
           "ncnn": ("ncnn", (".param", ".bin"))}
SHAPE, NETWORK_SHAPE = (1, 256, 14, 14), (1, 3, 224, 224)
WRONG, USAGE = 1, 2


class Written(NamedTuple):
    """Files that were written, what they are, and what came of running them; ``good`` is whether that was right."""

    paths: Tuple[str, ...]
    told: str
    check: str
    good: bool


def shape_of(text: str) -> Tuple[int, ...]:
    """Return ``1x256x14x14`` (or with commas) as sizes; raises ``ValueError``."""
    sizes = re.split(r"[x,]", text.strip())
    if len(sizes) != 4 or not all(size.isdecimal() and int(size) > 0 for size in sizes):
        raise ValueError("the shape is '{}': write N, C, H and W as 1x256x14x14".format(text))
    return tuple(int(size) for size in sizes)


def case_of(name: str, shape: Optional[Tuple[int, ...]], variant: str, form: str) -> Case:
    """Return the case that describes ``name``; raises ``ValueError`` for a name there is no description of."""
    if name in NETWORKS:
        chosen: Tuple[Tuple[str, Any], ...] = (("graph", NETWORK), ("network", name), ("variant", variant))
    elif name in FAMILIES:
        chosen = (("graph", name),)
    else:
        raise ValueError("there is no layer '{}': use {}, {}, or FILE.py:ENTRY".format(
            name, ", ".join(FAMILIES), ", ".join(sorted(NETWORKS))))
    label = name if variant == "dense" else "{} {}".format(name, variant)
    usual = NETWORK_SHAPE if name in NETWORKS else SHAPE
    return Case(label, form, "suites.builders.runtimes:engine", shape or usual, options=chosen)


def write(files: Sequence[Tuple[str, bytes]]) -> None:
    """Write each file whole: beside its place first, then moved into it."""
    for path, data in files:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        beside = "{}.{}.part".format(path, os.getpid())
        try:
            with open(beside, "wb") as file:
                file.write(data)
            os.replace(beside, path)
        finally:
            if os.path.exists(beside):
                os.remove(beside)


def paths_of(out: str, format_: str) -> Tuple[str, ...]:
    """Return the files of a model called ``out``, with or without its ending."""
    endings = FORMATS[format_][1]
    stem = next((out[:-len(ending)] for ending in endings if out.endswith(ending)), out)
    return tuple(stem + ending for ending in endings)


def export_described(case: Case, format_: str, form: str, out: str) -> Written:
    """Write the model of ``case`` and run it. Raises ``ValueError``, ``ImportError`` or ``OSError``."""
    engine, described = find_engine(FORMATS[format_][0]), layer(case)
    forms = engine.forms(described.graph)
    form = form or forms[0]
    x = torch.randn(case.shape, generator=torch.Generator().manual_seed(1))
    problem: Optional[str] = None
    try:
        model = checked(engine, described, form, x)
    except UnavailableError as absent:
        problem = str(absent)
        if form not in forms or form == "int8":
            raise ValueError(problem) from None
        model = engine.lower(described.graph, form)
    paths = paths_of(out, format_)
    write(list(zip(paths, (model.data, model.weights))))
    told = "input {} {}, output {}, {}".format(
        "x".join(map(str, model.shape_in)), model.layout.value, "x".join(map(str, model.shape_out)), model.dtype)
    if model.operators:
        found = library(engine.name)
        told += "; needs the operator {} from {}".format(
            ", ".join(model.operators), home_as_tilde(found.path) if found.path else
            "its library, which is not there ({})".format(found.reason))
    if problem is not None:
        return Written(paths, told, "not run here: {}".format(problem), True)
    loaded = engine.load(model, None)
    fill(loaded, model, x.numpy())
    loaded.run()
    with torch.no_grad():
        error = relative_error(torch.from_numpy(read(loaded, model)), described.reference(x.double()))
    allowed = NARROW_TOLERANCES.get(form, TOLERANCES["float32"])
    ran = "{} {}".format(loaded.described["engine"], loaded.described["version"])
    return Written(paths, told, _judged(ran, error, allowed), error <= allowed)


def export_module(path: str, entry: str, out: str) -> Written:
    """Write a module of a user's own suite by torch's exporter and run it; to ONNX only. Raises ``ValueError``."""
    found = load_file(path).SUITE
    factories = getattr(found, "factories", None)
    if factories is None or entry not in factories:
        raise ValueError("{} has no module '{}': use {}".format(path, entry, ", ".join(factories or ()) or
                                                               "a suite made with suites.modules.suite"))
    torch.manual_seed(0)
    module, x = factories[entry]().eval(), torch.randn(found.input_shape)
    paths = paths_of(out, "onnx")
    os.makedirs(os.path.dirname(paths[0]) or ".", exist_ok=True)
    beside = "{}.{}.part".format(paths[0], os.getpid())
    newer: Dict[str, Any] = {"dynamo": False} if "dynamo" in _arguments(torch.onnx.export) else {}
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")              # of sizes taken as they are: the model is for this shape
            torch.onnx.export(module, (x,), beside, opset_version=13, input_names=["x"], output_names=["y"], **newer)
        os.replace(beside, paths[0])
    except Exception as problem:  # torch's exporter raises classes of its own for what it does not know
        said = str(problem).strip().split("\n")[0]
        raise ValueError("torch cannot export '{}' to ONNX: {}".format(entry, said)) from None
    finally:
        if os.path.exists(beside):
            os.remove(beside)
    told = "input {}, output of {}".format("x".join(map(str, found.input_shape)), type(module).__name__)
    engine = find_engine("onnxruntime").find()
    if engine.version is None:
        return Written(paths, told, "not run here: {}: {}".format(engine.reason, engine.remedy), True)
    import onnxruntime

    session = onnxruntime.InferenceSession(paths[0], providers=["CPUExecutionProvider"])
    y = torch.from_numpy(session.run(None, {"x": x.numpy()})[0])
    with torch.no_grad():
        error = relative_error(y, module.double()(x.double()))
    return Written(paths, told, _judged("onnxruntime {}".format(engine.version), error, TOLERANCES["float32"]),
                   error <= TOLERANCES["float32"])


def _arguments(function: Callable[..., Any]) -> List[str]:
    import inspect

    return list(inspect.signature(function).parameters)


def _judged(engine: str, error: float, allowed: float) -> str:
    return "run in {}: {} float64, largest error {:.2g} of its root mean square (allowed {:.2g})".format(
        engine, "equals" if error <= allowed else "DIFFERS from", error, allowed)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Write what ``argv`` asks for; return the exit status documented above."""
    parser = argparse.ArgumentParser(prog="python -m suites.export", description=(__doc__ or "").split("\n\n", 1)[0],
                                     epilog=(__doc__ or "").split("\n\n", 1)[1])
    parser.add_argument("layer", metavar="LAYER")
    parser.add_argument("--to", choices=sorted(FORMATS), required=True)
    parser.add_argument("--shape", metavar="NxCxHxW", help="input (default: 1x256x14x14, of a network 1x3x224x224)")
    parser.add_argument("--variant", default="dense", help="of a network: dense, fwht, ...")
    parser.add_argument("--form", default="", help="stock, int8, ... (default: the first that the layer has)")
    parser.add_argument("--out", metavar="PATH", help="file to write (default: named after the layer, here)")
    arguments = parser.parse_args(argv)
    path, colon, entry = arguments.layer.partition(".py:")
    try:
        shape = shape_of(arguments.shape) if arguments.shape else None
        if colon:
            if arguments.to != "onnx":
                raise ValueError("a layer of your own goes to ONNX only, by torch's exporter: use --to onnx")
            done = export_module(path + ".py", entry, arguments.out or slug(entry))
        else:
            case = case_of(arguments.layer, shape, arguments.variant, arguments.form)
            done = export_described(case, arguments.to, arguments.form,
                                    arguments.out or slug("{} {}".format(case.layer, arguments.form)))
    except ImportError as error:
        remedy = "" if colon else ": './run_bench.sh setup --runtimes' installs what models are written with"
        sys.stderr.write("export: {}{}\n".format(error, remedy))
        return USAGE
    except (ValueError, RuntimeError, OSError) as error:
        sys.stderr.write("export: {}\n".format(error))
        return USAGE
    sys.stdout.write("{}: {}\n{}\n".format(", ".join(map(shown_path, done.paths)), done.told, done.check))
    return 0 if done.good else WRONG


if __name__ == "__main__":
    sys.exit(main())
