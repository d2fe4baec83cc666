"""Structured transform layers as a small library on torch alone.

Everything here is differentiable, runs on any device and in any floating type torch supports there.

``torch.compile``, ``torch.export``, ``torch.jit.trace`` and ``torch.onnx.export`` record every layer,
``torch.fx.symbolic_trace`` takes each as one step of a network's graph, and ``torch.func`` transforms all but forms
with a kernel asked for by name (``auto`` takes stock operations there). ``torch.jit.script`` is refused: forms are
chosen in Python.
"""

from suites.layers.bwht1d import BlockWalshHadamard1d
from suites.layers.dropins import before_global_average, for_conv1x1, for_conv3x3, for_squeeze_excite
from suites.layers.ht_perceptron import HTPerceptron
from suites.layers.matrices import hadamard_matrix
from suites.layers.mf_layers import MultiplicationFreeDepthwise2d, MultiplicationFreeLinear
from suites.layers.multiplication_free import multiplication_free
from suites.layers.squeeze_excite import SqueezeExcite
from suites.layers.thresholds import smooth_threshold, soft_threshold
from suites.layers.transform import walsh_hadamard
from suites.layers.wht1d import WalshHadamard1d
from suites.layers.wht2d import WalshHadamard2d

__all__ = ["BlockWalshHadamard1d", "HTPerceptron", "MultiplicationFreeDepthwise2d", "MultiplicationFreeLinear",
           "SqueezeExcite", "WalshHadamard1d", "WalshHadamard2d", "before_global_average", "for_conv1x1",
           "for_conv3x3", "for_squeeze_excite", "hadamard_matrix", "multiplication_free", "smooth_threshold",
           "soft_threshold", "walsh_hadamard"]
