"""Fused Walsh-Hadamard layers: transform, threshold and inverse in one read and one write of memory.

:func:`fused_layer` runs the layer with the fastest kernel this machine has and falls back to plain torch
where there is none; :func:`why_not_fused` says in a sentence why; :func:`status` tells what was found.
torch is imported on first use of a function, not with this package.
"""

from typing import TYPE_CHECKING, Any, Dict, Optional, Sequence

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["fused_layer", "why_not_fused", "status"]


def fused_layer(x: "Tensor", threshold: "Tensor", scale: "Optional[Tensor]" = None, *, dims: Sequence[int] = (1,),
                block: Optional[int] = None, nonlinearity: str = "smooth", threshold_mode: str = "raw",
                residual: bool = False, keep_first: bool = False, norm: str = "ortho", order: str = "natural",
                out_channels: Optional[int] = None, out: "Optional[Tensor]" = None) -> "Tensor":
    """Return ``H nonlinearity(scale * H x)``, with ``H`` the Walsh-Hadamard transform along ``dims``.

    ``x`` is (N, C, ...) in any memory order. ``dims`` is (1,), the channels, or (2, 3), each plane of an
    (N, C, H, W) tensor. Lengths that are no power of two are padded with zeros and cropped again inside.
    ``threshold`` and ``scale`` hold one value for each coefficient: the padded length along the channels
    (of C, or of ``out_channels`` if that is larger), ``block`` values shared by all blocks of channels, or
    the padded (H, W) for planes.

    ``nonlinearity``: ``smooth`` is tanh(w) relu(|w| - T), ``soft`` is sign(w) relu(|w| - T).
    ``threshold_mode``: T is the threshold as it is (``raw``), its absolute value (``abs``), or at least
    zero (``clamp``). ``residual`` adds ``x``. ``keep_first`` passes coefficient 0 on, neither scaled nor
    thresholded. ``norm``: ``ortho`` divides each transform by the root of its length, ``forward`` the first
    one by its length, ``backward`` the second one. ``order``: the tables' coefficients in natural
    (Sylvester) or in sequency order. ``out_channels`` keeps that many channels, or pads up to them.
    ``out`` receives the result where no gradient is asked for.

    Differentiable in ``x``, ``threshold`` and ``scale``; the fused backward keeps only these three. Results
    are the same bits for every number of threads. Raises ``ValueError`` in one sentence for options or
    shapes without a meaning, and ``TypeError`` for an ``x`` that is not floating. Layer of arXiv 2104.07085 and
    2201.02711.
    """
    # A statement, since a compiled graph can follow no other import: a look into sys.modules that fails becomes a
    # condition that its own import breaks. This form costs half a microsecond, "from ... import" a whole one.
    import suites.kernels.layer as layer

    return layer.run_layer(x, threshold, scale, dims, block, nonlinearity, threshold_mode, residual, keep_first,
                           norm, order, out_channels, out)


def why_not_fused(x: "Tensor", *, dims: Sequence[int] = (1,), block: Optional[int] = None,
                  nonlinearity: str = "smooth", threshold_mode: str = "raw", residual: bool = False,
                  keep_first: bool = False, norm: str = "ortho", order: str = "natural",
                  out_channels: Optional[int] = None) -> Optional[str]:
    """Return ``None`` if :func:`fused_layer` will run fused for ``x``, else one sentence that says why not."""
    from suites.kernels.layer import reason_not_fused, spec_of

    return reason_not_fused(x, spec_of(dims, block, nonlinearity, threshold_mode, residual, keep_first, norm, order,
                                       out_channels))


def status() -> Dict[str, Any]:
    """Return what was found and built, as JSON-ready data for the doctor command.

    ``cpu``: ``available``, ``reason``, ``remedy``, ``compiler``, ``compiler_version``, ``flags``,
    ``library`` (the home folder written ~), ``log``, ``build_seconds`` (``None`` if it was there already),
    ``vector_bytes``, ``threads`` (whose pool), ``features``, ``tuning``, ``other_types`` (what is loaded of them by
    now). ``cuda``: ``available``, ``reason``, ``remedy``
    and what the CUDA side adds. ``operator``: how the layer is bound to torch.
    """
    from suites.kernels.layer import describe

    return describe()
