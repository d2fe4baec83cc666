"""SIGTERM and SIGHUP as an exception, so that every ``finally`` on the way out runs."""

import contextlib
import signal
import threading
from typing import Any, Dict, Iterator, Sequence

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """The process was told to end; ``number`` is the signal's. Not an ``Exception``: nothing may swallow it."""

    def __init__(self, number: int) -> None:
        super(Ended, self).__init__(number)
        self.number = number

    @property
    def name(self) -> str:
        """The signal's name."""
        return signal.Signals(self.number).name


def _end(number: int, _frame: Any) -> None:
    raise Ended(number)


@contextlib.contextmanager
def ending_signals_raise() -> Iterator[None]:
    """Raise :class:`Ended` on SIGTERM and SIGHUP while the block runs; outside the main thread do nothing.

    A signal that is ignored stays so: under nohup a run outlives its terminal.
    """
    heard = [number for number in ENDING_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    with _handlers(dict.fromkeys(heard, _end)):
        yield


@contextlib.contextmanager
def undisturbed(numbers: Sequence[int] = (signal.SIGINT,) + ENDING_SIGNALS) -> Iterator[None]:
    """Ignore the signals that end a program while the block tidies up."""
    with _handlers(dict.fromkeys(numbers, signal.SIG_IGN)):
        yield


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let the signals that end a program wait until the block is through; none is lost."""
    waiting = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,) + ENDING_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, waiting)


@contextlib.contextmanager
def _handlers(handlers: Dict[int, Any]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
