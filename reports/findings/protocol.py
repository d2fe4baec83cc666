"""The papers' own script played again: its rounds as they came, and what became of each of its claims.

A case says in its option ``published`` which printed case (``comparison/case``) it is. Before the rounds of the
verdict every entrant plays alone, in the plan's order, and all stretches of that are on record: they are the script's
rounds, the first of which also pays for what an engine does once (weights packed, memory asked for).
"""

from typing import Dict, NamedTuple, Optional, Sequence, Tuple

from harness.plan import Comparison
from harness.record import Run
from harness.words import Pass
from reports.findings.claim_tables import ClaimTable, Evidence, claim_tables
from reports.findings.claims import SPEEDS, Claim, read_claims
from reports.findings.evidence import evidence_of
from reports.findings.memory import CaseMemory
from reports.findings.published import Published, Quantity
from reports.findings.rows import Table

#: The option that names the printed case.
OPTION = "published"


class ScriptRow(NamedTuple):
    """One case: seconds of the first round and of those after it, each of all images, and the printed seconds."""

    case: str
    name: str
    ran: Optional[str]
    first_s: Optional[float]
    later_s: Tuple[float, ...]
    published_s: Optional[float]


class Script(NamedTuple):
    """One comparison by the papers' script, in one form, with the claims that it settles."""

    id: str
    title: str
    baseline: str
    rows: Tuple[ScriptRow, ...]
    claims: Tuple[ClaimTable, ...]


def scripts(run: Run, tables: Sequence[Table], heaps: Tuple[Dict[str, CaseMemory], ...],
            published: Sequence[Published]) -> Tuple[Script, ...]:
    """Return every comparison of ``run`` that plays the papers' script; none for other suites."""
    if not any(_printed(one) for one in run.comparisons):
        return ()
    evidence, claims = evidence_of(run, tables, heaps), read_claims(published)
    printed_s: Dict[str, Optional[float]] = {
        "{}/{}".format(one.comparison, one.case): one.value for one in reversed(published)
        if one.quantity is Quantity.TIME and one.value is not None}
    return tuple(_script(run, one, evidence, claims, printed_s) for one in run.comparisons if _printed(one))


def _printed(comparison: Comparison) -> Dict[str, str]:
    """Return the case ids of ``comparison`` by the printed cases that they are."""
    return {str(dict(case.options)[OPTION]): comparison.case_id(case) for case in comparison.cases
            if OPTION in dict(case.options)}


def _script(run: Run, comparison: Comparison, evidence: Evidence, claims: Sequence[Claim],
            printed_s: Dict[str, Optional[float]]) -> Script:
    known = _printed(comparison)
    names = {ident: printed for printed, ident in known.items()}
    rows = []
    for case in comparison.cases:
        ident = comparison.case_id(case)
        rounds, check = _rounds(run, comparison.id, ident), run.check(ident)
        rows.append(ScriptRow(ident, case.name, None if check is None else check.implementation,
                              rounds[0] if rounds else None, rounds[1:], printed_s.get(names.get(ident, ""))))
    own = [found for one in claims for found in [_here(one, known)] if found is not None
           and (one.quantity is not Quantity.MEMORY_SAVING or Pass.MEMORY.value not in comparison.without)]
    return Script(comparison.id, comparison.title, comparison.baseline.name, tuple(rows),
                  claim_tables(own, [evidence]))


def _here(claim: Claim, known: Dict[str, str]) -> Optional[Claim]:
    """Return ``claim`` about the cases ``known`` in place of the printed ones, ``None`` if it is not about them."""
    if claim.quantity not in SPEEDS + (Quantity.MEMORY_SAVING,):
        return None
    rows = tuple(row._replace(comparison=there[0], case=there[1]) for row in claim.rows
                 for ident in [known.get("{}/{}".format(row.comparison, row.case))] if ident is not None
                 for there in [ident.split("/", 1)])
    return claim._replace(rows=rows) if any(row.judged for row in rows) else None


def _rounds(run: Run, comparison: str, case: str) -> Tuple[float, ...]:
    """Return the seconds a call of every stretch that ``case`` played alone in launch 1, in the order played."""
    for line in run.timed(comparison)[:1]:
        for warm in line.warmup:
            if warm.case == case:
                return tuple(seconds / calls for seconds, calls in zip(warm.sample_s, warm.calls_per_sample))
    return ()
