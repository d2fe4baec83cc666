"""WHAT we measure: layers, kernels, networks, and one file per suite.

A suite is a module with a ``SUITE``; it declares its cases as data and imports no torch. A new suite is a new
file and one line in :data:`SUITES`.
"""

import importlib

from harness.plan import Suite

#: Name of each suite and the module that declares it.
SUITES = {
    "layers": "suites.layers_suite",
    "paper": "suites.paper",
    "networks": "suites.networks_suite",
    "debut": "suites.debut_suite",
    "lhc": "suites.lhc_suite",
    "kernels": "suites.kernels_suite",
    "kernels-all": "suites.kernels_all",
    "runtimes": "suites.runtimes_suite",
    "protocol": "suites.protocol_suite",
    "calibration": "suites.calibration",
}


def load_suite(name: str) -> Suite:
    """Return the suite called ``name``; raises ``KeyError`` for a name that is not in :data:`SUITES`."""
    suite: Suite = importlib.import_module(SUITES[name]).SUITE
    return suite
