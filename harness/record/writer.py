"""Appends lines to a record; each is on the disk before :meth:`RecordWriter.append` returns."""

import contextlib
import errno
import fcntl
import io
import os
from typing import Any

from harness.record.lines import Line
from harness.record.reader import FILE_NAME, RecordError
from harness.record.wire import encode
from harness.signals import deferred


class RecordWriter:
    """The one writer of a record: it holds a lock on the file until it is closed or its process dies.

    Raises :class:`RecordError` if another process is at work on the run.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.lost = False  # whether the last line could not be written
        self._size = 0
        self.path = os.path.join(folder, FILE_NAME)
        try:
            os.makedirs(folder, exist_ok=True)
            self._file = io.open(self.path, "ab+", buffering=0)  # noqa: SIM115 - open, and locked, until close()
        except (IOError, OSError) as error:
            raise RecordError("{} cannot be written ({}): copy the run's folder to where it can be".format(
                self.path, error.strerror or error)) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (IOError, OSError) as error:
            self._file.close()
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise RecordError("{} is being written by another process: wait for it to end, or stop it".format(
                folder)) from None
        _cut_torn_tail(self._file)
        self._size = os.fstat(self._file.fileno()).st_size

    def append(self, line: Line) -> None:
        """Write ``line``, flush and sync it.

        Raises ``ValueError`` on a NaN or an infinity and :class:`RecordError` if the file was taken away.
        """
        data = (encode(line) + "\n").encode("ascii")
        with deferred():  # a signal must not leave half a line
            self.lost = True
            self._check_still_there()
            try:
                done = 0
                while done < len(data):
                    done += self._file.write(data[done:]) or 0
                os.fsync(self._file.fileno())
            except (IOError, OSError) as error:
                self._cut_back()
                raise RecordError("{} could not be written ({}): make room, then go on with --resume".format(
                    self.path, error.strerror)) from None
            self._size += len(data)
            self.lost = False

    def close(self) -> None:
        """Give the record free for other processes."""
        self._file.close()

    def __enter__(self) -> "RecordWriter":
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def _cut_back(self) -> None:
        with contextlib.suppress(IOError, OSError):  # the reader leaves a torn line out all the same
            os.ftruncate(self._file.fileno(), self._size)

    def _check_still_there(self) -> None:
        mine = os.fstat(self._file.fileno())
        try:
            there = os.stat(self.path)
        except (IOError, OSError):
            there = None
        if there is None or (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino):
            raise RecordError("{} was deleted or replaced while the run went on: start it again".format(self.path))
        if mine.st_size < self._size:
            raise RecordError("{} was cut by another program while the run went on: start it again".format(self.path))


def _cut_torn_tail(file: Any, chunk: int = 1 << 16) -> None:
    """Drop a last line without its newline: the trace of a power cut in the middle of a write."""
    end = os.fstat(file.fileno()).st_size
    keep = end
    while keep > 0:
        start = max(0, keep - chunk)
        found = os.pread(file.fileno(), keep - start, start).rfind(b"\n")
        if found >= 0:
            keep = start + found + 1
            break
        keep = start
    if keep < end:
        os.ftruncate(file.fileno(), keep)
