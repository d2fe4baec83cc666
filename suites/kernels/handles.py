"""Objects of a built library, each freed with the last reference to it."""

from typing import Any, Callable


class Handle:
    """What a library's function returned: ``pointer``, given to ``free`` when nobody has this any more.

    ``needs`` is what must outlive it. A call in another thread that holds it keeps it alive.

    Raises ``MemoryError`` for a null pointer.
    """

    __slots__ = ("pointer", "_free", "_needs")

    def __init__(self, pointer: Any, free: Callable[[Any], Any], needs: Any = None) -> None:
        self.pointer = pointer
        if not pointer:
            raise MemoryError("no memory for a kernel plan: close other programs")
        self._free, self._needs = free, needs

    def __del__(self) -> None:
        if self.pointer:
            self._free(self.pointer)
