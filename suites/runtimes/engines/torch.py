"""torch itself in the forms a user can deploy: eager, prepacked for oneDNN, compiled, ahead of time.

The default convolution of torch is not its fastest; each form is a rival of its own.
"""

import shutil
import tempfile
from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np

from suites.runtimes.engine import Engine, Found, Layout, Loaded, Model
from suites.runtimes.engines.importing import import_module
from suites.runtimes.graph import Graph

STOCK, CHANNELS_LAST, PREPACKED, COMPILED, AHEAD = "stock", "channels-last", "prepacked", "compiled", "ahead-of-time"


class Torch(Engine):
    """Forms: ``stock`` (eager), ``channels-last``, ``prepacked`` (weights in oneDNN's order), ``compiled``,
    ``ahead-of-time`` (AOTInductor with frozen weights).
    """

    name = "torch"

    def find(self) -> Found:
        """Return torch's version."""
        torch, problem = import_module("torch")
        if torch is None:
            return Found(None, "torch cannot be imported ({})".format(problem or "it is not installed"),
                         "./run_bench.sh setup")
        return Found(str(torch.__version__))

    def forms(self, graph: Graph) -> Tuple[str, ...]:
        """Return the forms; the fused layer has suites of its own."""
        if graph.custom_operators:
            return ()
        return (STOCK, CHANNELS_LAST, PREPACKED, COMPILED, AHEAD)

    def why_not(self, graph: Graph, form: str) -> Optional[str]:
        """Return why ``form`` cannot run here: compiling needs torch 2 and a C++ compiler."""
        problem = super().why_not(graph, form)
        if problem is not None:
            return problem
        torch, _ = import_module("torch")
        assert torch is not None  # it was found
        if form == PREPACKED and not hasattr(torch.jit, "optimize_for_inference"):
            return "torch {} cannot prepack for oneDNN: use torch 1.10 or newer".format(torch.__version__)
        if form in (COMPILED, AHEAD):
            if not hasattr(torch, "compile"):
                return "torch.compile came with torch 2, this is {}: use a newer Python".format(torch.__version__)
            if not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
                return "torch compiles with a C++ compiler and there is none: sudo apt install g++"
        if form == AHEAD and not hasattr(import_module("torch._inductor")[0], "aoti_compile_and_package"):
            return "ahead-of-time compiling came with torch 2.6, this is {}: use a newer one".format(
                torch.__version__)
        return None

    def lower(self, graph: Graph, form: str) -> Model:
        """Return ``graph`` itself: torch reads no file here, so its size is not known."""
        self.check_form(graph, form)
        return Model("torch", form, b"", Layout.NCHW, graph.shape, graph.shape_out, graph)

    def load(self, model: Model, threads: Optional[int]) -> Loaded:
        """Return ``model`` ready; what is compiled is compiled here.

        Raises ``RuntimeError`` in one sentence where it cannot.
        """
        import torch

        from suites.runtimes.lower.torch import GraphModule

        problem = self.why_not(model.graph, model.form)
        if problem is not None:
            raise RuntimeError(problem)
        if threads is not None:
            torch.set_num_threads(threads)
        x = np.zeros(model.shape_in, np.float32)
        given = torch.from_numpy(x)
        module = GraphModule(model.graph).eval()
        if model.form == CHANNELS_LAST:
            module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            given = given.contiguous(memory_format=torch.channels_last)
            x = given.numpy()
        with torch.no_grad():
            call = MAKE[model.form](module, given)
        results: Dict[str, Any] = {}

        def run() -> None:
            with torch.inference_mode():
                results["y"] = call(given)

        return Loaded(run, x, lambda: np.asarray(results["y"].numpy()), {
            "engine": "torch", "version": str(torch.__version__), "form": model.form,
            "threads": str(torch.get_num_threads()), "threads found": str(torch.get_num_threads()),
            "precision": "float32", "kernels": "oneDNN" if torch.backends.mkldnn.is_available() else "torch"})


def _eager(module: Any, x: Any) -> Callable[[Any], Any]:
    made: Callable[[Any], Any] = module
    return made


def _prepacked(module: Any, x: Any) -> Callable[[Any], Any]:
    import torch

    made: Callable[[Any], Any] = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(module, x)))
    return made


def _compiled(module: Any, x: Any) -> Callable[[Any], Any]:
    import torch

    made: Callable[[Any], Any] = torch.compile(module, options={"freezing": True})
    return made


def _ahead(module: Any, x: Any) -> Callable[[Any], Any]:
    import torch

    with tempfile.TemporaryDirectory(prefix="edge-transform-bench-") as folder:
        package = torch._inductor.aoti_compile_and_package(
            torch.export.export(module, (x,)), package_path=folder + "/model.pt2",
            inductor_configs={"freezing": True})
        made: Callable[[Any], Any] = torch._inductor.aoti_load_package(package)
    return made


MAKE: Dict[str, Callable[[Any, Any], Callable[[Any], Any]]] = {
    STOCK: _eager, CHANNELS_LAST: _eager, PREPACKED: _prepacked, COMPILED: _compiled, AHEAD: _ahead}

ENGINE = Torch()
