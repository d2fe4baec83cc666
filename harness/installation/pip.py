"""Running pip inside an environment, and telling why it failed without reading what it says."""

import os
import re
import subprocess
import tempfile
from typing import List, NamedTuple, Sequence, Tuple

#: The first pip that installs a project without setup.py in editable mode (PEP 660).
NEEDED = (21, 3)


class Sources(NamedTuple):
    """Where packages come from: ``offline`` means the ``links`` (folders or pages with wheels) alone."""

    offline: bool = False
    links: Tuple[str, ...] = ()

    @property
    def options(self) -> List[str]:
        """As options for pip."""
        options = ["--no-index"] if self.offline else []
        for link in self.links:
            options += ["--find-links", link]
        return options


class Pip:
    """The pip of the environment in ``folder``; all it prints goes to the file ``log``."""

    def __init__(self, folder: str, log: str, sources: Sources) -> None:
        self.python = os.path.join(folder, "bin", "python")
        self._log = log
        self._sources = sources

    def version(self) -> Tuple[int, ...]:
        """Return pip's version, ``(0,)`` where it does not run."""
        done = subprocess.run([self.python, "-m", "pip", "--version"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
        found = re.match(r"pip (\d+)\.(\d+)", done.stdout.decode("utf-8", "replace"))
        return tuple(int(part) for part in found.groups()) if found else (0,)

    def run(self, command: str, arguments: Sequence[str], online: bool = True) -> bool:
        """Run a pip ``command``; return whether it ended well."""
        words = [self.python, "-m", "pip", command, "--disable-pip-version-check", "--no-input", "--quiet"]
        words += self._sources.options if online else []
        with open(self._log, "ab") as log:
            log.write("$ {}\n".format(" ".join(words + list(arguments))).encode("utf-8"))
            log.flush()
            return subprocess.call(words + list(arguments), stdin=subprocess.DEVNULL, stdout=log, stderr=log) == 0

    def install(self, blocks: Sequence[str], *options: str) -> bool:
        """Install pinned requirements, wheels only, each file checked against its hashes, nothing else with them."""
        if not blocks:
            return True
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "requirements.txt")
            with open(path, "w") as file:
                file.write("\n".join(blocks) + "\n")
            return self.run("install", ["--no-deps", "--require-hashes", "--only-binary", ":all:"] + list(options)
                            + ["-r", path])

    def reaches(self, block: str) -> bool:
        """Whether this one pinned package, which every source of packages has, can be had at all."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "requirements.txt")
            with open(path, "w") as file:
                file.write(block + "\n")
            return self.run("download", ["--no-deps", "--require-hashes", "--retries", "1", "--timeout", "10", "-d",
                                         os.path.join(folder, "got"), "-r", path])

    def last_error(self) -> str:
        """Return the last complaint of pip, for showing."""
        with open(self._log, "rb") as log:
            lines = log.read().decode("utf-8", "replace").splitlines()
        said = [line.strip() for line in lines if line.strip().startswith(("ERROR", "error"))]
        return (said or [line.strip() for line in lines if line.strip()] or ["pip said nothing"])[-1][:300]
