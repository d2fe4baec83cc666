"""Suites in a user's own Python file. It may import torch, so it is planned in a process of its own."""

import importlib.util
import json
import os
import subprocess
import sys
from typing import Any, List, Optional, Tuple

from harness.plan import Comparison, Suite, Target, comparison_from_dict, comparison_to_dict


def load_file(path: str) -> Any:
    """Import the Python file ``path`` and return the module; raises ``ValueError`` if it defines no ``SUITE``."""
    name = "user_suite_" + os.path.basename(path)[:-len(".py")]
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError("{} cannot be imported: it is no Python file".format(path))
    folder = os.path.dirname(os.path.abspath(path))
    if folder not in sys.path:
        sys.path.append(folder)  # files beside it can be imported; they hide nothing of ours
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    if not hasattr(module, "SUITE"):
        raise ValueError("{} defines no SUITE: write SUITE = suites.modules.suite(...), as the README "
                         "shows".format(path))
    return module


class FileSuite:
    """The suite in a user's file, asked in a process of its own; ``quick`` answers for the plan made last."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._quick: Optional[List[Comparison]] = None

    def comparisons(self, target: Target) -> List[Comparison]:
        """Return the comparisons for ``target``; raises ``ValueError`` in one sentence."""
        result = subprocess.run([sys.executable, "-m", "suites.user_file", self.path, json.dumps(target)],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if result.returncode:
            words = result.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
            raise ValueError("{} could not be read: {}".format(self.path, words[-1]))
        found, quick = json.loads(result.stdout.decode("ascii"))
        self._quick = None if quick is None else [comparison_from_dict(data) for data in quick]
        return [comparison_from_dict(data) for data in found]

    def quick(self, comparisons: List[Comparison]) -> List[Comparison]:
        """Return what the file's own ``quick`` chose of ``comparisons``, all of them where it has none."""
        return comparisons if self._quick is None else self._quick


def load_suite_file(path: str) -> Suite:
    """Return the suite in the file ``path``; raises ``ValueError`` in one sentence if it has none.

    Only a name and a summary are known before its comparisons are asked for.
    """
    if not os.path.isfile(path):
        raise ValueError("there is no file {}: name a suite from './run_bench.sh list' or a Python file".format(path))
    found = FileSuite(path)
    return Suite(os.path.basename(path)[:-len(".py")], "the suite in {}".format(path), found.comparisons, found.quick)


def _plan(path: str, target: Target) -> Tuple[List[Comparison], Optional[List[Comparison]]]:
    """Return the comparisons of the suite in ``path``, and those that its ``quick`` picks of them."""
    suite = load_file(path).SUITE
    if not callable(getattr(suite, "comparisons", None)):
        raise ValueError("its SUITE is of type {}: write SUITE = suites.modules.suite(...), as the README "
                         "shows".format(type(suite).__name__))
    if not isinstance(suite, Suite):  # what suites.modules makes, whose cases name their file
        return suite.comparisons(target, path), None
    found = suite.comparisons(target)
    return found, None if suite.quick is None else suite.quick(found)


def main(path: str, target: str) -> None:
    """Print the plan of the suite in ``path`` as JSON; what the file itself prints goes to standard error."""
    out, sys.stdout = sys.stdout, sys.stderr
    try:
        plans = _plan(path, Target(*json.loads(target)))
    except ValueError as error:
        sys.exit(str(error))
    print(json.dumps([plan and [comparison_to_dict(one) for one in plan] for plan in plans]), file=out)


if __name__ == "__main__":
    main(*sys.argv[1:])
