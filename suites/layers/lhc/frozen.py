"""The learnable heterogeneous convolution at inference: only the blocks that the mask keeps.

With a constant mask the kernel of one tap is a matrix of dense blocks (16 outputs x 32 inputs), most of them
empty. ``fused`` is a CPU kernel, a direct convolution over the kept blocks. Two ways in plain torch:

- ``shifted``: the padded image is seen as one long row per channel; a tap is then the same rows read from
  another offset, a view. Each kept block is one small matrix product added to its outputs: no im2col, no gather.
- ``gathered``: per group of outputs, the rows of the im2col matrix that it needs are gathered and multiplied at
  once; few, larger products, which wins on small planes.

On one x86 core the plain forms are 1.4 to 4.5 times as fast as the dense convolution at density 0.1 (3x3, 64 to 512
channels, planes 2x2 to 56x56) and 0.7 to 2.6 times at 0.25; at 0.5 it wins on planes up to 8x8 only. The matrix
products are 16 rows high, which leaves much of the processor's speed unused: fewer operations are not time alone.
"""

import functools
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import nn

from suites.kernels import lhc as kernel
from suites.kernels.lhc import Spec
from suites.kernels.operator import graph_problem
from suites.kernels.prepared import Held, Own, Prepared, parameters
from suites.layers.base import TransformLayer
from suites.layers.choices import check_reach
from suites.layers.implementations import Choice, choose
from suites.layers.lhc import operator
from suites.layers.ready import ReadyCalls, may_be_ready
from suites.torch_modes import autocast_is_on, autocast_off, stock_only

IMPLEMENTATIONS = ("auto", "shifted", "gathered", "fused")
# From this many output positions on, products on views beat gathering (measured on x86, 64 to 512 channels).
SMALLEST_SHIFTED = 256


class Block(NamedTuple):
    """One kept block: input channels [first, last), the tap's row and column, its columns in the group's matrix."""

    first: int
    last: int
    row: int
    column: int
    start: int


class Place(NamedTuple):
    """One kept block: its group of outputs, first input channel, number of them, the tap's row and column."""

    group: int
    first: int
    inputs: int
    row: int
    column: int


def _held(own: Own) -> Held:
    return (*parameters(own), own["_buffers"]["places"])


class FrozenLhcConv2d(ReadyCalls, TransformLayer):
    """A convolution that holds and multiplies only the kept blocks; made by ``LhcConv2d.freeze``.

    ``weight`` is (out, in, kh, kw), ``kept`` a boolean (output groups, input groups, kh, kw). The weights of
    output group g become one matrix (its outputs, kept inputs); all are held in one flat parameter without gradient.
    ``implementation`` is ``fused``, ``shifted``, ``gathered`` or ``auto``: fused where there is a kernel, else by
    plane size (strided layers gather); after a call ``implementation_used`` and ``implementation_reason`` tell.

    Raises ``ValueError`` for an unknown ``implementation``, and for ``shifted`` with a stride.
    """

    def __init__(self, weight: torch.Tensor, bias: Optional[torch.Tensor], kept: torch.Tensor, group_in: int,
                 group_out: int, stride: Sequence[int] = (1, 1), padding: Sequence[int] = (0, 0),
                 implementation: str = "auto") -> None:
        super().__init__(implementation, IMPLEMENTATIONS)
        self._prepared = Prepared(("implementation",), _held)
        self.stride, self.padding = tuple(stride), tuple(padding)
        if implementation == "shifted" and self.stride != (1, 1):
            raise ValueError("the shifted form needs stride 1, not {}: use implementation='auto'".format(self.stride))
        self.out_channels, self.in_channels = weight.shape[:2]
        self.kernel_size = tuple(weight.shape[2:])
        self.group_out = group_out
        self.spec = Spec(self.in_channels, self.out_channels, group_out, kept.shape[0],
                         self.kernel_size, self.stride, self.padding)  # type: ignore[arg-type]
        places = [Place(group, number * group_in, min(group_in, self.in_channels - number * group_in), row, column)
                  for group, number, row, column in kept.nonzero().tolist()]
        # The weights mean nothing without them, so they are part of the state.
        self.register_buffer("places", torch.tensor(places, dtype=torch.long, device=weight.device).reshape(-1, 5))
        self._lay_out(places)
        parts = [weight[p.group * group_out:(p.group + 1) * group_out, p.first:p.first + p.inputs, p.row, p.column]
                 for p in places]
        matrices = [torch.cat([weight.new_zeros(outputs, 0)] + [part for part, p in zip(parts, places)
                                                                if p.group == group], 1)
                    for group, (outputs, _) in enumerate(self._sizes)]
        self.weight = nn.Parameter(torch.cat([matrix.reshape(-1) for matrix in matrices]), requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone(), requires_grad=False)

    def _lay_out(self, places: Sequence[Place]) -> None:
        """Find from the ``places`` of the kept blocks, group after group, what the forms in plain torch go by."""
        taps = self.kernel_size[0] * self.kernel_size[1]
        self.blocks = [[] for _ in range(self.spec.groups)]  # type: List[List[Block]]
        widths, rows = [0] * self.spec.groups, []  # type: Tuple[List[int], List[int]]
        for group, first, inputs, row, column in places:
            self.blocks[group].append(Block(first, first + inputs, row, column, widths[group]))
            widths[group] += inputs
            rows += range(first * taps + row * self.kernel_size[1] + column, (first + inputs) * taps, taps)
        self._sizes = [(min(self.group_out, self.out_channels - group * self.group_out), width)
                       for group, width in enumerate(widths)]
        # Where each kept input stands in the im2col matrix, all groups in a row.
        device = self._buffers["places"].device  # type: ignore[union-attr]
        self.register_buffer("rows", torch.tensor(rows, dtype=torch.long, device=device), persistent=False)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool,
                              missing_keys: Any, unexpected_keys: Any, error_msgs: List[str]) -> None:
        given = state_dict.get(prefix + "places")
        fault = None if given is None or given.is_meta else self._fault(given)
        if fault is not None:
            error_msgs.append(fault)
            return
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
                                      error_msgs)
        if given is not None and not given.is_meta and given.shape == self.places.shape:
            self._lay_out([Place(*place) for place in given.tolist()])

    def _fault(self, given: torch.Tensor) -> Optional[str]:
        """Return why blocks kept in the places ``given`` are none of this layer's, in a sentence, or ``None``."""
        height, width = self.kernel_size
        last, size = -1, 0
        for place in given.tolist() if given.dim() == 2 and given.shape[1] == 5 else [[-1] * 5]:
            group, first, inputs, row, column = place
            if not (max(last, 0) <= group < self.spec.groups and 0 <= first < first + inputs <= self.in_channels
                    and 0 <= row < height and 0 <= column < width):
                return "the kept blocks of this state do not fit {}: load it into a layer of its sizes".format(self)
            last = group
            size += inputs * min(self.group_out, self.out_channels - group * self.group_out)
        if size != self.weight.numel():
            return ("this state keeps {} weights where the layer has {}: freeze a layer with the mask that it came "
                    "from and load it into that".format(size, self.weight.numel()))
        return None

    @property
    def density(self) -> float:
        """Share of the weights of the full kernel that are held."""
        return self.weight.numel() / float(self.out_channels * self.in_channels
                                           * self.kernel_size[0] * self.kernel_size[1])

    def dense_weight(self) -> torch.Tensor:
        """Return the kernel (out, in, kh, kw) that this layer equals."""
        return operator.dense_weight(self.weight, self.places, self.spec)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output for ``x`` (N, in, H, W); raises ``ValueError`` for any other shape."""
        call = self._ready(x)
        if call is not None:
            return call(x)
        if x.is_floating_point() is not True:
            return self._step(x)
        if x.dim() != 4 or x.shape[1] != self.in_channels:
            raise ValueError("FrozenLhcConv2d takes (N, {}, H, W), not an input of shape {}".format(
                self.in_channels, tuple(x.shape)))
        if not stock_only():
            check_reach("FrozenLhcConv2d", x, self.kernel_size, self.padding)
        if autocast_is_on(x.device):  # the products write into float32 buffers, which autocast knows nothing of
            with autocast_off(x.device):
                return self.forward(x.to(self.weight.dtype))
        with torch.no_grad():
            if stock_only():
                return self._run_followed(x)
            form = self.form_for(x)
            if form == "fused":
                used = self.weight, self.bias, self.places
                call = kernel.prepare(x, *used, self.spec)  # type: ignore[arg-type]
                if may_be_ready(x):
                    self._keep(x, used, call)  # type: ignore[arg-type]
                return call(x)
            return self._run_plain(x, form)

    def depends_on(self, x: torch.Tensor) -> Tuple[Any, ...]:
        """Return all that :meth:`choose` goes by beside the kind of ``x`` and whether gradients are recorded."""
        return self.weight_kind()

    def _run_followed(self, x: torch.Tensor) -> torch.Tensor:
        """Run where torch records or transforms the call: the operator if a graph can hold it, else stock ones."""
        form = self.implementation
        if form in ("auto", "fused"):
            problem = graph_problem()
            if problem is None:
                y: torch.Tensor = operator.LAYER(x, self.weight, self.bias, self.places, operator.pack(self.spec))
                return y
            form = choose(form, "gathered", lambda: problem).form
        return self._run_plain(x, form)

    def _run_plain(self, x: torch.Tensor, form: str) -> torch.Tensor:
        _, _, height, width = kernel.output_shape(x.shape, self.spec)
        y = (self._shifted if form == "shifted" else self._gathered)(x, height, width)
        if self.bias is None:
            return y
        bias = self.bias.reshape(-1, 1, 1)
        return y + bias if stock_only() else y.add_(bias)

    def choose(self, x: torch.Tensor) -> Choice:
        """Return the form that runs on ``x`` and why, without running it."""
        _, _, height, width = kernel.output_shape(x.shape, self.spec)
        return choose(self.implementation, self.plain_form(height, width), lambda: self._fused_problem(x))

    def _fused_problem(self, x: torch.Tensor) -> Optional[str]:
        if self.weight.dtype != x.dtype or self.weight.device != x.device:
            return "the input is {} on {}, the weights are {} on {}".format(x.dtype, x.device, self.weight.dtype,
                                                                            self.weight.device)
        return kernel.reason(x, self.spec)

    def plain_form(self, height: int, width: int) -> str:
        """Return the best form of stock torch operations for an output of this size."""
        return "shifted" if self.stride == (1, 1) and height * width >= SMALLEST_SHIFTED else "gathered"

    def _matrices(self) -> List[torch.Tensor]:
        parts = self.weight.split([height * width for height, width in self._sizes])
        return [part.reshape(size) for part, size in zip(parts, self._sizes)]

    def _shifted(self, x: torch.Tensor, height: int, width: int) -> torch.Tensor:
        # One row more below, so that the last tap's view of a whole plane stays inside.
        padded = F.pad(x, (self.padding[1], self.padding[1], self.padding[0], self.padding[0] + 1))
        step = padded.shape[3]
        flat = padded.reshape(x.shape[0], self.in_channels, padded.shape[2] * step)
        y = (self._shifted_batch if stock_only() else self._shifted_images)(flat, height * step, step)
        # The last columns of each row mix two image rows; they are cut off.
        return y.reshape(x.shape[0], self.out_channels, height, step)[:, :, :, :width].contiguous()

    def _shifted_images(self, flat: torch.Tensor, length: int, step: int) -> torch.Tensor:
        """Return (N, out, length) from the rows of padded images (N, in, pixels), ``step`` pixels to a row."""
        y = flat.new_zeros(flat.shape[0], self.out_channels, length)
        matrices = self._matrices()
        for image, result in zip(flat, y):
            for group, (matrix, blocks) in enumerate(zip(matrices, self.blocks)):
                outputs = result[group * self.group_out:(group + 1) * self.group_out]
                for first, last, row, column, start in blocks:
                    offset = row * step + column
                    outputs.addmm_(matrix[:, start:start + last - first], image[first:last, offset:offset + length])
        return y

    def _shifted_batch(self, flat: torch.Tensor, length: int, step: int) -> torch.Tensor:
        """Return the same for a whole batch of any size, writing into nothing: what a graph can hold."""
        groups = []
        for matrix, blocks in zip(self._matrices(), self.blocks):
            zeros = flat.new_zeros(flat.shape[0], matrix.shape[0], length)
            groups.append(functools.reduce(torch.add, [
                torch.matmul(matrix[:, start:start + last - first],
                             flat[:, first:last, row * step + column:row * step + column + length])
                for first, last, row, column, start in blocks], zeros))
        return torch.cat(groups, 1)

    def _gathered(self, x: torch.Tensor, height: int, width: int) -> torch.Tensor:
        columns = F.unfold(x, self.kernel_size, padding=self.padding, stride=self.stride)
        columns = columns.transpose(0, 1).reshape(columns.shape[1], -1)
        wanted = torch.split(self.rows, [size for _, size in self._sizes])  # type: ignore[arg-type]
        if stock_only():
            y = torch.cat([torch.mm(matrix, columns.index_select(0, rows))
                           for matrix, rows in zip(self._matrices(), wanted)])
        else:
            y = x.new_zeros(self.out_channels, columns.shape[1])
            for group, (matrix, rows) in enumerate(zip(self._matrices(), wanted)):
                if rows.numel():
                    outputs = y[group * self.group_out:(group + 1) * self.group_out]
                    torch.mm(matrix, columns.index_select(0, rows), out=outputs)
        return y.reshape(self.out_channels, x.shape[0], height, width).transpose(0, 1).contiguous()

    def extra_repr(self) -> str:
        """Return the settings for ``print(layer)``."""
        return "{}, {}, kernel_size={}, stride={}, padding={}, density={:.3f}, implementation={}".format(
            self.in_channels, self.out_channels, self.kernel_size, self.stride, self.padding, self.density,
            self.implementation)
