"""The 1-D layer in 8-bit integers, as numbers: stages, roundings and tables, exactly what kernel and torch compute.

The layer adds and subtracts in 16 bits; unsigned bytes enter less 128. A transform of 2^k points goes over its bits
in three passes: the lowest ``first_bits``, the ``middle_bits`` above the next three, and those three (the core); the
inverse takes the passes in reverse. Values stay within 16 bits for *every* input: eight stages grow a byte by eight
bits and round nothing; past them, and in the inverse, where the sum of squares bounds the growth to half a bit for
each stage, a pass is preceded by a rounding division by 2^shift (after the first one values are at least
-2^15 / 2^shift). Sizes of up to 256 thus lose nothing on the way in.

The inverse is farther from its bound than what roundings and zero points add. Without thresholds it gives the input
back, so of R coefficients that meet in one value those of one sign exceed those of the other by what the forward
transform had there, at most 2^7 sqrt(2^k / R) (orthonormal); whatever a threshold takes away, they come to no more
than half the sum of both, (1 + 1 / sqrt(R)) / 2 of the bound. Coefficient 0 may, less what the zero points hide, take
any value of the spectrum's range, for which there is room where it meets seven others.

A rounding is one 16-bit product, (v m + 2^14) >> 15 with m = 2^(15 - shift) + 1 at even pixels and - 1 at odd ones:
halves go away from zero at even pixels and towards it at odd ones, so no bias is left over. The second and the last
rounding do it the other way round: all alike, they would stretch even pixels and shrink odd ones.
"""

import math
from typing import List, NamedTuple, Tuple

MOST, ONE = 32767, 32768
#: Sizes of the transform, powers of two.
SMALLEST, LARGEST = 16, 2048
CORE_BITS = 3
BYTE_BITS, WORD_BITS = 7, 15
#: Straight pieces of tanh, and how far they reach where the scale lets them: tanh(5) is 1 within 1e-4.
PIECES, REACH = 32, 5.0
#: Least product of the last rounding: below it the output's scale would be off by more than 1/256.
COARSEST = 256
#: From this power of two on, the last product has halves to round often enough to matter.
HALVES = 64
NONLINEARITIES = ("smooth", "soft")


class Scale(NamedTuple):
    """Real value = ``step`` times (stored integer - ``zero``)."""

    step: float
    zero: int


class Spec(NamedTuple):
    """A layer but for its thresholds; ``signed`` bytes hold -128 to 127, others 0 to 255."""

    channels: int
    out_channels: int
    before: Scale
    after: Scale
    nonlinearity: str
    signed: bool


class Stages(NamedTuple):
    """How a transform is cut into passes, and by how many bits each rounding divides (0: no rounding)."""

    size: int
    first_bits: int
    middle_bits: int
    forward_shift: int
    core_shift: int
    middle_shift: int
    last_shift: int

    @property
    def per_step(self) -> float:
        """What one step of the input is in the orthonormal spectrum's integers."""
        return math.sqrt(self.size) / 2 ** self.forward_shift

    @property
    def output_bits(self) -> int:
        """The power of two that one step of the input is before the last product."""
        return int(self.size).bit_length() - 1 - (self.forward_shift + self.core_shift + self.middle_shift
                                                  + self.last_shift)


class Constants(NamedTuple):
    """The integers of one layer in the order of the kernel's ``Layer``, beside its tables.

    ``flip`` turns stored bytes into signed ones, ``pad`` is a stored zero, ``offset`` what zero points hide of
    coefficient 0, ``before`` of every output; ``even`` and ``odd`` are the last product at even and odd pixels,
    ``zero`` the output's zero point as a signed byte, ``piece_bits`` the width of tanh's straight pieces.
    """

    flip: int
    pad: int
    offset: int
    before: int
    even: int
    odd: int
    zero: int
    piece_bits: int


def check_spec(spec: Spec) -> None:
    """Raise ``ValueError`` in one sentence if the layer has no meaning or does not fit 16 bits."""
    if spec.nonlinearity not in NONLINEARITIES:
        raise ValueError("nonlinearity is {!r}: use one of {}".format(spec.nonlinearity, ", ".join(NONLINEARITIES)))
    if min(spec.channels, spec.out_channels) < 1 or not SMALLEST <= size_of(spec) <= LARGEST:
        raise ValueError("the layer in int8 does {} to {} channels, padded to a power of two, not {} to {}".format(
            SMALLEST, LARGEST, spec.channels, spec.out_channels))
    low, high = (-128, 127) if spec.signed else (0, 255)
    for name, scale in (("input", spec.before), ("output", spec.after)):
        if not (scale.step > 0 and math.isfinite(scale.step)):
            raise ValueError("the {} scale is {}: use a positive number".format(name, scale.step))
        if not low <= scale.zero <= high:
            raise ValueError("the {} zero point is {}: use {} to {}".format(name, scale.zero, low, high))
    ratio = spec.after.step / spec.before.step
    finest, coarsest = 2.0 ** -stages_of(size_of(spec)).output_bits, ONE / COARSEST
    if not finest < ratio <= finest * coarsest:
        raise ValueError("the output scale is {:.4g} of the input scale: use more than {:.4g} and at most "
                         "{:.4g}".format(ratio, finest, finest * coarsest))


def size_of(spec: Spec) -> int:
    """Return the length of the transform."""
    return 1 << (max(spec.channels, spec.out_channels) - 1).bit_length()


def stages_of(size: int) -> Stages:
    """Return the passes and roundings of a transform of ``size`` points."""
    bits = size.bit_length() - 1
    first = (bits - CORE_BITS + 1) // 2
    middle = bits - CORE_BITS - first
    forward = max(0, BYTE_BITS + bits - WORD_BITS)
    halves = 2 * (BYTE_BITS + bits - forward)  # twice the bits that values may have
    shifts = []
    for stages in (CORE_BITS, middle, first):
        shifts.append(max(0, -(-(halves + stages - 2 * WORD_BITS) // 2)))
        halves += stages - 2 * shifts[-1]
    return Stages(size, first, middle, forward, shifts[0], shifts[1], shifts[2])


def constants_of(spec: Spec) -> Constants:
    """Return the integers of a layer that :func:`check_spec` has nothing against."""
    stages, center = stages_of(size_of(spec)), 0 if spec.signed else 128
    zero = spec.before.zero - center
    product = int(round(spec.before.step / spec.after.step * ONE / 2 ** stages.output_bits))
    product = min(product, MOST - 1)
    apart = int(product % HALVES == 0)
    return Constants(center, spec.before.zero & 0xFF,
                     min(MOST, -zero * stages.size >> stages.forward_shift), -zero << stages.output_bits,
                     product + apart, product - apart, spec.after.zero - center, piece_bits(spec))


def piece_bits(spec: Spec) -> int:
    """Return the width of tanh's pieces as a power of two of the spectrum's integers."""
    reach = REACH / spec.before.step * stages_of(size_of(spec)).per_step
    return min(10, max(1, math.ceil(math.log(max(reach, 1.0) / PIECES, 2))))


def tanh_pieces(spec: Spec) -> Tuple[List[int], List[int]]:
    """Return start and rise of each straight piece of tanh, in parts of 2^15.

    The knots lie above the curve by as much as the middles below it.
    """
    width = 2 ** piece_bits(spec) * spec.before.step / stages_of(size_of(spec)).per_step
    knots = []
    for place in range(PIECES + 1):
        value = math.tanh(place * width)
        bend = 2 * value * (1 - value * value)
        knots.append(min(MOST, int(round(ONE * min(1.0, value + bend * width * width / 16)))))
    return knots[:-1], [max(0, after - before) for before, after in zip(knots, knots[1:])]


def core_order(stages: Stages) -> List[int]:
    """Return the coefficients in the order in which the core meets them."""
    rows = stages.size >> stages.first_bits
    return [row << stages.first_bits | low for low in range(1 << stages.first_bits) for row in range(rows)]
