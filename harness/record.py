"""The recorded run: one folder with one append-only text file, ``record.jsonl``.

Every line is one JSON object with a ``kind``: ``run`` first (format, plan, settings), then ``session``
(one for each start or resume: argv, environment), then one ``pass`` line for each finished unit of
work, flushed and synced before the next begins, and ``end``. ``results/README.md`` documents the fields.
"""

import io
import json
import os
from typing import Any, Dict, Iterator, List, Optional, Tuple

from harness.plan import Case, Comparison, comparison_from_dict

FORMAT = 1
FILE_NAME = "record.jsonl"

Line = Dict[str, Any]


class RecordError(Exception):
    """A record that cannot be read; the message is one sentence with the remedy."""


class RecordWriter:
    """Appends lines to a record; each is on the disk before :meth:`append` returns."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.path = os.path.join(folder, FILE_NAME)
        os.makedirs(folder, exist_ok=True)
        _cut_torn_tail(self.path)

    def append(self, line: Line) -> None:
        """Write ``line``, flush and sync it. Raises ``ValueError`` on a NaN or an infinity."""
        text = json.dumps(line, sort_keys=True, allow_nan=False, separators=(",", ":"))
        with io.open(self.path, "a", encoding="ascii", newline="\n") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())


def _cut_torn_tail(path: str) -> None:
    """Drop a last line without its newline: the trace of a power cut in the middle of a write."""
    if not os.path.exists(path):
        return
    with open(path, "rb+") as file:
        data = file.read()
        if data and not data.endswith(b"\n"):
            file.truncate(data.rfind(b"\n") + 1)


def read_lines(path: str) -> Iterator[Line]:
    """Yield the whole lines of the record at ``path``; a torn last line is left out."""
    with io.open(path, "r", encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            if not text.endswith("\n"):
                return
            try:
                yield json.loads(text)
            except ValueError:
                raise RecordError("{} line {} is not JSON: restore the file from a copy, or delete that line "
                                  "to lose only that pass".format(path, number)) from None


class Run:
    """A recorded run, read once. ``lines`` holds every line; the methods pick from it."""

    def __init__(self, folder: str, lines: List[Line]) -> None:
        if not lines or lines[0].get("kind") != "run":
            raise RecordError("{} holds no run: its record does not begin with a 'run' line".format(folder))
        self.folder = folder
        self.lines = lines
        self.header = lines[0]
        if self.header["format"] > FORMAT:
            raise RecordError("{} was written in record format {}, this version reads up to {}: update the "
                              "project to read it".format(folder, self.header["format"], FORMAT))

    @property
    def id(self) -> str:
        """The run's identifier, also its folder's usual name."""
        return self.header["id"]

    @property
    def suite(self) -> str:
        """Name of the suite that was run."""
        return self.header["suite"]

    @property
    def comparisons(self) -> List[Comparison]:
        """The plan, in order."""
        return [comparison_from_dict(data) for data in self.header["comparisons"]]

    @property
    def sessions(self) -> List[Line]:
        """One line for each start or resume; the first one's environment describes the run."""
        return [line for line in self.lines if line["kind"] == "session"]

    @property
    def environment(self) -> Dict[str, Any]:
        """The environment of the first session, an empty dict if the run stopped before it."""
        return self.sessions[0]["environment"] if self.sessions else {}

    @property
    def ended(self) -> bool:
        """Whether the run reached its end (a stopped run can be resumed)."""
        return any(line["kind"] == "end" and line["status"] == "complete" for line in self.lines)

    def passes(self, name: Optional[str] = None, comparison: Optional[str] = None,
               case: Optional[str] = None) -> List[Line]:
        """Return the recorded units, filtered by pass name, comparison id and case id."""
        return [line for line in self.lines if line["kind"] == "pass"
                and (name is None or line["pass"] == name)
                and (comparison is None or line["comparison"] == comparison)
                and (case is None or line.get("case") == case)]

    def launches(self, comparison: str) -> List[Line]:
        """Return the time pass's launches of a comparison in order."""
        return sorted(self.passes("time", comparison), key=lambda line: line["launch"])

    def cases(self) -> List[Tuple[Comparison, Case, str]]:
        """Return every planned case with its comparison and its id."""
        return [(comparison, case, comparison.case_id(case))
                for comparison in self.comparisons for case in comparison.cases]

    def to_frame(self) -> Any:
        """Return the tidy pandas DataFrame: one row per case and pass (columns: ``results/README.md``)."""
        from harness.frame import run_to_frame

        return run_to_frame(self)


def load_run(path: str) -> Run:
    """Read the run in folder ``path`` (or the record file itself).

    Raises :class:`RecordError` if there is none or it was written by a later format.
    """
    file = path if os.path.isfile(path) else os.path.join(path, FILE_NAME)
    if not os.path.isfile(file):
        raise RecordError("{} holds no {}: name the folder of a run, such as results/<run id>".format(
            path, FILE_NAME))
    return Run(os.path.dirname(file) or ".", list(read_lines(file)))
