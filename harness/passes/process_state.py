"""What a layer may change for everybody in its process, found and put back the same way for all."""

from typing import Any, Callable, NamedTuple, Tuple


class ProcessState(NamedTuple):
    """Settings that every rival of a process shares; a field that this torch lacks is ``None``."""

    threads: Any
    default_dtype: Any
    grad_mode: Any
    denormals_flushed: Any
    matmul_tf32: Any
    convolution_tf32: Any
    cudnn_benchmark: Any
    deterministic: Any


def read_state(torch: Any) -> ProcessState:
    """Return the state of this process."""
    return ProcessState(
        torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled(), denormals_are_flushed(),
        getattr(torch.backends.cuda.matmul, "allow_tf32", None), getattr(torch.backends.cudnn, "allow_tf32", None),
        torch.backends.cudnn.benchmark, torch.are_deterministic_algorithms_enabled())


def denormals_are_flushed() -> bool:
    """Whether this thread takes numbers below the smallest normal one for zero."""
    return float("1e-310") * 0.5 == 0.0  # read at run time: a constant would be folded by the compiler


def put_back(torch: Any, state: ProcessState) -> Tuple[str, ...]:
    """Bring the process back to ``state``; return the names of what had been changed."""
    now = read_state(torch)
    changed = tuple(name for name, was, found in zip(state._fields, state, now) if was != found)
    for name in changed:
        SETTERS[name](torch, getattr(state, name))
    return changed


def _set_matmul_tf32(torch: Any, value: Any) -> None:
    torch.backends.cuda.matmul.allow_tf32 = value


def _set_convolution_tf32(torch: Any, value: Any) -> None:
    torch.backends.cudnn.allow_tf32 = value


def _set_cudnn_benchmark(torch: Any, value: Any) -> None:
    torch.backends.cudnn.benchmark = value


SETTERS = {
    "threads": lambda torch, value: torch.set_num_threads(value),
    "default_dtype": lambda torch, value: torch.set_default_dtype(value),
    "grad_mode": lambda torch, value: torch.set_grad_enabled(value),
    "denormals_flushed": lambda torch, value: torch.set_flush_denormal(value),
    "matmul_tf32": _set_matmul_tf32,
    "convolution_tf32": _set_convolution_tf32,
    "cudnn_benchmark": _set_cudnn_benchmark,
    "deterministic": lambda torch, value: torch.use_deterministic_algorithms(value),
}


def tidied(call: Callable[[], Any], torch: Any, state: ProcessState) -> Callable[[], Any]:
    """Return ``call`` with the process put back after it: for a layer that was found to change it."""
    def run() -> Any:
        output = call()
        put_back(torch, state)
        return output

    return run
