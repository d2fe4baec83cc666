"""What the clocks are set to: power mode, governor, limits of CPU, GPU and memory, locked or not."""

from typing import Any, Dict, List, Optional

from harness.clocks.nvpmodel import find_nvpmodel, parse_nvpmodel
from harness.system.nvml import Gpu, MakeGpu, NvmlError
from harness.system.programs import run_program
from harness.system.sensors import cpu_policies, gpu_devfreq
from harness.system.tree import Tree

EMC_FOLDERS = (
    # Xavier and later; Nano and TX1. Both are in debugfs, which only root may enter.
    ("/sys/kernel/debug/bpmp/debug/clk/emc/", {"min": "min_rate", "max": "max_rate", "current": "rate"}),
    ("/sys/kernel/debug/clk/override.emc/", {"min": "clk_min_rate", "max": "clk_max_rate", "current": "clk_rate"}),
)


def read_clocks(root: str = "/", make_gpu: MakeGpu = Gpu) -> Dict[str, Any]:
    """Return the clock settings as flat JSON data; each ``None`` has its ``<key>_reason``.

    Keys: ``power_mode``, ``power_mode_id``, ``cpu_governor``, ``cpu_min_hz``, ``cpu_max_hz``,
    ``cpu_current_hz``, ``cpu_locked``, the same for ``gpu_``, ``emc_min_hz``, ``emc_max_hz``,
    ``emc_current_hz``, and ``locked``: CPU and GPU both, of those that can be seen.
    ``make_gpu`` opens the GPU that CUDA uses; tests hand in one of their own.
    """
    tree = Tree(root)
    clocks: Dict[str, Any] = {}
    clocks.update(_power_mode(tree))
    clocks.update(cpu_section(tree))
    clocks.update(gpu_section(tree, make_gpu))
    clocks.update(_emc(tree))
    seen = [clocks[key] for key in ("cpu_locked", "gpu_locked") if clocks[key] is not None]
    clocks["locked"] = all(seen) if seen else None
    if not seen:
        clocks["locked_reason"] = "neither CPU nor GPU clock limits can be seen"
    return clocks


def _power_mode(tree: Tree) -> Dict[str, Any]:
    program = find_nvpmodel(tree)
    if program is None:
        reason = "nvpmodel is not on this machine: only a Jetson has power modes"
        return {"power_mode": None, "power_mode_reason": reason,
                "power_mode_id": None, "power_mode_id_reason": reason}
    done = run_program([program, "-q"], as_root=False)
    name, number = parse_nvpmodel(done.text)
    if name is None:
        done = run_program([program, "-q"], as_root=True)  # some releases answer only root
        name, number = parse_nvpmodel(done.text)
    section: Dict[str, Any] = {"power_mode": name, "power_mode_id": number}
    for key, value in list(section.items()):
        if value is None:
            section[key + "_reason"] = "nvpmodel -q did not say it (status {})".format(done.status)
    return section


def cpu_section(tree: Tree) -> Dict[str, Any]:
    """Return the ``cpu_`` keys."""
    folders = cpu_policies(tree)
    limits = [(tree.try_int(folder + "/scaling_min_freq"), tree.try_int(folder + "/scaling_max_freq"),
               tree.try_int(folder + "/scaling_cur_freq")) for folder in folders]
    governors = {tree.text(folder + "/scaling_governor") for folder in folders} - {None}
    values: Dict[str, Any] = {
        "governor": "+".join(sorted(str(name) for name in governors)) or None,
        "min_hz": _hz(min, [low for low, _, _ in limits]), "max_hz": _hz(max, [high for _, high, _ in limits]),
        "current_hz": _hz(max, [now for _, _, now in limits])}
    known = [(low, high) for low, high, _ in limits if low is not None and high is not None]
    values["locked"] = all(low == high for low, high in known) if known else None
    return _section("cpu", values, "the kernel shows no cpufreq (usual in a virtual machine)" if not folders else
                    "cpufreq does not tell")


def _hz(pick: Any, khz: List[Optional[int]]) -> Optional[int]:
    known = [value for value in khz if value is not None]
    return pick(known) * 1000 if known else None


def gpu_section(tree: Tree, make_gpu: MakeGpu = Gpu) -> Dict[str, Any]:
    """Return the ``gpu_`` keys, from devfreq or else from NVML."""
    folder = gpu_devfreq(tree)
    if folder is not None:
        low, high = tree.try_int(folder + "/min_freq"), tree.try_int(folder + "/max_freq")
        values = {"governor": tree.text(folder + "/governor"), "min_hz": low, "max_hz": high,
                  "current_hz": tree.try_int(folder + "/cur_freq"),
                  "locked": None if low is None or high is None else low == high}
        return _section("gpu", values, "the GPU's devfreq does not tell")
    nothing = dict.fromkeys(("governor", "min_hz", "max_hz", "current_hz", "locked"))
    if tree.root != "/" and make_gpu is Gpu:
        return _section("gpu", nothing, "there is no GPU devfreq")
    try:
        with make_gpu() as gpu:
            now_hz, highest_hz = gpu.clock_hz(), gpu.highest_clock_hz()
    except NvmlError as error:
        return _section("gpu", nothing, "there is no GPU devfreq, and {}".format(error))
    return _section("gpu", dict(nothing, max_hz=highest_hz, current_hz=now_hz), "NVML does not tell")


def _emc(tree: Tree) -> Dict[str, Any]:
    for folder, names in EMC_FOLDERS:
        values = {key + "_hz": tree.try_int(folder + name) for key, name in names.items()}
        if any(value is not None for value in values.values()):
            return _section("emc", values, "debugfs does not tell")
    return _section("emc", dict.fromkeys(("min_hz", "max_hz", "current_hz")),
                    "the memory clock is in debugfs, which only root on a Jetson can read")


def _section(prefix: str, values: Dict[str, Any], reason: str) -> Dict[str, Any]:
    """Return ``values`` under prefixed keys, with ``reason`` beside each ``None``."""
    section: Dict[str, Any] = {}
    for key, value in values.items():
        section["{}_{}".format(prefix, key)] = value
        if value is None:
            section["{}_{}_reason".format(prefix, key)] = reason
    return section
