"""The cases of one comparison in the same rounds, a process for each, in lock step, driven by one that holds none.

For what cannot share a process: versions of one layer, engines whose threads spin or whose libraries clash. The
baseline has two processes (the second is the A/A check, so it also sees what two processes of the same code differ
by), every rival has one. All wait alike for their turn, so none has the driver's work in its caches.
Imports no torch.
"""

import json
import os
import subprocess
import sys
import tempfile
import time as clock
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.allocator import describe_heap
from harness.passes.launch_job import first_of, wanted
from harness.plan import comparison_from_dict
from harness.process import last_words, worker_environment
from harness.record.codec import Decoder, to_json
from harness.record.time_lines import TimerFacts
from harness.rule import rule_from_dict
from harness.timing.clock_readers import ClockSource, cpu_clock
from harness.timing.engine import run_time_pass
from harness.timing.sampler import Call, Sample, Sampler, Timer
from harness.witness import Mark, marker
from harness.words import Role


class PeerError(RuntimeError):
    """A case that failed in its own process; the message says why in that one's words."""


class Ready(NamedTuple):
    """What a peer says once its case is built: its timer, with the ``caches`` of its samplers, and what runs.

    A case that rested for ``rest_s`` works for ``wake_s`` before it is timed.
    """

    timer: TimerFacts
    caches: Tuple[str, ...]
    resolution_s: float
    implementation: Optional[str]
    wake_s: float
    rest_s: float


class Turn:
    """Stands for a layer that lives in a peer: a sampler asks the peer, nobody calls this."""

    def __init__(self, peer: "Peer") -> None:
        self.peer = peer

    def __call__(self) -> None:
        """Refuse: the layer is elsewhere."""
        raise RuntimeError("a layer in another process is timed there and cannot be called here")


class Peer:
    """One case in a process of its own, running the code in ``folder``. A context manager: it ends with it.

    ``place`` is the case's number in the job: who is at fault for the end of a launch is told by it.
    """

    def __init__(self, name: str, place: int, folder: Optional[str], job: Dict[str, Any]) -> None:
        self.name, self.place = name, place
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open until the peer ends
        reader, writer = os.pipe()
        environment = worker_environment({}, folder)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.passes.peer", str(writer), str(os.getpid())], stdin=subprocess.PIPE,
            stdout=self._log, stderr=self._log, pass_fds=[writer], cwd=folder, env=environment)
        os.close(writer)
        self._answers = os.fdopen(reader, "r")
        self._send(job)

    def ask(self, question: Dict[str, Any]) -> Dict[str, Any]:
        """Send ``question`` and return the answer; raises :class:`PeerError` in the peer's own words if it failed."""
        self._send(question)
        return self.answer()

    def _send(self, what: Dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write((json.dumps(what) + "\n").encode("ascii"))
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended: its answer, or the lack of one, says why

    def answer(self) -> Dict[str, Any]:
        """Return the next answer; raises :class:`PeerError` if the peer failed or ended."""
        line = self._answers.readline()
        if not line:
            self._process.wait()
            raise PeerError("{}: its process ended with status {}: {}".format(
                self.name, self._process.returncode, last_words(self._log)))
        found: Dict[str, Any] = json.loads(line)
        if "error" in found:
            raise PeerError("{}: {}".format(self.name, found["error"]))
        return found

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *error: Any) -> None:
        self._process.kill()
        self._process.wait()
        self._answers.close()
        self._log.close()


class Turns:
    """Whose turn it is, noted with ``mark``: before another peer's, the last one comes to rest."""

    def __init__(self, mark: Mark) -> None:
        self._mark = mark
        self._last: Optional[Peer] = None

    def give(self, peer: Peer) -> bool:
        """Let ``peer`` have the machine to itself; tell whether it rested before.

        Raises :class:`PeerError` if the last one goes on all the same.
        """
        last, self._last = self._last, peer
        if last is not None and last is not peer:
            self._mark(last.place)
            rested = last.ask({"rest": True})
            if not rested["quiet"]:
                raise PeerError("{}: {:.2f} s after its call its threads still use the processor and would slow "
                                "every other case: let them sleep between calls (no spinning)".format(
                                    last.name, rested["rested_s"]))
        self._mark(peer.place)
        return last is not peer


class PeerSampler(Sampler):
    """Lets the peer that holds a layer time it, after ``wake_s`` of work; the last one rests for ``rest_s`` first."""

    def __init__(self, cache: str, index: int, turns: Turns, wake_s: float = 0.0, rest_s: float = 0.0) -> None:
        self.cache = cache
        self._index = index
        self._turns = turns
        self._wake_s, self._rest_s = wake_s, rest_s

    def sample(self, call: Call, calls: int) -> Sample:
        """Time ``calls`` calls of the layer behind ``call`` in its own process."""
        assert isinstance(call, Turn)
        rested = self._turns.give(call.peer)
        found = call.peer.ask({"sampler": self._index, "calls": calls, "wake": rested})
        return Sample(found["seconds"], found["enqueue_s"], found["hidden"])

    def turn_s(self, per_call_s: float) -> float:
        """Return the last one's rest and this one's waking, which is a call at least."""
        return self._rest_s + max(self._wake_s, per_call_s)


class PeerTimer(Timer):
    """The peers' timers as one: the coarsest of their resolutions, and the first one's description."""

    def __init__(self, ready: Sequence[Ready], mark: Mark) -> None:
        turns, first = Turns(mark), ready[0].timer
        wake_s, rest_s = max(one.wake_s for one in ready), max(one.rest_s for one in ready)
        self._described = first._replace(resolution_s=max(one.resolution_s for one in ready))
        super().__init__(first.name, clock.perf_counter, self._described.resolution_s or 0.0, first.overhead_s or 0.0,
                         [PeerSampler(cache, index, turns, wake_s, rest_s)
                          for index, cache in enumerate(ready[0].caches)])

    def describe(self) -> TimerFacts:
        """Return what the record says of the timers."""
        return self._described


def time(job: Dict[str, Any], progress: Callable[..., None]) -> Dict[str, Any]:
    """Time one launch of a comparison whose cases are kept apart; return the payload of a ``time`` line.

    ``job["folders"]`` holds the folder whose code runs a case, by case id, where that is not this project's own.
    """
    names = [one for one in job["cases"] if one in wanted(job)]
    mark = marker(job)

    def report(done: int, planned: int, left_s: float) -> None:
        progress(done, planned, "round {} of at most {}".format(done, planned), left_s)

    progress(0, 1, "building")
    peers: List[Peer] = []
    ready: List[Ready] = []
    try:
        for name in names[:1] + names:
            peers.append(Peer(name, job["cases"].index(name), job["folders"].get(name), dict(job, cases=[name])))
        for peer in peers:
            mark(peer.place)
            ready.append(Decoder().decode(Ready, peer.answer()))
        figures = run_time_pass(
            [(peer.name, Turn(peer)) for peer in peers], PeerTimer(ready, mark), rule_from_dict(job["rule"]),
            job["seed"], role=Role(job["role"]), first=first_of(job), budget_s=job["budget_s"],
            limit_s=job["limit_s"], report=report, launch=job["launch"], clock=_clock_of(job))
    finally:
        for peer in peers:
            peer.__exit__()
    ran: Dict[str, Optional[str]] = {peer.name: found.implementation for peer, found in zip(peers, ready)}
    return dict(to_json(figures), implementations=ran, allocator=describe_heap(os.environ))


def _clock_of(job: Dict[str, Any]) -> ClockSource:
    if comparison_from_dict(job["comparison"]).baseline.device == "cpu":
        return cpu_clock()
    return ClockSource(None, None, "the GPU's clock is not read between processes in lock step")
