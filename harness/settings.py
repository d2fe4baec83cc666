"""How a run is to be made: what the user chose, as plain data that goes into the record."""

import re
from typing import Any, Dict, NamedTuple, Optional, Tuple

UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}

UNITS_BYTES = {"B": 1, "KB": 10 ** 3, "MB": 10 ** 6, "GB": 10 ** 9, "KIB": 2 ** 10, "MIB": 2 ** 20,
               "GIB": 2 ** 30}

#: Passes of a run that nothing else was asked of; ``energy`` records a reason where no power meter answers.
PASSES = ("verify", "time", "memory", "energy")


class Settings(NamedTuple):
    """The choices of one run. Times in seconds; ``only`` is a pattern on case ids or ``None``.

    ``budget_s`` is the sampling time of the whole run, ``launch_cap_s`` the most that one launch of one
    comparison may take of it, ``limit_s`` the longest life of a worker, ``memory_repeats`` the processes that
    each case's memory is measured in. ``fit_bytes`` is the memory of the pass ``fit``; ``soak_s`` is how long the
    pass ``soak`` keeps each rival and its baseline busy by turns of ``soak_block_s``. ``every_launch``: no launch is
    left out, whatever the first one decided, since launches are what two runs are compared by. ``against`` is the
    commit whose layers the present ones are run against. ``power_mode`` is the mode of a Jetson that the run was told
    to set, ``None`` where it took the one it found.
    """

    device: str
    threads: int
    seed: int = 1
    quick: bool = False
    launches: int = 4
    budget_s: float = 480.0
    launch_cap_s: float = 120.0
    limit_s: float = 900.0
    only: Optional[str] = None
    power: Optional[str] = None
    lock_clocks: bool = False
    memory_repeats: int = 3
    fit_bytes: Optional[int] = None
    soak_s: Optional[float] = None
    soak_block_s: Optional[float] = None
    power_mode: Optional[str] = None
    passes: Tuple[str, ...] = PASSES
    every_launch: bool = False
    against: Optional[str] = None


def settings_to_dict(settings: Settings) -> Dict[str, Any]:
    """Return ``settings`` as JSON-ready data."""
    return dict(settings._asdict(), passes=list(settings.passes))


def parse_duration(text: str) -> float:
    """Return seconds from ``90``, ``90s``, ``10m``, ``1.5h`` or ``1h30m``; raises ``ValueError``."""
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip().lower())
    if not parts or re.sub(r"(\d+(?:\.\d+)?)\s*([smh]?)\s*", "", text.strip().lower()):
        raise ValueError("'{}' is no duration: write 90s, 10m or 1h30m".format(text))
    seconds = sum(float(number) * UNITS_S[unit] for number, unit in parts)
    if seconds <= 0:
        raise ValueError("a duration must be longer than nothing, not '{}'".format(text))
    return seconds


def parse_size(text: str) -> int:
    """Return bytes from ``500MB``, ``4GB`` (powers of 1000) or ``3.5GiB`` (of 1024); raises ``ValueError``."""
    match = re.match(r"^(\d+(?:\.\d+)?)\s*([KMG]I?B|B)$", text.strip().upper())
    if match is None:
        raise ValueError("'{}' is no amount of memory: write 500MB, 4GB or 3.5GiB".format(text))
    size = int(float(match.group(1)) * UNITS_BYTES[match.group(2)])
    if size <= 0:
        raise ValueError("an amount of memory must be more than nothing, not '{}'".format(text))
    return size


def parse_share(text: str) -> float:
    """Return 0.05 from ``5%``, ``5 %`` or ``5``; raises ``ValueError``."""
    match = re.match(r"^(\d+(?:\.\d+)?)\s*%?$", text.strip())
    value = float(match.group(1)) / 100.0 if match is not None else 0.0
    if not 0.0 < value < 10.0:
        raise ValueError("'{}' is no share: write 5%".format(text))
    return value


def format_duration(seconds: float) -> str:
    """Return ``seconds`` as people say it: ``45 s``, ``3 min 20 s``, ``1 h 5 min``."""
    whole = int(round(seconds))
    if whole < 60:
        return "{} s".format(whole)
    if whole < 3600:
        return "{} min {} s".format(*divmod(whole, 60)) if whole % 60 else "{} min".format(whole // 60)
    return "{} h {} min".format(whole // 3600, whole % 3600 // 60)
