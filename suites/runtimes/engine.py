"""What an engine is: found or not, the forms it runs, a model in its format, a loaded model ready to be called."""

import enum
from typing import Callable, Dict, NamedTuple, Optional, Tuple

import numpy as np

from suites.runtimes.graph import Graph

#: Domain of the fused layers as custom operators (inputs x and their tables).
CUSTOM_DOMAIN = "edge_transforms"

#: Of the caches of every processor this runs on.
LINE_BYTES = 64


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
    """A model ready to be called: ``run()`` reads ``input``; ``output()`` shows what the last call wrote.

    ``run`` keeps all memory that it works on: it may be called when nothing else of this is left.
    Both arrays are in the model's layout and type; ``input`` is the same memory for every call, ``output()`` copies
    nothing where the engine lets one look at its result. ``described`` says what really runs: engine, version,
    threads, precision, kernels. ``upload()`` moves the input to a device with memory of its own, outside of what is
    timed; ``None`` where there is none.
    """

    run: Callable[[], None]
    input: np.ndarray
    output: Callable[[], np.ndarray]
    described: Dict[str, str]
    upload: Optional[Callable[[], object]] = None


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
        try:
            self.check_form(graph, form)
        except ValueError as error:
            return str(error)
        return None

    def check_form(self, graph: Graph, form: str) -> None:
        """Raise ``ValueError`` if ``form`` is none of ``graph``'s."""
        forms = self.forms(graph)
        if form not in forms:
            raise ValueError("{} has no form '{}' of {}: use {}".format(
                self.name, form, graph.name, ", ".join(forms) or "another engine"))

    def lower(self, graph: Graph, form: str) -> Model:
        """Return ``graph`` in this engine's format; raises ``ValueError`` for a form it does not have."""
        raise NotImplementedError

    def load(self, model: Model, threads: Optional[int]) -> Loaded:
        """Return ``model`` ready to be called with ``threads`` threads, ``None`` for the engine's own default.

        Raises ``RuntimeError`` in one sentence where it cannot.
        """
        raise NotImplementedError


def zeros(shape: Tuple[int, ...], dtype: str = "float32") -> np.ndarray:
    """Return an array that begins a cache line, as the engines' own tensors do.

    Large arrays of numpy's begin 16 bytes into one: then no vector lies in a single line, and stores past the caches
    cannot be had.
    """
    bytes_ = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(bytes_ + LINE_BYTES, np.uint8)
    begin = -memory.ctypes.data % LINE_BYTES
    return memory[begin:begin + bytes_].view(dtype).reshape(shape)


def fill(loaded: Loaded, model: Model, x: np.ndarray) -> None:
    """Put ``x`` (N, C, H, W, float) into the input, in the model's layout and type."""
    laid_out = x.transpose(0, 2, 3, 1) if model.layout is Layout.NHWC else x
    if model.steps_in is not None:
        limits = np.iinfo(loaded.input.dtype)
        stored = np.rint(laid_out / model.steps_in.step) + model.steps_in.zero
        laid_out = np.clip(stored, limits.min, limits.max)
    np.copyto(loaded.input, laid_out.reshape(loaded.input.shape), casting="unsafe")
    if loaded.upload is not None:
        loaded.upload()


def read(loaded: Loaded, model: Model) -> np.ndarray:
    """Return a copy of the output as float32 (N, C, H, W)."""
    y = loaded.output().reshape(model.shape_out).astype(np.float32)
    if model.steps_out is not None:
        y = (y - np.float32(model.steps_out.zero)) * np.float32(model.steps_out.step)
    return np.ascontiguousarray(y.transpose(0, 3, 1, 2) if model.layout is Layout.NHWC else y)
