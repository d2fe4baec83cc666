"""From a module and its dense reference to the subject a worker calls: protocol, mode and precision."""

import zlib
from typing import Any, Callable, Dict, Optional, Tuple, TypeVar

import torch
from torch import nn

from harness.plan import Case, Subject

#: Products of 10-bit mantissas over thousands of terms stay under this; float32's own limit does not apply.
TF32_TOLERANCE = 1e-2

#: Gradients jump where a value lies within rounding of a threshold, and one such coefficient reaches every pixel of
#: its transform (7.8e-4 seen in float32). A wrong gradient is off by the size of the gradient itself.
TRAINING_TOLERANCES = {"float32": 1e-2, "float16": 2e-1, "bfloat16": 5e-1}

Module = TypeVar("Module", bound=nn.Module)
Forward = Callable[[torch.Tensor], torch.Tensor]
Dense = Callable[[Dict[str, torch.Tensor], torch.Tensor], torch.Tensor]


def options(case: Case) -> Dict[str, Any]:
    """Return the case's options as a dict."""
    return dict(case.options)


def seeded(make: Callable[[], Module], case: Case) -> Module:
    """Return ``make()`` with weights that depend on the layer's name alone, in every process the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(zlib.crc32(case.layer.encode("utf-8")))
        return make()


def subject_of(case: Case, x: torch.Tensor, module: nn.Module, dense: Dense, macs: int,
               implementation: Optional[str] = None, reason: Optional[str] = None) -> Subject:
    """Return the subject that runs ``module`` on ``x`` the way ``case`` says.

    ``dense(parameters, x)`` is the reference in float64, given the module's parameters by name as float64. Raises
    ``ValueError`` for a mode or protocol that does not exist.
    """
    memory_format = torch.channels_last if case.memory_format == "channels_last" else torch.contiguous_format
    module.to(device=x.device, dtype=x.dtype)
    module.to(memory_format=memory_format)  # type: ignore[call-overload]
    training = case.mode == "training"
    module.train(training)
    parameters = sum(parameter.numel() for parameter in module.parameters())
    run = module  # type: Forward
    if options(case).get("compile"):
        run = compiled(module)
        implementation = "{}, compiled".format(implementation or "torch")
    if case.mode not in ("inference", "training") or case.protocol not in ("steady", "published"):
        raise ValueError("no way to run mode '{}' with protocol '{}': use inference or training, steady or "
                         "published".format(case.mode, case.protocol))
    if case.protocol == "published":
        if training:
            raise ValueError("the published protocol is inference only: use mode='inference'")
        call = _image_by_image(run, x)  # type: Callable[[], Any]
    else:
        call = _training(module, run, x) if training else _inference(run, x)
    tf32 = bool(options(case).get("tf32", False))
    if x.is_cuda:
        call = with_tf32(call, tf32)

    def in_double(batch: torch.Tensor) -> torch.Tensor:
        # Made when asked for: a double copy of every weight would weigh in the memory pass.
        exact = {name: parameter.detach().cpu().double() for name, parameter in module.named_parameters()}
        return dense(exact, batch)

    reference = _training_reference(in_double) if training else in_double
    tolerance = TRAINING_TOLERANCES.get(case.dtype) if training else None
    return Subject(call=call, reference=reference, tolerance=TF32_TOLERANCE if tf32 else tolerance,
                   implementation=implementation or case.implementation or "torch", reason=reason,
                   parameters=parameters, macs=macs)


def compiled(module: nn.Module) -> Forward:
    """Return ``torch.compile(module)``, which compiles at its first call; raises where torch has none."""
    if not hasattr(torch, "compile"):
        raise RuntimeError("torch.compile came with torch 2, this is {}".format(torch.__version__))
    run: Forward = torch.compile(module)
    return run


def _inference(module: Forward, x: torch.Tensor) -> Callable[[], torch.Tensor]:
    def call() -> torch.Tensor:
        with torch.inference_mode():
            return module(x)

    return call


def _image_by_image(module: Forward, x: torch.Tensor) -> Callable[[], torch.Tensor]:
    """The published loop: each image alone, copied in and copied out, all memory asked for inside the call."""
    def call() -> torch.Tensor:
        with torch.inference_mode():
            result = None  # type: Optional[torch.Tensor]
            for index in range(x.shape[0]):
                y = module(x[index:index + 1].clone())
                if result is None:
                    result = y.new_empty((x.shape[0],) + tuple(y.shape[1:]))
                result[index:index + 1].copy_(y)
            return result if result is not None else module(x)

    return call


def _training(module: nn.Module, run: Forward,
              x: torch.Tensor) -> Callable[[], Tuple[torch.Tensor, torch.Tensor]]:
    """One step: forward, backward to the parameters and to the input, update.

    The gradient at the output is the output itself (the loss is half its sum of squares). The learning rate is 0: the
    update does all its work and leaves the weights, so every step computes the same and stays checkable.
    """
    optimizer = torch.optim.SGD(module.parameters(), lr=0.0)
    x = x.detach()

    def call() -> Tuple[torch.Tensor, torch.Tensor]:
        # Made anew in every step, as the layer before would hand it over.
        leaf = x.view_as(x).requires_grad_()
        optimizer.zero_grad(set_to_none=True)
        y = run(leaf)
        y.backward(y.detach())
        optimizer.step()
        assert leaf.grad is not None
        return y.detach(), leaf.grad

    return call


def _training_reference(dense: Forward) -> Callable[[torch.Tensor], Any]:
    def reference(batch: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        leaf = batch.detach().requires_grad_()
        y = dense(leaf)
        return y.detach(), torch.autograd.grad(y, leaf, y.detach())[0]

    return reference


def with_tf32(call: Callable[[], Any], allowed: bool) -> Callable[[], Any]:
    """Set torch's process-wide TF32 switches in each call, and off again: cases of one process differ in them."""
    def switched() -> Any:
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
        try:
            return call()
        finally:
            if allowed:  # left on it would reach every other case, and count as a change of the process
                torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False

    return switched
