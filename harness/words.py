"""Words with a fixed vocabulary: what code decides on. Sentences are made from them at the edge."""

from enum import Enum


class Word(str, Enum):
    """A member is its text everywhere: in JSON, in a format string, as a key."""

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(str(self.value), spec)


class Pass(Word):
    """One kind of measuring, in the order they run inside a comparison."""

    VERIFY = "verify"
    TIME = "time"
    MEMORY = "memory"
    ENERGY = "energy"
    FIT = "fit"
    SOAK = "soak"


class Status(Word):
    """How a unit of work ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


class RunStatus(Word):
    """How a session of a run ended."""

    COMPLETE = "complete"
    INTERRUPTED = "interrupted"


class Heap(Word):
    """The settings of malloc that a worker runs under."""

    WARM = "warm"               # keeps what was freed: the time pass
    PINNED = "pinned"           # glibc's starting thresholds, held: what ran before does not change a figure
    DEFAULT = "default"         # nothing set: what a user's own process gets


#: The heaps that memory is measured on.
MEASURED_HEAPS = (Heap.PINNED, Heap.DEFAULT)


class State(Word):
    """A verdict, or one launch's part in it."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    CANNOT_TELL = "cannot tell"
    UNCHANGED = "unchanged"     # between runs: the interval holds 1, and its width says within what
    SMALLER = "smaller"         # of memory
    LARGER = "larger"
    UNDECIDED = "undecided"
    AGREES = "agrees"
    CONTRADICTS = "contradicts"


class Role(Word):
    """What a launch is for: the first decides, the later ones confirm; one of a run made for comparing does neither.

    That one plays all its rounds with every rival and looks at them once, at the end.
    """

    FIRST = "first"
    CONFIRM = "confirm"
    WHOLE = "whole"
