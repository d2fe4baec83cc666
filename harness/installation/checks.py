"""What can be told before anything is made: no room, no way to make an environment, a driver too old for torch."""

import os
import shutil
from typing import Callable, Optional, Tuple

from harness.installation.base import Base
from harness.installation.errors import SetUpError
from harness.installation.wanted import CUDA_OF_TORCH
from harness.system.cuda_gpu import CudaDriver, CudaDriverError, load_driver

#: The least an environment was seen to take: with torch for CPUs 1.3 GB, without torch 0.25 GB.
WITH_TORCH_BYTES = 1300 << 20
WITHOUT_TORCH_BYTES = 250 << 20

#: Where torch's builds for other CUDA releases are.
TORCH_INDEX = "https://download.pytorch.org/whl/"


def check_venv(base: Base) -> None:
    """Raise :class:`SetUpError` where ``base`` cannot make environments."""
    if not base.venv:
        raise SetUpError("{} has no 'venv' module with pip: sudo apt-get install -y python{}.{}-venv (older systems: "
                      "python3-venv), then start again".format(base.name, *base.version[:2]))


def check_room(folder: str, needed_bytes: int, free: Optional[Callable[[str], int]] = None) -> None:
    """Raise :class:`SetUpError` where the file system of ``folder`` has less room than is certainly needed."""
    left = (free or (lambda path: shutil.disk_usage(path).free))(folder)
    if left < needed_bytes:
        raise SetUpError("the environment takes {:.1f} GB at least, and {} has {:.1f} GB free: make room, or put the "
                      "project on another disk".format(needed_bytes / 1e9, folder, left / 1e9))


def check_folder(folder: str) -> None:
    """Raise :class:`SetUpError` where nothing can be made in the project's folder."""
    if not os.access(folder, os.W_OK):
        raise SetUpError("{} cannot be written, and the environment is made in it: copy the project to a folder of "
                      "yours".format(folder))


def check_driver(pin: str, driver: Callable[[], CudaDriver] = load_driver) -> None:
    """Raise :class:`SetUpError` where a CUDA driver is here that ``pin``, torch from the registry, cannot use.

    Within one major release of CUDA an older driver runs newer programs; across one it does not, and torch then sees
    no CUDA and says nothing.
    """
    built = CUDA_OF_TORCH.get(pin.partition("==")[2])
    try:
        speaks: Optional[Tuple[int, int]] = driver().version()
    except (CudaDriverError, AttributeError):
        speaks = None
    if built is None or speaks is None or speaks[0] >= built[0]:
        return
    raise SetUpError(
        "the NVIDIA driver here speaks CUDA {}.{}, and {} is built for CUDA {}.{}, so it would see no GPU: update "
        "the driver, or take a build for CUDA {} with './run_bench.sh setup --torch-index {}cu...' ('...cpu' to "
        "measure the CPU alone)".format(speaks[0], speaks[1], pin, built[0], built[1], speaks[0], TORCH_INDEX))
