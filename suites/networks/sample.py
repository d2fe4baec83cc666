"""Run a network once on a sample input and leave it exactly as it was: modes, buffers, random numbers."""

import contextlib
from typing import Any, Dict, Iterator, Sequence, Tuple, Union

import torch
from torch import nn

#: A network's input: a tensor, several positional ones, or ones by keyword.
Example = Union[torch.Tensor, Sequence[Any], Dict[str, Any]]


def run(network: nn.Module, example: Example) -> Any:
    """Return the output of ``network`` on ``example``, in evaluation mode and without gradients."""
    with undisturbed(network):
        if isinstance(example, dict):
            return network(**example)
        if isinstance(example, (tuple, list)):
            return network(*example)
        return network(example)


def describe_example(example: Example) -> str:
    """Return the shapes of an example in words, such as ``1 x 3 x 224 x 224``."""
    parts = list(example.values()) if isinstance(example, dict) else list(example) if isinstance(
        example, (tuple, list)) else [example]
    return ", ".join(" x ".join(map(str, part.shape)) if isinstance(part, torch.Tensor) else type(part).__name__
                     for part in parts)


@contextlib.contextmanager
def undisturbed(network: nn.Module) -> Iterator[None]:
    """Set evaluation mode without gradients; afterwards every module has its own mode again, every buffer its values.

    The random state of torch is put back too.
    """
    modes = [(layer, layer.training) for layer in network.modules()]
    # Some layers change a buffer, others put another in its place.
    buffers = [(layer, name, buffer, None if buffer is None else buffer.clone())
               for layer in network.modules() for name, buffer in layer._buffers.items()]
    devices = sorted({tensor.device.index for tensor in network.parameters() if tensor.is_cuda})
    try:
        with torch.random.fork_rng(devices=devices), torch.no_grad():
            network.eval()
            yield
    finally:
        for layer, mode in modes:
            layer.training = mode
        with torch.no_grad():
            for layer, name, buffer, values in buffers:
                if not isinstance(layer, torch.jit.ScriptModule) and layer._buffers[name] is not buffer:
                    layer._buffers[name] = buffer
                if buffer is not None and values is not None:
                    buffer.resize_(values.shape).copy_(values)


def trace_input_shapes(network: nn.Module, example: Example) -> Dict[str, Tuple[int, ...]]:
    """Return the input shape of every layer of ``network`` by name, from one run on ``example``; no training."""
    shapes: Dict[str, Tuple[int, ...]] = {}
    hooks = []
    for name, layer in network.named_modules():
        def note(_: nn.Module, inputs: Any, name: str = name) -> None:
            if inputs and isinstance(inputs[0], torch.Tensor):
                shapes[name] = tuple(inputs[0].shape)
        hooks.append(layer.register_forward_pre_hook(note))
    try:
        run(network, example)
    finally:
        for hook in hooks:
            hook.remove()
    return shapes
