"""NVIDIA's torch for a Jetson: which one there is for a JetPack and a Python, and how it is installed."""

from typing import NamedTuple, Optional, Tuple

from harness.environment.board import parse_l4t
from harness.system.tree import Tree

REDIST = "https://developer.download.nvidia.com/compute/redist/jp/"


class TorchBuild(NamedTuple):
    """NVIDIA's last torch for the JetPacks of one L4T line, for the one Python it is made for."""

    jetpack: str
    python: Tuple[int, int]
    wheel: str
    url: str
    apt: str
    numpy: str
    note: Optional[str] = None


BUILDS = {
    "32": TorchBuild("JetPack 4", (3, 6), "torch-1.10.0-cp36-cp36m-linux_aarch64.whl",
                     "https://nvidia.box.com/shared/static/fjtbno0vpo676a25cgvuqc1wty0fkkg6.whl",
                     "python3-pip libopenblas-base libopenmpi-dev libomp-dev", "numpy==1.19.4"),
    "35": TorchBuild("JetPack 5", (3, 8), "torch-2.1.0a0+41361538.nv23.06-cp38-cp38-linux_aarch64.whl",
                     REDIST + "v512/pytorch/torch-2.1.0a0+41361538.nv23.06-cp38-cp38-linux_aarch64.whl",
                     "python3-pip libopenblas-dev", "numpy<2"),
    "36": TorchBuild("JetPack 6", (3, 10), "torch-2.5.0a0+872d972e41.nv24.08.17622132-cp310-cp310-linux_aarch64.whl",
                     REDIST + "v61/pytorch/torch-2.5.0a0+872d972e41.nv24.08.17622132-cp310-cp310-linux_aarch64.whl",
                     "python3-pip libopenblas-dev libcusparselt0", "numpy<2",
                     "The wheel is for JetPack 6.1 and 6.2; libcusparselt0 comes from NVIDIA's cuSPARSELt "
                     "repository, where apt does not know it yet."),
}


def l4t_release(root: str = "/") -> Optional[str]:
    """Return the L4T release such as ``32.7.1``, ``None`` where there is no release file."""
    return parse_l4t(Tree(root).text("/etc/nv_tegra_release") or "")


def torch_advice(l4t: Optional[str], name: str, version: Tuple[int, ...], torch: Optional[str] = None) -> str:
    """Return in a few lines how this Jetson's Python ``name`` gets a torch that uses the GPU, or why it cannot.

    ``torch`` is the version it has, one without CUDA, if any.
    """
    lacks = "has no torch" if torch is None else "has torch {} without CUDA".format(torch)
    build = BUILDS.get((l4t or "").split(".")[0])
    if build is None:
        return ("{} {}, and which build NVIDIA has for {} is not known here: see 'PyTorch for Jetson' on "
                "docs.nvidia.com.".format(name, lacks, "L4T " + l4t if l4t else "this L4T release"))
    python = "python{}.{}".format(*build.python)
    board = "This Jetson runs {} (L4T {})".format(build.jetpack, l4t)
    if version[:2] != build.python:
        return ("{0}, and {1} is Python {2}.{3}, for which NVIDIA built no torch: its last for {4} is for Python "
                "{5}.{6}, the system's own. Start with PYTHON={7} ./run_bench.sh (where {7} has no torch yet, that "
                "says how to install it).".format(board, name, version[0], version[1], build.jetpack, build.python[0],
                                                  build.python[1], python))
    if build.url.endswith(build.wheel):
        steps = ["{} -m pip install --user '{}' {}".format(python, build.numpy, build.url)]
    else:
        steps = ["wget {} -O {}".format(build.url, build.wheel)]
        if build.python == (3, 6):
            steps.append("{} -m pip install --user 'pip==21.3.1'".format(python))
        steps.append("{} -m pip install --user '{}' {}".format(python, build.numpy, build.wheel))
    lines = ["{}, and {} {}. Install NVIDIA's build{}:".format(
        board, name, lacks, ", the last for it" if build.python == (3, 6) else ""),
        "  sudo apt-get install -y " + build.apt]
    lines += ["  " + step for step in steps]
    lines += [build.note] if build.note else []
    return "\n".join(lines + ["A plain 'pip install torch' gives a build that cannot use this GPU: do not use it."])
