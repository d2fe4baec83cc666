"""Other engines than torch: one file each in ``engines``, one description of each layer for all of them.

A layer is described once (``describe``, as a :class:`~suites.runtimes.graph.Graph`), lowered to the format of an
engine without any converter (``lower``) and loaded by the engine. Nothing here is imported before it is asked for.
"""

import importlib
from typing import TYPE_CHECKING, Dict, List

if TYPE_CHECKING:
    from suites.runtimes.engine import Engine

#: Every engine there is, in the order of the tables; each module holds an ``ENGINE``.
ENGINES: Dict[str, str] = {
    "torch": "suites.runtimes.engines.torch",
    "litert": "suites.runtimes.engines.litert",
    "onnxruntime": "suites.runtimes.engines.onnxruntime",
    "openvino": "suites.runtimes.engines.openvino",
    "ncnn": "suites.runtimes.engines.ncnn",
    "tensorrt": "suites.runtimes.engines.tensorrt",
}


def names() -> List[str]:
    """Return the names of all engines."""
    return list(ENGINES)


def find_engine(name: str) -> "Engine":
    """Return the engine called ``name``, installed or not. Raises ``ValueError`` for a name there is none of."""
    if name not in ENGINES:
        raise ValueError("there is no engine '{}': use {}".format(name, ", ".join(ENGINES)))
    engine: "Engine" = importlib.import_module(ENGINES[name]).ENGINE
    return engine
