"""The papers' timing loop as it was released: TensorFlow Lite's Python interpreter, one image at a time."""

from typing import Any, Dict

import numpy as np
import torch

from harness.plan import Case, Subject
from suites.builders.described import layer
from suites.builders.runtimes import checked
from suites.builders.subject import options
from suites.runtimes.engine import Layout
from suites.runtimes.engines.litert import LiteRT


def script(case: Case, x: torch.Tensor) -> Subject:
    """Ten images as the script takes them; options ``graph`` (the description) and ``form`` (``builtin``, ``stock``).

    Model and interpreter are made beforehand. Inside the clock are, for each image, ``allocate_tensors``,
    ``get_input_details``, ``set_tensor``, ``invoke`` and ``get_tensor``; so what the first ``allocate_tensors`` does
    (weights packed) falls into the first round. The input is uniform between 0 and 1.
    """
    images, form = x.shape[0], options(case)["form"]
    engine, described = LiteRT(), layer(case._replace(shape=(1,) + tuple(case.shape[1:])))
    model = checked(engine, described, form, x)
    interpreter = engine.interpreter(model, None)
    given = uniform(x.detach().double()).float().numpy()
    given = np.ascontiguousarray(given.transpose(0, 2, 3, 1)) if model.layout is Layout.NHWC else given
    found: Dict[int, Any] = {}

    def call() -> None:
        for index in range(images):
            interpreter.allocate_tensors()
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], given[index:index + 1])
            interpreter.invoke()
            found[index] = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    def output() -> torch.Tensor:
        y = np.concatenate([found[index] for index in range(images)])
        return torch.from_numpy(np.ascontiguousarray(y.transpose(0, 3, 1, 2)) if model.layout is Layout.NHWC else y)

    kernels = "built-in kernels" if form == "builtin" else "default delegate"
    return Subject(call=call, output=output, reference=lambda batch: described.reference(uniform(batch)),
                   implementation="{} {}, {}, default threads".format(engine.name, engine.find().version, kernels),
                   parameters=described.parameters, macs=images * described.macs)


def uniform(x: torch.Tensor) -> torch.Tensor:
    """Return standard normal numbers as numbers uniform between 0 and 1."""
    return 0.5 * (1.0 + torch.erf(x / 2 ** 0.5))
