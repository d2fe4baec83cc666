"""What can be measured on this machine and what cannot, each with its reason and the remedy."""

import os
import sys
import textwrap
from typing import List, NamedTuple, Optional, Sequence

from harness.clocks import read_clocks, why_not_lock
from harness.environment import collect
from harness.installation.checks import TORCH_INDEX
from harness.installation.jetson import torch_advice
from harness.machine import probe
from harness.probed import Probed
from harness.record.lines import MeterStatus, Section

#: Optional parts that say for themselves how they are: functions without arguments, run in a worker.
STATUS = {"suites.kernels:status": "fused kernels"}
#: More of them, which only the doctor asks: a run records what it uses.
ASKED_HERE = {"suites.runtimes.status:status": "engine"}

#: Columns below which a table leaves the findings no room.
NARROW = 64


class Finding(NamedTuple):
    """One line of the answer: ``ok`` is ``None`` for plain information."""

    subject: str
    ok: Optional[bool]
    text: str
    remedy: Optional[str] = None


def examine() -> List[Finding]:
    """Probe this machine with a worker and return the findings, in the order they are read."""
    environment = collect()
    probed = probe(status=list(STATUS) + list(ASKED_HERE))
    torch = torch_findings(probed, environment["board"])
    missing = torch if probed.torch["version"] is None else []  # without it nothing else matters: it comes first
    return (missing + machine_findings(environment) + [one for one in torch if one not in missing]
            + meter_findings(probed.meters) + clock_findings(read_clocks(), why_not_lock())
            + status_findings(probed.status) + environment_findings(environment))


def machine_findings(environment: Section) -> List[Finding]:
    """Return what machine this is."""
    board, cpu, memory = environment["board"], environment["cpu"], environment["memory"]
    jetpack = ", JetPack {} (L4T {})".format(board["jetpack"] or "unknown", board["l4t"]) if board["l4t"] else ""
    return [Finding("machine", None, "{}{}; {} x {}; {:.1f} GB RAM; {}; Python {}".format(
        board["model"] or "unnamed", jetpack, cpu["cores"], cpu["model"], memory["total_bytes"] / 1e9,
        environment["os"]["distribution"], environment["python"]["version"]))]


def torch_findings(probed: Probed, board: Section) -> List[Finding]:
    """Return whether layers can be timed on the CPU and on a CUDA device; the remedies are for this ``board``."""
    torch, gpu = probed.torch, probed.gpu
    if torch["version"] is None:
        return [Finding("time", False, torch["version_reason"], _nvidia_torch(board, None) if board["jetson"] else
                        "./run_bench.sh setup (it says what is in the way)")]
    findings = [Finding("time on the CPU", True, "torch {}, {} threads, oneDNN {}".format(
        torch["version"], torch["threads"], "yes" if torch["mkldnn"] else "no"))]
    if gpu["name"] is not None:
        findings.append(Finding("time on CUDA", True, "{}, compute capability {}, CUDA {}, cuDNN {}".format(
            gpu["name"], gpu["capability"], torch["cuda"], torch["cudnn"])))
    else:
        findings.append(Finding("time on CUDA", False, "{}; {}".format(gpu["name_reason"], torch["cuda_reason"])
                                if torch["cuda_reason"] else gpu["name_reason"], _cuda_remedy(torch, board)))
    return findings


def _cuda_remedy(torch: Section, board: Section) -> str:
    """Return what to do where torch sees no CUDA device. A Jetson's driver is part of its system."""
    if board["jetson"]:
        return (_nvidia_torch(board, torch["version"]) if torch["cuda"] is None else
                "add this user to group 'video' (sudo usermod -aG video $USER, then log in again); in a container: "
                "start it with --runtime nvidia")
    if torch["cuda"] is None:
        return "with an NVIDIA GPU: ./run_bench.sh setup --torch-index {}cu... for its CUDA".format(TORCH_INDEX)
    return "check the driver with nvidia-smi"


def _nvidia_torch(board: Section, version: Optional[str]) -> str:
    """Return how this Jetson gets NVIDIA's torch for the Python that runs this."""
    name = "python{}.{}".format(*sys.version_info[:2])
    return torch_advice(board["l4t"], name, tuple(sys.version_info[:3]), version)


def meter_findings(meters: Sequence[MeterStatus]) -> List[Finding]:
    """Return every meter of every quantity: the chosen one, others that would do, and each refusal."""
    findings = []
    for one in meters:
        text = "chosen" if one.chosen else "would do too" if one.available else str(one.reason)
        findings.append(Finding("{} by {}".format(one.quantity, one.name), one.available, text, one.remedy))
    return findings


def clock_findings(clocks: Section, may: Optional[str] = None) -> List[Finding]:
    """Return the power mode and whether each clock is locked, or why that cannot be seen.

    ``may`` is why this user cannot lock them, ``None`` where nothing is known to be in the way.
    """
    mode = clocks["power_mode"]
    findings = [Finding("power mode", None, mode or clocks["power_mode_reason"])]
    for part in ("cpu", "gpu"):
        locked = clocks[part + "_locked"]
        if locked is None:
            findings.append(Finding("{} clock locked".format(part), None, clocks[part + "_locked_reason"]))
        else:
            text = "{:.0f} to {:.0f} MHz".format(clocks[part + "_min_hz"] / 1e6, clocks[part + "_max_hz"] / 1e6)
            findings.append(Finding("{} clock locked".format(part), bool(locked), text, may or
                                    "./run_bench.sh run SUITE --lock-clocks locks it for that run"))
    return findings


def status_findings(status: Section) -> List[Finding]:
    """Return what optional parts said: each a dict of names to text or to {available, reason, remedy}."""
    findings = []
    for function, said in sorted(status.items()):
        part = dict(STATUS, **ASKED_HERE).get(function, function)
        # A part that could not even be asked is one line itself.
        lines = [("", said)] if "available" in said else sorted(said.items())
        for line, entry in lines:
            name = ", ".join(filter(None, [part, line]))
            if isinstance(entry, dict):
                available = bool(entry.get("available"))
                findings.append(Finding(name, available, entry.get("reason") or entry.get("detail") or "ready",
                                        entry.get("remedy")))
            else:
                findings.append(Finding(name, None, str(entry)))
    return findings


def environment_findings(environment: Section) -> List[Finding]:
    """Return what would weaken a run started now."""
    memory, system = environment["memory"], environment["os"]
    findings = []
    if memory["swap_used_bytes"]:
        findings.append(Finding("swap", False, "{:.0f} MB of swap are in use, so RAM figures of different times do "
                                "not compare".format(memory["swap_used_bytes"] / 1e6),
                                "close programs, then: sudo swapoff -a && sudo swapon -a"))
    if system["load_1min"] is not None and system["load_1min"] > 0.5:
        findings.append(Finding("other load", False, "the load average is {:.1f}: something else is computing".format(
            system["load_1min"]), "close it; on a Jetson: sudo systemctl isolate multi-user.target"))
    if environment["python"]["packages"]["matplotlib"] is None:
        findings.append(Finding("publication figures", False, "matplotlib is not installed", "pip install "
                                "matplotlib, or make them on another machine: ./run_bench.sh report RUN"))
    return findings


def told_narrow(finding: Finding, width: int) -> str:
    """Return a finding in lines of ``width``: a table of three columns would leave its words no room."""
    sign = {True: "yes ", False: "no  ", None: "    "}[finding.ok]
    said = ["{}{}: {}".format(sign, finding.subject, finding.text)]
    said += ["    -> " + finding.remedy] if finding.remedy and not finding.ok else []
    return "\n".join(textwrap.fill(text, width, subsequent_indent="    ", break_long_words=False,
                                   break_on_hyphens=False) for text in said)


def print_findings(findings: Sequence[Finding]) -> None:
    """Print the findings as a table; plain ASCII where the terminal cannot show more."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    utf8 = (sys.stdout.encoding or "ascii").lower().replace("-", "") == "utf8"
    told = os.environ.get("COLUMNS", "")
    console = Console(width=int(told) if told.isdecimal() and int(told) else None if sys.stdout.isatty() else 100,
                      no_color=bool(os.environ.get("NO_COLOR")))
    if console.width < NARROW:
        console.print("\n".join(told_narrow(finding, console.width) for finding in findings), markup=False,
                      highlight=False, soft_wrap=True)  # folded already; rich would part an address
        return
    table = Table(box=box.SIMPLE_HEAD if utf8 else box.ASCII2, show_edge=False)
    for column in ("", "What", "Finding and remedy"):
        table.add_column(column, no_wrap=column in ("", "What"))
    signs = {True: ("yes", "green"), False: ("no", "red"), None: ("", "")}
    for finding in findings:
        sign, style = signs[finding.ok]
        text = Text(finding.text)
        if finding.remedy and not finding.ok:
            text.append("\n-> " + finding.remedy, style="bold")
        table.add_row(Text(sign, style=style), Text(finding.subject), text)
    console.print(table)
