"""Reading the small text files of /proc and /sys."""

import io
import os
from typing import Optional


def read_text(root: str, path: str) -> Optional[str]:
    """Return the text of ``path`` below ``root`` without NULs and outer blanks; ``None`` if unreadable."""
    try:
        with io.open(os.path.join(root, path.lstrip("/")), encoding="utf-8", errors="replace") as file:
            return file.read().replace("\0", " ").strip()
    except (OSError, IOError):
        return None
