"""The environment of a run as plain data: what a reader needs to know why two runs differ.

Every section is a dict of JSON values; what could not be read is ``None`` with ``<key>_reason``.
"""

from typing import Any, Dict

from harness.environment.board import board_section
from harness.environment.git import git_section
from harness.environment.host import cpu_section, memory_section, os_section, python_section


def collect(root: str = "/") -> Dict[str, Any]:
    """Return the sections that need neither torch nor a meter, read below ``root``."""
    return {
        "board": board_section(root),
        "os": os_section(root),
        "cpu": cpu_section(root),
        "memory": memory_section(root),
        "python": python_section(),
        "git": git_section(),
    }
