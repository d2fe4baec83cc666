"""The input that rivals share while they are timed: as it was after the launch, or the one who changed it is named.

The check before a run sees a layer's first call. One that begins to work in place later (after it has traced itself,
once a cache is full) would slow its neighbours, whose input decays, without a word.
"""

from typing import Any, Callable, Optional, Sequence

from harness.passes.verify import same_bits
from harness.timing.sampler import Call

#: Calls that tell who changes the input.
CALLS = 3


class SharedInputError(RuntimeError):
    """A case changed the input that all share; its times, and those of the others, are none."""


class Guard:
    """Knows how the shared inputs were when it was made."""

    def __init__(self, inputs: Sequence[Any]) -> None:
        self._inputs = list(inputs)
        self._before = [x.detach().clone() for x in self._inputs]

    def intact(self) -> bool:
        """Whether every input holds the bits that it held."""
        return all(same_bits(x, before) for x, before in zip(self._inputs, self._before))

    def put_back(self) -> None:
        """Give every input the bits that it held."""
        for x, before in zip(self._inputs, self._before):
            x.detach().copy_(before)

    def culprit(self, calls: Sequence[Call], synchronize: Callable[[], Any]) -> Optional[int]:
        """Return which of ``calls`` changes an input, ``None`` if a few calls of each do not."""
        for index, call in enumerate(calls):
            self.put_back()
            for _ in range(CALLS):
                call()
            synchronize()
            if not self.intact():
                return index
        return None


def check(guard: Guard, calls: Sequence[Call], synchronize: Callable[[], Any], name: Callable[[int], None]) -> None:
    """Raise :class:`SharedInputError` if an input is not as it was; ``name`` is told whose doing it is."""
    if guard.intact():
        return
    found = guard.culprit(calls, synchronize)
    if found is not None:
        name(found)
    raise SharedInputError("it changed the input that all cases share, though not in the call that was checked: "
                             "give it a copy of its own, or let it work out of place")
