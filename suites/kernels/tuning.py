"""What cannot be known of a machine but by trying: from which size on tensors are treated as lying past the caches.

What the system reports does not say it: a virtual machine may report its host's whole cache, of which it gets a
part. So forms of the same work race each other (:mod:`suites.kernels.probe` runs them), and :func:`choose` reads
the answer. Nothing here touches a clock, a file or a library.
"""

from typing import Callable, Dict, List, NamedTuple, Sequence

from suites.kernels.geometry import ROWS, Geometry

MIB = 1024 ** 2
NEVER = 1 << 62
#: Axes up to this length are one kind of work, longer ones another: they pass through the caches differently.
SHORT = 128
#: Output sizes that are tried, in bytes, and the one that is tried first.
SIZES = tuple(n * MIB for n in (1, 2, 4, 8, 16, 32))
FIRST = SIZES.index(8 * MIB)
#: A form must take at most this part of the usual one's time to be preferred: less than that may be noise.
MARGIN = 0.95


class Tuning(NamedTuple):
    """``struct Tuning`` of ``cpu/plan.h``, field by field.

    Outputs of more than ``past_cache_bytes`` are stored past the caches, inputs of more than ``prefetch_bytes``
    fetched ahead. Of these, long strided axes go two tiles at a time if ``in_flight``, and strided tiles are at
    most ``far_tile`` floats wide.
    """

    past_cache_bytes: int
    prefetch_bytes: int
    in_flight: int = 1
    far_tile: int = 64


#: Where nothing could be tried.
DEFAULT = Tuning(8 * MIB, 8 * MIB)
NEAR = Tuning(NEVER, NEVER)
#: The ways for large tensors, the usual one first.
WAYS: Dict[str, Sequence[Tuning]] = {
    "short strided": (Tuning(0, 0, 0, 64), Tuning(NEVER, 0, 0, 64), Tuning(0, NEVER), Tuning(0, 0, 0, 128)),
    "long strided": (Tuning(0, 0, 1, 64), Tuning(0, 0, 0, 64), Tuning(NEVER, 0, 0, 64), Tuning(0, NEVER),
                     Tuning(0, 0, 0, 128)),
    "short rows": (Tuning(0, 0), Tuning(NEVER, 0), Tuning(0, NEVER)),
    "long rows": (Tuning(0, 0), Tuning(NEVER, 0), Tuning(0, NEVER)),
}

#: Given an output size in bytes and forms of the work, returns each one's time in seconds: on two buffers again and
#: again, or, if the last is true, on tensors that other work has driven out of the caches since they were used.
Race = Callable[[int, Sequence[Tuning], bool], List[float]]


def kind_of_work(geometry: Geometry) -> str:
    """Return which of the kinds of work in :data:`WAYS` a call is."""
    return "{} {}".format("short" if geometry.p1 * geometry.p2 <= SHORT else "long",
                          "rows" if geometry.kind == ROWS else "strided")


def choose(race: Race, ways: Sequence[Tuning]) -> Tuning:
    """Return the best of ``ways`` with the size from which on it beats work within the caches.

    Tried at 8 MiB first: where work within the caches wins there, larger sizes follow, else smaller ones by halves.
    Times that contradict each other cost little: near the size they change places the two are equally good.
    """
    index = FIRST
    found = best_way(race, SIZES[index], ways)
    if found == NEAR:
        index = len(SIZES) - 1
        found = best_way(race, SIZES[index], ways)
        if found == NEAR:
            return NEAR
        low, high = FIRST, index
    else:
        low, high = -1, index
    while high - low > 1:
        middle = (low + high) // 2
        near, far = race(SIZES[middle], (NEAR, found), False)
        low, high = (low, middle) if wins_past_caches(race, SIZES[middle], near, far, found) else (middle, high)
    # Won at this size and lost at half of it: the limit is between them.
    limit = SIZES[high] * 3 // 4
    return found._replace(past_cache_bytes=max(found.past_cache_bytes, limit),
                          prefetch_bytes=max(found.prefetch_bytes, limit))


def best_way(race: Race, size: int, ways: Sequence[Tuning]) -> Tuning:
    """Return the way that wins at outputs of ``size`` bytes; the usual one is the first of ``ways``."""
    warm = race(size, (NEAR,) + tuple(ways), False)
    chosen = _fastest(warm[1:])
    if _says_nothing(warm[0], warm[1 + chosen]):
        cold = race(size, (NEAR,) + tuple(ways), True)
        chosen = _fastest(cold[1:])
        near = not cold[1 + chosen] < cold[0] * MARGIN or warm[0] < warm[1 + chosen] * MARGIN
    else:
        near = warm[0] < warm[1 + chosen]
    return NEAR if near else ways[chosen]


def wins_past_caches(race: Race, size: int, near: float, far: float, way: Tuning) -> bool:
    """Return whether ``way`` beats work within the caches, given their seconds on two buffers.

    Where those say nothing, tensors out of the caches decide, as other layers leave them between two calls: of two
    ways that are equal on two buffers one may take half of the other's time there.
    """
    if _says_nothing(near, far):
        near, far = race(size, (NEAR, way), True)
    return far < near * MARGIN


def _fastest(seconds: Sequence[float]) -> int:
    """Return the place of the fastest way, of the first where no other is faster by the margin."""
    fastest = min(range(len(seconds)), key=seconds.__getitem__)
    return fastest if seconds[fastest] < seconds[0] * MARGIN else 0


def _says_nothing(near: float, far: float) -> bool:
    return min(near, far) >= max(near, far) * MARGIN
