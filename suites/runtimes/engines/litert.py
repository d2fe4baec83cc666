"""LiteRT, the former TensorFlow Lite; where there is no wheel of it, tflite-runtime."""

import ctypes
import sys
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from suites.runtimes.engine import Engine, Found, Loaded, Model
from suites.runtimes.engines.importing import Package, import_module, together
from suites.runtimes.engines.threads import threads_found
from suites.runtimes.graph import Convolution, Graph

LITERT = Package("ai-edge-litert", "ai_edge_litert.interpreter", (3, 10))
TFLITE = Package("tflite-runtime", "tflite_runtime.interpreter", (3, 8), "run this suite in an environment of Python "
                 "3.8, with tflite-runtime 2.13.0: PYTHON=/path/to/python3.8 ./run_bench.sh setup --runtimes")
SCHEMA = (Package("tflite", "tflite"), Package("flatbuffers", "flatbuffers"), Package("numpy", "numpy"))

STOCK, BUILTIN, CUSTOM, INT8 = "stock", "builtin", "custom", "int8"


class LiteRT(Engine):
    """Forms: ``stock`` (its default delegate, XNNPACK), ``builtin`` (its own kernels), ``int8``, ``custom``."""

    name = "litert"

    def find(self) -> Found:
        """Return the version of ai-edge-litert or tflite-runtime."""
        return together(_package().find(), SCHEMA)

    def forms(self, graph: Graph) -> Tuple[str, ...]:
        """Return the forms for ``graph``; eight bits are for convolutions."""
        if graph.custom_operators:
            return (CUSTOM,)
        if all(isinstance(one, Convolution) for one in graph.operations):
            return (STOCK, BUILTIN, INT8)
        return (STOCK, BUILTIN)

    def lower(self, graph: Graph, form: str) -> Model:
        """Return ``graph`` as a .tflite model."""
        from suites.runtimes.lower import tflite, tflite_int8

        self.check_form(graph, form)
        return tflite_int8.lower(graph, form) if form == INT8 else tflite.lower(graph, form)

    def interpreter(self, model: Model, threads: Optional[int]) -> Any:
        """Return the interpreter of ``model``, with nothing allocated yet.

        Raises ``RuntimeError`` in one sentence where the package is not here or refuses the model.
        """
        package = _package()
        module, problem = import_module(package.module)
        if module is None:
            raise RuntimeError("{} cannot be imported ({})".format(package.pip, problem or "it is not installed"))
        options: Dict[str, Any] = {}
        if model.form == BUILTIN:
            options["experimental_op_resolver_type"] = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        if model.operators:
            from suites.runtimes.engines.custom import library_path

            options["experimental_delegates"] = [module.load_delegate(library_path(self.name))]
        try:
            return module.Interpreter(model_content=model.data, num_threads=threads, **options)
        except (RuntimeError, ValueError) as error:
            raise RuntimeError("{} cannot run this model: {}".format(package.pip, error)) from error

    def load(self, model: Model, threads: Optional[int]) -> Loaded:
        """Return ``model`` ready; input and output are looked at in place, since the usual accessors copy.

        Raises ``RuntimeError`` in one sentence where it cannot.
        """
        package, interpreter = _package(), self.interpreter(model, threads)
        try:
            interpreter.allocate_tensors()
            interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise RuntimeError("{} cannot run this model: {}".format(package.pip, error)) from error
        x = _view(interpreter, interpreter.get_input_details())
        y = _view(interpreter, interpreter.get_output_details())
        run = interpreter.invoke
        found = threads_found(run, threads)
        if _address(interpreter, interpreter.get_output_details()) != y.ctypes.data:
            raise RuntimeError("{} moves its output between calls, so it cannot be looked at in place".format(
                package.pip))
        return Loaded(run, x, lambda: y, {
            "engine": package.pip, "version": str(self.find().version), "form": model.form,
            "threads": "default" if threads is None else str(threads), "threads found": found,
            "precision": model.dtype, "kernels": _kernels(interpreter, model.form)})


def _package() -> Package:
    """Return the package that is here; LiteRT's own name where neither is."""
    if import_module(TFLITE.module)[0] is not None and import_module(LITERT.module)[0] is None:
        return TFLITE
    return LITERT if sys.version_info >= LITERT.oldest else TFLITE


def _address(interpreter: Any, details: List[Dict[str, Any]]) -> int:
    return int(interpreter.tensor(details[0]["index"])().ctypes.data)


def _view(interpreter: Any, details: List[Dict[str, Any]]) -> np.ndarray:
    """Return a tensor's memory as an array the interpreter knows nothing of: it runs with none of its own out."""
    tensor = interpreter.tensor(details[0]["index"])()
    memory = (ctypes.c_char * tensor.nbytes).from_address(tensor.ctypes.data)
    return np.frombuffer(memory, tensor.dtype).reshape(tensor.shape)


def _kernels(interpreter: Any, form: str) -> str:
    """Return whose kernels run: how many operators a delegate took, as far as this version tells."""
    details = getattr(interpreter, "_get_ops_details", None)
    if details is None:
        return "built-in" if form == BUILTIN else "default delegate"
    try:
        names = [str(one["op_name"]) for one in details()]
    except (RuntimeError, ValueError, KeyError, TypeError):
        return "built-in" if form == BUILTIN else "default delegate"
    delegated = sum(name == "DELEGATE" for name in names)
    if not delegated:
        return "built-in"
    return "{} delegate node{}".format(delegated, "s" * (delegated != 1))


ENGINE = LiteRT()
