"""The versions and clocks behind numbers, as captions name them."""

from typing import Any, Dict, Iterable, Sequence, Tuple

from reports.findings.environment import SectionFacts
from reports.wording import value_text

#: By their names in the environment.
VERSIONS = {"python.version": "Python", "torch.version": "torch", "torch.cuda": "CUDA", "git.commit": "commit",
            "clocks.power_mode": "power mode", "clocks.locked_for_run": "clocks locked:"}
COMMIT = 12     # characters that name a commit


def versions_text(facts: Iterable[Tuple[str, Any]]) -> str:
    """Return the known ones of ``facts`` (dotted name and value), others are left out."""
    return ", ".join("{} {}".format(VERSIONS[name], str(value)[:COMMIT] if name == "git.commit"
                                    else value_text(value, name))
                     for name, value in facts if name in VERSIONS and value is not None)


def environment_versions(sections: Sequence[SectionFacts]) -> str:
    """Return those of an environment, in the order of :data:`VERSIONS`."""
    known: Dict[str, Any] = {"{}.{}".format(section.name, fact.name): fact.value
                             for section in sections for fact in section.facts}
    return versions_text([(name, known.get(name)) for name in VERSIONS])
