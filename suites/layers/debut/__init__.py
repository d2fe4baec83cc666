"""DeBut: dense matrices as chains of sparse factors (arXiv 2203.13556, All-DeBut 2311.08125)."""

from suites.layers.debut.als import Fit, fit_chain
from suites.layers.debut.chain import (
    Factor,
    bipolar_test,
    chain_features,
    chain_weights,
    published_chains,
    validate_chain,
)
from suites.layers.debut.generate import chain_kind, generate_chain
from suites.layers.debut.layers import DebutConv2d, DebutLinear

__all__ = ["DebutConv2d", "DebutLinear", "Factor", "Fit", "bipolar_test", "chain_features", "chain_kind",
           "chain_weights", "fit_chain", "generate_chain", "published_chains", "validate_chain"]
