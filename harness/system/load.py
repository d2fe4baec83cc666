"""How busy the machine is: what else runs takes its share of every sample."""

from typing import Optional

from harness.system.tree import Tree


def load_1min(root: str = "/") -> Optional[float]:
    """Return the processes that ran or wanted to on the average of the last minute, ``None`` where nothing says."""
    text = (Tree(root).text("/proc/loadavg") or "").split()
    try:
        return float(text[0])
    except (IndexError, ValueError):
        return None
