"""A .tflite file from tensors, constants and operators: the FlatBuffers part alone, after TFLite's schema.

What the readers insist on: buffer 0 empty, the file identifier ``TFL3``, data aligned to 16 bytes, and the operator's
code once more in the field of old readers.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from suites.runtimes.engine import Steps

#: The largest code that fits the one-byte field of old readers.
OLD_CODES = 127

Options = Callable[[Any], int]


class Quantised(NamedTuple):
    """``steps`` of a whole tensor (one) or of each slice along ``axis``."""

    steps: Tuple[Steps, ...]
    axis: int = 0


class _Tensor(NamedTuple):
    shape: Tuple[int, ...]
    kind: int
    buffer: int
    name: str
    quantised: Optional[Quantised]


class _Operator(NamedTuple):
    code: int
    inputs: Tuple[int, ...]
    outputs: Tuple[int, ...]
    options_kind: int
    options: Optional[Options]


class File:
    """Collects tensors and operators by index; :meth:`data` writes the file."""

    def __init__(self) -> None:
        self._tensors: List[_Tensor] = []
        self._buffers: List[bytes] = [b""]
        self._known: Dict[Tuple[bytes, Tuple[int, ...], str, Optional[Quantised]], int] = {}
        self._codes: List[Tuple[int, int, str]] = []
        self._operators: List[_Operator] = []

    def tensor(self, shape: Sequence[int], dtype: str = "float32", quantised: Optional[Quantised] = None) -> int:
        """Return a new tensor."""
        return self._keep(tuple(int(side) for side in shape), dtype, 0, quantised)

    def constant(self, values: np.ndarray, quantised: Optional[Quantised] = None) -> int:
        """Return a constant; equal ones are stored once."""
        data = np.ascontiguousarray(values)
        key = (data.tobytes(), values.shape, str(data.dtype), quantised)
        if key not in self._known:
            self._buffers.append(data.tobytes())
            self._known[key] = self._keep(values.shape, str(data.dtype), len(self._buffers) - 1, quantised)
        return self._known[key]

    def floats(self, values: Union[np.ndarray, float]) -> int:
        """Return a constant in float32."""
        return self.constant(np.asarray(values, np.float32))

    def _keep(self, shape: Tuple[int, ...], dtype: str, buffer: int, quantised: Optional[Quantised]) -> int:
        import tflite

        kind = getattr(tflite.TensorType, dtype.upper())
        self._tensors.append(_Tensor(shape, kind, buffer, "t{}".format(len(self._tensors)), quantised))
        return len(self._tensors) - 1

    def operator(self, code: int, inputs: Sequence[int], output: int, options_kind: int = 0,
                 options: Optional[Options] = None, version: int = 1, custom: str = "") -> int:
        """Add an operator that writes ``output`` and return that; input -1 is one that is left out."""
        key = (code, version, custom)
        if key not in self._codes:
            self._codes.append(key)
        self._operators.append(_Operator(self._codes.index(key), tuple(inputs), (output,), options_kind, options))
        return output

    def data(self, x: int, y: int) -> bytes:
        """Return the file whose only subgraph reads tensor ``x`` and writes tensor ``y``."""
        import flatbuffers
        import tflite

        b = flatbuffers.Builder(1024 + sum(len(buffer) + 64 for buffer in self._buffers))
        buffers = [_buffer(b, data) for data in self._buffers]
        codes = [_code(b, *code) for code in self._codes]
        tensors = [_tensor(b, one) for one in self._tensors]
        operators = [_operator(b, one) for one in self._operators]
        parts = [_tables(b, tensors), _integers(b, [x]), _integers(b, [y]), _tables(b, operators)]
        name = b.CreateString("main")
        tflite.SubGraphStart(b)
        tflite.SubGraphAddTensors(b, parts[0])
        tflite.SubGraphAddInputs(b, parts[1])
        tflite.SubGraphAddOutputs(b, parts[2])
        tflite.SubGraphAddOperators(b, parts[3])
        tflite.SubGraphAddName(b, name)
        subgraphs = _tables(b, [tflite.SubGraphEnd(b)])
        parts = [_tables(b, codes), _tables(b, buffers)]
        about = b.CreateString("edge-transform-bench")
        tflite.ModelStart(b)
        tflite.ModelAddVersion(b, 3)
        tflite.ModelAddOperatorCodes(b, parts[0])
        tflite.ModelAddSubgraphs(b, subgraphs)
        tflite.ModelAddDescription(b, about)
        tflite.ModelAddBuffers(b, parts[1])
        b.Finish(tflite.ModelEnd(b), b"TFL3")
        return bytes(b.Output())


def _bytes(b: Any, data: bytes) -> int:
    """Write aligned bytes in one copy; element by element a convolution's weights would take minutes."""
    b.StartVector(1, len(data), 16)
    b.head = b.head - len(data)
    b.Bytes[b.head:b.head + len(data)] = data
    return _end_vector(b, len(data))


def _end_vector(b: Any, length: int) -> int:
    try:
        return int(b.EndVector())
    except TypeError:  # flatbuffers before 2.0 wants the length
        return int(b.EndVector(length))


def _tables(b: Any, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return _end_vector(b, len(offsets))


def _integers(b: Any, values: Sequence[int]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependInt32(value)
    return _end_vector(b, len(values))


def _buffer(b: Any, data: bytes) -> int:
    import tflite

    offset = _bytes(b, data) if data else 0
    tflite.BufferStart(b)
    if data:
        tflite.BufferAddData(b, offset)
    return int(tflite.BufferEnd(b))


def _code(b: Any, code: int, version: int, custom: str) -> int:
    import tflite

    name = b.CreateString(custom) if custom else 0
    tflite.OperatorCodeStart(b)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(code, OLD_CODES))
    if custom:
        tflite.OperatorCodeAddCustomCode(b, name)
    tflite.OperatorCodeAddVersion(b, version)
    tflite.OperatorCodeAddBuiltinCode(b, code)
    return int(tflite.OperatorCodeEnd(b))


def _tensor(b: Any, one: _Tensor) -> int:
    import tflite

    shape, name = _integers(b, one.shape), b.CreateString(one.name)
    quantised = _quantised(b, one.quantised) if one.quantised is not None else 0
    tflite.TensorStart(b)
    tflite.TensorAddShape(b, shape)
    tflite.TensorAddType(b, one.kind)
    tflite.TensorAddBuffer(b, one.buffer)
    tflite.TensorAddName(b, name)
    if quantised:
        tflite.TensorAddQuantization(b, quantised)
    return int(tflite.TensorEnd(b))


def _quantised(b: Any, one: Quantised) -> int:
    import tflite

    b.StartVector(4, len(one.steps), 4)
    for steps in reversed(one.steps):
        b.PrependFloat32(steps.step)
    scales = _end_vector(b, len(one.steps))
    b.StartVector(8, len(one.steps), 8)
    for steps in reversed(one.steps):
        b.PrependInt64(steps.zero)
    zeros = _end_vector(b, len(one.steps))
    tflite.QuantizationParametersStart(b)
    tflite.QuantizationParametersAddScale(b, scales)
    tflite.QuantizationParametersAddZeroPoint(b, zeros)
    tflite.QuantizationParametersAddQuantizedDimension(b, one.axis)
    return int(tflite.QuantizationParametersEnd(b))


def _operator(b: Any, one: _Operator) -> int:
    import tflite

    inputs, outputs = _integers(b, one.inputs), _integers(b, one.outputs)
    options = one.options(b) if one.options is not None else 0
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, one.code)
    tflite.OperatorAddInputs(b, inputs)
    tflite.OperatorAddOutputs(b, outputs)
    if options:
        tflite.OperatorAddBuiltinOptionsType(b, one.options_kind)
        tflite.OperatorAddBuiltinOptions(b, options)
    return int(tflite.OperatorEnd(b))
