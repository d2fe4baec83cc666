"""Layers in other engines than torch: loaded before anything is timed, checked against the same float64 reference."""

from typing import Dict

import torch

from harness.plan import Case, Subject, UnavailableError
from suites.builders import quantised
from suites.builders.described import Layer, layer
from suites.builders.subject import options
from suites.runtimes import find_engine
from suites.runtimes.engine import Engine, Model, fill, read
from suites.runtimes.observe import observe

#: Of the reference's root mean square, by the type that a form computes in.
TOLERANCES = {"int8": quantised.TOLERANCE, "float16": 5e-2, "bfloat16": 3e-1}

#: Images that the ranges of a quantised form are seen on.
SEEN = 2


def engine(case: Case, x: torch.Tensor) -> Subject:
    """A layer in the engine that the options name: ``engine``, ``graph`` (its description) and ``form``.

    The option ``arithmetic`` says what the form computes in where that is not the case's type. Raises
    :class:`harness.UnavailableError` with reason and remedy where the engine, or the form, cannot run here.
    """
    chosen = options(case)
    one, described = find_engine(chosen["engine"]), layer(case)
    model = checked(one, described, chosen.get("form", "stock"), x)
    loaded = one.load(model, case.threads)
    fill(loaded, model, x.detach().cpu().numpy())
    return Subject(call=loaded.run, reference=described.reference,
                   tolerance=TOLERANCES.get(case.arithmetic, described.tolerance),
                   implementation=told(loaded.described, model), parameters=described.parameters, macs=described.macs,
                   output=lambda: torch.from_numpy(read(loaded, model)))


def checked(one: Engine, described: Layer, form: str, x: torch.Tensor) -> Model:
    """Return the layer as a model of engine ``one``; ``x`` shows a quantised form its ranges.

    Raises :class:`harness.UnavailableError` where the engine or the form cannot run here.
    """
    found = one.find()
    if found.version is None:
        raise UnavailableError(str(found.reason), found.remedy)
    problem = one.why_not(described.graph, form)
    if problem is not None:
        raise UnavailableError(problem)
    graph = observe(described.graph, x[:SEEN].detach().cpu()) if form == "int8" else described.graph
    model = one.lower(graph, form)
    if model.operators:
        from suites.runtimes.operators import library

        built = library(one.name)
        if built.path is None:
            raise UnavailableError(str(built.reason), built.remedy)
    return model


def told(described: Dict[str, str], model: Model) -> str:
    """Return what really runs, in words: engine and version, precision, kernels, threads found, size of the model."""
    said = dict(described)
    parts = ["{} {}".format(said.pop("engine"), said.pop("version")), said.pop("precision")]
    parts += ["{} thread{}".format(said["threads found"], "s" * (said["threads found"] != "1"))]
    parts += ["{}: {}".format(name, value) for name, value in said.items()
              if name not in ("threads", "threads found", "form")]
    parts += ["model {:.2f} MB".format(model.size_bytes / 1e6)] if model.size_bytes else []
    return ", ".join(parts)
