"""The lines a worker may send, read strictly: whatever else comes through its pipe is a :class:`ForeignError`."""

import json
import math
from typing import Any, Dict, Iterator, NamedTuple, Optional, Union

#: A launch of hundreds of rivals sends some megabytes; beyond this it is no message.
MOST_BYTES = 256 << 20


class ForeignError(ValueError):
    """Something on the pipe that no worker of this version sends; the text says what."""


class Progress(NamedTuple):
    """So much of the unit is done: ``done`` of ``total`` steps, ``left_s`` seconds to go at most."""

    done: float
    total: float
    what: str
    left_s: Optional[float]


class Result(NamedTuple):
    """The unit's payload: the worker did its job."""

    payload: Dict[str, Any]


class Error(NamedTuple):
    """The exception that ended the unit, in one line."""

    reason: str


Message = Union[Progress, Result, Error]


class Messages:
    """Cuts what a pipe brings into messages; holds at most ``most_bytes`` of an unfinished one."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._waiting = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """Yield the messages that ``chunk`` completes. Raises :class:`ForeignError`."""
        begin = 0
        while True:
            end = chunk.find(b"\n", begin)
            if end < 0:
                break
            line = bytes(self._waiting) + chunk[begin:end]
            del self._waiting[:]
            yield read_message(line)
            begin = end + 1
        self._waiting += chunk[begin:]
        if len(self._waiting) > self._most_bytes:
            raise ForeignError("a message of more than {} bytes came".format(self._most_bytes))


def read_message(line: bytes) -> Message:
    """Return the message in ``line``. Raises :class:`ForeignError`."""
    try:
        data = json.loads(line.decode("ascii"), parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise ForeignError("something that is no message came through its pipe") from None
    event = data.get("event") if isinstance(data, dict) else None
    if event == "result" and isinstance(data.get("payload"), dict):
        return Result(data["payload"])
    if event == "error" and isinstance(data.get("reason"), str):
        return Error(data["reason"])
    if event == "progress" and _is_number(data.get("done")) and _is_number(data.get("total")) and \
            isinstance(data.get("what"), str) and (data.get("left_s") is None or _is_number(data["left_s"])):
        return Progress(data["done"], data["total"], data["what"], data.get("left_s"))
    raise ForeignError("a message of an unknown kind came through its pipe")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _no_constant(name: str) -> Any:
    raise ValueError("{} is no JSON number".format(name))


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("{} is too large a number".format(text))
    return value
