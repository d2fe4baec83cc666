"""The papers' networks, dense and with structured layers, and surgery on any network.

>>> from suites.networks import plan, replace, rules
>>> rule = rules.fwht("features.1[4-8].*")  # doctest: +SKIP
>>> print(plan(network, rule, torch.zeros(1, 3, 224, 224)))  # what would be replaced  # doctest: +SKIP
>>> print(replace(network, rule, torch.zeros(1, 3, 224, 224)))  # doctest: +SKIP
"""

from suites.networks import rules
from suites.networks.build import build, network_names
from suites.networks.counting import count_parameters
from suites.networks.macs import count_macs, macs_by_layer
from suites.networks.sample import trace_input_shapes
from suites.networks.surgery import plan, replace
from suites.networks.table import Refusal, Refused, Replacement, SurgeryTable

__all__ = ["Refusal", "Refused", "Replacement", "SurgeryTable", "build", "count_macs", "count_parameters",
           "macs_by_layer", "network_names", "plan", "replace", "rules", "trace_input_shapes"]
