"""Makes small installed packages that bring a suite: real dist-info folders for the real metadata reader."""

import os
import subprocess
import sys
import textwrap

from harness.process import worker_environment
from tests.patience import LONG_S

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

GOOD = """
    from harness import Case, Comparison, Subject, Suite

    def build(case, x):
        weight = 2.0 if case.layer == "twice" else 1.0
        return Subject(call=lambda: x * weight, reference=lambda y: y * weight)

    def plan(target):
        once = Case("once", "", "bring_it:build", (1, 2, 3, 4), device=target.device, threads=target.threads)
        return [Comparison("c", "Once against twice", once, (once._replace(layer="twice"),), without=("memory",))]

    SUITE = Suite("brought", "a suite of another package", plan)
"""


def install(folder, package, entry_points, **modules):
    """Write the distribution ``package`` with the text of its entry_points.txt and its modules by name."""
    info = folder / "{}-1.0.dist-info".format(package)
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: {}\nVersion: 1.0\n".format(package))
    (info / "entry_points.txt").write_text(entry_points)
    for name, text in modules.items():
        (folder / (name + ".py")).write_text(textwrap.dedent(text))


def group(lines):
    """Return the text of an entry_points.txt with ``lines`` in the suites' group."""
    return "[console_scripts]\nx = y:z\n\n[edge_transform_bench.suites]\n{}\n".format(lines)


def call(folder, *arguments):
    """Run the command line with ``folder`` on the path; return its exit status and all it said."""
    environment = worker_environment({})
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), environment["PYTHONPATH"]])
    process = subprocess.Popen([sys.executable, "-m", "harness"] + list(arguments), cwd=ROOT, env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = process.communicate(timeout=LONG_S)[0].decode()
    return process.returncode, text
