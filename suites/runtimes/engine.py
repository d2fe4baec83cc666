"""What an engine is: found or not, the forms it runs, a model in its format, a loaded model ready to be called."""

import enum
from typing import Callable, Dict, NamedTuple, Optional, Tuple

import numpy as np

from suites.runtimes.graph import Graph

#: Name and domain of the fused layer as a custom operator (attribute ``channels``; inputs x and threshold).
CUSTOM_OPERATOR, CUSTOM_DOMAIN = "EdgeWht1d", "edge_transforms"


class Layout(enum.Enum):
    """Order of the axes in memory."""

    NCHW = "NCHW"
    NHWC = "NHWC"


class Found(NamedTuple):
    """An installed engine's ``version``, or the ``reason`` why it cannot run here with the ``remedy``."""

    version: Optional[str]
    reason: Optional[str] = None
    remedy: Optional[str] = None


class Steps(NamedTuple):
    """How integers stand for numbers: a number is ``step`` times (stored integer - ``zero``)."""

    step: float
    zero: int


class Model(NamedTuple):
    """A graph in an engine's format.

    ``format``: tflite, onnx, ncnn or torch. ``data``: the file (ncnn: the .param text); ``weights``: ncnn's .bin.
    ``form``: which of :meth:`Engine.forms` it is. ``shape_in`` and ``shape_out`` are in ``layout``. ``operators``:
    custom operators it needs. ``steps_in`` and ``steps_out`` are ``None`` where the type is not an integer.
    ``graph``: what it was made from.
    """

    format: str
    form: str
    data: bytes
    layout: Layout
    shape_in: Tuple[int, ...]
    shape_out: Tuple[int, ...]
    graph: Graph
    weights: bytes = b""
    dtype: str = "float32"
    operators: Tuple[str, ...] = ()
    steps_in: Optional[Steps] = None
    steps_out: Optional[Steps] = None

    @property
    def size_bytes(self) -> int:
        """Size of the file or files."""
        return len(self.data) + len(self.weights)


class Loaded(NamedTuple):
    """A model ready to be called: ``run()`` reads ``input`` and writes ``output``.

    Both arrays are in the model's layout and type, made beforehand and the same for every call. ``described`` says
    what really runs: engine, version, threads, precision, kernels.
    """

    run: Callable[[], None]
    input: np.ndarray
    output: np.ndarray
    described: Dict[str, str]


class Engine:
    """One engine. Nothing of it is imported before :meth:`find` or :meth:`load` is called."""

    name = ""

    def find(self) -> Found:
        """Return whether it can run here; never raises."""
        raise NotImplementedError

    def forms(self, graph: Graph) -> Tuple[str, ...]:
        """Return the forms in which it runs ``graph``, the plain one (``stock``) first."""
        raise NotImplementedError

    def why_not(self, graph: Graph, form: str) -> Optional[str]:
        """Return why ``form`` cannot run here in one sentence with the remedy, ``None`` if it can."""
        found = self.find()
        if found.version is None:
            return "{}: {}".format(found.reason, found.remedy)
        if form not in self.forms(graph):
            return "{} has no form '{}' of {}: use {}".format(self.name, form, graph.name,
                                                             ", ".join(self.forms(graph)))
        return None

    def lower(self, graph: Graph, form: str) -> Model:
        """Return ``graph`` in this engine's format; raises ``ValueError`` for a form it does not have."""
        raise NotImplementedError

    def load(self, model: Model, threads: Optional[int]) -> Loaded:
        """Return ``model`` ready to be called with ``threads`` threads, ``None`` for the engine's own default.

        Raises ``RuntimeError`` in one sentence where it cannot.
        """
        raise NotImplementedError


def fill(loaded: Loaded, model: Model, x: np.ndarray) -> None:
    """Put ``x`` (N, C, H, W, float) into the input, in the model's layout and type."""
    laid_out = x.transpose(0, 2, 3, 1) if model.layout is Layout.NHWC else x
    if model.steps_in is None:
        np.copyto(loaded.input, laid_out.reshape(loaded.input.shape), casting="same_kind")
        return
    limits = np.iinfo(loaded.input.dtype)
    stored = np.rint(laid_out / model.steps_in.step) + model.steps_in.zero
    np.copyto(loaded.input, np.clip(stored, limits.min, limits.max).reshape(loaded.input.shape), casting="unsafe")


def read(loaded: Loaded, model: Model) -> np.ndarray:
    """Return a copy of the output as float32 (N, C, H, W)."""
    y = loaded.output.reshape(model.shape_out).astype(np.float32)
    if model.steps_out is not None:
        y = (y - np.float32(model.steps_out.zero)) * np.float32(model.steps_out.step)
    return np.ascontiguousarray(y.transpose(0, 3, 1, 2) if model.layout is Layout.NHWC else y)
