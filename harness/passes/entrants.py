"""The entrants of one comparison in one worker: each case built, the baseline twice. Imports torch."""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch

from harness.passes.process_state import put_back, read_state, tidied
from harness.plan import Case, Comparison
from harness.subjects import Inputs, build
from harness.witness import Mark


class Entrants(NamedTuple):
    """Case ids with the calls; a baseline stands first and second. ``implementations`` are the forms that run.

    ``inputs`` are those that cases share.
    """

    calls: List[Tuple[str, Callable[[], Any]]]
    implementations: Dict[str, Optional[str]]
    inputs: Inputs


def build_entrants(job: Dict[str, Any], comparison: Comparison, cases: Sequence[Case], mark: Mark,
                   twice: bool = True) -> Entrants:
    """Build ``cases`` as the checks of ``job`` ask for, the first one ``twice``; ``mark`` notes which is being built.

    Its second copy is the A/A check and has weights of its own, so that differences of memory addresses show in the
    noise floor.
    """
    inputs = Inputs(job["seed"])
    found = Entrants([], {}, inputs)
    state = read_state(torch)
    for case in (list(cases[:1]) if twice else []) + list(cases):
        name = comparison.case_id(case)
        mark(job["cases"].index(name))
        subject = build(case, inputs, own_input=name in job.get("own_input", ()))
        put_back(torch, state)
        call = tidied(subject.call, torch, state) if name in job.get("disturbing", ()) else subject.call
        found.calls.append((name, call))
        found.implementations[name] = subject.implementation
    return found
