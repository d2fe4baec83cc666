"""Runs the CUDA source on the CPU, thread by thread, through the same planning code that launches it on a GPU."""

import ctypes
import os
import subprocess
from typing import Any, Dict, NamedTuple, Optional, Sequence

import torch

from suites.kernels.cuda import debut_form, source, sums_form, work
from suites.kernels.cuda import geometry as forms
from suites.kernels.cuda import params as arguments
from suites.kernels.debut import Spec
from suites.kernels.geometry import dense_like

FOLDER = os.path.dirname(os.path.abspath(__file__))
FORWARD, BACKWARD, REDUCE = 0, 1, 2
WHT_SETTINGS = ("GPU_DTYPE", "GPU_DYNAMIC_SHARED") + tuple("WHT_" + name for name in (
    "LOG2N", "SLOTS", "LANES", "PIXELS", "TILES", "ROUNDS", "STRIDED", "CROP_IN", "CROP_OUT", "PLANE", "LOG2W",
    "SPLIT", "SMOOTH", "MODE", "SCALED", "KEEP_FIRST", "RESIDUAL", "FIXED", "X_ROW", "X_HIGH", "X_STEP", "G_ROW",
    "G_HIGH", "G_STEP", "Y_ROW", "Y_HIGH", "Y_STEP"))
#: Macros that only a compiler needs.
COMPILED_ONLY = ("WHT_FORWARD", "WHT_BACKWARD", "GPU_MIN_BLOCKS")
#: Text before the numbers of a program: what a compiler gets as a macro and a host needs as the size of an array.
PREFIX = {"wht": "#define WHT_FORWARD\n#define WHT_BACKWARD\n#define WHT_SLOT_ARRAY 64\n"}


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
        set_macros(self.library, names)
        return form

    def _tensors(self, call: arguments.Params, **tensors: Optional[torch.Tensor]) -> None:
        declare(self.library, call, tensors)

    def _launch(self, kernel: int, call: arguments.Params, blocks_x: int, blocks_y: int, threads: int,
                dynamic: int) -> None:
        launch(self.library, kernel, call, (blocks_x, blocks_y), threads, dynamic, self.reversed_order)


def set_macros(library: Any, macros: Dict[str, int]) -> None:
    """Name a kernel; a macro that the emulator does not know must be one for compilers only."""
    for name, value in macros.items():
        assert library.emulator_set(name.encode(), value) or name in COMPILED_ONLY, name


def declare(library: Any, call: ctypes.Structure, tensors: Dict[str, Optional[torch.Tensor]]) -> None:
    """Put the tensors' addresses into ``call`` and tell the emulator how far each reaches."""
    library.emulator_forget_tensors()
    for name, tensor in tensors.items():
        if tensor is None:
            continue
        setattr(call, name, tensor.data_ptr())
        reach = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride()))
        library.emulator_tensor(ctypes.c_void_p(tensor.data_ptr()), ctypes.c_size_t(reach),
                                ctypes.c_size_t(tensor.element_size()))


def launch(library: Any, kernel: int, call: ctypes.Structure, blocks: Sequence[int], threads: int, dynamic: int = 0,
           reversed_order: bool = False) -> None:
    """Run a kernel; ``AssertionError`` with what the emulator found."""
    library.emulator_launch.restype = ctypes.c_char_p
    problem = library.emulator_launch(kernel, ctypes.byref(call), blocks[0], blocks[1], threads, dynamic,
                                      int(reversed_order))
    if problem is not None:
        raise AssertionError(problem.decode())


def launch_whole(library: Any, call: ctypes.Structure, macros: Dict[str, int], blocks: Sequence[int],
                 tensors: Dict[str, Optional[torch.Tensor]], reversed_order: bool = False) -> None:
    """Run the one kernel of a program on ``tensors``, every element of ``y`` of which it must write exactly once."""
    set_macros(library, macros)
    declare(library, call, tensors)
    launch(library, 0, call, blocks, macros["GPU_THREADS"], 0, reversed_order)
    library.emulator_written.restype = ctypes.c_size_t
    y = tensors["y"]
    assert library.emulator_written(ctypes.c_void_p(y.data_ptr())) == y.numel()


def dynamic_bytes(shared_bytes: int) -> int:
    """Return what a launch asks for: nothing up to the size that is static, as the driver's ``load`` has it."""
    return shared_bytes if shared_bytes > forms.STATIC_SHARED_BYTES else 0


def settings_of(program: str) -> Sequence[str]:
    """Return the names of the macros that name a kernel of ``program``."""
    if program == "wht":
        return WHT_SETTINGS
    if program == "debut":
        spec = Spec(((1, 1, 1, 1),), 1, 1)
        macros = debut_form.macros(spec, debut_form.choose(spec.shapes, 1, 1), 0, False, None)
    elif program == "depthwise":
        macros = sums_form.depthwise_macros(sums_form.Depthwise(3, 1, "min"), 1, 0, False, False, 1)
    else:
        macros = sums_form.mf_macros("min", 1, 0, False)
    return [name for name in macros if name not in COMPILED_ONLY]


def build(folder: str, text: Optional[str] = None, program: str = "wht") -> Any:
    """Compile the emulator of ``program`` with the host's C++ compiler and load it; ``text`` replaces its source.

    The macros that name a kernel are numbers here, set before a launch.
    """
    settings = settings_of(program)
    joined, header, library = (os.path.join(folder, name) for name in ("joined.h", "settings.h", "emulator.so"))
    with open(joined, "w") as file:
        file.write(source.read(program) if text is None else text)
    with open(header, "w") as file:
        file.write(PREFIX.get(program, ""))
        file.write("#define EMULATED_SETTINGS(USE) {}\n".format(" ".join("USE({})".format(one) for one in settings)))
        file.writelines("static int setting_of_{0};\n#define {0} setting_of_{0}\n".format(one) for one in settings)
    command = ["g++", "-std=c++14", "-O1", "-fPIC", "-shared", "-Wall", "-Wextra", "-Wno-unused-function"]
    for name, path in (("GPU_SOURCE", joined), ("EMULATED_HEADER", header),
                       ("EMULATED_PROGRAM", os.path.join(FOLDER, "emulated_{}.h".format(program)))):
        command.append('-D{}="{}"'.format(name, path))
    subprocess.check_call(command + [os.path.join(FOLDER, "emulator.cpp"), "-o", library])
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
