"""Versions of one layer in the same rounds: a process for each, all in lock step, driven by one that holds no layer.

The old version has two processes (the second is the A/A check, so it also sees what two processes of the same code
differ by), the new one has one. All three wait alike for their turn, so none has the driver's work in its caches.
Imports no torch.
"""

import json
import os
import subprocess
import sys
import tempfile
import time as clock
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from harness.allocator import describe_heap
from harness.passes.launch_job import first_of
from harness.plan import comparison_from_dict
from harness.process import last_words, run_worker, worker_environment
from harness.reasons import sentence
from harness.record.codec import to_json
from harness.rule import rule_from_dict
from harness.timing.clock_readers import ClockSource, cpu_clock
from harness.timing.engine import run_time_pass
from harness.timing.sampler import Call, Sample, Sampler, Timer
from harness.versions import folder_of
from harness.words import Role

CHECK_LIMIT_S = 900.0


class Turn:
    """Stands for a layer that lives in a peer: a sampler asks the peer, nobody calls this."""

    def __init__(self, peer: "Peer") -> None:
        self.peer = peer

    def __call__(self) -> None:
        """Refuse: the layer is elsewhere."""
        raise RuntimeError("a layer in another process is timed there and cannot be called here")


class Peer:
    """One case in a process of its own, running the code in ``folder``. A context manager: it ends with it."""

    def __init__(self, name: str, folder: str, job: Dict[str, Any]) -> None:
        self.name = name
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open until the peer ends
        reader, writer = os.pipe()
        environment = worker_environment({}, folder)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.passes.peer", str(writer), str(os.getpid())], stdin=subprocess.PIPE,
            stdout=self._log, stderr=self._log, pass_fds=[writer], cwd=folder, env=environment)
        os.close(writer)
        self._answers = os.fdopen(reader, "r")
        self.ask(job, wait=False)

    def ask(self, question: Dict[str, Any], wait: bool = True) -> Dict[str, Any]:
        """Send ``question`` and return the answer; raises ``RuntimeError`` with the peer's own words if it failed."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write((json.dumps(question) + "\n").encode("ascii"))
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended: its answer, or the lack of one, says why
        return self.answer() if wait else {}

    def answer(self) -> Dict[str, Any]:
        """Return the next answer."""
        line = self._answers.readline()
        if not line:
            self._process.wait()
            raise RuntimeError("{}: its process ended with status {}: {}".format(
                self.name, self._process.returncode, last_words(self._log)))
        found: Dict[str, Any] = json.loads(line)
        if "error" in found:
            raise RuntimeError("{}: {}".format(self.name, found["error"]))
        return found

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *error: Any) -> None:
        self._process.kill()
        self._process.wait()
        self._answers.close()
        self._log.close()


class Turns:
    """Whose turn it is: before another peer's, the last one comes to rest."""

    def __init__(self) -> None:
        self._last: Optional[Peer] = None

    def give(self, peer: Peer) -> None:
        """Let ``peer`` have the machine to itself."""
        if self._last is not None and self._last is not peer:
            self._last.ask({"rest": True})
        self._last = peer


class PeerSampler(Sampler):
    """Lets the peer that holds a layer time it."""

    def __init__(self, cache: str, index: int, turns: Turns) -> None:
        self.cache = cache
        self._index = index
        self._turns = turns

    def sample(self, call: Call, calls: int) -> Sample:
        """Time ``calls`` calls of the layer behind ``call`` in its own process."""
        assert isinstance(call, Turn)
        self._turns.give(call.peer)
        found = call.peer.ask({"sampler": self._index, "calls": calls})
        return Sample(found["seconds"], found["enqueue_s"], found["hidden"])


class PeerTimer(Timer):
    """The peers' timers as one: the coarsest of their resolutions, and the first one's description."""

    def __init__(self, ready: Sequence[Dict[str, Any]]) -> None:
        turns = Turns()
        self._described = dict(ready[0]["timer"], resolution_s=max(one["resolution_s"] for one in ready))
        super().__init__(self._described["name"], clock.perf_counter, self._described["resolution_s"],
                         self._described["overhead_s"],
                         [PeerSampler(cache, index, turns) for index, cache in enumerate(ready[0]["caches"])])

    def describe(self) -> Dict[str, Any]:
        """Return the timer as JSON-ready data for the record."""
        return dict(self._described)


def verify(job: Dict[str, Any], progress: Callable[..., None]) -> Dict[str, Any]:
    """Check each case in a process that runs its own version; return the payload of a ``verify`` line."""
    results: List[Any] = []
    cases = _placed(job)
    for done, (name, folder) in enumerate(cases):
        progress(done, len(cases), name)
        inner = dict(job, cases=[name])
        inner["pass"] = "verify"
        outcome = run_worker(inner, CHECK_LIMIT_S, folder=folder)
        if outcome.payload is None:
            raise RuntimeError("{}: {}".format(name, sentence(outcome.reason)))
        results.extend(outcome.payload["results"])
    return {"results": results}


def time(job: Dict[str, Any], progress: Callable[..., None]) -> Dict[str, Any]:
    """Time one launch of a comparison of versions; return the payload of a ``time`` line."""
    (baseline, old), (rival, new) = _placed(job)
    names: List[Tuple[str, str]] = [(baseline, old), (baseline, old), (rival, new)]

    def report(done: int, planned: int, left_s: float) -> None:
        progress(done, planned, "round {} of at most {}".format(done, planned), left_s)

    progress(0, 1, "building")
    peers: List[Peer] = []
    try:
        for name, folder in names:
            peers.append(Peer(name, folder, dict(job, cases=[name])))
        ready = [peer.answer() for peer in peers]
        entrants = [(name, Turn(peer)) for (name, _), peer in zip(names, peers)]
        figures = run_time_pass(
            entrants, PeerTimer(ready), rule_from_dict(job["rule"]), job["seed"], role=Role(job["role"]),
            first=first_of(job), budget_s=job["budget_s"], limit_s=job["limit_s"], report=report,
            launch=job["launch"], clock=_clock_of(job))
    finally:
        for peer in peers:
            peer.__exit__()
    ran: Dict[str, Optional[str]] = {name: found["implementation"] for (name, _), found in zip(names, ready)}
    return dict(to_json(figures), implementations=ran, allocator=describe_heap(os.environ))


def _placed(job: Dict[str, Any]) -> List[Tuple[str, str]]:
    """Return the ids of the job's cases, each with the folder whose code runs it."""
    comparison = comparison_from_dict(job["comparison"])
    return [(comparison.case_id(case), folder_of(case, job["versions"])) for case in comparison.cases
            if comparison.case_id(case) in job["cases"]]


def _clock_of(job: Dict[str, Any]) -> ClockSource:
    if comparison_from_dict(job["comparison"]).baseline.device == "cpu":
        return cpu_clock()
    return ClockSource(None, None, "the GPU's clock is not read between processes in lock step")
