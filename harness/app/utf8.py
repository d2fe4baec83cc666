"""Running under LANG=C, as ssh sessions, systemd units and containers often do."""

import locale
import os
import sys
from typing import List


def needs_utf8(preferred: str, version: tuple) -> bool:
    """Whether this Python takes ``preferred`` for ASCII everywhere (3.7 and later mend it themselves)."""
    return version < (3, 7) and preferred.lower().replace("-", "") in ("ascii", "ansi_x3.41968", "us", "646")


def restart_with_utf8(argv: List[str]) -> None:
    """Start this program again under C.UTF-8 where Python 3.6 sees an ASCII locale; else do nothing.

    The command line library refuses to run there. Output stays plain ASCII, as the terminal asked for.
    """
    if needs_utf8(locale.getpreferredencoding(False), sys.version_info) and "EDGE_BENCH_RESTARTED" not in os.environ:
        environment = dict(os.environ, LC_ALL="C.UTF-8", LANG="C.UTF-8", EDGE_BENCH_RESTARTED="1")
        environment.setdefault("PYTHONIOENCODING", "ascii:backslashreplace")
        os.execve(sys.executable, [sys.executable, "-m", "harness"] + argv, environment)
