"""Which board this is: the device tree's model, L4T and JetPack on a Jetson, DMI on a PC."""

import re
from typing import Any, Dict, Optional

from harness.system.tree import Tree

#: L4T release to JetPack version (NVIDIA's JetPack archive). Releases not listed are shown by L4T alone.
JETPACKS: Dict[str, str] = {
    "32.5.0": "4.5", "32.5.1": "4.5.1", "32.6.1": "4.6", "32.7.1": "4.6.1", "32.7.2": "4.6.2",
    "32.7.3": "4.6.3", "32.7.4": "4.6.4", "32.7.5": "4.6.5", "32.7.6": "4.6.6",
    "34.1.0": "5.0", "34.1.1": "5.0.1", "35.1.0": "5.0.2", "35.2.1": "5.1", "35.3.1": "5.1.1",
    "35.4.1": "5.1.2", "35.5.0": "5.1.3", "35.6.0": "5.1.4",
    "36.2.0": "6.0 DP", "36.3.0": "6.0", "36.4.0": "6.1", "36.4.3": "6.2", "36.4.4": "6.2.1",
}


def parse_l4t(text: str) -> Optional[str]:
    """Return ``32.7.1`` from the first line of ``/etc/nv_tegra_release``, ``None`` if it is not one."""
    match = re.search(r"R(\d+)\s*\(release\),\s*REVISION:\s*([\d.]+)", text)
    return "{}.{}".format(match.group(1), match.group(2)) if match else None


def board_section(root: str = "/") -> Dict[str, Any]:
    """Return model, SoC, L4T and JetPack; on a PC the vendor's product name if the kernel shows it."""
    read = Tree(root).text
    model = read("/proc/device-tree/model")
    release = read("/etc/nv_tegra_release")
    l4t = parse_l4t(release) if release else None
    compatible = read("/proc/device-tree/compatible") or ""  # names with a NUL after each
    soc = next((name for name in re.split("[,\\s\\0]+", compatible) if name.startswith("tegra")), None)
    section = {"model": model, "soc": soc, "l4t": l4t, "jetpack": JETPACKS.get(l4t or ""),
               "jetson": bool(l4t or soc)}
    if model is None:
        vendor = read("/sys/class/dmi/id/sys_vendor")
        product = read("/sys/class/dmi/id/product_name")
        section["model"] = " ".join(filter(None, [vendor, product])) or None
    if section["model"] is None:
        section["model_reason"] = "the kernel shows neither a device tree nor DMI names"
    if l4t is None:
        section["l4t_reason"] = "not a Jetson, or /etc/nv_tegra_release is missing (inside a container?)"
    if section["jetpack"] is None:
        section["jetpack_reason"] = "L4T {} is not in the table".format(l4t) if l4t else section["l4t_reason"]
    return section
