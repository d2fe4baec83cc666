"""TensorRT's Python bindings as their documents show them, in the shapes of 8.2 and 10: for a machine without a GPU.

An engine it builds doubles its input, so that a mistake in the order of input and output shows.
"""

import ctypes
import enum
import types


class Logger:
    ERROR = 1

    def __init__(self, level):
        self.level = level


class Config:
    def __init__(self):
        self.flags = {"TF32"}

    def clear_flag(self, flag):
        self.flags.discard(flag.name)

    def set_flag(self, flag):
        self.flags.add(flag.name)


class ConfigOf10(Config):
    def set_memory_pool_limit(self, pool, size):
        self.workspace = (pool, size)


class ConfigOf8(Config):
    max_workspace_size = 0


def fake_tensorrt(version, refuses=False, builds=True):
    """Return a module of that version, which remembers what it was given in ``seen``."""
    new = version.startswith("10")
    seen = {}

    class Parser:
        num_errors = 1

        def __init__(self, network, logger):
            pass

        def parse(self, data):
            seen["onnx"] = data
            return not refuses

        def get_error(self, index):
            return "In node 0 (importConv): UNSUPPORTED_NODE"

    class Builder:
        platform_has_fast_fp16 = False

        def __init__(self, logger):
            pass

        def create_network(self, flags):
            seen["flags"] = flags
            return object()

        def create_builder_config(self):
            seen["config"] = ConfigOf10() if new else ConfigOf8()
            return seen["config"]

        def build_serialized_network(self, network, config):
            return b"plan" if builds else None

    class Context:
        def _double(self, source, target):
            count = 2 * 3 * 4 * 4
            kind = ctypes.POINTER(ctypes.c_float)
            x, y = ctypes.cast(source, kind), ctypes.cast(target, kind)
            for index in range(count):
                y[index] = 2 * x[index]
            return True

    class ContextOf10(Context):
        def __init__(self):
            self.places = {}

        def set_tensor_address(self, name, address):
            self.places[name] = address

        def execute_async_v3(self, stream):
            return self._double(self.places["x"], self.places["y"])

    class ContextOf8(Context):
        def execute_async_v2(self, bindings, stream):
            return self._double(bindings[1], bindings[0])  # the output comes first in this one

    class Engine:
        def create_execution_context(self):
            return ContextOf10() if new else ContextOf8()

        def get_binding_index(self, name):
            return {"y": 0, "x": 1}[name]

    class Runtime:
        def __init__(self, logger):
            pass

        def deserialize_cuda_engine(self, plan):
            return Engine()

    creation = types.SimpleNamespace() if new else types.SimpleNamespace(EXPLICIT_BATCH=0)
    return types.SimpleNamespace(
        __version__=version, Logger=Logger, Builder=Builder, OnnxParser=Parser, Runtime=Runtime, seen=seen,
        NetworkDefinitionCreationFlag=creation, MemoryPoolType=types.SimpleNamespace(WORKSPACE="workspace"),
        BuilderFlag=enum.Enum("BuilderFlag", "TF32 FP16"))
