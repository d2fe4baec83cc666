"""Runs the CUDA source on the CPU, thread by thread, through the same planning code that launches it on a GPU."""

import ctypes
import os
import subprocess
from typing import Any, NamedTuple, Optional, Sequence

import torch

from suites.kernels.cuda import geometry as forms
from suites.kernels.cuda import params as arguments
from suites.kernels.cuda import source, work
from suites.kernels.geometry import dense_like

FOLDER = os.path.dirname(os.path.abspath(__file__))
FORWARD, BACKWARD, REDUCE = 0, 1, 2


class Gradients(NamedTuple):
    """What the backward kernels computed."""

    x: torch.Tensor
    threshold: torch.Tensor
    scale: Optional[torch.Tensor]


class Emulator:
    """The device source as a host library; ``multiprocessors`` and ``arch`` are those of the pretended device."""

    def __init__(self, library: Any, arch: int = 53, multiprocessors: int = 1, reversed_order: bool = False,
                 fixed: bool = True) -> None:
        self.library, self.arch, self.multiprocessors = library, arch, multiprocessors
        self.reversed_order, self.fixed = reversed_order, fixed
        library.emulator_launch.restype = ctypes.c_char_p
        library.emulator_written.restype = ctypes.c_size_t
        library.emulator_params_bytes.restype = ctypes.c_size_t

    def forward(self, x: torch.Tensor, threshold: torch.Tensor, scale: Optional[torch.Tensor],
                options: work.Options) -> torch.Tensor:
        y = output_like(x, options)
        plan = work.describe(described(x), [described(y)], options)
        form = self.set(plan, options, scale is not None, x, backward=False)
        call = arguments.params(plan, options)
        self._tensors(call, x=x, y=y, threshold=threshold, scale=scale)
        blocks = -(-plan.units // form.units_per_block(options.points, plan.strided))
        self._launch(FORWARD, call, blocks, 1, form.threads,
                     dynamic_bytes(form.shared_bytes(options.points, plan.strided, False)))
        assert self.library.emulator_written(ctypes.c_void_p(y.data_ptr())) == y.numel()
        return y

    def backward(self, x: torch.Tensor, g: torch.Tensor, threshold: torch.Tensor, scale: Optional[torch.Tensor],
                 options: work.Options, blocks: int = 3) -> Gradients:
        grad_x = _empty(x.shape, x)
        plan = work.describe(described(x), [described(g), described(grad_x)], options)
        form = self.set(plan, options, scale is not None, x, backward=True)
        blocks = min(blocks, -(-plan.units // form.units_per_block(options.points, plan.strided)))
        call = arguments.params(plan, options, blocks)
        partial = torch.full((2, blocks, options.points), float("nan"))
        grads = [torch.full((options.points,), float("nan")) for _ in range(2)]
        self._tensors(call, x=x, g=g, y=grad_x, threshold=threshold, scale=scale, partial=partial,
                      grad_threshold=grads[0], grad_scale=grads[1])
        self._launch(BACKWARD, call, blocks, 1, form.threads,
                     dynamic_bytes(form.shared_bytes(options.points, plan.strided, True)))
        assert self.library.emulator_written(ctypes.c_void_p(grad_x.data_ptr())) == grad_x.numel()
        self._launch(REDUCE, call, -(-options.points // 32), 2 if scale is not None else 1, 256, 0)
        return Gradients(grad_x, grads[0], None if scale is None else grads[1])

    def set(self, plan: work.Work, options: work.Options, scaled: bool, x: torch.Tensor,
            backward: bool) -> forms.Geometry:
        """Name the kernel for ``plan`` and return its form."""
        form = forms.choose(plan, backward, self.arch, self.multiprocessors, self.fixed)
        names = forms.macros(plan, options, scaled, str(x.dtype).replace("torch.", ""), form, backward,
                             fixed=self.fixed)
        for name, value in names.items():
            known = self.library.emulator_set(name.encode(), value)
            assert known or name in ("WHT_FORWARD", "WHT_BACKWARD", "WHT_MIN_BLOCKS")
        return form

    def _tensors(self, call: arguments.Params, **tensors: Optional[torch.Tensor]) -> None:
        self.library.emulator_forget_tensors()
        for name, tensor in tensors.items():
            if tensor is None:
                continue
            setattr(call, name, tensor.data_ptr())
            reach = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride()))
            self.library.emulator_tensor(ctypes.c_void_p(tensor.data_ptr()), ctypes.c_size_t(reach),
                                         ctypes.c_size_t(tensor.element_size()))

    def _launch(self, kernel: int, call: arguments.Params, blocks_x: int, blocks_y: int, threads: int,
                dynamic: int) -> None:
        problem = self.library.emulator_launch(kernel, ctypes.byref(call), blocks_x, blocks_y, threads, dynamic,
                                               int(self.reversed_order))
        if problem is not None:
            raise AssertionError(problem.decode())


def dynamic_bytes(shared_bytes: int) -> int:
    """Return what a launch asks for: nothing up to the size that is static, as the driver's ``load`` has it."""
    return shared_bytes if shared_bytes > forms.STATIC_SHARED_BYTES else 0


def build(folder: str, text: Optional[str] = None) -> Any:
    """Compile the emulator with the host's C++ compiler and load it; ``text`` replaces the device source."""
    joined, library = os.path.join(folder, "joined.h"), os.path.join(folder, "emulator.so")
    with open(joined, "w") as file:
        file.write(source.read() if text is None else text)
    command = ["g++", "-std=c++14", "-O1", "-fPIC", "-shared", "-Wall", "-Wextra",
               '-DWHT_SOURCE="{}"'.format(joined), os.path.join(FOLDER, "emulator.cpp"), "-o", library]
    subprocess.check_call(command)
    return ctypes.CDLL(library)


def described(x: torch.Tensor) -> work.Tensor:
    return work.Tensor(tuple(x.shape), tuple(x.stride()))


def output_like(x: torch.Tensor, options: work.Options) -> torch.Tensor:
    """Return the layer's output, not yet computed, in the order of memory of ``x``."""
    shape = list(x.shape)
    if options.out_channels is not None:
        shape[1] = options.out_channels
    return _empty(tuple(shape), x)


def _empty(shape: Sequence[int], like: torch.Tensor) -> torch.Tensor:
    empty = torch.empty_strided(tuple(shape), dense_like(shape, like.stride()), dtype=like.dtype)
    return empty.fill_(float("nan"))
