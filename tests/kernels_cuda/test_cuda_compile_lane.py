"""What the compile lane reads from the assembler, and what it calls broken."""

import struct

import compile_lane
import layers_lane
import pytest

from suites.kernels.cuda import sums_form, work

PRINTED = """ptxas info    : 77 bytes gmem
ptxas info    : Compiling entry function 'wht_reduce' for 'sm_53'
ptxas info    : Function properties for wht_reduce
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 22 registers, 2048 bytes smem, 560 bytes cmem[0]
ptxas info    : Compiling entry function 'wht_backward' for 'sm_53'
ptxas info    : Function properties for wht_backward
    104 bytes stack frame, 104 bytes spill stores, 100 bytes spill loads
ptxas info    : Used 128 registers, 560 bytes cmem[0]
"""


def cubin(name, code_bytes):
    """Return the smallest ELF file with one text section."""
    names = b"\0.text." + name + b"\0"
    header = bytearray(64)
    struct.pack_into("<Q", header, 0x28, 64)
    struct.pack_into("<HHH", header, 0x3A, 64, 3, 2)
    start = 64 + 3 * 64
    sections = [(0, 0, 0, 0, 0, 0), (1, 1, 0, 0, start + len(names), code_bytes), (0, 3, 0, 0, start, len(names))]
    table = b"".join(struct.pack("<IIQQQQ", *section).ljust(64, b"\0") for section in sections)
    return bytes(header) + table + names + b"\0" * code_bytes


def kernel(arch=53):
    return compile_lane.planned("a", (10, 1024, 32, 32), work.Options((1,), (1024,)), arch)


def test_registers_shared_memory_and_spills_are_read_for_each_kernel():
    used = compile_lane.parse_usage(PRINTED)
    assert used == {"wht_reduce": (22, 2048, 0, 0), "wht_backward": (128, 0, 204, 104)}


def test_output_without_resources_is_no_silent_pass():
    with pytest.raises(ValueError, match="printed no resources for wht_forward"):
        compile_lane.parse_usage("Compiling entry function 'wht_forward' for 'sm_53'\n")


@pytest.mark.parametrize("arch, expected", [(53, 96 * 3 // 32), (90, 6)])
def test_instructions_are_counted_by_the_size_of_their_code(arch, expected):
    assert compile_lane.instructions(cubin(b"wht_forward", 96), "wht_forward", arch) == expected
    with pytest.raises(ValueError, match="no kernel other"):
        compile_lane.instructions(cubin(b"wht_forward", 96), "other", arch)


@pytest.mark.parametrize("usage, words", [
    (compile_lane.Usage(64, 32768, 4), "spills 4 bytes"),
    (compile_lane.Usage(65, 32768, 0), "65 registers for 512 threads"),
    (compile_lane.Usage(64, 49153, 0), "49153 bytes of shared memory")])
def test_a_broken_limit_is_named(usage, words):
    assert kernel().form.threads == 512
    found = compile_lane.faults(kernel(), usage, 53)
    assert len(found) == 1 and words in found[0]
    assert compile_lane.faults(kernel(), compile_lane.Usage(64, 32768, 0), 53) == []


def test_arrays_in_memory_break_the_limit_of_the_layers_kernels():
    """A compiler that does not see which element is meant keeps an array in memory, without calling it a spill."""
    made = next(layers_lane.kernels(53, True))
    assert compile_lane.faults(made, compile_lane.Usage(64, 32768, 0), 53) == []
    found = compile_lane.faults(made, compile_lane.Usage(64, 32768, 0, 128), 53)
    assert found == ["128 bytes of its arrays are in memory"]


def test_the_lane_covers_published_chains_every_tile_and_every_member():
    titles = [made.title for made in layers_lane.kernels(53, False)]
    assert len(set(titles)) == len(titles)
    for words in ("3x3 512 to 512, 14x14", "1x1 2048 to 512", "linear 400", "long factors", "tile 32 x 1 of 8 slices",
                  "half precision 1", "half precision 2", "loose strides"):
        assert [title for title in titles if "DeBut" in title and words in title], words
    for member in sums_form.MEMBERS:
        assert "depthwise {} of 4 rows, channels last".format(member) in titles
    assert "MF dense min of 4 rows" in titles and "MF dense min of 1 rows" in titles


def test_the_compiler_of_cuda_10_is_found_beside_torch(tmp_path):
    assert compile_lane.old_nvrtc("some/libnvrtc.so.10.2") == "some/libnvrtc.so.10.2"
    assert compile_lane.old_nvrtc(str(tmp_path)) is None
    folder = tmp_path / "torch" / "lib"
    folder.mkdir(parents=True)
    for name in ("libnvrtc-builtins.so", "libnvrtc-08c4863f.so.10.2"):
        (folder / name).touch()
    assert compile_lane.old_nvrtc(str(tmp_path)) == str(folder / "libnvrtc-08c4863f.so.10.2")


def test_a_desktop_gpu_may_use_twice_the_registers():
    assert compile_lane.faults(kernel(90), compile_lane.Usage(128, 32768, 0), 90) == []


def test_the_lane_covers_every_length_in_both_layouts_and_directions():
    titles = [made.title for made in compile_lane.kernels(53, False)]
    for points in (2 ** n for n in range(1, 13)):
        for place in ("in rows", "along channels"):
            for way in ("forward", "backward", "backward with scale"):
                assert "{} points {} {}".format(points, place, way) in titles


def test_without_the_wheels_the_lane_says_why_and_counts_as_skipped(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compile_lane, "installed", lambda folder: (None, "pip install failed: no network"))
    assert compile_lane.main(["--folder", str(tmp_path)]) == 77
    assert capsys.readouterr().out == "skipped: pip install failed: no network\n"


@pytest.mark.parametrize("arch, fixed, pixels", [(53, True, 16), (53, False, 8), (62, False, 8), (72, True, 8),
                                                 (87, False, 8), (87, True, 16), (90, False, 16)])
def test_forms_that_spilled_get_a_narrower_tile(arch, fixed, pixels):
    """At 1024 points with a scale and loose strides: 40 bytes by CUDA 10.2's PTX for 5.3, 56 for 8.7."""
    made = compile_lane.planned("a", (10, 1024, 32, 32), work.Options((1,), (1024,)), arch, scaled=True, fixed=fixed)
    assert made.form.pixels == pixels
