import ctypes
import subprocess
import sys
import threading

import pytest
import torch
from kernels_dense import table_length, tables

from suites.kernels import cpu_call, fused_layer, library

CASES = [((3, 64, 14, 14), {}), ((1, 1024, 9, 9), {}), ((1, 256, 14, 14), {}), ((1, 512, 7, 7), {}),
         ((1, 128, 14, 14), {}), ((1, 64, 14, 14), {}), ((1, 2048, 14, 14), {}),
         ((2, 96, 7, 7), {"block": 32}),
         ((5, 7, 7, 7), {"dims": (2, 3)}),
         ((2, 3, 32, 32), {"dims": (2, 3)}), ((2, 9, 14, 14), {"dims": (2, 3)}), ((33, 256), {}),
         ((3, 64, 14, 14), {"residual": True})]


def results(shape, options, threads):
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(1)).requires_grad_()
    threshold, scale = [t.requires_grad_() for t in tables(table_length(shape, **options), True)]
    torch.set_num_threads(threads)
    y = fused_layer(x, threshold, scale, **options)
    y.backward(torch.ones_like(y))
    return [y.detach(), x.grad, threshold.grad, scale.grad]


@pytest.mark.sampled
@pytest.mark.parametrize("shape,options", CASES, ids=str)
def test_results_are_the_same_bits_for_every_number_of_threads_and_every_run(kernels, shape, options):
    first = results(shape, options, 1)
    for threads in (1, 2, 3, 5, 8):
        for a, b in zip(first, results(shape, options, threads)):
            assert torch.equal(a, b)


def test_without_torchs_pool_own_threads_give_the_same_bits(kernels):
    handle = cpu_call.loaded().handle
    first = results(*CASES[0], threads=1)
    try:
        handle.wht_set_pool(None)
        handle.wht_set_pool_backward(None)
        for a, b in zip(first, results(*CASES[0], threads=4)):
            assert torch.equal(a, b)
    finally:
        pool = library.pool_function()
        handle.wht_set_pool(pool)
        handle.wht_set_pool_backward(pool)


def test_the_kernels_run_on_the_pool_of_threads_torch_has(kernels):
    assert kernels["threads"] == "torch's OpenMP"
    # No OpenMP library but torch's own is in a process that has run a layer on two threads.
    script = ("import torch; from suites.kernels import fused_layer, library; torch.set_num_threads(2);"
              "before = set(library.openmp_libraries()); fused_layer(torch.randn(4, 64, 20, 20), torch.rand(64));"
              "assert before and set(library.openmp_libraries()) == before")
    assert subprocess.call([sys.executable, "-c", script]) == 0


def test_python_threads_may_call_at_once(kernels):
    x, (threshold, _) = torch.randn(2, 256, 12, 12), tables(256, False)
    want, wrong = fused_layer(x, threshold), []

    def work():
        for _ in range(30):
            if not torch.equal(fused_layer(x, threshold), want):
                wrong.append(1)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_openmp_libraries_are_found_in_the_process_map_torchs_first(tmp_path):
    maps = tmp_path / "maps"
    maps.write_text("7f00-7f01 r-xp 0 08:01 5 /usr/lib/libgomp.so.1\n"
                    "7f02-7f03 r-xp 0 08:01 6 /opt/v/torch/lib/libgomp-a34b3233.so.1\n"
                    "7f04-7f05 rw-p 0 00:00 0\n7f06-7f07 r-xp 0 08:01 7 /usr/lib/libc.so.6\n")
    assert library.openmp_libraries(str(maps)) == ["/opt/v/torch/lib/libgomp-a34b3233.so.1", "/usr/lib/libgomp.so.1"]
    assert library.openmp_libraries(str(tmp_path / "none")) == []


def test_a_copy_past_the_cache_copies_every_byte(kernels):
    handle = cpu_call.loaded().handle
    x = torch.randn(64 * 4096 * 3 + 64)
    for past in (0, 1):
        y = torch.zeros_like(x)
        handle.wht_copy(x.data_ptr(), y.data_ptr(), x.numel() * 4, past, 2)
        assert torch.equal(x, y)
    sink = ctypes.c_float()
    assert handle.wht_multiply_add(10, 2, ctypes.byref(sink)) == 10 * 2 * 12 * kernels["vector_bytes"] // 4 * 2
