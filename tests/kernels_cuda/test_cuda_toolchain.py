"""Compilers, cache and driver, by stand-ins for the libraries, and by the real NVRTC where torch brings one."""

import ctypes
import os

import pytest

from suites.kernels.cuda import cache, compiler, devices, geometry, source, work
from suites.kernels.cuda.driver import CudaError, Driver, open_driver


class FakeNvrtc:
    """An NVRTC library of ``version`` that knows ``archs`` and turns any source into a text about its flags."""

    def __init__(self, version, archs=(), log=b""):
        self.version, self.known, self.error, self.log, self.flags = version, archs, log, log, []

    def nvrtcVersion(self, major, minor):  # noqa: N802
        major._obj.value, minor._obj.value = self.version
        return 0

    def nvrtcGetNumSupportedArchs(self, count):  # noqa: N802
        count._obj.value = len(self.known)
        return 0

    def nvrtcGetSupportedArchs(self, found):  # noqa: N802
        for index, arch in enumerate(self.known):
            found[index] = arch
        return 0

    def nvrtcCreateProgram(self, program, text, name, count, headers, names):  # noqa: N802
        return 0

    def nvrtcCompileProgram(self, program, count, flags):  # noqa: N802
        self.flags = [flags[index].decode() for index in range(count)]
        target = self.flags[0].split("_")[-1]
        if self.version < (11, 2) and int(target) not in self.known:
            self.log = b"nvrtc: error: invalid value for --gpu-architecture (-arch)"
            return 5
        self.log = self.error
        return 6 if self.log else 0

    def nvrtcDestroyProgram(self, program):  # noqa: N802
        return 0

    def __getattr__(self, name):
        texts = {"ProgramLog": self.log + b"\0", "PTX": b"// ptx\0", "CUBIN": b"\x7fELF\0\0code"}
        what = name.replace("nvrtcGet", "").replace("Size", "")
        if what not in texts:
            raise AttributeError(name)
        if name.endswith("Size"):
            def size(program, found):
                found._obj.value = len(texts[what])
                return 0
            return size

        def text(program, buffer):
            buffer.raw = texts[what]
            return 0
        return text


def nvrtc(version, archs, log=b""):
    library = FakeNvrtc(version, archs, log)
    return compiler.Nvrtc("libnvrtc.so", library), library


def test_a_new_nvrtc_makes_machine_code_for_a_device_it_knows():
    tool, library = nvrtc((12, 9), (53, 90))
    image = tool.compile("source", 53, {"WHT_B": 2, "WHT_A": 1})
    assert image.kind == "cubin" and image.data == b"\x7fELF\0\0code"
    assert library.flags == ["--gpu-architecture=sm_53", "--std=c++14", "-DWHT_A=1", "-DWHT_B=2"]


def test_a_newer_device_than_nvrtc_knows_gets_ptx_of_the_newest_it_does():
    tool, library = nvrtc((12, 4), (80, 90))
    image = tool.compile("source", 120, {})
    assert image.kind == "ptx" and library.flags[0] == "--gpu-architecture=compute_90"


def test_the_nvrtc_of_cuda_10_makes_ptx_for_the_device_or_the_nearest_it_takes():
    tool, library = nvrtc((10, 2), (53, 52))
    assert tool.compile("source", 53, {}).kind == "ptx" and library.flags[0].endswith("compute_53")
    tool, library = nvrtc((10, 2), (52,))
    assert tool.compile("source", 53, {}).kind == "ptx" and library.flags[0].endswith("compute_52")


def test_a_source_that_does_not_compile_is_reported_with_the_log():
    tool, _ = nvrtc((12, 9), (53,), b"fused_layer.cu(3): error: expected a ';'")
    with pytest.raises(compiler.CompileError, match="expected a ';'"):
        tool.compile("source", 53, {})


def test_libraries_beside_torch_come_before_those_of_the_system(tmp_path):
    for name in ("torch/lib/libnvrtc-08c4863f.so.10.2", "torch/lib/libnvrtc-builtins.so",
                 "nvidia/cuda_nvrtc/lib/libnvrtc.so.12", "nvidia/cuda_nvrtc/lib/libnvrtc.alt.so.12"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    found = [os.path.basename(path) for path in compiler.nvrtc_candidates([str(tmp_path)], toolkit=())]
    assert found[:2] == ["libnvrtc-08c4863f.so.10.2", "libnvrtc.so.12"]
    assert not [name for name in found if "builtins" in name or ".alt." in name]


def test_on_a_jetson_the_boards_own_toolkit_comes_before_wheels(tmp_path):
    for name in ("torch/lib/libnvrtc.so.10.2", "nvidia/cuda_nvrtc/lib/libnvrtc.so.12", "toolkit/libnvrtc.so.10.2"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    toolkit = (str(tmp_path / "toolkit" / "libnvrtc.so*"),)

    def folders(tegra):
        return [os.path.basename(os.path.dirname(path))
                for path in compiler.nvrtc_candidates([str(tmp_path)], toolkit, tegra)[:3]]

    assert folders(True) == ["lib", "toolkit", "lib"] and folders(False) == ["lib", "lib", "toolkit"]
    assert "JetPack" in compiler.remedy(True) and "pip install" in compiler.remedy(False)


def test_a_library_that_is_not_there_or_something_else_is_left_out(monkeypatch, tmp_path):
    opened = []

    def open_library(path):
        opened.append(path)
        if path == "missing":
            raise OSError("no such file")
        if path == "other":
            return object()
        return FakeNvrtc((12, 4), (90,))

    monkeypatch.setattr(compiler, "nvrtc_candidates", lambda folders: ["missing", "other", "one", "same version"])
    monkeypatch.setattr(compiler.ctypes, "CDLL", open_library)
    monkeypatch.setattr(compiler, "NVCC_PLACES", ())
    assert [tool.path for tool in compiler.tools([], {"PATH": ""})] == ["one"]
    assert opened == ["missing", "other", "one", "same version"]


class Tool:
    def __init__(self, name, version):
        self.name, self.version = name, version


def test_the_first_compiler_whose_kernel_loads_is_taken_and_the_others_are_told():
    tools = [Tool("NVRTC 13.0", (13, 0)), Tool("NVRTC 12.9", (12, 9)), Tool("NVRTC 12.4", (12, 4)),
             Tool("nvcc 12.0", (12, 0))]
    tried = []

    def try_out(tool):
        tried.append(tool.name)
        if tool.name == "NVRTC 12.9":
            raise CudaError("cuModuleLoadData failed: unsupported PTX version\nmore")

    tool, reasons = compiler.first_that_works(iter(tools), (12, 2), try_out)
    assert tool is tools[2] and tried == ["NVRTC 12.9", "NVRTC 12.4"]
    assert reasons == ["NVRTC 13.0 is newer than the driver, which knows CUDA 12.2",
                       "NVRTC 12.9: cuModuleLoadData failed: unsupported PTX version"]


def test_where_none_works_there_is_a_reason_for_each():
    def refuse(tool):
        raise compiler.CompileError("")

    tool, reasons = compiler.first_that_works(iter([Tool("a", (12, 0)), Tool("b", (11, 0))]), (12, 2), refuse)
    assert tool is None and reasons == ["a: no message", "b: no message"]


class CountingCompiler:
    """A compiler that counts its calls."""

    name = "counting 1.0"

    def __init__(self):
        self.calls = 0

    def compile(self, text, arch, macros):
        self.calls += 1
        return compiler.Image("cubin", "{} {} {}".format(text, arch, sorted(macros)).encode(), "a log")


def test_a_kernel_is_compiled_once_and_kept_with_its_log(tmp_path):
    tool, environment = CountingCompiler(), {"XDG_CACHE_HOME": str(tmp_path)}
    first = cache.compiled(tool, "text", 53, {"A": 1}, environment)
    second = cache.compiled(tool, "text", 53, {"A": 1}, environment)
    assert first.data == second.data and first.kind == second.kind and tool.calls == 1
    folder = tmp_path / "edge-transform-bench" / "kernels" / "cuda"
    logs = [path for path in folder.iterdir() if path.suffix == ".log"]
    assert len(logs) == 1 and "a log" in logs[0].read_text() and len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("change", [("other", 53, {"A": 1}), ("text", 90, {"A": 1}), ("text", 53, {"A": 2})])
def test_another_source_device_or_macro_is_another_kernel(change):
    assert cache.key("text", 53, {"A": 1}, "nvcc 1") != cache.key(*change, compiler="nvcc 1")
    assert cache.key("text", 53, {"A": 1}, "nvcc 1") != cache.key("text", 53, {"A": 1}, "nvcc 2")


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    tool = CountingCompiler()
    assert cache.compiled(tool, "text", 53, {}, {"XDG_CACHE_HOME": str(blocked)}).kind == "cubin"
    assert tool.calls == 1


class FakeCuda:
    """A driver library that records its calls; ``fails`` names one that is refused, ``refused`` an image."""

    def __init__(self, fails=None, current=0, refused=(), version=12020):
        self.calls, self.fails, self.current = [], fails, current
        self.refused, self.version, self.images = refused, version, []

    def __getattr__(self, name):
        def call(*arguments):
            self.calls.append(name)
            if name == self.fails:
                return 209
            if name == "cuModuleLoadData":
                self.images.append(arguments[1].value)
                if arguments[1].value in self.refused:
                    return 200
            if name == "cuDriverGetVersion":
                arguments[0]._obj.value = self.version
            if name == "cuGetErrorString":
                arguments[1]._obj.value = b"no kernel image is available"
            if name == "cuDevicePrimaryCtxRetain":
                arguments[0]._obj.value = 77
            if name == "cuCtxGetCurrent":
                arguments[0]._obj.value = self.current
            if name == "cuOccupancyMaxActiveBlocksPerMultiprocessor":
                arguments[0]._obj.value = 3
            if name == "cuLaunchKernel":
                self.launch = arguments
            if name == "cuStreamIsCapturing":
                arguments[1]._obj.value = int(arguments[0].value == 5)
            return 0
        return call


def test_a_kernel_is_loaded_once_with_its_attributes_and_launched_on_the_stream():
    library = FakeCuda()
    driver = Driver(library)
    small, large = driver.load(0, b"image\0", [("small", 128, 4096), ("large", 256, 64 * 1024)])
    assert library.calls.count("cuFuncSetAttribute") == 1 and large.shared_bytes == 64 * 1024
    assert small.shared_bytes == 0 and driver.resident_blocks(0, small) == 3
    driver.launch(0, 1234, small, (7, 2), ctypes.c_int(5))
    _, x, y, z, threads, _, _, shared, stream, _, extra = library.launch
    assert (x, y, z, threads, shared, stream.value, extra) == (7, 2, 1, 128, 0, 1234, None)
    assert library.calls.count("cuModuleLoadData") == 1


def test_the_context_of_torch_is_entered_only_where_it_is_not_current_and_left_again():
    for current, pushes in ((77, 0), (0, 1)):
        library = FakeCuda(current=current)
        driver = Driver(library)
        kernel, = driver.load(0, b"image\0", [("kernel", 32, 0)])
        library.calls = []
        driver.launch(0, 0, kernel, (1, 1), ctypes.c_int(5))
        assert library.calls.count("cuCtxPushCurrent_v2") == library.calls.count("cuCtxPopCurrent_v2") == pushes


def test_a_capture_is_noticed():
    driver = Driver(FakeCuda())
    assert driver.capturing(0, 5) and not driver.capturing(0, 6)


def test_a_refused_call_says_which_and_why():
    driver = Driver(FakeCuda(fails="cuModuleLoadData"))
    with pytest.raises(CudaError, match=r"cuModuleLoadData failed: no kernel image is available \(CUDA error 209\)"):
        driver.load(0, b"image\0", [])


def test_a_machine_without_a_driver_is_no_error():
    driver, reason = open_driver()
    assert (driver is None) == (reason is not None)
    if driver is None:
        assert "CUDA driver" in reason


def test_a_kernel_that_first_runs_inside_a_capture_says_what_to_do():
    device = devices.Device(0, 53, 1, None, None)
    with pytest.raises(RuntimeError, match="call it once before the capture"):
        device.kernels({"A": 1}, [], True)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "edge-transform-bench" / "kernels" / "cuda"


def kept_image(folder):
    path, = [path for path in folder.iterdir() if path.suffix != ".log"]
    return path


def test_a_damaged_kernel_in_the_cache_is_built_once_more_and_replaced(own_cache):
    tool = CountingCompiler()
    devices.Device(0, 53, 1, Driver(FakeCuda()), tool).kernels({"A": 1}, [("k", 32, 0)], False)
    whole = kept_image(own_cache).read_bytes()
    kept_image(own_cache).write_bytes(b"damaged")
    library = FakeCuda(refused=(b"damaged",))
    device = devices.Device(0, 53, 1, Driver(library), tool)
    assert device.kernels({"A": 1}, [("k", 32, 0)], False)[0].threads == 32
    assert tool.calls == 2 and library.images == [b"damaged", whole]
    assert kept_image(own_cache).read_bytes() == whole


def test_a_kernel_that_was_just_built_and_does_not_load_is_no_endless_loop(own_cache):
    tool, library = CountingCompiler(), FakeCuda(fails="cuModuleLoadData")
    for calls in (1, 2):  # the second process finds what the first kept, deletes it and builds it once more
        with pytest.raises(CudaError, match="cuModuleLoadData"):
            devices.Device(0, 53, 1, Driver(library), tool).kernels({"A": 1}, [("k", 32, 0)], False)
        assert tool.calls == calls


@pytest.fixture
def board(own_cache, monkeypatch):
    """A Nano as torch sees it, with a driver of CUDA 10.2, and two NVRTCs and an nvcc-like third to choose from."""
    properties = type("Properties", (), {"multi_processor_count": 1})
    monkeypatch.setattr(devices.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(devices.torch.cuda, "get_device_capability", lambda index: (5, 3))
    monkeypatch.setattr(devices.torch.cuda, "get_device_properties", lambda index: properties)
    monkeypatch.setattr(devices, "_DEVICES", {})
    monkeypatch.setattr(devices, "_PROBLEMS", {})

    def plug(library, tools):
        monkeypatch.setattr(devices, "open_driver", lambda: (Driver(library), None))
        monkeypatch.setattr(compiler, "tools", lambda folders: iter(tools))
    return plug


class Emits(CountingCompiler):
    """A compiler of ``version`` whose every image is ``data``."""

    def __init__(self, version, data):
        super().__init__()
        self.name, self.path, self.version, self.data = "NVRTC {}.{}".format(*version), "/lib", version, data

    def compile(self, text, arch, macros):
        self.calls += 1
        return compiler.Image("cubin", self.data, "")


def test_a_board_goes_past_a_newer_wheel_and_an_image_its_driver_refuses(board):
    tools = [Emits((12, 9), b"of 12.9"), Emits((10, 0), b"of 10.0"), Emits((10, 2), b"of 10.2")]
    board(FakeCuda(version=10020, refused=(b"of 10.0",)), tools)
    assert devices.problem(0) is None and devices.get(0).tool is tools[2] and tools[0].calls == 0
    told = devices.describe()
    assert told["compiler"] == "NVRTC 10.2" and told["driver_cuda"] == "10.2" and told["remedy"] is None
    assert [text.split(" ")[1].rstrip(":") for text in told["compilers_passed_over"]] == ["12.9", "10.0"]


@pytest.mark.parametrize("tools, words", [([], "there is neither NVRTC nor nvcc"),
                                          ([Emits((12, 9), b"")], "newer than the driver")])
def test_a_board_without_a_compiler_says_why_and_what_to_install(board, monkeypatch, tools, words):
    monkeypatch.setattr(compiler, "TEGRA_FILE", os.devnull)
    board(FakeCuda(version=10020), tools)
    told = devices.describe()
    assert told["available"] is False and words in told["reason"] and "JetPack" in told["remedy"]


def test_the_device_source_is_plain_ascii_and_whole():
    text = source.read()
    assert all(name in text for name in ("wht_forward", "wht_backward", "wht_reduce"))


def test_the_nvrtc_torch_brings_along_compiles_the_kernels():
    tool = next((tool for tool in compiler.tools(devices.site_folders(), {"PATH": ""})
                 if isinstance(tool, compiler.Nvrtc)), None)
    if tool is None:
        pytest.skip("no NVRTC here")
    arch = 53 if 53 in tool.archs() and tool.version >= (11, 2) else 52 if 52 in tool.archs() else tool.archs()[-1]
    x = work.Tensor((2, 64, 5, 5), (1600, 25, 5, 1))
    for dtype in geometry.DTYPES:
        for backward in (False, True):
            options = work.Options((1,), (64,))
            job = work.describe(x, [x, x] if backward else [x], options)
            form = geometry.choose(job, backward, arch, 1)
            image = tool.compile(source.read(), arch, geometry.macros(job, options, True, dtype, form, backward))
            assert b"wht_backward" in image.data if backward else b"wht_forward" in image.data
