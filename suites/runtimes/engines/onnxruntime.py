"""ONNX Runtime on the CPU."""

from typing import Any, Dict, Optional, Tuple

from suites.runtimes.engine import Engine, Found, Layout, Loaded, Model, zeros
from suites.runtimes.engines.importing import Package, import_module, together
from suites.runtimes.engines.threads import threads_found
from suites.runtimes.graph import INPUT, OUTPUT, Convolution, Graph

PACKAGE, SCHEMA = Package("onnxruntime", "onnxruntime", least=(1, 10)), (Package("onnx", "onnx"),)

STOCK, CHANNELS_LAST, CUSTOM, INT8 = "stock", "channels-last", "custom", "int8"


class OnnxRuntime(Engine):
    """Forms: ``stock`` (NCHW), ``channels-last`` (transforms on data in NHWC), ``int8``, ``custom``."""

    name = "onnxruntime"

    def find(self) -> Found:
        """Return the version of onnxruntime."""
        return together(PACKAGE.find(), SCHEMA)

    def forms(self, graph: Graph) -> Tuple[str, ...]:
        """Return the forms for ``graph``; eight bits are for convolutions, NHWC for what has none."""
        from suites.runtimes.lower.onnx import fits_nhwc

        if graph.custom_operators:
            return (CUSTOM,)
        if all(isinstance(one, Convolution) for one in graph.operations):
            return (STOCK, INT8)
        return (STOCK, CHANNELS_LAST) if fits_nhwc(graph) else (STOCK,)

    def lower(self, graph: Graph, form: str) -> Model:
        """Return ``graph`` as an ONNX model."""
        from suites.runtimes.lower import onnx, onnx_int8

        self.check_form(graph, form)
        if form == INT8:
            return onnx_int8.lower(graph, form)
        return onnx.lower(graph, form, Layout.NHWC if form == CHANNELS_LAST else Layout.NCHW)

    def load(self, model: Model, threads: Optional[int]) -> Loaded:
        """Return ``model`` ready; its threads sleep between calls, since spinning ones would disturb every other.

        Raises ``RuntimeError`` in one sentence where it cannot.
        """
        ort, problem = import_module(PACKAGE.module)
        if ort is None:
            raise RuntimeError("onnxruntime cannot be imported ({})".format(problem or "it is not installed"))
        options = ort.SessionOptions()
        if threads is not None:
            options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if model.operators:
            from suites.runtimes.engines.custom import library_path
            from suites.runtimes.operators.onnxruntime import own_threads

            path = library_path(self.name)
            own_threads(path, threads)
            options.register_custom_ops_library(path)
        try:
            session = ort.InferenceSession(model.data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its own classes, which derive from nothing narrower
            raise RuntimeError("onnxruntime cannot run this model: {}".format(error)) from error
        x, y = zeros(model.shape_in, model.dtype), zeros(model.shape_out, model.dtype)
        binding = session.io_binding()
        binding.bind_input(INPUT, "cpu", 0, x.dtype, x.shape, x.ctypes.data)
        binding.bind_output(OUTPUT, "cpu", 0, y.dtype, y.shape, y.ctypes.data)

        def run(_kept: Any = (x, y)) -> None:  # the binding has their addresses only
            session.run_with_iobinding(binding)

        return Loaded(run, x, lambda: y, _described(ort, session, model, threads, threads_found(run, threads)))


def _described(ort: Any, session: Any, model: Model, threads: Optional[int], found: str) -> Dict[str, str]:
    return {"engine": "onnxruntime", "version": str(ort.__version__), "form": model.form,
            "threads": "default" if threads is None else str(threads), "threads found": found,
            "precision": model.dtype, "kernels": ", ".join(session.get_providers()), "spinning": "off"}


ENGINE = OnnxRuntime()
