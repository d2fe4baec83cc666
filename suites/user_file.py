"""Suites in a user's own Python file. It may import torch, so it is planned in a process of its own."""

import importlib.util
import json
import os
import subprocess
import sys
from typing import Any, Dict, List

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


def load_suite_file(path: str) -> Suite:
    """Return the suite in the file ``path``; raises ``ValueError`` in one sentence if it has none.

    Only a name and a summary are known before its comparisons are asked for.
    """
    if not os.path.isfile(path):
        raise ValueError("there is no file {}: name a suite from './run_bench.sh list' or a Python file".format(path))
    name = os.path.basename(path)[:-len(".py")]
    return Suite(name, "the suite in {}".format(path), lambda target: _plan(path, target))


def _plan(path: str, target: Target) -> List[Comparison]:
    result = subprocess.run([sys.executable, "-m", "suites.user_file", path, json.dumps(target)],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if result.returncode:
        words = result.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        raise ValueError("{} could not be read: {}".format(path, words[-1]))
    return [comparison_from_dict(data) for data in json.loads(result.stdout.decode("ascii"))]


def _comparisons(path: str, target: Target) -> List[Dict[str, Any]]:
    suite = load_file(path).SUITE
    plan = suite.comparisons(target) if isinstance(suite, Suite) else suite.comparisons(target, path)
    return [comparison_to_dict(comparison) for comparison in plan]


def main(path: str, target: str) -> None:
    """Print the plan of the suite in ``path`` as JSON; what the file itself prints goes to standard error."""
    out, sys.stdout = sys.stdout, sys.stderr
    print(json.dumps(_comparisons(path, Target(*json.loads(target)))), file=out)


if __name__ == "__main__":
    main(*sys.argv[1:])
