"""What torch is doing around a call, for code that steps outside torch: caches, ctypes calls, own derivatives.

In a plain eager call such code may do as it likes. While torch *records* the call as a graph (``torch.compile``,
``torch.export``, ``torch.jit.trace``, ``make_fx``, fake tensors), or *transforms* it (``torch.func``, forward-mode
derivatives), only operators that torch knows may touch the data, and no tensor made meanwhile may be kept.
"""

import functools
import threading
from typing import Any, Callable, List, TypeVar, cast

import torch
import torch.autograd.forward_ad as forward_ad

Function = TypeVar("Function", bound=Callable[..., Any])


def _never() -> bool:
    """Stand for a question about something this torch does not have."""
    return False


def _compiler_question(name: str) -> Callable[[], bool]:
    return cast(Callable[[], bool], getattr(getattr(torch, "compiler", None), name, _never))


#: Whether ``torch.compile`` or ``torch.export`` is at work: what is made now goes into a graph.
is_compiling = _compiler_question("is_compiling")
# Dynamo alone, at a third of the price: export also runs under dispatch modes, which are asked about anyway.
_under_dynamo = _compiler_question("is_dynamo_compiling" if hasattr(torch, "compiler") and hasattr(
    torch.compiler, "is_dynamo_compiling") else "is_compiling")
_under_trace = getattr(torch._C, "_is_tracing", _never)
_dispatch_modes = getattr(torch._C, "_len_torch_dispatch_stack", _never)  # type: Callable[[], int]
_under_func = getattr(torch._C, "_are_functorch_transforms_active", _never)


def _constant(function: Function) -> Function:
    """Let torch's compiler take what ``function`` returns while it records as a constant."""
    # What torch.compiler.assume_constant_result sets. Calling that would import the whole compiler, most of a
    # second in every process that uses a layer.
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


@_constant
def _recorded_func() -> bool:
    return bool(_under_func())


def transforming() -> bool:
    """Whether ``torch.func`` or forward-mode differentiation transforms the calls made now."""
    # Of what follows such a call for a graph, transforms inside the graph are seen; those around a graph come later.
    return _recorded_func() if is_compiling() else _under_func() or _dual_numbers()


def stock_only() -> bool:
    """Whether the calls made now must consist of operators that torch can follow: recorded or transformed."""
    return (_under_dynamo() or _under_trace() or _dispatch_modes() > 0 or _under_func()
            or forward_ad._current_level >= 0)  # a frame less than asking _dual_numbers


def tracing() -> bool:
    """Whether ``torch.jit.trace`` records the calls made now: for calls with gradients and without alike."""
    return not is_compiling() and bool(_under_trace())


def exporting_onnx() -> bool:
    """Whether ``torch.onnx.export`` records the calls made now."""
    return bool(torch.onnx.is_in_onnx_export())


def tensors_belong_to_a_mode() -> bool:
    """Whether a tensor made now belongs to a mode (a fake one, say, or one of a transform that is being compiled).

    Then it may not meet one made before.
    """
    return _recorded_func() if is_compiling() else _dispatch_modes() > 0


def _dual_numbers() -> bool:
    return forward_ad._current_level >= 0


def outside_modes(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return ``function(*arguments)``, run free of every mode around this call: they all are a thread's own.

    Raises what ``function`` raises.
    """
    results: List[Any] = []
    errors: List[BaseException] = []

    def run() -> None:
        try:
            results.append(function(*arguments))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def kept(function: Function) -> Function:
    """Keep the last 64 results of ``function``, each found outside all modes; a graph takes them as constants.

    ``torch.compile`` would otherwise trace past the cache and build the result in every call of its graph.
    """
    @functools.lru_cache(maxsize=64)
    def cached(*arguments: Any) -> Any:
        return outside_modes(function, *arguments)

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        return cached(*arguments)

    del call.__wrapped__
    return cast(Function, _constant(call))


# Since torch 2.4 the questions and the switch take any device; before, the CPU had a question of its own.
if hasattr(torch, "get_autocast_dtype"):
    def autocast_is_on(device: torch.device) -> bool:
        """Whether autocast would change the types of products on ``device``."""
        if not is_compiling() and not torch._C._is_any_autocast_enabled():
            return False  # the cheap question first
        return torch.is_autocast_enabled(device.type)
else:
    def autocast_is_on(device: torch.device) -> bool:
        """Whether autocast would change the types of products on ``device``."""
        return torch.is_autocast_enabled() if device.type == "cuda" else torch.is_autocast_cpu_enabled()


def autocast_off(device: torch.device) -> Any:
    """Return the context in which autocast leaves types on ``device`` alone."""
    return torch.autocast(device.type, enabled=False)
