"""Structured transform layers as a small library on torch alone.

Everything here is differentiable, runs on any device and in any floating type torch supports there.
"""

from suites.layers.matrices import hadamard_matrix
from suites.layers.squeeze_excite import SqueezeExcite
from suites.layers.thresholds import smooth_threshold, soft_threshold
from suites.layers.transform import walsh_hadamard
from suites.layers.wht1d import WalshHadamard1d
from suites.layers.wht2d import WalshHadamard2d

__all__ = ["SqueezeExcite", "WalshHadamard1d", "WalshHadamard2d", "hadamard_matrix", "smooth_threshold",
           "soft_threshold", "walsh_hadamard"]
