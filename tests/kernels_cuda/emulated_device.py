"""The emulator in the place of a device and its driver, as far as the launchers see them."""

import ctypes

from cuda_emulator import dynamic_bytes

from suites.kernels.cuda.driver import Kernel

NAMES = {"wht": ("wht_forward", "wht_backward", "wht_reduce"), "debut": ("debut_forward",),
         "depthwise": ("depthwise_forward",), "mf": ("mf_forward",)}


class EmulatedDevice:
    """What the launcher of one program needs of a device; its own driver too."""

    def __init__(self, library, multiprocessors=2, program="wht"):
        self.library, self.index, self.arch, self.multiprocessors = library, 0, 53, multiprocessors
        self.driver, self.builds, self.launches, self.fixes, self.program = self, 0, [], True, program
        library.emulator_launch.restype = ctypes.c_char_p

    def may_fix_strides(self, program="wht"):
        return self.fixes

    def kernels(self, macros, names, capturing, program="wht"):
        self.builds += 1
        assert not capturing and program == self.program
        return [Kernel((name, macros), threads, dynamic_bytes(shared)) for name, threads, shared in names]

    def resident_blocks(self, device, kernel):
        return 2

    def capturing(self, device, stream):
        return False

    def launch(self, device, stream, kernel, blocks, call):
        name, macros = kernel.handle
        self.launches.append((name, blocks))
        for macro, value in macros.items():
            self.library.emulator_set(macro.encode(), value)
        problem = self.library.emulator_launch(NAMES[self.program].index(name), ctypes.byref(call), blocks[0],
                                               blocks[1], kernel.threads, kernel.shared_bytes, 0)
        assert problem is None, problem
