"""From a tensor's shape and strides to the plan of a kernel call, in plain integers.

A kernel sees the layer as ``outer x blocks`` pieces of work along one axis (or a pair of axes) of padded
length ``p1 * p2``, beside ``inner`` contiguous elements (*strided*) or with the axis itself contiguous
(*rows*). Nothing here imports torch.
"""

from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

STRIDED, ROWS = 0, 1
LONGEST = 65536
MODES = {"raw": 0, "abs": 1, "clamp": 2}
NONLINEARITIES = {"smooth": 0, "soft": 1}
NORMS = ("ortho", "forward", "backward")
ORDERS = ("natural", "sequency")


class Spec(NamedTuple):
    """The options of a layer; :func:`check_spec` says what each may be."""

    dims: Tuple[int, ...] = (1,)
    block: Optional[int] = None
    nonlinearity: str = "smooth"
    threshold_mode: str = "raw"
    residual: bool = False
    keep_first: bool = False
    norm: str = "ortho"
    order: str = "natural"
    out_channels: Optional[int] = None


def check_spec(spec: Spec) -> None:
    """Raise ``ValueError`` in one sentence if an option has no meaning."""
    for name, value, allowed in (("nonlinearity", spec.nonlinearity, tuple(NONLINEARITIES)),
                                 ("threshold_mode", spec.threshold_mode, tuple(MODES)),
                                 ("norm", spec.norm, NORMS), ("order", spec.order, ORDERS)):
        if value not in allowed:
            raise ValueError("{} is {!r}: use one of {}".format(name, value, ", ".join(allowed)))
    if spec.dims not in ((1,), (2, 3)):
        raise ValueError("dims is {!r}: use (1,) for channels or (2, 3) for planes".format(spec.dims))
    if spec.block is not None and (spec.block < 2 or spec.block & (spec.block - 1)):
        raise ValueError("block is {}: use a power of two of at least 2".format(spec.block))
    if spec.dims != (1,) and (spec.block is not None or spec.out_channels is not None):
        raise ValueError("block and out_channels belong to dims (1,) only: leave them out for planes")
    if spec.out_channels is not None and spec.out_channels < 1:
        raise ValueError("out_channels is {}: use at least 1".format(spec.out_channels))
    if spec.residual and spec.out_channels is not None:
        raise ValueError("residual needs an output shaped like the input: leave out_channels out")


def power_of_two(length: int) -> int:
    """Return the smallest power of two that is at least ``length``."""
    length = int(length)  # in a graph it may be a symbol; the graph is then for this length alone
    return 1 << max(0, length - 1).bit_length()


def padded(shape: Sequence[int], spec: Spec) -> Tuple[int, int]:
    """Return the transformed lengths ``(p1, p2)``; thresholds and scales have ``p1 * p2`` values."""
    if spec.dims == (2, 3):
        return power_of_two(shape[2]), power_of_two(shape[3])
    if spec.block is not None:
        return 1, spec.block
    return 1, power_of_two(max(shape[1], spec.out_channels or 0))


def out_shape(shape: Sequence[int], spec: Spec) -> Tuple[int, ...]:
    """Return the shape of the layer's output."""
    if spec.out_channels is None:
        return tuple(shape)
    return (shape[0], spec.out_channels) + tuple(shape[2:])


def factors(length: int, norm: str) -> Tuple[float, float]:
    """Return the factors of the forward and of the inverse transform."""
    if norm == "ortho":
        return length ** -0.5, length ** -0.5
    return (1.0 / length, 1.0) if norm == "forward" else (1.0, 1.0 / length)


def sequency(length: int) -> List[int]:
    """Return, for each row of the natural (Sylvester) matrix, how often its sign changes."""
    bits = length.bit_length() - 1
    result = []
    for row in range(length):
        value = int(format(row, "0{}b".format(bits))[::-1], 2) if bits else 0
        shift = value >> 1
        while shift:
            value ^= shift
            shift >>= 1
        result.append(value)
    return result


def table_order(p1: int, p2: int, order: str) -> Optional[List[int]]:
    """Return for each natural coefficient its place in the caller's tables, ``None`` for the same place."""
    if order == "natural":
        return None
    first, second = sequency(p1), sequency(p2)
    return [i * p2 + j for i in first for j in second]


def dense_strides(shape: Sequence[int], order: Sequence[int]) -> Tuple[int, ...]:
    """Return the strides of a dense tensor whose dims lie in memory in ``order``, widest first."""
    strides, step = [0] * len(shape), 1
    for dim in reversed(list(order)):
        strides[dim] = step
        step = step * shape[dim]
    return tuple(strides)


def dense_like(shape: Sequence[int], strides: Sequence[int]) -> Tuple[int, ...]:
    """Return dense strides for ``shape``: channels last if ``strides`` are, else contiguous.

    Layers keep the memory order of their input, and this decides which one that is.
    """
    if (len(shape) == 4 and strides[1] == 1 and strides[3] > 1 and strides[2] >= strides[3]
            and strides[0] >= strides[2]):
        return dense_strides(shape, (0, 2, 3, 1))
    return dense_strides(shape, range(len(shape)))


class Geometry(NamedTuple):
    """One call as the kernels see it: ``struct Geometry`` of ``cpu/plan.h``. Strides count elements."""

    kind: int
    dtype: int
    nonlinearity: int
    outer: int
    blocks: int
    x_outer: int
    x_block: int
    y_outer: int
    y_block: int
    inner: int
    p1: int
    p2: int
    n1: int
    n2: int
    m1: int
    m2: int
    n2_last: int
    m2_last: int
    x1: int
    x2: int
    y1: int
    y2: int
    keep_first: int
    residual: int
    threshold_mode: int


Group = Tuple[int, int, int]


def collapse(sizes: Sequence[int], x_strides: Sequence[int], y_strides: Sequence[int],
             dims: Sequence[int]) -> List[Group]:
    """Merge ``dims`` into as few ``(size, x stride, y stride)`` as both strides allow, widest first."""
    groups = []  # type: List[Group]
    for dim in sorted((d for d in dims if sizes[d] != 1), key=lambda d: -x_strides[d]):
        size, x_stride, y_stride = sizes[dim], x_strides[dim], y_strides[dim]
        if groups and groups[-1][1] == size * x_stride and groups[-1][2] == size * y_stride:
            groups[-1] = (groups[-1][0] * size, x_stride, y_stride)
        else:
            groups.append((size, x_stride, y_stride))
    return groups


def plan_geometry(shape: Sequence[int], x_strides: Sequence[int], y_strides: Sequence[int], spec: Spec,
                  dtype: int) -> Union[Geometry, str]:
    """Return the kernel's geometry, or the reason in words why no kernel takes this call.

    ``shape`` is the input's; ``y_strides`` belong to :func:`out_shape`.
    """
    p1, p2 = padded(shape, spec)
    length = p1 * p2
    if length < 2 or length > LONGEST:
        return "the transform has length {}: the kernels do 2 to {}".format(length, LONGEST)
    target = out_shape(shape, spec)
    groups = collapse(shape, x_strides, y_strides, [d for d in range(len(shape)) if d not in spec.dims])
    if spec.dims == (2, 3):
        n1, n2, m1, m2 = shape[2], shape[3], shape[2], shape[3]
        x1, x2, y1, y2 = x_strides[2], x_strides[3], y_strides[2], y_strides[3]
    else:
        n1, n2, m1, m2 = 1, shape[1], 1, target[1]
        x1, x2, y1, y2 = 0, x_strides[1], 0, y_strides[1]
    x2, y2 = (x2, y2) if max(n2, m2) > 1 else (1, 1)
    blocks, n2_last, m2_last, x_block, y_block = 1, n2, m2, 0, 0
    if spec.block is not None:
        blocks = -(-m2 // p2)
        if n2 <= (blocks - 1) * p2:
            return "the last blocks have no input channel: use a smaller block or out_channels"
        n2_last, m2_last = min(p2, n2 - (blocks - 1) * p2), m2 - (blocks - 1) * p2
        n2, m2 = (p2, p2) if blocks > 1 else (n2_last, m2_last)
        x_block, y_block = p2 * x2, p2 * y2
    if groups and groups[-1][1] == 1 and groups[-1][2] == 1:
        kind, inner = STRIDED, groups.pop()[0]
    elif x2 == 1 and y2 == 1:
        kind, inner = ROWS, 1
    else:
        return "neither the transformed axis nor the one beside it is contiguous"
    if len(groups) > 1:
        return "the batch is not evenly strided"
    outer, x_outer, y_outer = groups[0] if groups else (1, 0, 0)
    return Geometry(kind, dtype, NONLINEARITIES[spec.nonlinearity], outer, blocks, x_outer, x_block, y_outer, y_block,
                    inner, p1, p2, n1, n2, m1, m2, n2_last, m2_last, x1, x2, y1, y2, int(spec.keep_first),
                    int(spec.residual), MODES[spec.threshold_mode])
