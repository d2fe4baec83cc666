"""WHAT we measure: layers, kernels, networks, and one file per suite.

A suite is a module with a ``SUITE``; it declares its cases as data and imports no torch. A new suite is a new
file and one line in :data:`SUITES`.
"""

import importlib
import importlib.util
import os
import sys

from harness.plan import Suite

#: Name of each suite and the module that declares it.
SUITES = {
    "layers": "suites.layers_suite",
    "paper": "suites.paper",
    "networks": "suites.networks_suite",
    "debut": "suites.debut_suite",
    "lhc": "suites.lhc_suite",
}


def load_suite(name: str) -> Suite:
    """Return the suite called ``name``; raises ``KeyError`` for a name that is not in :data:`SUITES`."""
    suite: Suite = importlib.import_module(SUITES[name]).SUITE
    return suite


def _taken(name: str, path: str) -> bool:
    """Whether the module name ``name`` already means another file than ``path``."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__file__", None) != path
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin != path


def load_suite_file(path: str) -> Suite:
    """Return the ``SUITE`` of the Python file at ``path``, a user's own suite.

    Its folder is put on ``sys.path`` under the file's own name, so its cases can name builders beside it as
    ``my_suite:build``. Raises ``ValueError`` in one sentence if there is no such file or no suite in it.
    """
    if not os.path.isfile(path):
        raise ValueError("there is no suite file {}: give the path of a Python file with a SUITE in it".format(path))
    folder, file_name = os.path.split(os.path.abspath(path))
    name = os.path.splitext(file_name)[0]
    if not name.isidentifier() or _taken(name, os.path.join(folder, file_name)):
        raise ValueError("{} cannot be imported under the name '{}': rename the file to an unused Python "
                         "name".format(path, name))
    if folder not in sys.path:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()
    suite = getattr(importlib.import_module(name), "SUITE", None)
    if not isinstance(suite, Suite):
        raise ValueError("{} declares no suite: give it a line SUITE = Suite(name, summary, comparisons)".format(
            path))
    return suite
