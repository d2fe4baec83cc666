"""The commit this code was run from."""

import subprocess
from typing import Any, Dict, List, Optional

from harness.process import PROJECT


def _git(arguments: List[str]) -> Optional[str]:
    try:
        result = subprocess.run(["git", "-C", PROJECT] + arguments, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.decode("utf-8", "replace").strip() if result.returncode == 0 else None


def git_section() -> Dict[str, Any]:
    """Return the commit and whether tracked files differ from it."""
    commit = _git(["rev-parse", "HEAD"])
    if commit is None:
        return {"commit": None, "commit_reason": "not a git checkout, or git is missing", "dirty": None}
    status = _git(["status", "--porcelain", "--untracked-files=no"])
    return {"commit": commit, "dirty": bool(status) if status is not None else None}
