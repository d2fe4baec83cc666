"""What the doctor says of each engine, found in a child process: a wheel for other processors dies when imported."""

import json
import os
import subprocess
import sys
from typing import Any, Dict

from suites.runtimes import ENGINES, find_engine
from suites.runtimes.engine import Found

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMIT_S = 60
QUESTION = "import sys; from suites.runtimes.status import answer; answer(sys.argv[1])"


def answer(name: str) -> None:
    """Print what was found of the engine called ``name``."""
    sys.stdout.write("\n" + json.dumps(list(find_engine(name).find())) + "\n")


def found_apart(name: str) -> Found:
    """Return what a child process found of the engine called ``name``, or how that ended."""
    try:
        done = subprocess.run([sys.executable, "-c", QUESTION, name], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=LIMIT_S, cwd=PROJECT)
    except subprocess.TimeoutExpired:
        return Found(None, "importing it had not ended after {} s".format(LIMIT_S), "leave it out")
    if done.returncode == 0:
        return Found(*json.loads(done.stdout.decode("utf-8").strip().splitlines()[-1]))
    how = "signal {}".format(-done.returncode) if done.returncode < 0 else "status {}".format(done.returncode)
    return Found(None, "importing it ended the process ({}): its wheel is for other processors or another "
                 "system".format(how), "use another version of it, or leave it out")


def status() -> Dict[str, Any]:
    """Return each engine's version, or reason and remedy, as JSON-ready data; torch has lines of its own."""
    told: Dict[str, Any] = {}
    for name in ENGINES:
        if name == "torch":
            continue
        found = found_apart(name)
        told[name] = {"available": found.version is not None, "version": found.version, "reason": found.reason,
                      "remedy": found.remedy, "detail": found.version}
    return told
