"""TensorRT through its Python bindings, on torch's CUDA tensors. Never run on hardware by this project's authors.

The bindings are Debian packages for a Jetson's system Python, seen by an environment that sees the system's packages.
"""

import sys
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from suites.runtimes.engine import Engine, Found, Loaded, Model
from suites.runtimes.engines.importing import Package, import_module, together
from suites.runtimes.graph import INPUT, OUTPUT, Graph

SCHEMA = (Package("onnx", "onnx"),)

STOCK, FLOAT16 = "stock", "float16"
#: What the builder may use while it tries kernels; a 4 GB board shares it with everything else.
WORKSPACE_BYTES = 256 << 20
DEVICE = "cuda"


class TensorRt(Engine):
    """Forms: ``stock`` (float32, no TF32) and ``float16`` (the builder may choose it for any layer)."""

    name = "tensorrt"

    def find(self) -> Found:
        """Return the version of the bindings, which need a CUDA device that torch sees."""
        trt, problem = import_module("tensorrt")
        if trt is None:
            reason = ("cannot be imported ({})".format(problem) if problem else
                      "are not installed for CPython {}.{}".format(*sys.version_info[:2]))
            return Found(None, "TensorRT's Python bindings {}".format(reason), "on a Jetson: sudo apt-get install "
                         "python3-libnvinfer, then ./run_bench.sh setup with the system's Python "
                         "(PYTHON=/usr/bin/python3)")
        torch, _ = import_module("torch")
        if torch is None or not torch.cuda.is_available():
            return Found(None, "TensorRT {} is installed, but torch sees no CUDA device".format(trt.__version__),
                         "./run_bench.sh doctor says why torch sees none")
        return together(Found(str(trt.__version__)), SCHEMA)

    def forms(self, graph: Graph) -> Tuple[str, ...]:
        """Return the forms for ``graph``; it takes no operator of the project's own."""
        return () if graph.custom_operators else (STOCK, FLOAT16)

    def why_not(self, graph: Graph, form: str) -> Optional[str]:
        """Return why ``form`` cannot run here: also half precision that the GPU is not fast in."""
        problem = super().why_not(graph, form)
        if problem is not None or form != FLOAT16:
            return problem
        trt, _ = import_module("tensorrt")
        assert trt is not None  # it was found
        fast = trt.Builder(trt.Logger(trt.Logger.ERROR)).platform_has_fast_fp16
        return None if fast else "this GPU gains nothing from float16, says TensorRT: use float32"

    def lower(self, graph: Graph, form: str) -> Model:
        """Return ``graph`` as an ONNX model, which :meth:`load` builds an engine from."""
        from suites.runtimes.lower import onnx

        self.check_form(graph, form)
        return onnx.lower(graph, form)

    def load(self, model: Model, threads: Optional[int]) -> Loaded:
        """Return ``model`` ready on the GPU; a call is put on torch's stream and not waited for. No CPU threads.

        Raises ``RuntimeError`` in one sentence where it cannot.
        """
        trt, problem = import_module("tensorrt")
        if trt is None:
            raise RuntimeError("TensorRT cannot be imported ({})".format(problem or "it is not installed"))
        import torch

        logger = trt.Logger(trt.Logger.ERROR)
        plan = build(trt, logger, model.data, model.form)
        runtime = trt.Runtime(logger)
        engine = runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise RuntimeError("TensorRT {} cannot load the engine it has built".format(trt.__version__))
        context = engine.create_execution_context()
        x = np.zeros(model.shape_in, np.float32)
        there = torch.zeros(model.shape_in, dtype=torch.float32, device=DEVICE)
        back = torch.zeros(model.shape_out, dtype=torch.float32, device=DEVICE)
        launch = _launch(engine, context, {INPUT: there.data_ptr(), OUTPUT: back.data_ptr()})

        def run() -> None:
            if not launch(_stream(torch)):
                raise RuntimeError("TensorRT could not start this model: its own message is on the standard error")

        return Loaded(run, x, lambda: np.asarray(back.cpu().numpy()), {
            "engine": "tensorrt", "version": str(trt.__version__), "form": model.form, "threads": "none",
            "threads found": "none",
            "precision": "float16 where it is faster" if model.form == FLOAT16 else "float32",
            "kernels": "CUDA, TF32 off", "hardware": "never run on hardware by this project's authors"},
            lambda: there.copy_(torch.from_numpy(x)))


def build(trt: Any, logger: Any, data: bytes, form: str) -> Any:
    """Return the engine built from an ONNX file; raises ``RuntimeError`` with TensorRT's own words."""
    builder = trt.Builder(logger)
    explicit = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)  # the only kind since version 10
    network = builder.create_network(0 if explicit is None else 1 << int(explicit))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(data):
        said = [str(parser.get_error(index)) for index in range(parser.num_errors)]
        raise RuntimeError("TensorRT {} cannot read this model: {}".format(trt.__version__, "; ".join(said)))
    config = builder.create_builder_config()
    if hasattr(config, "set_memory_pool_limit"):  # from 8.4
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    else:
        config.max_workspace_size = WORKSPACE_BYTES
    if hasattr(trt.BuilderFlag, "TF32"):
        config.clear_flag(trt.BuilderFlag.TF32)
    if form == FLOAT16:
        config.set_flag(trt.BuilderFlag.FP16)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise RuntimeError("TensorRT {} cannot build this model: its own message is on the standard error".format(
            trt.__version__))
    return plan


def _launch(engine: Any, context: Any, addresses: Dict[str, int]) -> Any:
    """Return a function of a stream that starts the model: tensors by name from 8.5, by place before."""
    if hasattr(context, "execute_async_v3"):
        for name, address in addresses.items():
            context.set_tensor_address(name, address)
        return context.execute_async_v3
    places: List[int] = [0] * len(addresses)
    for name, address in addresses.items():
        places[engine.get_binding_index(name)] = address
    return lambda stream: context.execute_async_v2(places, stream)


def _stream(torch: Any) -> int:
    return int(torch.cuda.current_stream().cuda_stream)


ENGINE = TensorRt()
