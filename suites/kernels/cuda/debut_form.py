"""Which form of the DeBut kernel a layer gets: slices of its chain, steps, and how a tile of positions is shared.

Pure numbers; ``debut.cuh`` explains the macros. A factor is (blocks, r, s, t), as in ``suites.kernels.debut.Spec``.
"""

from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from suites.kernels.debut import Spec

Shape = Tuple[int, int, int, int]

#: As ``debut.cuh`` has them.
MOST_STEPS, MOST_OUTPUTS, MOST_WIDE, MOST_TAPS = 8, 8, 4, 64
#: Inputs that a step of several factors may read.
MOST_FUSED_INPUTS = 16
SHARED_BYTES = 48 * 1024
THREADS, FEWEST_THREADS = 256, 32
#: Shared memory of a multiprocessor, and the warps on it that hide each other's waiting: rough, for all devices.
ROOM_BYTES, ENOUGH_WARPS = 64 * 1024, 16
SECTOR_BYTES, BYTES_PER_CYCLE, BARRIER_CYCLES = 32, 32, 30.0
#: Tiles: columns of threads, and positions of each thread.
TILES = ((32, 4), (32, 2), (32, 1), (16, 2), (16, 1), (8, 2), (8, 1), (4, 1), (2, 1), (1, 1))


class Step(NamedTuple):
    """Factors ``first``, ``first + 1``, ... of one slice, run in one go.

    ``factors`` are those of the slice. ``chunks``: groups of threads that share the outputs of a long factor.
    ``source`` and ``target``: which of two buffers it reads and writes; ``None`` is a tensor.
    """

    first: int
    factors: Tuple[Shape, ...]
    chunks: int
    source: Optional[int]
    target: Optional[int]

    @property
    def groups(self) -> int:
        """Return the pieces of work, each the task of one thread at a time."""
        return self.factors[-1][0] * self.chunks * self.factors[0][3]

    @property
    def inputs(self) -> int:
        """Return the features a group reads."""
        return _product(shape[2] for shape in self.factors)

    @property
    def outputs(self) -> int:
        """Return the features a group makes."""
        return _product(shape[1] for shape in self.factors) // self.chunks

    @property
    def weights(self) -> int:
        """Return the weights a group reads."""
        found, inputs, outputs = 0, self.inputs, 1
        for _, r, s, _ in self.factors:
            found += inputs * outputs * r  # for each of its blocks, r s for each lane
            inputs, outputs = inputs // s, outputs * r
        return found // self.chunks

    @property
    def quads(self) -> int:
        """Return the loads of four weights of a group."""
        return -(-self.weights // 4)


class Form(NamedTuple):
    """A form of the kernel: ``slices`` of the chain, its ``steps``, features of the two ``buffers``, and the tile."""

    slices: int
    steps: Tuple[Step, ...]
    buffers: Tuple[int, int]
    columns: int
    wide: int
    threads: int

    @property
    def positions(self) -> int:
        """Return the positions of a tile."""
        return self.columns * self.wide

    @property
    def shared_words(self) -> int:
        """Return the 4-byte words of shared memory of a block."""
        return max(sum(self.buffers), 1) * self.positions

    @property
    def slice_words(self) -> int:
        """Return the weights of one slice, filled up so that each load of four is whole."""
        return sum(4 * step.quads * step.groups for step in self.steps)


class UnfitError(ValueError):
    """The kernel cannot do this chain; the message says why in a clause."""


def slice_of(shapes: Sequence[Shape], slices: int) -> Tuple[Shape, ...]:
    """Return the factors of one of ``slices`` of the chain."""
    if slices == 1:
        return tuple(shapes)
    blocks, r, s, _ = shapes[0]
    return ((blocks, r // slices, s, 1),) + tuple((b, r, s, t // slices) for b, r, s, t in shapes[1:])


def slice_counts(shapes: Sequence[Shape]) -> List[int]:
    """Return the numbers of slices a chain falls into, 1 first: divisors of its first r if the t are multiples."""
    _, r, _, t = shapes[0]
    if t != 1 or any(shape[3] % r for shape in shapes[1:]):
        return [1]
    return [count for count in range(1, r + 1) if r % count == 0]


def steps_of(shapes: Sequence[Shape]) -> Tuple[Step, ...]:
    """Return the steps of one slice: as many factors at a time as a thread's registers hold.

    Raises :class:`UnfitError` where there are more than the kernel counts.
    """
    groups = []  # type: List[Tuple[int, Tuple[Shape, ...]]]
    index = 0
    while index < len(shapes):
        factors = (tuple(shapes[index]),)  # type: Tuple
        while len(factors) < 3 and index + len(factors) < len(shapes):
            longer = factors + (tuple(shapes[index + len(factors)]),)
            if not _fits_registers(longer):
                break
            factors = longer
        groups.append((index, factors))
        index += len(factors)
    if len(groups) > MOST_STEPS:
        raise UnfitError("its chain takes {} steps, the CUDA kernel does {}".format(len(groups), MOST_STEPS))
    steps, source = [], None  # type: List[Step], Optional[int]
    for number, (index, factors) in enumerate(groups):
        chunks = _chunks(factors)
        step = Step(index, factors, chunks, source, None)
        # A group may overwrite its own inputs where it makes as many outputs and no other group reads them.
        in_place = source is not None and chunks == 1 and step.inputs == step.outputs
        target = None if number == len(groups) - 1 else source if in_place else 1 if source == 0 else 0
        steps.append(step._replace(target=target))
        source = target
    return tuple(steps)


def _fits_registers(factors: Sequence[Shape]) -> bool:
    outputs = inputs = 1
    for (_, r, s, t), after in zip(factors, list(factors[1:]) + [None]):
        outputs, inputs = outputs * r, inputs * s
        if after is not None and after[3] != r * t:
            return False  # it breaks the rule on t: no group of the next factor has its inputs from one thread
    return outputs <= MOST_OUTPUTS and inputs <= MOST_FUSED_INPUTS


def _chunks(factors: Sequence[Shape]) -> int:
    outputs = _product(shape[1] for shape in factors)
    return next(chunks for chunks in range(1, outputs + 1)
                if outputs % chunks == 0 and outputs // chunks <= MOST_OUTPUTS)


def buffers_of(steps: Sequence[Step]) -> Tuple[int, int]:
    """Return the features that the two buffers hold."""
    sizes = [0, 0]
    for step in steps:
        if step.target is not None:
            blocks, r, _, t = step.factors[-1]
            sizes[step.target] = max(sizes[step.target], blocks * r * t)
    return sizes[0], sizes[1]


def candidates(shapes: Sequence[Shape]) -> Iterator[Form]:
    """Yield every form that fits shared memory."""
    for slices in slice_counts(shapes):
        steps = steps_of(slice_of(shapes, slices))
        buffers = buffers_of(steps)
        for columns, wide in TILES:
            busy = max(step.groups for step in steps) * columns
            threads = min(THREADS, max(FEWEST_THREADS, columns, 1 << (busy - 1).bit_length()))
            form = Form(slices, steps, buffers, columns, wide, threads)
            if 4 * form.shared_words <= SHARED_BYTES:
                yield form


def modelled_cycles(form: Form, positions: int, multiprocessors: int) -> float:
    """Return a rough count of a multiprocessor's cycles for the layer: a model to rank forms by, nothing measured.

    An instruction of a warp takes a quarter of a cycle in arithmetic and a cycle in loads and stores (a load of four
    weights two; one of inputs a cycle for its address and one for each four lines of memory that it meets). A block
    reads its slice's weights and its tile of the input from the L2. Too few warps wait for memory.
    """
    cycles = 0.0
    for step in form.steps:
        rounds = -(-step.groups * form.columns // form.threads)  # each is an instruction of every warp
        takes = float(step.inputs * form.wide)
        address = 0.0 if step.source is not None else 1.0
        memory = takes * (1.0 + address * max(1.0, 8.0 / form.columns)) + 2.0 * step.quads + step.outputs * form.wide
        arithmetic = (step.weights * form.wide + address * takes) / 4.0
        cycles += rounds * form.threads / 32.0 * max(memory, arithmetic) + BARRIER_CYCLES
    inputs = form.steps[0].groups // form.steps[0].chunks * form.steps[0].inputs
    bytes_read = 4.0 * form.slice_words + inputs * max(SECTOR_BYTES, 4.0 * form.positions)
    blocks = -(-positions // form.positions) * form.slices
    turns = -(-blocks // multiprocessors)
    warps = min(ROOM_BYTES // (4 * form.shared_words), turns) * form.threads / 32.0
    return turns * max(cycles * max(1.0, ENOUGH_WARPS / warps), bytes_read / BYTES_PER_CYCLE)


def choose(shapes: Sequence[Shape], positions: int, multiprocessors: int) -> Form:
    """Return the form for a chain over so many positions; raises :class:`UnfitError` where none fits."""
    forms = list(candidates(shapes))
    if not forms:
        raise UnfitError("its chain keeps more features at once than the {} KB of shared memory hold".format(
            SHARED_BYTES // 1024))
    return min(forms, key=lambda form: modelled_cycles(form, positions, multiprocessors))


def macros(spec: Spec, form: Form, dtype: int, bias: bool, strides: Optional[Tuple[int, int, int]]) -> Dict[str, int]:
    """Return the macros that name the kernel; ``strides`` (channel, row, column) are compiled in where given."""
    kernel = spec.kernel or (1, 1)
    taps = kernel[0] * kernel[1]
    first, last = spec.shapes[0], spec.shapes[-1]
    channels = first[0] * first[2] * first[3] // taps
    whole = first[3] == 1 and form.steps[0].inputs % taps == 0
    fixed = strides or (0, 0, 0)
    found = {
        "GPU_DTYPE": dtype, "GPU_THREADS": form.threads, "GPU_MIN_BLOCKS": 2, "GPU_DYNAMIC_SHARED": 0,
        "DEBUT_STEPS": len(form.steps), "DEBUT_COLUMNS": form.columns, "DEBUT_WIDE": form.wide,
        "DEBUT_SHARED_WORDS": form.shared_words, "DEBUT_SLICES": form.slices,
        "DEBUT_SLICE_WIDTH": first[1] // form.slices, "DEBUT_SLICE_WORDS": form.slice_words,
        "DEBUT_KERNEL_HEIGHT": kernel[0], "DEBUT_KERNEL_WIDTH": kernel[1], "DEBUT_CHANNELS": channels,
        "DEBUT_TAP_ORDER": int(spec.tap_order), "DEBUT_WHOLE_TAPS": int(whole and not spec.tap_order),
        "DEBUT_PADDED": int(channels != spec.in_features),
        "DEBUT_CROPPED": int(last[0] * last[1] * last[3] != spec.out_features), "DEBUT_BIAS": int(bias),
        "DEBUT_FIXED": int(strides is not None), "DEBUT_X_CHANNEL": fixed[0], "DEBUT_X_ROW": fixed[1],
        "DEBUT_X_COLUMN": fixed[2]}
    words = 0
    for number in range(MOST_STEPS):
        step = form.steps[number] if number < len(form.steps) else None
        found.update(_step_macros(number, step, form, words))
        words += 0 if step is None else 4 * step.quads * step.groups
    return found


def _step_macros(number: int, step: Optional[Step], form: Form, words: int) -> Dict[str, int]:
    factors = () if step is None else step.factors  # type: Tuple[Shape, ...]
    pairs = [(shape[1], shape[2]) for shape in factors] + [(1, 1)] * (3 - len(factors))
    places = (0, form.buffers[0])
    values = {"DEPTH": len(factors), "LANES": factors[0][3] if factors else 1, "WORDS": words,
              "BLOCKS": factors[-1][0] if factors else 1, "CHUNKS": 1 if step is None else step.chunks}
    for index, (r, s) in enumerate(pairs):
        values["R{}".format(index + 1)], values["S{}".format(index + 1)] = r, s
    buffers = (None, None) if step is None else (step.source, step.target)
    for word, buffer in zip(("FROM", "TO"), buffers):
        values[word] = 0 if buffer is None else places[buffer]
        values[word + "_SIZE"] = 0 if buffer is None else form.buffers[buffer]
    return {"DEBUT_{}_{}".format(name, number): value for name, value in values.items()}


def _product(numbers: Iterator[int]) -> int:
    found = 1
    for number in numbers:
        found *= number
    return found
