"""A project and its packages in small: this project's own set-up with wheels of a few bytes, and no network."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile

from tests.patience import LONG_S

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LANE = "python3.10" if sys.version_info >= (3, 10) else "python3.8" if sys.version_info >= (3, 8) else "python3.6"
BASE = getattr(sys, "_base_executable", sys.executable)

PYPROJECT = """[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "tiny"
version = "1"
dependencies = ["alpha"]

[project.optional-dependencies]
test = []
nvidia = []

[tool.other]
line = 1
"""

# Enough of PEP 660 for an editable installation.
BACKEND = """
import os, zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("tiny.pth", os.getcwd() + "\\n")
        wheel.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n"
                       "Requires-Dist: alpha\\nProvides-Extra: test\\nProvides-Extra: nvidia\\n")
        wheel.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\n"
                       "Tag: py3-none-any\\n")
        wheel.writestr("tiny-1.dist-info/RECORD", "tiny.pth,,\\ntiny-1.dist-info/METADATA,,\\n"
                       "tiny-1.dist-info/WHEEL,,\\ntiny-1.dist-info/RECORD,,\\n")
    return name
def get_requires_for_build_editable(config_settings=None):
    return []
"""


def make_wheel(folder, name, version, text=""):
    """Write a wheel with the one module ``name``; return its pinned requirement with its hash."""
    path = os.path.join(str(folder), "{}-{}-py3-none-any.whl".format(name, version))
    info = "{}-{}.dist-info/".format(name, version)
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(name + ".py", text or "VERSION = '{}'\n".format(version))
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: {}\nVersion: {}\n".format(name, version))
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(info + "RECORD", "{0}.py,,\n{1}METADATA,,\n{1}WHEEL,,\n{1}RECORD,,\n".format(name, info))
    return pinned(path, name, version)


def make_source(folder, name, version, compiled):
    """Write a package without a wheel, which makes the file ``compiled`` when it is built; return as above."""
    path = os.path.join(str(folder), "{}-{}.tar.gz".format(name, version))
    files = {"PKG-INFO": "Metadata-Version: 2.1\nName: {}\nVersion: {}\n".format(name, version),
             "pyproject.toml": PYPROJECT.split("\n\n", 1)[0] + "\n",
             "backend.py": "open({!r}, 'w').close()\n".format(compiled)}
    with tarfile.open(path, "w:gz") as archive:
        for file, text in files.items():
            about = tarfile.TarInfo("{}-{}/{}".format(name, version, file))
            about.size = len(text)
            archive.addfile(about, io.BytesIO(text.encode("ascii")))
    return pinned(path, name, version)


def pinned(path, name, version):
    with open(path, "rb") as file:
        return "{}=={} \\\n    --hash=sha256:{}".format(name, version, hashlib.sha256(file.read()).hexdigest())


class Project:
    """A folder with run_bench.sh, this project's ``harness``, small packages in ``wheels`` and pins of them."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.wheels = os.path.join(self.folder, "wheels")
        self.pins = {}

    def make(self):
        os.makedirs(os.path.join(self.folder, "requirements"))
        os.makedirs(self.wheels)
        shutil.copytree(os.path.join(ROOT, "harness"), os.path.join(self.folder, "harness"),
                        ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(os.path.join(ROOT, "run_bench.sh"), self.folder)
        self.write("pyproject.toml", PYPROJECT)
        self.write("backend.py", BACKEND)
        self.write("constraints.txt", "torch==1.0\n")
        self.write("requirements/{}-figures.txt".format(LANE), "# none\n")
        self.write("requirements/{}-runtimes.txt".format(LANE), "# none\n")
        make_wheel(self.wheels, "torch", "1.0", "__version__ = '1.0'\n")
        self.pin(pip=make_wheel(self.wheels, "pip", "99.0"), alpha=make_wheel(self.wheels, "alpha", "1.0"),
                 beta=make_wheel(self.wheels, "beta", "1.0"))
        return self

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def edit(self, name, old, new):
        with open(os.path.join(self.folder, name)) as file:
            text = file.read()
        assert old in text
        self.write(name, text.replace(old, new))

    def pin(self, **pins):
        self.pins.update(pins)
        self.write("requirements/{}.txt".format(LANE), "# pins\n" + "\n".join(self.pins.values()) + "\n")

    def start(self, *words, **more):
        """Start run_bench.sh; ``cwd`` and environment variables may be given."""
        cwd = more.pop("cwd", self.folder)
        script = more.pop("script", os.path.join(self.folder, "run_bench.sh"))
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON", "VIRTUAL_"))}
        environment = dict(kept, PIP_CONFIG_FILE=os.devnull, PYTHON=BASE, PIP_RETRIES="0", **more)
        return subprocess.Popen([script] + list(words), cwd=cwd, env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, universal_newlines=True, start_new_session=True)

    def set_up(self, *words, **more):
        """Set up from the folder of wheels; return the exit status and what was said."""
        process = self.start("setup", *(words or ("--offline", "--find-links", self.wheels)), **more)
        said = process.communicate(timeout=LONG_S)[0]
        return process.returncode, said

    @property
    def environment(self):
        return os.path.realpath(os.path.join(self.folder, ".venv"))

    @property
    def environments(self):
        folder = os.path.join(self.folder, ".venvs")
        return sorted(os.path.join(folder, name) for name in os.listdir(folder)
                      if os.path.isdir(os.path.join(folder, name)))

    def ask(self, code, environment=None):
        """Return what Python code prints in the environment in use."""
        python = os.path.join(environment or os.path.join(self.folder, ".venv"), "bin", "python")
        return subprocess.check_output([python, "-c", code], universal_newlines=True, cwd="/").strip()

    def version(self, name="alpha"):
        return self.ask("import {0}; print({0}.VERSION)".format(name))

    def has(self, name):
        """Whether a package is installed."""
        return self.ask("import importlib.util; print(importlib.util.find_spec('{}') is not None)".format(
            name)) == "True"

    def copy(self, folder):
        """Return a copy of this project where its environment is in use too."""
        shutil.copytree(self.folder, str(folder), symlinks=True)
        other = Project(folder)
        other.pins = dict(self.pins)
        return other
