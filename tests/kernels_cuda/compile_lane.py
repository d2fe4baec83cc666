"""Compiles the CUDA kernels for real, without a GPU, and holds them to the limits of the devices.

    python tests/kernels_cuda/compile_lane.py --folder CACHE [--archs 53,72,87,90] [--quick]
        [--old-nvrtc LIBRARY]

Needs the wheels of NVRTC 12.9 and ptxas 12.9, the last that know sm_53; they are installed once into a virtual
environment in CACHE. Without them it says why and ends with status 77. ``--old-nvrtc`` names a CUDA 10.2 NVRTC, or a
site-packages folder whose torch 1.10 brings one: its PTX goes through the same assembler. Every kernel must fit into
the registers and the shared memory of a thread block and spill nothing. At the end the counts of instructions and
bytes give modelled times for a Nano.
"""

import argparse
import glob
import os
import re
import struct
import subprocess
import sys
import tempfile
from contextlib import closing
from multiprocessing.pool import ThreadPool
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from suites.kernels.cuda import compiler, geometry, source, work

WHEELS = ("nvidia-cuda-nvrtc-cu12==12.9.86", "nvidia-cuda-nvcc-cu12==12.9.86")
ARCHS = (53, 72, 87, 90)
#: Where torch 1.10 for CUDA 10.2 keeps the compiler it brings.
OLD_NVRTC = os.path.join("torch", "lib", "libnvrtc-*.so.10.2")
SHARED_BYTES = 48 * 1024
SKIPPED = 77  # what a lane that cannot run here ends with
HEADLINE = (10, 1024, 1024)  # images, channels, pixels

# Jetson Nano at its highest clock: 128 lanes at 921.6 MHz, 32 of them may load or store, 64-bit LPDDR4-3200.
NANO_CLOCK_HZ, NANO_LANES, NANO_MEMORY_LANES, NANO_SPECIAL_LANES = 921.6e6, 128, 32, 32
NANO_BYTES_PER_S = 25.6e9


def registers_of_block(arch: int) -> int:
    """Return the registers one thread block may have."""
    return 32768 if arch in (53, 62) else 65536


class Usage(NamedTuple):
    """What the assembler says of one kernel."""

    registers: int
    shared_bytes: int
    spill_bytes: int
    stack_bytes: int = 0


class Kernel(NamedTuple):
    """One kernel of the lane, of ``program``; ``form`` is that of a Walsh-Hadamard layer."""

    title: str
    name: str
    macros: Dict[str, int]
    threads: int
    form: Optional[geometry.Geometry] = None
    program: str = "wht"


def parse_usage(text: str) -> Dict[str, Usage]:
    """Return the usage of each kernel in what ``ptxas -v`` prints."""
    found = {}
    for part in text.split("Compiling entry function '")[1:]:
        spills = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", part)
        registers = re.search(r"Used (\d+) registers", part)
        if spills is None or registers is None:
            raise ValueError("ptxas printed no resources for {}".format(part.split("'")[0]))
        shared, stack = re.search(r"(\d+) bytes smem", part), re.search(r"(\d+) bytes stack frame", part)
        found[part.split("'")[0]] = Usage(int(registers.group(1)), int(shared.group(1)) if shared else 0,
                                          int(spills.group(1)) + int(spills.group(2)),
                                          int(stack.group(1)) if stack else 0)
    return found


def instructions(cubin: bytes, name: str, arch: int) -> int:
    """Return the machine instructions of kernel ``name``: 32 bytes hold three before sm_70, 16 hold one since."""
    table, = struct.unpack_from("<Q", cubin, 0x28)
    size, count, names = struct.unpack_from("<HHH", cubin, 0x3A)
    sections = [struct.unpack_from("<IIQQQQ", cubin, table + index * size) for index in range(count)]
    for section in sections:
        start = sections[names][4] + section[0]
        if cubin[start:cubin.index(b"\0", start)] == b".text." + name.encode("ascii"):
            return section[5] * 3 // 32 if arch < 70 else section[5] // 16
    raise ValueError("the cubin has no kernel {}".format(name))


def planned(title: str, shape: Sequence[int], options: work.Options, arch: int, backward: bool = False,
            scaled: bool = False, dtype: str = "float32", last: bool = False, fixed: bool = True) -> Kernel:
    """Return the kernel for a dense tensor of ``shape``; ``last``: channels last, ``fixed``: strides compiled in."""
    order = [0] + list(range(2, len(shape))) + [1] if last else list(range(len(shape)))

    def dense(sizes: Sequence[int]) -> work.Tensor:
        strides, step = [0] * len(sizes), 1
        for dim in reversed(order):
            strides[dim], step = step, step * sizes[dim]
        return work.Tensor(tuple(sizes), tuple(strides))

    x = dense(shape)
    y = dense([shape[0], options.out_channels or shape[1]] + list(shape[2:]))
    job = work.describe(x, [y, x] if backward else [y], options)
    form = geometry.choose(job, backward, arch, 1, fixed)
    name = "wht_backward" if backward else "wht_forward"
    return Kernel("{} {}".format(title, name[4:] + (" with scale" if scaled else "")), name,
                  geometry.macros(job, options, scaled, dtype, form, backward, fixed), form.threads, form)


def kernels(arch: int, quick: bool) -> Iterator[Kernel]:
    """Yield every length in both layouts, then every option once."""
    for n in ((5, 8, 10) if quick else range(1, 13)):
        for last in (False, True):
            title = "{} points {}".format(1 << n, "in rows" if last else "along channels")
            shape, options = (10, 1 << n, 32, 32), work.Options((1,), (1 << n,))
            yield planned(title, shape, options, arch, last=last)
            yield planned(title, shape, options, arch, True, False, last=last)
            yield planned(title, shape, options, arch, True, True, last=last)
    for last in (False, True):
        for dtype in ("float16", "bfloat16"):
            yield planned(dtype, (10, 1024, 32, 32), work.Options((1,), (1024,)), arch, dtype=dtype, last=last)
            yield planned(dtype, (10, 256, 14, 14), work.Options((1,), (256,)), arch, True, True, dtype, last)
        for shape in ((10, 1024, 32, 32), (10, 64, 32, 32)):
            for backward in (False, True):
                yield planned("loose strides", shape, work.Options((1,), (shape[1],)), arch, backward, True,
                              last=last, fixed=False)
        yield planned("cropped", (8, 96, 28, 28), work.Options((1,), (128,), out_channels=160 // 2), arch, last=last)
        yield planned("ragged blocks", (8, 80, 28, 28), work.Options((1,), (32,)), arch, True, True, last=last)
        yield planned("whole blocks", (8, 96, 28, 28), work.Options((1,), (32,)), arch, last=last)
        for sides, sizes in (((7, 7), (8, 8)), ((14, 14), (16, 16)), ((32, 32), (32, 32)), ((56, 56), (64, 64))):
            for backward in (False, True):
                yield planned("plane {}x{}{}".format(sides[0], sides[1], ", channels last" if last else ""),
                              (10, 64) + sides, work.Options((2, 3), sizes), arch, backward, True, last=last)
        for options in (work.Options((1,), (1024,), "soft", "abs", True, True),
                        work.Options((1,), (1024,), "smooth", "clamp", True, False, "forward")):
            for backward in (False, True):
                yield planned("every option, " + options.nonlinearity, (10, 1024, 32, 32), options, arch, backward,
                              True, last=last)
            yield planned("every option, loose strides, " + options.nonlinearity, (10, 1024, 32, 32), options, arch,
                          scaled=True, last=last, fixed=False)


class Assembler:
    """``ptxas`` at ``path``."""

    def __init__(self, path: str) -> None:
        self.path = path

    def run(self, ptx: bytes, arch: int) -> Tuple[Dict[str, Usage], bytes]:
        """Return what each kernel uses and the machine code."""
        folder = tempfile.mkdtemp()
        text, cubin = os.path.join(folder, "kernel.ptx"), os.path.join(folder, "kernel.cubin")
        with open(text, "wb") as file:
            file.write(ptx)
        process = subprocess.Popen([self.path, "-v", "-arch=sm_{}".format(arch), text, "-o", cubin],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        output = process.communicate()[0]
        if process.returncode != 0:
            raise RuntimeError("ptxas failed: {}".format(output))
        with open(cubin, "rb") as file:
            code = file.read()
        for path in (text, cubin):
            os.remove(path)
        os.rmdir(folder)
        return parse_usage(output), code


def faults(kernel: Kernel, usage: Usage, arch: int) -> List[str]:
    """Return the limits ``kernel`` breaks, in words."""
    found = []
    if usage.spill_bytes:
        found.append("it spills {} bytes".format(usage.spill_bytes))
    if usage.stack_bytes and kernel.program != "wht":
        found.append("{} bytes of its arrays are in memory".format(usage.stack_bytes))
    if usage.registers * kernel.threads > registers_of_block(arch):
        found.append("{} registers for {} threads are more than {}".format(
            usage.registers, kernel.threads, registers_of_block(arch)))
    if usage.shared_bytes > SHARED_BYTES:
        found.append("{} bytes of shared memory are more than {}".format(usage.shared_bytes, SHARED_BYTES))
    return found


def check(nvrtc: Any, target: int, assembler: Assembler, arch: int, quick: bool) -> List[str]:
    """Compile every kernel to PTX for ``target`` and to machine code for ``arch``; return the faults."""
    import layers_lane  # which plans with what stands here

    broken, made = [], list(kernels(arch, quick)) + list(layers_lane.kernels(arch, quick))

    def build(kernel: Kernel) -> Usage:
        return assembler.run(nvrtc.ptx(source.read(kernel.program), target, kernel.macros), arch)[0][kernel.name]

    with closing(ThreadPool(os.cpu_count() or 1)) as pool:
        usages = pool.map(build, made)
    for kernel, usage in zip(made, usages):
        wrong = faults(kernel, usage, arch)
        broken += ["sm_{} {}: {}".format(arch, kernel.title, fault) for fault in wrong]
        print("{:>12} sm_{} {:<52} {:3} threads x {:3} registers, {:5} B shared, {} B spilled{}".format(
            nvrtc.name, arch, kernel.title, kernel.threads, usage.registers, usage.shared_bytes,
            usage.spill_bytes, "  BROKEN" if wrong else ""))
    print("{} for sm_{}: {} kernels, {} broken limits".format(nvrtc.name, arch, len(made), len(broken)))
    return broken


def model(nvrtc: Any, assembler: Assembler) -> str:
    """Return the modelled time of the headline layers on a Nano, with its arithmetic."""
    images, channels, pixels = HEADLINE
    elements = images * channels * pixels
    copy_s = 8.0 * elements / NANO_BYTES_PER_S
    lines = ["MODELLED for a Jetson Nano, nothing was run: {} x {} x {} float32, {:.1f} M elements".format(
        images, channels, pixels, elements / 1e6),
        "copy: {:.1f} M elements x 8 B / {:.1f} GB/s = {:.2f} ms at the peak of the memory".format(
            elements / 1e6, NANO_BYTES_PER_S / 1e9, copy_s * 1e3)]
    shapes = [("1-D along channels", (images, channels, 32, 32), work.Options((1,), (channels,))),
              ("2-D planes 32x32", (images, channels, 32, 32), work.Options((2, 3), (32, 32)))]
    for title, shape, options in shapes:
        kernel = planned(title, shape, options, 53)
        _, code = assembler.run(nvrtc.ptx(source.read(), 53, kernel.macros), 53)
        assert kernel.form is not None
        static = instructions(code, kernel.name, 53) / float(kernel.form.slots)
        # Each thread runs one of the R copies of every store and load of the two exchanges: 4 an element.
        unused = 4.0 * (kernel.form.rounds - 1)
        executed = static - unused
        issue_s = executed * elements / (NANO_LANES * NANO_CLOCK_HZ)
        memory_s = 7.0 * elements / (NANO_MEMORY_LANES * NANO_CLOCK_HZ)
        special_s = 2.0 * elements / (NANO_SPECIAL_LANES * NANO_CLOCK_HZ)
        longest = max(issue_s, memory_s, special_s, copy_s)
        lines += [
            "{}: {:.1f} instructions an element in the machine code - {:.0f} in untaken copies of the exchange "
            "= {:.1f}".format(title, static, unused, executed),
            "  issue: {:.1f} x {:.1f} M / ({} lanes x {:.1f} MHz) = {:.2f} ms; loads and stores: 7 / {} lanes = "
            "{:.2f} ms; ex2 and rcp: 2 / {} lanes = {:.2f} ms".format(
                executed, elements / 1e6, NANO_LANES, NANO_CLOCK_HZ / 1e6, issue_s * 1e3, NANO_MEMORY_LANES,
                memory_s * 1e3, NANO_SPECIAL_LANES, special_s * 1e3),
            "  the longest of these and of the copy, if all overlap: {:.2f} ms = {:.2f} x copy; if issue and memory "
            "do not overlap at all: {:.2f} ms = {:.2f} x copy".format(
                longest * 1e3, longest / copy_s, (issue_s + copy_s) * 1e3, (issue_s + copy_s) / copy_s)]
    return "\n".join(lines)


class PtxCompiler(compiler.Nvrtc):
    """An NVRTC asked for PTX only."""

    def ptx(self, text: str, arch: int, macros: Dict[str, int]) -> bytes:
        """Return the PTX of ``text`` for ``compute_<arch>``."""
        flags = ["--gpu-architecture=compute_{}".format(arch), compiler.STANDARD] + compiler.macro_flags(macros)
        image, log = self._compile(text, flags, "ptx")
        if image is None:
            raise compiler.CompileError("{}: {}".format(self.name, log))
        return image.data


def installed(folder: str) -> Tuple[Optional[str], Optional[str]]:
    """Return the site-packages of a virtual environment in ``folder`` that has the wheels, or why there is none."""
    environment = os.path.join(folder, "cuda-12.9")
    site = os.path.join(environment, "lib", "python*", "site-packages")
    if not glob.glob(os.path.join(site, "nvidia", "cuda_nvcc", "bin", "ptxas")):
        for command in ([sys.executable, "-m", "venv", environment],
                        [os.path.join(environment, "bin", "python"), "-m", "pip", "install", "-q"] + list(WHEELS)):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                       universal_newlines=True)
            output = process.communicate()[0]
            if process.returncode != 0:
                last = output.strip().splitlines()[-1:] or ["no message"]
                return None, "{} failed: {}".format(" ".join(command[1:4]), last[0])
    found = glob.glob(site)
    return (found[0], None) if found else (None, "the virtual environment has no site-packages")


def old_nvrtc(place: str) -> Optional[str]:
    """Return the library that ``place`` is, or the one a torch in that site-packages folder brings."""
    if not os.path.isdir(place):
        return place
    found = sorted(glob.glob(os.path.join(place, OLD_NVRTC)))
    return found[0] if found else None


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the lane; 0 if every kernel keeps the limits, 1 if one does not, 77 if the wheels cannot be had."""
    parser = argparse.ArgumentParser(description="Compile the CUDA kernels and check their limits.")
    parser.add_argument("--folder", required=True, help="where the compiler's wheels are kept")
    parser.add_argument("--archs", default=",".join(str(arch) for arch in ARCHS))
    parser.add_argument("--quick", action="store_true", help="three lengths instead of twelve")
    parser.add_argument("--old-nvrtc", help="a CUDA 10.2 libnvrtc, or a folder with a torch that brings one, for 5.3")
    settings = parser.parse_args(argv)
    site, reason = installed(settings.folder)
    if site is None:
        print("skipped: {}".format(reason))
        return SKIPPED
    nvrtc = PtxCompiler(os.path.join(site, "nvidia", "cuda_nvrtc", "lib", "libnvrtc.so.12"))
    assembler = Assembler(os.path.join(site, "nvidia", "cuda_nvcc", "bin", "ptxas"))
    broken = []  # type: List[str]
    for arch in (int(text) for text in settings.archs.split(",")):
        broken += check(nvrtc, arch, assembler, arch, settings.quick)
    if settings.old_nvrtc:
        library = old_nvrtc(settings.old_nvrtc)
        if library is None:
            print("without CUDA 10.2: there is no {} in {}".format(OLD_NVRTC, settings.old_nvrtc))
        else:
            # Desktop builds of it have nothing for 5.3, whose instructions are those of 5.2 and half arithmetic.
            broken += check(PtxCompiler(library), 52, assembler, 53, settings.quick)
    import layers_lane

    print(model(nvrtc, assembler))
    print(layers_lane.model(nvrtc, assembler))
    for fault in broken:
        print("BROKEN " + fault)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.modules["compile_lane"] = sys.modules["__main__"]
    sys.exit(main())
