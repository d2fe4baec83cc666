"""OpenVINO on the CPU, from the same ONNX models."""

import platform
import sys
from typing import Any, Dict, Optional, Tuple

from suites.runtimes.engine import Engine, Found, Layout, Loaded, Model, zeros
from suites.runtimes.engines.importing import Package, import_module, together
from suites.runtimes.engines.threads import threads_found
from suites.runtimes.graph import Graph

PACKAGE, SCHEMA = Package("openvino", "openvino", (3, 8), least=(2024,)), (Package("onnx", "onnx"),)

STOCK, CHANNELS_LAST, FLOAT16, BFLOAT16 = "stock", "channels-last", "float16", "bfloat16"
#: What each form has the kernels compute in, and the name of that among a device's capabilities.
PRECISIONS = {FLOAT16: ("f16", "FP16"), BFLOAT16: ("bf16", "BF16")}


class OpenVino(Engine):
    """Forms: ``stock`` (NCHW, float32), ``channels-last``, ``float16`` and ``bfloat16`` where the CPU computes so."""

    name = "openvino"

    def find(self) -> Found:
        """Return the version of openvino."""
        if sys.version_info < (3, 8) and platform.machine() == "aarch64":
            return Found(None, "there is no wheel of openvino for CPython 3.6 on aarch64",
                         "use a newer board or a desktop: its wheels begin with Python 3.8 there")
        return together(PACKAGE.find(), SCHEMA)

    def forms(self, graph: Graph) -> Tuple[str, ...]:
        """Return the forms for ``graph``; it takes no operator of the project's own."""
        from suites.runtimes.lower.onnx import fits_nhwc

        if graph.custom_operators:
            return ()
        return (STOCK,) + ((CHANNELS_LAST,) if fits_nhwc(graph) else ()) + tuple(PRECISIONS)

    def why_not(self, graph: Graph, form: str) -> Optional[str]:
        """Return why ``form`` cannot run here: also a precision that this CPU would only pretend to compute in."""
        problem = super().why_not(graph, form)
        if problem is not None or form not in PRECISIONS:
            return problem
        openvino, _ = import_module(PACKAGE.module)
        assert openvino is not None  # it was found
        able = [str(one) for one in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")]
        if PRECISIONS[form][1] in able:
            return None
        return "this CPU does not compute in {} (OpenVINO names {}): use float32".format(form, ", ".join(able))

    def lower(self, graph: Graph, form: str) -> Model:
        """Return ``graph`` as an ONNX model."""
        from suites.runtimes.lower import onnx

        self.check_form(graph, form)
        return onnx.lower(graph, form, Layout.NHWC if form == CHANNELS_LAST else Layout.NCHW)

    def load(self, model: Model, threads: Optional[int]) -> Loaded:
        """Return ``model`` ready, in the precision of its form and no other.

        Raises ``RuntimeError`` in one sentence where it cannot.
        """
        openvino, problem = import_module(PACKAGE.module)
        if openvino is None:
            raise RuntimeError("openvino cannot be imported ({})".format(problem or "it is not installed"))
        wanted: Dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY",
                                  "INFERENCE_PRECISION_HINT": PRECISIONS.get(model.form, ("f32", ""))[0]}
        if threads is not None:
            wanted["INFERENCE_NUM_THREADS"] = threads
        core = openvino.Core()
        try:
            compiled = core.compile_model(core.read_model(model.data, b""), "CPU", wanted)
        except RuntimeError as error:
            raise RuntimeError("openvino cannot run this model: {}".format(str(error).strip())) from error
        request = compiled.create_infer_request()
        x, y = zeros(model.shape_in), zeros(model.shape_out)
        # Without shared memory a tensor is a copy of its array, and the array would never be written.
        request.set_input_tensor(openvino.Tensor(x, shared_memory=True))
        request.set_output_tensor(openvino.Tensor(y, shared_memory=True))

        def run(_kept: Any = (x, y)) -> None:  # the tensors may have their addresses only
            request.infer(share_outputs=True)  # in the calling thread, where a started one would need two more

        found = threads_found(run, threads)
        return Loaded(run, x, lambda: y, {
            "engine": "openvino", "version": str(openvino.__version__), "form": model.form,
            "threads": str(compiled.get_property("INFERENCE_NUM_THREADS")), "threads found": found,
            "precision": _type_name(compiled.get_property("INFERENCE_PRECISION_HINT")), "kernels": "CPU"})


def _type_name(found: Any) -> str:
    name = found.get_type_name() if hasattr(found, "get_type_name") else str(found)
    return {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}.get(name, name)


ENGINE = OpenVino()
