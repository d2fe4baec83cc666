"""Surgery on any network: put other layers in place of named ones, and tell in a table what was done."""

import difflib
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import nn

from suites.networks.counting import count_parameters

#: Given a layer's name and the layer, the layer to put in its place, or ``None`` to leave it.
Rule = Callable[[str, nn.Module], Optional[nn.Module]]


class Replacement(NamedTuple):
    """One replaced layer: its name in the network, and both layers in words and in parameters."""

    name: str
    before: str
    after: str
    parameters_before: int
    parameters_after: int
    note: str = ""


class SurgeryTable:
    """What was replaced, row by row; ``print`` shows it aligned, ``list(table)`` gives the rows."""

    def __init__(self, rows: Sequence[Replacement]) -> None:
        self.rows = tuple(rows)

    def __iter__(self) -> Iterator[Replacement]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Replacement:
        return self.rows[index]

    @property
    def parameters_before(self) -> int:
        """Parameters of all replaced layers together."""
        return sum(row.parameters_before for row in self.rows)

    @property
    def parameters_after(self) -> int:
        """Parameters of all layers put in their place."""
        return sum(row.parameters_after for row in self.rows)

    def __str__(self) -> str:
        lines = [("layer", "before", "after", "parameters", "now", "note")]
        lines += [(row.name, row.before, row.after, "{:,}".format(row.parameters_before),
                   "{:,}".format(row.parameters_after), row.note) for row in self.rows]
        lines.append(("total", "", "", "{:,}".format(self.parameters_before),
                      "{:,}".format(self.parameters_after), ""))
        if not any(row.note for row in self.rows):
            lines = [line[:-1] for line in lines]  # type: ignore[misc]
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        numbers = (3, 4)
        return "\n".join("  ".join(
            text.rjust(width) if column in numbers else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths))).rstrip() for line in lines)


def replace(module: nn.Module, rule: Rule) -> SurgeryTable:
    """Replace, in place, every layer inside ``module`` for which ``rule(name, layer)`` gives another one.

    Names are dotted paths as in ``module.named_modules()``; a layer used in several places is replaced in all of
    them by one new layer. Device, dtype and training mode are taken over. Raises ``ValueError`` if nothing was
    replaced. Ready rules are in ``suites.networks.rules``.
    """
    rows = []  # type: List[Replacement]
    done = {}  # type: Dict[int, Optional[nn.Module]]
    _visit(module, "", rule, rows, done)
    if not rows:
        raise ValueError("no layer was replaced: the rule fits none of the {} layers of this {}".format(
            sum(1 for _ in module.modules()) - 1, type(module).__name__))
    return SurgeryTable(rows)


def trace_input_shapes(module: nn.Module, example: torch.Tensor) -> Dict[str, Tuple[int, ...]]:
    """Return the input shape of every layer of ``module`` by name, from one run on ``example``; no training."""
    shapes = {}  # type: Dict[str, Tuple[int, ...]]
    hooks = []
    for name, layer in module.named_modules():
        def note(_: nn.Module, inputs: Any, name: str = name) -> None:
            if inputs and isinstance(inputs[0], torch.Tensor):
                shapes[name] = tuple(inputs[0].shape)
        hooks.append(layer.register_forward_pre_hook(note))
    was_training = module.training
    try:
        with torch.no_grad():
            module.eval()(example)
    finally:
        module.train(was_training)
        for hook in hooks:
            hook.remove()
    return shapes


def check_names(module: nn.Module, names: Sequence[str]) -> None:
    """Raise ``ValueError`` with the nearest right name for a name that is no layer of ``module``."""
    known = [name for name, _ in module.named_modules() if name]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise ValueError("there is no layer '{}'{}: print(network) shows the names".format(
                name, ", did you mean '{}'?".format(near[0]) if near else ""))


def describe(layer: nn.Module) -> str:
    """Return a layer in a few words, such as ``Conv2d 320 -> 1280, 1x1``."""
    sizes = [(getattr(layer, a, None), getattr(layer, b, None)) for a, b in (
        ("in_channels", "out_channels"), ("in_features", "out_features"))]
    ends = next(("{} -> {}".format(a, b) for a, b in sizes if a is not None and b is not None), "")
    kernel = getattr(layer, "kernel_size", None)
    stride = getattr(layer, "stride", 1)
    words = [ends] if ends else []
    if isinstance(kernel, tuple):
        words.append("x".join(map(str, kernel)))
    if isinstance(getattr(layer, "groups", 1), int) and getattr(layer, "groups", 1) > 1:
        words.append("{} groups".format(layer.groups))
    if (stride[0] if isinstance(stride, tuple) else stride) != 1:
        words.append("stride {}".format(stride[0] if isinstance(stride, tuple) else stride))
    return "{} {}".format(type(layer).__name__, ", ".join(words)).strip()


def _visit(parent: nn.Module, prefix: str, rule: Rule, rows: List[Replacement],
           done: Dict[int, Optional[nn.Module]]) -> None:
    # Not named_children(): that hides the second name of a shared layer.
    for short, layer in list(parent._modules.items()):
        if layer is None:
            continue
        name = prefix + short
        if id(layer) not in done:
            new = rule(name, layer)
            done[id(layer)] = new
            if new is None:
                _visit(layer, name + ".", rule, rows, done)
                continue
            _match(new, layer)
            rows.append(Replacement(name, describe(layer), describe(new), count_parameters(layer),
                                    count_parameters(new), getattr(new, "surgery_note", "")))
        found = done[id(layer)]
        if found is not None:
            setattr(parent, short, found)


def _match(new: nn.Module, old: nn.Module) -> None:
    """Bring ``new`` to the device, dtype and mode of ``old``."""
    tensor = next(iter(old.parameters()), None)
    if tensor is not None:
        new.to(device=tensor.device, dtype=tensor.dtype)
    new.train(old.training)
