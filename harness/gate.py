"""A gate that a worker waits at: what loads side by side with others is measured when its own turn has come."""

import contextlib
import select
import socket
from typing import Optional

_WORD = b"!"


class Gate:
    """The controller's side. Raises ``OSError`` where no sockets can be made."""

    def __init__(self) -> None:
        self._mine, self._theirs = socket.socketpair()

    def fileno(self) -> int:
        """Return the descriptor that a worker inherits."""
        return self._theirs.fileno()

    def given(self) -> None:
        """Let go of the worker's end, once the worker has it: the gate then tells of its death too."""
        self._theirs.close()

    def reached_within(self, seconds: float) -> bool:
        """Wait until the worker stands at the gate, or has ended; return whether either happened in time."""
        poll = select.poll()
        poll.register(self._mine, select.POLLIN)
        return bool(poll.poll(1000.0 * max(0.0, seconds)))

    def open(self) -> None:
        """Let the worker go on."""
        with contextlib.suppress(OSError):  # it has ended, which its pipe tells
            self._mine.send(_WORD)

    def close(self) -> None:
        """Give the descriptors back."""
        self._mine.close()
        self._theirs.close()


def wait_for_turn(descriptor: Optional[int]) -> None:
    """Return, in a worker, when the gate that came as ``descriptor`` opens; at once where there is none.

    Raises ``ConnectionError`` where the controller took the gate away.
    """
    if descriptor is None:
        return
    with socket.socket(fileno=descriptor) as gate:
        gate.send(_WORD)
        if gate.recv(len(_WORD)) != _WORD:
            raise ConnectionError("the gate was taken away")
