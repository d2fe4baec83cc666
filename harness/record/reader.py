"""Reads a record line by line; whatever is wrong is one sentence with file, line number and field.

A line that cannot be read loses only what it held: it is yielded as :class:`Damaged`. Without the first line, the
plan, nothing can be told of a record, so there the reading ends.
"""

import io
import itertools
import os
from typing import IO, Any, Dict, Iterator, List, Optional, Tuple, Union

from harness.record.damage import Damaged, place_of
from harness.record.format1 import Upgrade
from harness.record.lines import Header, Line
from harness.record.schema import SchemaError
from harness.record.sense import Sense
from harness.record.wire import Data, Decoding, decoding, is_unusual, parse, shape_of
from harness.text import printable

FORMAT = 2
FILE_NAME = "record.jsonl"


#: A line is one unit; the largest that were ever made have some megabytes.
LONGEST_LINE = 64 << 20

#: So much of the file is read at once.
BUFFER_BYTES = 1 << 18

#: Lines are read together, those of a kind at once, as far as so many bytes of them go: a few dozen, still in
#: the processor's cache when they become typed. A megabyte of them took a tenth longer.
TOGETHER_BYTES = 1 << 17

#: What a record holds, line by line.
Entry = Union[Line, Damaged]


class RecordError(Exception):
    """A record that cannot be read or written; the message is one sentence with the remedy."""

    def __init__(self, message: str) -> None:
        super(RecordError, self).__init__(printable(message))


def read_lines(path: str, how: Optional[Decoding] = None) -> Iterator[Entry]:
    """Yield the lines of the record at ``path``, typed; a torn last line is left out.

    ``how`` reads them otherwise than :func:`harness.record.wire.decoding`. Records of earlier formats are
    brought to the present one on the way. Raises :class:`RecordError`.
    """
    with io.open(path, "rb", buffering=BUFFER_BYTES) as file:
        lines = _Lines(path, how or decoding())
        for number in itertools.count(1):
            raw = file.readline(LONGEST_LINE)
            whole = raw.endswith(b"\n")
            if whole and number == 1:
                yield lines.first(raw)
            elif whole:
                lines.put(raw, number)
            elif len(raw) == LONGEST_LINE and number == 1:
                raise RecordError("{} line 1 is longer than any unit's: this is no record".format(path))
            if not whole or lines.waiting_bytes > TOGETHER_BYTES:
                for line in lines.take():
                    yield line
            if not whole:
                if len(raw) < LONGEST_LINE or not _skip_line(file):
                    return
                yield Damaged(number, "the line", "is longer than any unit's")


class _Lines:
    """Reads the lines of one record in order."""

    def __init__(self, path: str, how: Decoding) -> None:
        self._path = path
        self._how, self._sense = how, Sense()
        self._upgrade: Optional[Upgrade] = None
        self._waiting: List[Tuple[int, bytes]] = []
        self.waiting_bytes = 0

    def first(self, raw: bytes) -> Line:
        """Return the header. Raises :class:`RecordError`."""
        try:
            data = parse(raw)
            _check_format(self._path, data.get("format"))
            self._upgrade = Upgrade() if data["format"] == 1 else None
            line = self._checked(self._how.one(self._present(data)))
            if not isinstance(line, Header):
                raise SchemaError("field 'kind'", "must be 'run' in the first line")
            return line
        except SchemaError as error:
            raise RecordError("{} line 1: {}. Restore the file from a copy: nothing can be told of a run without its "
                              "first line".format(self._path, error)) from None

    def put(self, raw: bytes, number: int) -> None:
        """Take the line ``number``, to be read with others of its kind."""
        self._waiting.append((number, raw))
        self.waiting_bytes += len(raw)

    def take(self) -> List[Entry]:
        """Return the lines that were put, in order."""
        waiting, self._waiting, self.waiting_bytes = self._waiting, [], 0
        found: Dict[int, Entry] = {}
        alike: Dict[Any, Dict[int, Data]] = {}
        usual = not is_unusual(b"".join([raw for _, raw in waiting]))
        for number, raw in waiting:
            try:
                data = self._present(parse(raw, usual))
                alike.setdefault((shape_of(data), tuple(data)), {})[number] = data
            except SchemaError as error:
                found[number] = Damaged(number, error.field, error.problem)
        for (shape, _), own in alike.items():
            lines = None if shape is None else self._how.all(shape, list(own.values()))
            for place, (number, data) in enumerate(own.items()):
                try:
                    found[number] = self._checked(self._how.one(data) if lines is None else lines[place])
                except SchemaError as error:
                    found[number] = Damaged(number, error.field, error.problem, *place_of(data))
        return [found[number] for number, _ in waiting]

    def _present(self, data: Data) -> Data:
        return data if self._upgrade is None else self._upgrade(data)

    def _checked(self, line: Line) -> Line:
        self._sense.check(line)
        return line


def _skip_line(file: IO[bytes]) -> bool:
    """Read on to the end of the line; return whether there is one."""
    while True:
        raw = file.readline(LONGEST_LINE)
        if raw.endswith(b"\n"):
            return True
        if len(raw) < LONGEST_LINE:
            return False


def _check_format(path: str, number: object) -> None:
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise RecordError("{} line 1: field 'format' must be a number from 1 to {}: this is no record, or its first "
                          "line is lost".format(path, FORMAT))
    if number > FORMAT:
        raise RecordError("{} was written in record format {}, this version reads up to {}: update the project to "
                          "read it".format(path, number, FORMAT))


def file_of(path: str) -> str:
    """Return the record's file in folder or file ``path``. Raises :class:`RecordError`."""
    file = path if os.path.isfile(path) else os.path.join(path, FILE_NAME)
    if not os.path.isfile(file):
        raise RecordError("{} holds no {}: name the folder of a run, such as results/<run id>".format(
            path, FILE_NAME))
    return file


def stream_record(path: str, how: Optional[Decoding] = None) -> Iterator[Entry]:
    """Yield every line of the record in folder or file ``path``, the header first; see :func:`read_lines`.

    Raises :class:`RecordError`.
    """
    number = 0
    for line in read_lines(file_of(path), how):
        number += 1
        if number > 1 and isinstance(line, Header):
            raise RecordError("{} holds two runs: its record has more than one 'run' line".format(path))
        yield line
    if not number:
        raise RecordError("{} holds no run: its record does not begin with a 'run' line".format(path))


def read_record(path: str) -> List[Entry]:
    """Return every line of the record in folder or file ``path``, the header first."""
    return list(stream_record(path))
