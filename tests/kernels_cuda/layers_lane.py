"""The kernels of DeBut and multiplication-free layers that the compile lane builds, as the launchers plan them."""

from typing import Any, Iterator, List, Optional, Sequence, Tuple

import compile_lane

from suites.kernels.cuda import debut_form, debut_launch, source, sums_form
from suites.kernels.debut import Spec
from suites.layers.debut.chain import chain_from_pairs, published_chains

#: Published layers: title, chains and number of the layer, input, output features, side of the kernel (0: linear).
PUBLISHED = (
    ("VGG-16 3x3 512 to 512, 14x14", "vgg16_cifar10", 5, (1, 512, 14, 14), 512, 3),
    ("VGG-16 3x3 512 to 512, 2x2", "vgg16_cifar10", 5, (1, 512, 2, 2), 512, 3),
    ("VGG-16 3x3 256 to 512, 4x4", "vgg16_cifar10", 0, (1, 256, 4, 4), 512, 3),
    ("ResNet-50 3x3 bulging, 7x7", "resnet50_imagenet", 1, (1, 512, 7, 7), 512, 3),
    ("ResNet-50 1x1 2048 to 512, 7x7", "resnet50_imagenet", 3, (1, 2048, 7, 7), 512, 1),
    ("ResNet-50 1x1 512 to 2048, 7x7", "resnet50_imagenet", 2, (1, 512, 7, 7), 2048, 1),
    ("ResNet-110 3x3 16 to 16, 32x32", "resnet110_cifar100", 1, (8, 16, 32, 32), 16, 3),
    ("PointNet 128 to 1024", "pointnet_modelnet40_small", 2, (1, 128, 1024, 1), 1024, 1),
    ("PointNet linear 1024 to 512", "pointnet_modelnet40_small", 3, (512, 1024), 512, 0),
    ("LeNet linear 400 to 128", "lenet_mnist_paper", 1, (64, 400), 128, 0),
)
#: Long factors, which are loops: no chain of the papers has any.
LONG = ("long factors", chain_from_pairs([(12, 3), (40, 300)]), (64, 900), 480, 0)
QUICK = PUBLISHED[:1] + PUBLISHED[4:5] + PUBLISHED[9:]
#: Multiprocessors of the boards and cards that the architectures stand for.
MULTIPROCESSORS = {53: 1, 72: 6, 75: 40, 87: 8, 90: 132}
MEMBERS = tuple(sums_form.MEMBERS)
NANO_FLOPS_PER_S = 2.0 * compile_lane.NANO_LANES * compile_lane.NANO_CLOCK_HZ
ELEMENTS = 10 * 1024 * 32 * 32


def dense_strides(shape: Sequence[int]) -> List[int]:
    """Return the strides of a tensor of ``shape`` without gaps."""
    strides = [1] * len(shape)
    for index in reversed(range(len(shape) - 1)):
        strides[index] = strides[index + 1] * shape[index + 1]
    return strides


def debut(title: str, chain: Sequence[Sequence[int]], shape: Tuple[int, ...], outputs: int, side: int, arch: int,
          dtype: int = 0, fixed: bool = True, form: Optional[debut_form.Form] = None,
          **options: Any) -> compile_lane.Kernel:
    """Return the kernel of a DeBut layer on a dense tensor of ``shape``; ``form`` replaces the chosen one."""
    if side:
        options = dict({"kernel": (side, side), "padding": (side // 2, side // 2)}, **options)
    spec = Spec(tuple((p // (r * t), r, s, t) for p, _, r, s, t in chain), shape[1], outputs, **options)
    call = debut_launch.params(shape, dense_strides(shape), spec)
    form = form or debut_form.choose(spec.shapes, call.positions, MULTIPROCESSORS.get(arch, 8))
    strides = (call.x_channel, call.x_row, call.x_column) if fixed else None
    return compile_lane.Kernel("DeBut " + title, "debut_forward",
                               debut_form.macros(spec, form, dtype, True, strides), form.threads, None, "debut")


def kernels(arch: int, quick: bool) -> Iterator[compile_lane.Kernel]:
    """Yield published layers, every type and option once, and each member in both orders of memory."""
    for title, network, index, shape, outputs, side in QUICK if quick else PUBLISHED:
        yield debut(title, published_chains(network)[index], shape, outputs, side, arch)
    for title, chain, shape, outputs, side in (LONG,):
        yield debut(title, chain, shape, outputs, side, arch)
    _, network, index, shape, outputs, side = PUBLISHED[0]
    chain = published_chains(network)[index]
    for dtype in (1, 2):
        yield debut("half precision {}".format(dtype), chain, shape, outputs, side, arch, dtype)
    yield debut("loose strides", chain, shape, outputs, side, arch, fixed=False)
    yield debut("loose strides, taps, cropped", chain, (1, 500, 14, 14), 500, side, arch, fixed=False, tap_order=True)
    if not quick:
        # Whatever a sweep may ask for: every tile, in the fewest slices and in the most.
        shapes = tuple((p // (r * t), r, s, t) for p, _, r, s, t in published_chains("vgg16_cifar10")[0])
        for form in debut_form.candidates(shapes):
            yield debut("tile {0.columns} x {0.wide} of {0.slices} slices".format(form),
                        published_chains("vgg16_cifar10")[0], (1, 256, 14, 14), 512, 3, arch, form=form)
    for member in MEMBERS:
        for rows in sums_form.ROWS[:1] if quick else sums_form.ROWS:
            for last in (False, True):
                layer = sums_form.Depthwise(3, 1, member)
                yield _depthwise("{} of {} rows".format(member, rows), layer, rows, 0, last)
        if member != "product":
            for per_thread in (sums_form.ROWS[0], sums_form.ROWS[-1]):
                macros = sums_form.mf_macros(member, per_thread, 0, True)
                yield compile_lane.Kernel("MF dense {} of {} rows".format(member, per_thread), "mf_forward", macros,
                                          sums_form.THREADS, None, "mf")
    for kernel, stride, dtype in ((3, 2, 1), (5, 1, 0), (7, 1, 0), (7, 3, 2), (9, 1, 0)):
        rows = 1 if kernel > sums_form.WRITTEN_OUT else sums_form.ROWS[0]
        yield _depthwise("{0}x{0}, stride {1}, type {2}".format(kernel, stride, dtype),
                         sums_form.Depthwise(kernel, stride, "min"), rows, dtype, False)


def _depthwise(title: str, layer: sums_form.Depthwise, rows: int, dtype: int, last: bool) -> compile_lane.Kernel:
    return compile_lane.Kernel(
        "depthwise {}{}".format(title, ", channels last" if last else ""), "depthwise_forward",
        sums_form.depthwise_macros(layer, rows, dtype, True, last, 64 if last else 1), sums_form.THREADS, None,
        "depthwise")


def model(nvrtc: Any, assembler: Any) -> str:
    """Return what bytes, operations and instructions allow these layers on a Nano, with the arithmetic."""
    lines = ["MODELLED for a Jetson Nano, nothing was run: {:.1f} GFLOP/s in float32, {:.1f} GB/s".format(
        NANO_FLOPS_PER_S / 1e9, compile_lane.NANO_BYTES_PER_S / 1e9)]
    for title, network, index, shape, outputs, side in PUBLISHED:
        chain = published_chains(network)[index]
        positions = shape[0] * (shape[2] * shape[3] if side else 1)
        spec = Spec(tuple((p // (r * t), r, s, t) for p, _, r, s, t in chain), shape[1], outputs)
        weights = sum(p * s for p, _, _, s, _ in chain)
        dense = outputs * shape[1] * max(side, 1) ** 2
        moved = 4.0 * (positions * (shape[1] + outputs) + weights)
        form = debut_form.choose(spec.shapes, positions, 1)
        floor_s = max(2.0 * weights * positions / NANO_FLOPS_PER_S, moved / compile_lane.NANO_BYTES_PER_S)
        dense_s = max(2.0 * dense * positions / NANO_FLOPS_PER_S,
                      (moved + 4.0 * (dense - weights)) / compile_lane.NANO_BYTES_PER_S)
        cycles_s = debut_form.modelled_cycles(form, positions, 1) / compile_lane.NANO_CLOCK_HZ
        lines.append("DeBut {}: {:.1f} M multiply-adds of {:.1f} M, {:.2f} MB: roof {:.3f} ms, the form's model "
                     "{:.3f} ms; dense at its own roof {:.3f} ms".format(
                         title, weights * positions / 1e6, dense * positions / 1e6, moved / 1e6, floor_s * 1e3,
                         cycles_s * 1e3, dense_s * 1e3))
    for member in MEMBERS:
        kernel = _depthwise(member, sums_form.Depthwise(3, 1, member), sums_form.ROWS[0], 0, False)
        _, code = assembler.run(nvrtc.ptx(source.read(kernel.program), 53, kernel.macros), 53)
        each = compile_lane.instructions(code, kernel.name, 53) / float(sums_form.ROWS[0])
        issue_s = each * ELEMENTS / (compile_lane.NANO_LANES * compile_lane.NANO_CLOCK_HZ)
        copy_s = 8.0 * ELEMENTS / compile_lane.NANO_BYTES_PER_S
        lines.append("depthwise 3x3 {}, {:.1f} M elements: {:.1f} instructions each: issue {:.2f} ms, copy {:.2f} "
                     "ms: {:.2f} to {:.2f} x copy".format(member, ELEMENTS / 1e6, each, issue_s * 1e3, copy_s * 1e3,
                                                      max(issue_s, copy_s) / copy_s, (issue_s + copy_s) / copy_s))
    return "\n".join(lines)
