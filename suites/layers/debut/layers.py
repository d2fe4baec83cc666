"""DeBut layers: a linear map or a convolution whose matrix is a chain of sparse factors."""

import math
from typing import Any, Optional, Tuple, Union

import torch
import torch.nn.functional as F
from torch import nn

from suites.kernels import debut as kernel
from suites.kernels.debut import Spec
from suites.kernels.operator import graph_problem
from suites.kernels.prepared import Held, Own, Prepared, parameters
from suites.layers.base import TransformLayer
from suites.layers.choices import check_choice, check_reach
from suites.layers.debut import operator
from suites.layers.debut.als import fit_chain
from suites.layers.debut.chain import Chain, validate_chain
from suites.layers.debut.factors import apply_blocks, apply_grouped, new_weight, product
from suites.layers.debut.generate import generate_chain
from suites.layers.debut.plain import plain_layer
from suites.layers.implementations import Choice, choose
from suites.layers.ready import ReadyCalls, may_be_ready
from suites.torch_modes import stock_only

IMPLEMENTATIONS = ("auto", "blocks", "grouped", "product", "fused")
ORDERS = ("channel", "tap")
Pair = Union[int, Tuple[int, int]]


def _held(own: Own) -> Held:
    # The list itself makes a tensor's name for each weight it hands out, which would cost a small layer 10 us.
    return (*parameters(own["_modules"]["factors"].__dict__), *parameters(own))


class _Debut(ReadyCalls, TransformLayer):
    """What both layers share: the factors, the bias, and the choice of form."""

    def __init__(self, out_features: int, in_features: int, chain: Chain, bias: bool, implementation: str,
                 strict: bool) -> None:
        super().__init__(implementation, IMPLEMENTATIONS)
        self._prepared = Prepared(("implementation",), _held)
        self.chain = validate_chain(chain, strict=strict)
        if self.chain[0].q < in_features or self.chain[-1].p < out_features:
            raise ValueError("a chain from {} to {} features is too small for a layer from {} to {}: generate "
                             "one for this size".format(self.chain[0].q, self.chain[-1].p, in_features, out_features))
        self.factors = nn.ParameterList([nn.Parameter(new_weight(factor)) for factor in self.chain])
        bound = 1.0 / math.sqrt(in_features)
        self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound)) if bias else None
        self.als_errors = None  # type: Optional[list]
        self.spec = Spec(tuple(tuple(weight.shape) for weight in self.factors), in_features,
                         out_features)
        self._names = tuple(self.factors._parameters)

    def dense_matrix(self) -> torch.Tensor:
        """Return the chain multiplied out, (last p, first q), in the layer's own column order."""
        return product(self._weights())

    def fit(self, matrix: torch.Tensor, sweeps: int) -> None:
        """Start from the best factors of ``matrix`` (out features, in features); ``als_errors`` tells how close."""
        padded = matrix.new_zeros(self.chain[-1].p, self.chain[0].q)
        padded[:matrix.shape[0], :matrix.shape[1]] = matrix
        fitted = fit_chain(padded, [list(factor) for factor in self.chain], sweeps, strict=False)
        with torch.no_grad():
            for parameter, weight in zip(self.factors, fitted.weights):
                parameter.copy_(weight)
        self.als_errors = fitted.errors

    def choose(self, x: torch.Tensor) -> Choice:
        """Return the form that runs on ``x`` and why, without running it."""
        return choose(self.implementation, "blocks", lambda: self._fused_problem(x))

    def _fused_problem(self, x: torch.Tensor) -> Optional[str]:
        weight = self._weights()[0]
        if weight.dtype != x.dtype or weight.device != x.device:
            return "the input is {} on {}, the weights are {} on {}".format(x.dtype, x.device, weight.dtype,
                                                                            weight.device)
        return kernel.reason(x, self.spec)

    def _wants_gradient(self, x: torch.Tensor) -> bool:
        return torch.is_grad_enabled() and (x.requires_grad or any(p.requires_grad for p in self.parameters()))

    def depends_on(self, x: torch.Tensor) -> Tuple[Any, ...]:
        """Return all that :meth:`choose` goes by beside the kind of ``x`` and whether gradients are recorded."""
        first = self._weights()[0]
        return first.dtype, first.device

    def _run(self, x: torch.Tensor) -> torch.Tensor:
        weights = self._weights()
        if stock_only():
            return self._run_followed(x, weights)
        form = self.form_for(x)
        if form == "fused":
            if self._wants_gradient(x):
                return operator.apply(x, weights, self.bias, self.spec, False)
            call = kernel.prepare(x, weights, self.bias, self.spec)
            if may_be_ready(x):
                self._keep(x, weights + (self.bias,), call)
            return call(x)
        return plain_layer(x, weights, self.bias, self.spec, apply_grouped if form == "grouped" else apply_blocks)

    def _weights(self) -> Tuple[torch.Tensor, ...]:
        # The list itself makes a tensor's name for each weight it hands out, which would cost a small layer 10 us;
        # weights that are made anew (pruned ones, say) are attributes of it, by name also in torch 1.
        own = self.factors._parameters
        if tuple(own) == self._names:
            return tuple(own.values())  # type: ignore[arg-type]
        return tuple(getattr(self.factors, name) for name in self._names)

    def _run_followed(self, x: torch.Tensor, weights: Tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Run where torch records or transforms the call: the operator if a graph can hold it, else stock ones."""
        form = self.implementation
        if form in ("auto", "fused"):
            problem = graph_problem()
            if problem is None:
                return operator.apply(x, weights, self.bias, self.spec, True)
            form = choose(form, "blocks", lambda: problem).form
        return plain_layer(x, weights, self.bias, self.spec, apply_grouped if form == "grouped" else apply_blocks)

    def _describe(self) -> str:
        return "bias={}, factors={}, implementation={}".format(
            self.bias is not None, [list(factor) for factor in self.chain], self.implementation)


class DebutLinear(_Debut):
    """A linear layer as a factor chain (NeurIPS 2021, arXiv 2203.13556): (..., in_features) to (..., out_features).

    ``chain`` is a list of [p, q, r, s, t], first applied first (default: the generator's monotonic chain); one
    longer at either end is fed zeros and cropped. ``implementation``: ``fused`` (one kernel for the chain),
    ``blocks`` (scaled sums on strided views), ``grouped`` (grouped 1x1 convolutions with channel shuffles),
    ``product`` (multiplied out, the dense reference) or ``auto``: fused where there is a kernel, else blocks; after a
    call ``implementation_used`` and ``implementation_reason`` tell.
    ``strict=False`` admits published chains that break the rule.
    """

    def __init__(self, in_features: int, out_features: int, chain: Optional[Chain] = None, bias: bool = True,
                 implementation: str = "auto", strict: bool = True) -> None:
        super().__init__(out_features, in_features, chain or generate_chain(out_features, in_features), bias,
                         implementation, strict)
        self.in_features, self.out_features = in_features, out_features

    @classmethod
    def from_dense(cls, layer: nn.Linear, chain: Optional[Chain] = None, sweeps: int = 5,
                   **options: Any) -> "DebutLinear":
        """Return a layer fitted to ``layer`` by ``sweeps`` of least squares (0: fresh weights); the bias is kept.

        Raises ``ValueError`` for a grouped, dilated or string-padded convolution.
        """
        options.setdefault("bias", layer.bias is not None)
        made = cls(layer.in_features, layer.out_features, chain, **options)
        return _start(made, layer, layer.weight, sweeps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output for ``x`` (..., in_features); raises ``ValueError`` for any other shape."""
        call = self._ready(x)
        if call is not None:
            return call(x)
        if x.is_floating_point() is not True:
            return self._step(x)
        if x.dim() < 1 or x.shape[-1] != self.in_features:
            raise ValueError("DebutLinear for {} features got an input of shape {}: its last dim must match".format(
                self.in_features, tuple(x.shape)))
        if self.implementation == "product":
            self.implementation_used = "product"
            return F.linear(x, self.dense_matrix()[:self.out_features, :self.in_features], self.bias)
        return self._run(x)

    def extra_repr(self) -> str:
        """Return the settings for ``print(layer)``."""
        return "{}, {}, {}".format(self.in_features, self.out_features, self._describe())


class DebutConv2d(_Debut):
    """A convolution whose (out, k k in) filter matrix is a factor chain: (N, C, H, W) as ``nn.Conv2d``.

    ``order`` is how the k k in columns are read: ``channel`` (the taps of one channel side by side, the
    paper's figure) or ``tap`` (the channels of one tap side by side, the released code). In channel order a first
    factor with s = k k, t = 1 is a depthwise convolution with r outputs per channel and on all but tiny planes runs
    as one, without im2col. Chain, ``implementation`` and ``strict`` as in :class:`DebutLinear`.

    Raises ``ValueError`` for an unknown ``order`` and for a chain that does not fit the kernel.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Pair, chain: Optional[Chain] = None,
                 stride: Pair = 1, padding: Pair = 0, bias: bool = True, order: str = "channel",
                 implementation: str = "auto", strict: bool = True) -> None:
        self_kernel = _pair(kernel_size)
        taps = self_kernel[0] * self_kernel[1]
        super().__init__(out_channels, taps * in_channels, chain or generate_chain(out_channels, taps * in_channels),
                         bias, implementation, strict)
        check_choice("order", order, ORDERS)
        if self.chain[0].q % taps:
            raise ValueError("factor 1, {}, takes {} features, not a multiple of the {} taps of the kernel".format(
                list(self.chain[0]), self.chain[0].q, taps))
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride, self.padding = self_kernel, _pair(stride), _pair(padding)
        self.order = order
        self.spec = self.spec._replace(in_features=in_channels, kernel=self.kernel_size, stride=self.stride,
                                       padding=self.padding, tap_order=order == "tap")

    @classmethod
    def from_dense(cls, layer: nn.Conv2d, chain: Optional[Chain] = None, sweeps: int = 5,
                   **options: Any) -> "DebutConv2d":
        """Return a layer fitted to ``layer`` by ``sweeps`` of least squares (0: fresh weights); the bias is kept.

        Raises ``ValueError`` for a grouped or dilated one, or one whose padding is a word.
        """
        if layer.groups != 1 or _pair(layer.dilation) != (1, 1) or isinstance(layer.padding, str):
            raise ValueError("only an ungrouped, undilated convolution with numeric padding can become a "
                             "DebutConv2d, not {}".format(layer))
        options.setdefault("bias", layer.bias is not None)
        made = cls(layer.in_channels, layer.out_channels, layer.kernel_size, chain, layer.stride,  # type: ignore[arg-type]
                   layer.padding, **options)  # type: ignore[arg-type]
        return _start(made, layer, made.matrix_of(layer.weight), sweeps)

    def matrix_of(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the filter bank (out, in, kh, kw) as a matrix in this layer's column order."""
        return (weight if self.order == "channel" else weight.permute(0, 2, 3, 1)).reshape(weight.shape[0], -1)

    def dense_weight(self) -> torch.Tensor:
        """Return the filter bank (out, in, kh, kw) that this layer equals."""
        matrix = self.dense_matrix()[:self.out_channels]
        height, width = self.kernel_size
        if self.order == "channel":
            full = matrix.reshape(self.out_channels, -1, height, width)
        else:
            full = matrix.reshape(self.out_channels, height, width, -1).permute(0, 3, 1, 2)
        return full[:, :self.in_channels]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output for ``x`` (N, in_channels, H, W); raises ``ValueError`` for any other shape."""
        call = self._ready(x)
        if call is not None:
            return call(x)
        if x.is_floating_point() is not True:
            return self._step(x)
        if x.dim() != 4 or x.shape[1] != self.in_channels:
            raise ValueError("DebutConv2d for {} channels got an input of shape {}: it takes (N, {}, H, W)".format(
                self.in_channels, tuple(x.shape), self.in_channels))
        if not stock_only():
            check_reach("DebutConv2d", x, self.kernel_size, self.padding)
        if self.implementation == "product":
            self.implementation_used = "product"
            return F.conv2d(x, self.dense_weight().contiguous(), self.bias, self.stride, self.padding)
        return self._run(x)

    def extra_repr(self) -> str:
        """Return the settings for ``print(layer)``."""
        return "{}, {}, kernel_size={}, stride={}, padding={}, order={}, {}".format(
            self.in_channels, self.out_channels, self.kernel_size, self.stride, self.padding, self.order,
            self._describe())


def _start(made: Any, layer: Any, matrix: torch.Tensor, sweeps: int) -> Any:
    if sweeps:
        made.fit(matrix.detach(), sweeps)
    if made.bias is not None and layer.bias is not None:
        with torch.no_grad():
            made.bias.copy_(layer.bias)
    return made.to(layer.weight)


def _pair(value: Any) -> Tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))
