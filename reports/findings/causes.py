"""What differs between runs, grouped into what explains a difference in speed and what does not."""

from typing import List, NamedTuple, Sequence, Tuple

from harness.words import Word
from reports.findings.environment import Difference


class Cause(Word):
    """What a fact of the environment can explain, in the order it is said."""

    BOARD = "board"
    POWER = "power mode"
    CLOCKS = "clocks"
    BACKEND = "backend and precision"
    THREADS = "device and threads"
    ROOF = "the roof as measured"
    VERSIONS = "versions"
    CODE = "the measured code"
    NONE = "explains no difference in speed"


class Group(NamedTuple):
    """Differences of one cause."""

    cause: Cause
    differences: Tuple[Difference, ...]


#: The longest beginning of a fact's dotted name decides. What is in none of them explains nothing by itself.
BEGINNINGS = (
    ("board.", Cause.BOARD), ("cpu.", Cause.BOARD), ("gpu.", Cause.BOARD), ("memory.total_bytes", Cause.BOARD),
    ("board.l4t", Cause.VERSIONS), ("board.jetpack", Cause.VERSIONS), ("gpu.driver", Cause.VERSIONS),
    ("roof.", Cause.ROOF), ("os.machine", Cause.BOARD), ("os.kernel", Cause.VERSIONS), ("os.aslr", Cause.VERSIONS),
    ("clocks.", Cause.CLOCKS), ("clocks.power_mode", Cause.POWER), ("clocks.lock_messages", Cause.NONE),
    ("settings.lock_clocks", Cause.CLOCKS),
    ("gpu.tf32", Cause.BACKEND), ("torch.", Cause.BACKEND), ("kernels.", Cause.BACKEND),
    ("torch.version", Cause.VERSIONS),
    ("torch.cuda", Cause.VERSIONS), ("torch.cudnn", Cause.VERSIONS), ("torch.cudnn_", Cause.BACKEND),
    ("torch.threads", Cause.THREADS), ("settings.threads", Cause.THREADS), ("settings.device", Cause.THREADS),
    ("python.version", Cause.VERSIONS), ("python.packages.numpy", Cause.VERSIONS),
    ("git.commit", Cause.CODE), ("git.dirty", Cause.CODE))


def cause_of(name: str) -> Cause:
    """Return what the fact with the dotted ``name`` can explain."""
    if name.endswith("seconds"):  # how long finding the fastest form took says nothing of the form
        return Cause.NONE
    found = [(len(beginning), cause) for beginning, cause in BEGINNINGS if name.startswith(beginning)]
    return max(found, key=lambda pair: pair[0])[1] if found else Cause.NONE


def grouped(found: Sequence[Difference]) -> Tuple[Group, ...]:
    """Return ``found`` by cause, in the order of :class:`Cause`; causes without a difference are left out."""
    groups: List[Group] = []
    for cause in Cause:
        own = tuple(one for one in found if cause_of(one.name) is cause)
        if own:
            groups.append(Group(cause, own))
    return tuple(groups)
