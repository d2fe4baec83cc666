"""Finds this machine's :class:`~suites.kernels.tuning.Tuning` with the built library, and keeps it beside that.

One small file for each number of threads: the library's folder already belongs to one CPU model. The file is
written whole or not at all, one process probes while others wait, and a damaged file is probed again.
"""

import ctypes
import errno
import fcntl
import functools
import io
import itertools
import json
import os
import tempfile
import time
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from suites.kernels.geometry import ROWS, STRIDED, Geometry, factors
from suites.kernels.library import GeometryStruct, TuningStruct
from suites.kernels.tuning import DEFAULT, MIB, WAYS, Tuning, choose, kind_of_work

FORMAT = 2
ROUNDS = 3
#: A sample lasts at least this long; a race that takes longer than that ends with the round it is in.
SAMPLE_S, RACE_S = 4e-4, 0.1
#: A sample is disturbed if its threads had the processor for less than this part of the time.
BUSY = 0.8
#: Tensors of so much together are no longer in the caches when their turn comes again.
SPREAD_BYTES = 64 * MIB
LENGTHS = {"short": 64, "long": 1024}
WIDTH = 1024

Clock = Callable[[], float]


class Probed(NamedTuple):
    """One number of threads: a tuning for each kind of work, and how long finding them took.

    ``quiet`` is false where other programs had the processor meanwhile: then nothing was found, the tunings are
    the default and serve one process only.
    """

    threads: int
    seconds: float
    tunings: Dict[str, Tuning]
    quiet: bool = True


def probe_geometry(kind: str, size_bytes: int, dtype: int = 0) -> Geometry:
    """Return a call of this kind of work with ``size_bytes`` of input and of output; ``dtype`` as in Geometry."""
    length = LENGTHS[kind.split()[0]]
    lines = size_bytes // (2 if dtype else 4) // length
    inner = 1 if kind.endswith("rows") else min(WIDTH, lines)
    outer = lines // inner
    step = length * inner
    kind_number = ROWS if inner == 1 else STRIDED
    return Geometry(kind_number, dtype, 0, outer, 1, step, 0, step, 0, inner, 1, length, 1, length, 1, length,
                    length, length, step, inner, step, inner, 0, 0, 0)


class Runner:
    """Runs races on the library, from one buffer into the other and back, as the layers of a network do.

    Or from one into the other of many pairs by turns, whose tensors have left the caches in the meantime.
    """

    def __init__(self, library: Any, threads: int, clock: Clock = time.perf_counter,
                 cpu_clock: Clock = time.process_time, dtype: int = 0) -> None:
        self._library = library
        self._dtype = dtype
        self._threads = threads
        self._clock = clock
        self._cpu_clock = cpu_clock
        self.samples = self.disturbed = 0
        self._memory = None  # type: Any
        self._bytes = 0

    def _buffers(self, size_bytes: int, count: int) -> List[int]:
        """Return the addresses of ``count`` buffers of zeros. What is computed does not change with the values."""
        if self._bytes < count * size_bytes:
            self._memory = ctypes.create_string_buffer(count * size_bytes + 128)
            self._bytes = count * size_bytes
            ctypes.memset(self._memory, 0, len(self._memory))  # now, not while the clock runs
        first = -(-ctypes.addressof(self._memory) // 64) * 64
        return [first + number * size_bytes for number in range(count)]

    def race(self, kind: str, size_bytes: int, forms: Sequence[Tuning], cold: bool = False) -> List[float]:
        """Return the least seconds of each form of this kind of work, taken in turns; ``cold``: on many pairs."""
        buffers = self._buffers(size_bytes, max(2, SPREAD_BYTES // size_bytes) if cold else 2)
        turns = itertools.cycle(list(zip(buffers[::2], buffers[1::2])) if cold else itertools.permutations(buffers))
        geometry = probe_geometry(kind, size_bytes, self._dtype)
        table = (ctypes.c_float * (geometry.p1 * geometry.p2))()
        both = (ctypes.c_double * 2)(*factors(geometry.p1 * geometry.p2, "ortho"))
        plans = [self._library.wht_plan(ctypes.byref(GeometryStruct(*geometry)), ctypes.byref(TuningStruct(*form)),
                                        both, None) for form in forms]
        if None in plans:
            raise MemoryError("no memory for a kernel plan: close other programs")
        best = [float("inf")] * len(forms)
        began = self._clock()
        try:
            for _ in range(ROUNDS):
                for index, plan in enumerate(plans):
                    best[index] = min(best[index], self._sample(plan, turns, cold, table))
                if self._clock() - began > RACE_S:
                    break
        finally:
            for plan in plans:
                self._library.wht_free(plan)
        return best

    def _sample(self, plan: int, turns: Iterator[Tuple[int, int]], cold: bool, table: Any) -> float:
        def there_and_back() -> None:
            for x, y in itertools.islice(turns, 2):
                if self._library.wht_forward(plan, x, y, table, None, self._threads):
                    raise MemoryError("no memory for the kernel's scratch: close other programs")

        if not cold:
            there_and_back()  # what ran before has left the caches to itself
        calls, cpu_started, started = 0, self._cpu_clock(), self._clock()
        while calls == 0 or self._clock() - started < SAMPLE_S:
            there_and_back()
            calls += 2
        seconds, cpu = self._clock() - started, self._cpu_clock() - cpu_started
        self.samples += 1
        self.disturbed += cpu < BUSY * self._threads * seconds
        return seconds / calls

    @property
    def quiet(self) -> bool:
        """Whether no more than every third sample was disturbed."""
        return 3 * self.disturbed <= self.samples


def probe(library: Any, threads: int, clock: Clock = time.perf_counter,
          cpu_clock: Clock = time.process_time, dtype: int = 0) -> Probed:
    """Try every kind of work on ``threads`` threads; takes some tenths of a second on a PC.

    On a machine too busy to tell, which the first race shows, gives up and returns the default.
    """
    runner, began = Runner(library, threads, clock, cpu_clock, dtype), clock()
    found = {}  # type: Dict[str, Tuning]
    for kind, ways in sorted(WAYS.items()):
        found[kind] = choose(functools.partial(runner.race, kind), ways)
        if not runner.quiet:
            return Probed(threads, clock() - began, dict.fromkeys(WAYS, DEFAULT), quiet=False)
    return Probed(threads, clock() - began, found)


def write(path: str, probed: Probed) -> None:
    """Write ``probed`` as JSON by one rename, so that no reader meets half a file."""
    data = {"format": FORMAT, "threads": probed.threads, "seconds": round(probed.seconds, 4),
            "tunings": {kind: dict(tuning._asdict()) for kind, tuning in probed.tunings.items()}}
    handle, work = tempfile.mkstemp(prefix=os.path.basename(path) + ".", dir=os.path.dirname(path))
    try:
        with io.open(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(data, sort_keys=True, indent=1) + "\n")
        os.rename(work, path)
    except BaseException:
        os.unlink(work)
        raise


def read(path: str, threads: int) -> Optional[Probed]:
    """Return what ``path`` holds for ``threads`` threads, ``None`` where it is missing or not whole."""
    try:
        with io.open(path, encoding="utf-8") as file:
            data = json.loads(file.read())
        tunings = {kind: Tuning(**data["tunings"][kind]) for kind in WAYS}
        if data["format"] != FORMAT or data["threads"] != threads:
            return None
        for tuning in tunings.values():
            if any(type(value) is not int or value < 0 for value in tuning) or tuning.far_tile < 16:
                return None
        return Probed(threads, float(data["seconds"]), tunings)
    except (IOError, OSError, ValueError, KeyError, TypeError):
        return None


def kept(folder: str, threads: int, find: Callable[[], Probed]) -> Probed:
    """Return what ``folder`` holds for ``threads`` threads, found and put there first where it holds nothing.

    What was found on a busy machine is not kept.
    In a folder that cannot be written the finding serves this process alone.
    """
    path = os.path.join(folder, "tuning-{}.json".format(threads))
    found = read(path, threads)
    if found is not None:
        return found
    try:
        with open(path + ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would disturb each other's times
            found = read(path, threads)
            if found is None:
                found = find()
                if found.quiet:
                    write(path, found)
            return found
    except (IOError, OSError) as error:
        if error.errno not in (errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOENT, errno.EPERM):
            raise
        return found if found is not None else find()


class Tunings:
    """The tunings of this process, found when first asked for."""

    def __init__(self, find: Callable[[int], Probed], cores: int) -> None:
        self._find = find
        self._cores = cores
        self.probed = {}  # type: Dict[int, Probed]

    def at(self, threads: int) -> Probed:
        """Return what holds on ``threads`` threads; no more than there are cores."""
        threads = max(1, min(threads, self._cores))
        if threads not in self.probed:
            self.probed[threads] = self._find(threads)
        return self.probed[threads]

    def of(self, geometry: Geometry, threads: int) -> Tuning:
        """Return the tuning for a call on ``threads`` threads."""
        return self.at(threads).tunings.get(kind_of_work(geometry), DEFAULT)

    def describe(self) -> Dict[str, Any]:
        """Return what was found, JSON-ready: by number of threads and kind of work, sizes in bytes."""
        return {str(threads): {"probe_seconds": probed.seconds, "quiet": probed.quiet, "kinds": {
            kind: dict(tuning._asdict()) for kind, tuning in sorted(probed.tunings.items())}}
            for threads, probed in sorted(self.probed.items())}


def tunings_of(library: Any, folder: str, dtype: int = 0) -> Tunings:
    """Return the tunings of a loaded library for tensors of ``dtype``, kept in ``folder``."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Tunings(lambda threads: kept(folder, threads, lambda: probe(library, threads, dtype=dtype)), cores)
