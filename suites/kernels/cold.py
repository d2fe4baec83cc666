"""``python -m suites.kernels.cold [FAMILY...]``: how long the CPU kernels take to build where nothing is kept yet.

Prints wall and CPU seconds of each family, one after the other as first calls build them, and of all of them at
once, as many at a time as there are cores. Every build goes into an empty cache, which is gone afterwards.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Dict, NamedTuple, Optional, Sequence

from suites.kernels.build import Built, build, cores
from suites.kernels.families import FAMILIES


class Cold(NamedTuple):
    """What a build took; ``reason`` says why there is none."""

    name: str
    wall_s: float
    cpu_s: float
    reason: Optional[str] = None


def cold_build(names: Sequence[str], environment: Dict[str, str], at_once: int = 1) -> Cold:
    """Build the families ``names`` into an empty cache, ``at_once`` at a time, each with all its units at once."""
    def one(name: str) -> Built:
        return build(dict(environment, XDG_CACHE_HOME=cache), family=name)

    with tempfile.TemporaryDirectory(prefix="cold-build-") as cache:
        with ThreadPoolExecutor(at_once) as pool:
            spent, begun = _children_s(), time.monotonic()
            reasons = [made.reason for made in pool.map(one, names) if made.reason is not None]
            return Cold(", ".join(names), time.monotonic() - begun, _children_s() - spent,
                        reasons[0] if reasons else None)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def line(one: Cold, name: str) -> str:
    """Return one line of the answer."""
    if one.reason is not None:
        return "{:16s} {}".format(name, one.reason)
    return "{:16s} {:6.2f} s wall {:6.2f} s CPU".format(name, one.wall_s, one.cpu_s)


def main(argv: Optional[Sequence[str]] = None, tell: Callable[[str], object] = print) -> int:
    """Print what each build takes; 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m suites.kernels.cold", description=__doc__)
    parser.add_argument("family", nargs="*", help="of {}; default: all, and all at once".format(", ".join(FAMILIES)))
    names = parser.parse_args(argv).family
    unknown = [name for name in names if name not in FAMILIES]
    if unknown:
        parser.error("no family is called '{}': use {}".format(unknown[0], ", ".join(FAMILIES)))
    environment = dict(os.environ)
    found = []
    for name in names or FAMILIES:
        found.append(cold_build([name], environment))
        tell(line(found[-1], name))
    if not names:
        found.append(cold_build(list(FAMILIES), environment, cores()))
        tell(line(found[-1], "all at once"))
    return int(any(one.reason is not None for one in found))


if __name__ == "__main__":
    sys.exit(main())
