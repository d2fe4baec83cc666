"""The papers' networks, dense and with structured layers, and surgery on any network.

>>> from suites.networks import replace, rules
>>> print(replace(network, rules.fwht("features.1[4-8].*")))  # doctest: +SKIP
"""

from suites.networks import rules
from suites.networks.build import build, network_names
from suites.networks.counting import count_parameters
from suites.networks.surgery import Replacement, SurgeryTable, replace, trace_input_shapes

__all__ = ["Replacement", "SurgeryTable", "build", "count_parameters", "network_names", "replace", "rules",
           "trace_input_shapes"]
