"""The fused layers as operators of other engines: a library for each that its stock wheel loads, built on first use.

Both are of the domain ``edge_transforms`` and do the orthonormal transform, the soft threshold tanh(z) relu(|z| - T)
and the transform back in one read and one write, in float32:

* ``EdgeWht1d``: over C channels, a power of two. Inputs x and T (C,).
* ``EdgeWht2d``: over each channel's plane, padded with zeros to (S, S), S a power of two up to 256, and cropped
  afterwards. Inputs x, T (S, S) and, optional, weights (S, S) that the coefficients are multiplied with before.

They give the same bits in every call. Large outputs are written fastest where they begin a cache line (64 bytes), as
the engines' own memory does; a large array of numpy's, bound as the output, does not.
"""

from typing import Dict, NamedTuple, Optional

from suites.kernels.build import build

#: Family of ``suites.kernels.families`` that is the library of each engine.
FAMILY_OF: Dict[str, str] = {"onnxruntime": "wht-onnxruntime", "litert": "wht-litert", "ncnn": "wht-ncnn"}
REMEDY = "install a C++ compiler (apt install g++), or set CXX"


class Library(NamedTuple):
    """Path of the built library, or the ``reason`` why there is none with the ``remedy``."""

    path: Optional[str]
    reason: Optional[str] = None
    remedy: Optional[str] = None


def library(engine: str) -> Library:
    """Return the library that ``engine`` loads, built if the cache has none."""
    if engine not in FAMILY_OF:
        return Library(None, "there is no operator library for {}".format(engine),
                       "use one of {}".format(", ".join(sorted(FAMILY_OF))))
    built = build(family=FAMILY_OF[engine])
    if built.path is None:
        return Library(None, built.reason, REMEDY)
    return Library(built.path)
