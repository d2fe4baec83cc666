"""ncnn on the CPU. It has no batch axis: a batch is as many calls, one image each."""

import os
import tempfile
from typing import Any, List, Optional, Tuple

import numpy as np

from suites.runtimes.engine import Engine, Found, Loaded, Model, zeros
from suites.runtimes.engines.importing import Package, import_module
from suites.runtimes.engines.threads import threads_found
from suites.runtimes.graph import INPUT, OUTPUT, Convolution, Graph

PACKAGE = Package("ncnn", "ncnn", least=(1, 0, 20250503))

STOCK, NO_WINOGRAD, FLOAT16, CUSTOM = "stock", "no-winograd", "float16", "custom"
#: Switches that would let a board compute in fewer bits than is said.
NARROW = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage", "use_bf16_packed")


class Ncnn(Engine):
    """Forms: ``stock`` (float32), ``no-winograd`` (3x3 convolutions), ``float16`` where the CPU has it,
    ``custom``.
    """

    name = "ncnn"

    def find(self) -> Found:
        """Return the version of ncnn."""
        return PACKAGE.find()

    def forms(self, graph: Graph) -> Tuple[str, ...]:
        """Return the forms for ``graph``."""
        if graph.custom_operators:
            return (CUSTOM,)
        winograd = any(isinstance(one, Convolution) and one.weight.shape[2] == 3 and one.groups == 1
                       for one in graph.operations)
        return (STOCK,) + ((NO_WINOGRAD,) if winograd else ()) + (FLOAT16,)

    def why_not(self, graph: Graph, form: str) -> Optional[str]:
        """Return why ``form`` cannot run here: also half precision that the CPU would only store in."""
        problem = super().why_not(graph, form)
        if problem is not None or form != FLOAT16:
            return problem
        ncnn, _ = import_module(PACKAGE.module)
        able = getattr(ncnn, "cpu_support_arm_asimdhp", lambda: 0)()
        return None if able else ("this CPU does not compute in float16 with ncnn (it would convert before and after "
                                  "each layer): use float32")

    def lower(self, graph: Graph, form: str) -> Model:
        """Return ``graph`` as the two files of an ncnn model."""
        from suites.runtimes.lower import ncnn

        self.check_form(graph, form)
        return ncnn.lower(graph, form)

    def load(self, model: Model, threads: Optional[int]) -> Loaded:
        """Return ``model`` ready; the files go through a folder of their own, which is gone afterwards.

        Raises ``RuntimeError`` in one sentence where it cannot.
        """
        ncnn, problem = import_module(PACKAGE.module)
        if ncnn is None:
            raise RuntimeError("ncnn cannot be imported ({})".format(problem or "it is not installed"))
        net = ncnn.Net()
        option = net.opt
        if threads is not None:
            option.num_threads = threads
        option.use_vulkan_compute = False
        for switch in NARROW:
            if hasattr(option, switch):
                setattr(option, switch, model.form == FLOAT16 and "fp16" in switch)
        option.use_winograd_convolution = model.form != NO_WINOGRAD
        if model.operators:
            from suites.runtimes.operators.ncnn import register

            register(net, model.operators)
        _read(net, model)
        x = zeros(model.shape_in)
        results: List[Any] = [None] * len(x)
        inputs = [ncnn.Mat(image) for image in x]

        def run(_kept: Any = x) -> None:  # the blobs have its address only
            for index, image in enumerate(inputs):
                extractor = net.create_extractor()
                extractor.input(INPUT, image)
                failed, results[index] = extractor.extract(OUTPUT)
                if failed:
                    raise RuntimeError("ncnn could not run this model: its own message is on the standard error")

        def output() -> np.ndarray:
            return np.stack([np.array(one) for one in results]).reshape(model.shape_out)

        found = threads_found(run, threads)
        return Loaded(run, x, output, {
            "engine": "ncnn", "version": str(ncnn.__version__), "form": model.form,
            "threads": str(option.num_threads), "threads found": found,
            "precision": "float16" if model.form == FLOAT16 else "float32",
            "kernels": "Winograd {}".format("on" if option.use_winograd_convolution else "off"),
            "batch": "one call" if len(x) == 1 else "{} calls of one image".format(len(x))})


def _read(net: Any, model: Model) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text, weights = os.path.join(folder, "model.param"), os.path.join(folder, "model.bin")
        for path, data in ((text, model.data), (weights, model.weights)):
            with open(path, "wb") as file:
                file.write(data)
        if net.load_param(text) or net.load_model(weights):
            raise RuntimeError("ncnn cannot read this model: its own message is on the standard error")


ENGINE = Ncnn()
