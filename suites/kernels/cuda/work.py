"""What a fused layer call asks of the kernel: which points, how far apart, how many transforms. Pure numbers."""

from typing import List, NamedTuple, Optional, Sequence, Tuple

SHORTEST, LONGEST = 2, 4096
MOST_UNITS = 1 << 31


class Options(NamedTuple):
    """One fused layer, beyond its tensors.

    ``dims``: the transformed dimension, or two for planes. ``sizes``: the padded power-of-two length along each;
    for one dimension the length of a block. ``nonlinearity``: ``smooth`` or ``soft``. ``threshold_mode``: ``raw``,
    ``abs`` or ``clamp``. ``norm``: as a forward transform of ``torch.fft``. ``keep_first``: coefficient 0 of each
    transform is neither scaled nor thresholded. ``residual``: the input is added to the output.
    ``out_channels``: length of the output along a single transformed dimension, ``None`` for that of the input.
    """

    dims: Tuple[int, ...]
    sizes: Tuple[int, ...]
    nonlinearity: str = "smooth"
    threshold_mode: str = "raw"
    residual: bool = False
    keep_first: bool = False
    norm: str = "ortho"
    out_channels: Optional[int] = None

    @property
    def points(self) -> int:
        """Return the number of coefficients of one transform."""
        return self.sizes[0] * (self.sizes[1] if len(self.sizes) == 2 else 1)


class Layout(NamedTuple):
    """Where the points of one tensor lie, in elements: outer strides, a plane's row stride, a point's stride."""

    outer0: int
    outer1: int
    high: int
    step: int


class Work(NamedTuple):
    """The transforms of one call; every tensor has its own :class:`Layout`, the counts are shared.

    ``log2_points``: N = 2^n points each. ``strided``: points are ``step`` apart and ``inner`` neighbours in memory
    are independent. ``split``: 0 one outer index, 1 two of which the second counts blocks, 2 two plain ones.
    ``plane``: the points are a plane with gaps; ``log2_width`` its padded width.
    """

    log2_points: int
    strided: bool
    split: int
    plane: bool
    log2_width: int
    crop_in: bool
    crop_out: bool
    units: int
    inner: int
    outer1: int
    length_in: int
    length_out: int
    plane_height: int
    plane_width: int
    layouts: Tuple[Layout, ...]


class Tensor(NamedTuple):
    """Shape and strides of a tensor, in elements."""

    shape: Tuple[int, ...]
    strides: Tuple[int, ...]


class UnfitError(ValueError):
    """The kernel cannot do this; the message says why in a clause. ``layout``: a dense copy would do."""

    def __init__(self, message: str, layout: bool = False) -> None:
        super().__init__(message)
        self.layout = layout


def describe(x: Tensor, others: Sequence[Tensor], options: Options) -> Work:
    """Return the work on input ``x``; ``others`` are the output and, backward, its gradient and that of ``x``.

    The first of ``others`` has the output's length along a single transformed dimension; the third, if there, the
    input's. Raises :class:`UnfitError`.
    """
    check_options(x.shape, options)
    dims, planes = options.dims, len(options.dims) == 2
    tensors = [x] + list(others)
    groups = _groups(tensors, [axis for axis in range(len(x.shape)) if axis not in dims])
    steps = [tensor.strides[dims[-1]] for tensor in tensors]
    strided = any(step != 1 and tensor.shape[dims[-1]] != 1 for step, tensor in zip(steps, tensors))
    if strided and (not groups or any(step != 1 for step in groups[-1][1])):
        raise UnfitError("neither the transformed dimension nor another one is contiguous in memory", layout=True)
    inner = groups.pop()[0] if strided else 1
    length_in, length_out = x.shape[dims[0]], tensors[1].shape[dims[0]]
    # Backward every input channel gets its gradient, zero too; forward only blocks with an output matter.
    longest = length_out if len(others) == 1 else max(length_in, length_out)
    blocks = 1 if planes else -(-longest // options.points)
    whole = planes or length_in == length_out == blocks * options.points
    if blocks > 1:
        groups.append((blocks, [options.points * (step if strided else 1) for step in steps]))
        groups = _merge(groups) if whole else ([] if len(groups) > 1 else [_alone(tensors)]) + groups
    if len(groups) > 2:
        raise UnfitError("its dimensions have gaps between them in memory", layout=True)
    split = 0 if len(groups) < 2 else 1 if blocks > 1 and not whole else 2
    while len(groups) < 2:
        groups.append(_alone(tensors))
    units = groups[0][0] * groups[1][0] * inner
    if units >= MOST_UNITS:
        raise UnfitError("it has {} transforms, more than the {} a launch can count".format(units, MOST_UNITS - 1))
    gaps = planes and (x.shape[dims[0]], x.shape[dims[1]]) != options.sizes or planes and any(
        tensor.strides[dims[0]] != options.sizes[1] * tensor.strides[dims[1]] for tensor in tensors)
    layouts = tuple(Layout(groups[0][1][index], groups[1][1][index], tensor.strides[dims[0]] if planes else 0,
                           tensor.strides[dims[-1]] if strided else 1) for index, tensor in enumerate(tensors))
    _check_reach(tensors, layouts, dims, strided)
    height, width = (x.shape[dims[0]], x.shape[dims[1]]) if planes else (1, 1)
    cropped = planes and (height, width) != options.sizes
    return Work(log2_points=options.points.bit_length() - 1, strided=strided, split=split, plane=gaps,
                log2_width=options.sizes[-1].bit_length() - 1,
                crop_in=cropped if planes else length_in < blocks * options.points,
                crop_out=cropped if planes else length_out < blocks * options.points,
                units=units, inner=inner, outer1=groups[1][0], length_in=length_in, length_out=length_out,
                plane_height=height, plane_width=width, layouts=layouts)


def _alone(tensors: Sequence[Tensor]) -> Tuple[int, List[int]]:
    return 1, [0] * len(tensors)


def _check_reach(tensors: Sequence[Tensor], layouts: Sequence[Layout], dims: Sequence[int], strided: bool) -> None:
    """Raise unless offsets within a tile fit into 32 bits."""
    for tensor, layout in zip(tensors, layouts):
        reach = sum((tensor.shape[dim] - 1) * tensor.strides[dim] for dim in dims)
        if not strided:
            reach += LONGEST * layout.outer0
        if reach >= 1 << 31 or min(tensor.strides) < 0:
            raise UnfitError("the points of one tile lie more than 2^31 elements apart", layout=True)


def check_options(shape: Sequence[int], options: Options) -> None:
    """Raise :class:`UnfitError` if the sizes do not suit the kernel or the input's ``shape``."""
    if len(options.dims) not in (1, 2) or len(options.sizes) != len(options.dims):
        raise UnfitError("it transforms {} dimensions, the kernel one or two".format(len(options.dims)))
    for size in options.sizes:
        if size < 1 or size & (size - 1):
            raise UnfitError("the length {} is no power of two".format(size))
    if not SHORTEST <= options.points <= LONGEST:
        raise UnfitError("a transform of {} points is outside the kernel's {} to {}{}".format(
            options.points, SHORTEST, LONGEST, "; use blocks" if options.points > LONGEST else ""))
    if len(options.dims) == 2 and any(shape[dim] > size for dim, size in zip(options.dims, options.sizes)):
        raise UnfitError("a plane of {}x{} does not fit into {}x{}".format(
            shape[options.dims[0]], shape[options.dims[1]], *options.sizes))
    if any(size == 0 for size in shape):
        raise UnfitError("the input is empty")


def _groups(tensors: Sequence[Tensor], axes: Sequence[int]) -> List[Tuple[int, List[int]]]:
    """Return (size, strides) of ``axes``, outermost first, joined where they follow each other in all tensors."""
    result = tensors[-1]  # freshly made, so dense
    wide = sorted((axis for axis in axes if result.shape[axis] != 1), key=lambda axis: (-result.strides[axis], axis))
    return _merge([(result.shape[axis], [tensor.strides[axis] for tensor in tensors]) for axis in wide])


def _merge(groups: Sequence[Tuple[int, List[int]]]) -> List[Tuple[int, List[int]]]:
    joined = []  # type: List[Tuple[int, List[int]]]
    for size, strides in groups:
        if joined and all(outer == size * stride for outer, stride in zip(joined[-1][1], strides)):
            joined[-1] = (joined[-1][0] * size, strides)
        else:
            joined.append((size, strides))
    return joined
