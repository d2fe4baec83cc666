"""Writes the pinned requirements of each Python lane, with the hashes of every file of each release.

    pip install uv packaging && python requirements/lock.py

Wheels only. torch is not here: which build is right depends on the machine (constraints.txt has its version), and so
are neither the CUDA libraries that it brings. What else torch needs is here.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from typing import Dict, List

from packaging.markers import Marker

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(HERE)
sys.path.insert(0, PROJECT)

from harness.installation.wanted import locked, name_of, read  # noqa: E402

#: The Pythons that each lane must hold for.
LANES = {"python3.10": ["3.{}".format(minor) for minor in range(10, 15)], "python3.8": ["3.8", "3.9"],
         "python3.6": ["3.6", "3.7"]}
FROM_ELSEWHERE = re.compile(r"(torch|triton|nvidia-(?!ml-py)|cuda-)")
BUILD = ["hatchling>=0.22", "editables", "pip"]
HEAD = ("# Made by requirements/lock.py: pinned for {}, Linux, x86-64 and aarch64, with hashes.\n"
        "# Licences: requirements/LICENSES.md\n")


def arrays(pyproject: str) -> Dict[str, List[str]]:
    """Return the lists of requirements in pyproject.toml by name."""
    found = re.findall(r"^([\w-]+) = \[(.*?)\]$", pyproject, re.MULTILINE | re.DOTALL)
    return {name: re.findall(r'"([^"]+)"', text) for name, text in found}


def wanted(extras: List[str]) -> List[str]:
    """Return what the project asks for, torch and the tools that install the project."""
    lists = arrays(read(os.path.join(PROJECT, "pyproject.toml")))
    return lists["dependencies"] + [one for extra in extras for one in lists[extra]] + BUILD + ["torch"]


def compile_lock(requirements: List[str], python: str, *options: str) -> List[str]:
    """Return the pinned requirements that uv finds."""
    with tempfile.NamedTemporaryFile("w", suffix=".in") as file:
        file.write("\n".join(requirements) + "\n")
        file.flush()
        text = subprocess.check_output(
            ["uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-build", "--no-header",
             "--no-annotate", "--python-version", python, *options, file.name])
    return locked(text.decode("utf-8"))


def fits(block: str, pythons: List[str]) -> bool:
    """Whether a requirement is for any machine of the lane, and is not torch's or CUDA's own."""
    if FROM_ELSEWHERE.match(name_of(block)):
        return False
    marker = block.split("\n")[0].rstrip(" \\").partition(";")[2].strip()
    return not marker or any(Marker(marker).evaluate(
        {"python_version": python, "python_full_version": python + ".5", "platform_machine": machine,
         "sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "implementation_name": "cpython",
         "platform_python_implementation": "CPython"}) for python in pythons for machine in ("x86_64", "aarch64"))


def write(name: str, blocks: List[str], pythons: List[str]) -> None:
    """Write one lock file."""
    with io.open(os.path.join(HERE, name + ".txt"), "w", encoding="ascii", newline="\n") as file:
        file.write(HEAD.format("Python {} and {}".format(pythons[0], "newer" if len(pythons) > 2 else pythons[-1])))
        file.write("\n".join(blocks) + "\n")
    print("{}: {} packages".format(name, len(blocks)))


def main() -> None:
    """Write every lock file."""
    constraints = ["-c", os.path.join(PROJECT, "constraints.txt")]
    for lane in ("python3.10", "python3.8"):
        pythons = LANES[lane]
        blocks = [block for block in compile_lock(wanted(["fast-json", "nvidia", "test"]), pythons[0], *constraints)
                  if fits(block, pythons)]
        names = {name_of(block) for block in blocks}
        more = compile_lock(wanted(["fast-json", "nvidia", "test", "figures"]), pythons[0], *constraints)
        write(lane, blocks, pythons)
        write(lane + "-figures", [block for block in more if fits(block, pythons) and name_of(block) not in names],
              pythons)
    for lane, pythons in LANES.items():
        if lane != "python3.6":
            pins = [line for line in read(os.path.join(HERE, lane + "-runtimes.in")).splitlines() if line[0] != "#"]
            found = compile_lock(pins, pythons[0], "--no-deps", *constraints)
            write(lane + "-runtimes", [block for block in found if fits(block, pythons)], pythons)
    for name in ("python3.6", "python3.6-figures", "python3.6-runtimes"):
        pins = [line for line in read(os.path.join(HERE, name + ".in")).splitlines() if not line.startswith("#")]
        blocks = []
        for pin in pins:
            if ";" in pin:  # for 3.6 alone, which uv does not know: pip has the hashes
                with tempfile.TemporaryDirectory() as folder:
                    subprocess.check_call([
                        sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--python-version", "3.6.15",
                        "--only-binary", ":all:", "-d", folder, pin.partition(";")[0]])
                    said = subprocess.check_output([sys.executable, "-m", "pip", "hash"] + [
                        os.path.join(folder, file) for file in os.listdir(folder)]).decode("ascii")
                blocks.append("{} \\\n    {}".format(pin, said.split("\n")[1].strip()))
        blocks += compile_lock([pin for pin in pins if ";" not in pin], "3.7", "--no-deps")
        write(name, sorted(blocks), LANES["python3.6"])


if __name__ == "__main__":
    main()
