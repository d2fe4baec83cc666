"""Which form of the kernel a piece of work gets: how a tile is shared by threads, registers and shared memory."""

from typing import Dict, NamedTuple

from suites.kernels.cuda.work import Options, Work

DTYPES = ("float32", "float16", "bfloat16")
THRESHOLD_MODES = ("raw", "abs", "clamp")
NONLINEARITIES = ("soft", "smooth")
# What a thread block may use without asking for more, on every device.
STATIC_SHARED_BYTES = 48 * 1024
# From here on a block may have 64 K registers; a Maxwell Tegra (5.3) and a Pascal Tegra (6.2) give it half.
WIDE_ARCH = 70


class Geometry(NamedTuple):
    """Form of a kernel; see the head of ``target.cuh`` for the letters.

    E ``slots``, G ``lanes``, P ``pixels``, Q ``tiles``, R ``rounds``; ``min_blocks``: blocks that are to fit on
    a multiprocessor together, which bounds the registers.
    """

    slots: int
    lanes: int
    pixels: int
    tiles: int
    rounds: int
    min_blocks: int

    @property
    def threads(self) -> int:
        """Return the threads of a block."""
        return self.lanes * self.pixels * self.tiles

    @property
    def exchange_words(self) -> int:
        """Return the 4-byte words of shared memory that exchanges need."""
        if self.lanes == 1:
            return 0
        if self.pixels == 1:
            return self.tiles * (self.slots * self.lanes + self.lanes)
        return self.slots * self.lanes * self.pixels // self.rounds

    def shared_bytes(self, points: int, strided: bool, backward: bool) -> int:
        """Return the bytes of shared memory of a block for transforms of ``points``."""
        words = self.exchange_words
        if backward:
            parts = max(self.pixels // 32, 1) if strided else self.tiles * (self.slots * self.lanes // points)
            words = max(words, parts * points)
            if self.slots == 64:
                words += self.slots // min(self.pixels, 8) * self.threads
        return 4 * max(words, 1)

    def units_per_block(self, points: int, strided: bool) -> int:
        """Return the transforms one block does in one go."""
        return self.pixels if strided else self.tiles * (self.slots * self.lanes // points)


# log2 of the points -> (E, G, P, Q, R, blocks wanted). Up to 64 points of a pixel fit into one thread's registers.
_STRIDED_FORWARD = {
    6: Geometry(64, 1, 128, 1, 1, 4), 7: Geometry(16, 8, 32, 1, 1, 4), 8: Geometry(16, 16, 32, 1, 1, 2),
    9: Geometry(32, 16, 16, 1, 1, 2), 10: Geometry(32, 32, 16, 1, 2, 2), 11: Geometry(64, 32, 8, 1, 2, 1),
    12: Geometry(64, 64, 4, 1, 2, 1),
}
# The backward pass holds two values a point.
_STRIDED_BACKWARD = {
    6: Geometry(32, 2, 64, 1, 1, 2), 7: Geometry(16, 8, 32, 1, 1, 2), 8: Geometry(16, 16, 16, 1, 1, 2),
    9: Geometry(32, 16, 16, 1, 1, 1), 10: Geometry(32, 32, 8, 1, 1, 1), 11: Geometry(64, 32, 4, 1, 1, 1),
    12: Geometry(64, 64, 2, 1, 1, 1),
}
_ROWS_FORWARD = {11: Geometry(64, 32, 1, 4, 1, 1), 12: Geometry(64, 64, 1, 2, 1, 1)}
_ROWS_BACKWARD = {11: Geometry(64, 32, 1, 2, 1, 1), 12: Geometry(64, 64, 1, 1, 1, 1)}


def choose(work: Work, backward: bool, arch: int, multiprocessors: int, fixed: bool = True) -> Geometry:
    """Return the form for ``work`` on a device of compute capability ``arch`` (53 for 5.3).

    ``fixed``: the strides are compiled in; else address arithmetic takes registers. Small problems get narrower
    tiles, so that every multiprocessor has one; never narrower than 32 bytes of float32.
    """
    n = work.log2_points
    if not work.strided:
        return (_ROWS_BACKWARD if backward else _ROWS_FORWARD).get(n, Geometry(32, 32, 1, 4, 1, 1))
    if n <= 5:
        form = Geometry(1 << n, 1, 128, 1, 1, 4)
    elif n == 10 and not backward and (WIDE_ARCH <= arch < 80 or (arch < 90 and not fixed)):
        # With every option on, 64 registers do not do there; before 9.0 they do not with loose strides either.
        form = Geometry(32, 32, 8, 1, 1, 2)
    elif n == 12 and not backward and arch >= WIDE_ARCH:
        form = Geometry(64, 64, 8, 1, 4, 1)
    elif n == 12 and backward and arch >= WIDE_ARCH:
        form = Geometry(64, 64, 4, 1, 2, 1)
    else:
        form = (_STRIDED_BACKWARD if backward else _STRIDED_FORWARD)[n]
    while (form.pixels > 8 and form.threads >= 64 and work.units < multiprocessors * form.pixels
           and (form.lanes == 1 or form.lanes // form.rounds * form.pixels >= 64)):
        form = form._replace(pixels=form.pixels // 2)
    return form


def macros(work: Work, options: Options, scaled: bool, dtype: str, geometry: Geometry, backward: bool,
           fixed: bool = True) -> Dict[str, int]:
    """Return the macros that name the kernel; ``target.cuh`` explains them.

    ``fixed`` makes the strides part of the kernel: no address arithmetic is left in it, but every image size then
    needs a build of its own.
    """
    strides = {"WHT_FIXED": int(fixed)}
    for tensor, layout in zip("XGY", (work.layouts[0], work.layouts[1], work.layouts[-1])):
        row = 0 if work.strided or work.split else layout.outer0
        strides.update({"WHT_{}_ROW".format(tensor): row * fixed, "WHT_{}_HIGH".format(tensor): layout.high * fixed,
                        "WHT_{}_STEP".format(tensor): layout.step * fixed})
    points = 1 << work.log2_points
    shared = geometry.shared_bytes(points, work.strided, backward)
    return dict(strides, **{
        "WHT_BACKWARD" if backward else "WHT_FORWARD": 1,
        "WHT_LOG2N": work.log2_points, "WHT_SLOTS": geometry.slots, "WHT_LANES": geometry.lanes,
        "WHT_PIXELS": geometry.pixels, "WHT_TILES": geometry.tiles, "WHT_ROUNDS": geometry.rounds,
        "GPU_MIN_BLOCKS": geometry.min_blocks, "GPU_DYNAMIC_SHARED": int(shared > STATIC_SHARED_BYTES),
        "WHT_STRIDED": int(work.strided), "WHT_CROP_IN": int(work.crop_in), "WHT_CROP_OUT": int(work.crop_out),
        "WHT_PLANE": int(work.plane), "WHT_LOG2W": work.log2_width if work.plane else 0, "WHT_SPLIT": work.split,
        "GPU_DTYPE": DTYPES.index(dtype), "WHT_SMOOTH": NONLINEARITIES.index(options.nonlinearity),
        "WHT_MODE": THRESHOLD_MODES.index(options.threshold_mode), "WHT_SCALED": int(scaled),
        "WHT_KEEP_FIRST": int(options.keep_first), "WHT_RESIDUAL": int(options.residual),
    })
