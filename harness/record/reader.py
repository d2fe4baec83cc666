"""Reads a record line by line; whatever is wrong is one sentence with file, line number and field."""

import io
import itertools
import os
from typing import Iterator, List

from harness.record.format1 import Upgrade
from harness.record.lines import Header, Line
from harness.record.schema import SchemaError
from harness.record.sense import Sense
from harness.record.wire import decode, line_decoder, parse
from harness.text import printable

FORMAT = 2
FILE_NAME = "record.jsonl"


#: A line is one unit; the largest that were ever made have some megabytes.
LONGEST_LINE = 64 << 20


class RecordError(Exception):
    """A record that cannot be read or written; the message is one sentence with the remedy."""

    def __init__(self, message: str) -> None:
        super(RecordError, self).__init__(printable(message))


def read_lines(path: str) -> Iterator[Line]:
    """Yield the lines of the record at ``path``, typed; a torn last line is left out.

    Records of earlier formats are brought to the present one on the way. Raises :class:`RecordError`.
    """
    decoder, sense, upgrade = line_decoder(), Sense(), None
    with io.open(path, "rb") as file:
        for number in itertools.count(1):
            raw = file.readline(LONGEST_LINE)
            if not raw.endswith(b"\n"):
                if len(raw) < LONGEST_LINE:
                    return
                raise RecordError("{} line {} is longer than any unit's: this is no record".format(path, number))
            try:
                data = parse(raw.decode("utf-8", "replace"))
                if number == 1:
                    _check_format(path, data.get("format"))
                    upgrade = Upgrade() if data["format"] == 1 else None
                line = decode(upgrade(data) if upgrade is not None else data, decoder)
                if number == 1 and not isinstance(line, Header):
                    raise SchemaError("field 'kind'", "must be 'run' in the first line")
                sense.check(line)
            except SchemaError as error:
                raise RecordError("{} line {}: {}. Restore the file from a copy, or delete that line to lose only "
                                  "that unit".format(path, number, error)) from None
            yield line


def _check_format(path: str, number: object) -> None:
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise RecordError("{} line 1: field 'format' must be a number from 1 to {}: this is no record, or its first "
                          "line is lost".format(path, FORMAT))
    if number > FORMAT:
        raise RecordError("{} was written in record format {}, this version reads up to {}: update the project to "
                          "read it".format(path, number, FORMAT))


def stream_record(path: str) -> Iterator[Line]:
    """Yield every line of the record in folder or file ``path``, the header first. Raises :class:`RecordError`."""
    file = path if os.path.isfile(path) else os.path.join(path, FILE_NAME)
    if not os.path.isfile(file):
        raise RecordError("{} holds no {}: name the folder of a run, such as results/<run id>".format(
            path, FILE_NAME))
    number = 0
    for line in read_lines(file):
        number += 1
        if number > 1 and isinstance(line, Header):
            raise RecordError("{} holds two runs: its record has more than one 'run' line".format(path))
        yield line
    if not number:
        raise RecordError("{} holds no run: its record does not begin with a 'run' line".format(path))


def read_record(path: str) -> List[Line]:
    """Return every line of the record in folder or file ``path``, the header first."""
    return list(stream_record(path))
