"""The grammar of one line of tegrastats, from L4T r24 to r39, cut and damaged lines included.

A field counts only if it is whole: a number cut short by the end of the line is not a measurement. What
is not recognised is kept as text in ``unknown``.
"""

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

from harness.meters.rails import find_input

MIB = 1 << 20
OFF_C = -256.0  # what a switched-off sensor shows


class CpuLoad(NamedTuple):
    """One CPU over the last interval: busy share in percent, clock in MHz (``None`` if not shown)."""

    load: float
    mhz: Optional[float]


class TegraLine(NamedTuple):
    """One line of tegrastats. Missing fields are ``None`` or empty; nothing is guessed.

    ``power_w`` is the value at the sample (never the mean since start, which tegrastats prints after it)
    and may be negative as the sensor gave it. Loads are percentages, as printed. ``input_power_w`` is the
    board's input power from ``input_power_rail``, or ``None`` and ``input_power_reason``;
    ``input_power_warning`` says if rail labels look swapped.
    """

    ram_used_bytes: Optional[int]
    ram_total_bytes: Optional[int]
    swap_used_bytes: Optional[int]
    swap_total_bytes: Optional[int]
    cpu: Optional[List[Optional[CpuLoad]]]
    gpu_load: Optional[float]
    gpu_mhz: Optional[float]
    emc_load: Optional[float]
    emc_mhz: Optional[float]
    temperature_c: Dict[str, float]
    power_w: Dict[str, float]
    engines_mhz: Dict[str, Optional[float]]
    input_power_w: Optional[float]
    input_power_rail: Optional[str]
    input_power_reason: Optional[str]
    input_power_warning: Optional[str]
    unknown: List[str]


_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,6})?"
_MHZ = r"(?:@(?:(?P<mhz>[0-9]{1,6})|\[(?P<mhzs>[0-9]{1,6}(?:,[0-9]{1,6})*)\]))"
_STOP = r"(?=\s|$)"
_LOAD = r"(?:(?P<load>" + _NUMBER + ")%" + _MHZ + "?|" + _MHZ.replace("mhz", "only") + ")" + _STOP
_END = r"(?=\s)"  # for a number without a unit: one that ends the line may have been cut

_FIELDS = tuple((kind, re.compile(pattern)) for kind, pattern in (
    ("timestamp", r"[0-9]{1,4}[-/][0-9]{1,2}[-/][0-9]{1,4}[ T][0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
                  r"(?: ?[AP]M)?" + _END),
    ("ram", r"RAM (?P<used>[0-9]{1,9})/(?P<total>[0-9]{1,9})MB" + _STOP),
    ("largest", r"\(lfb [0-9]{1,9}x[0-9]{1,9}[kM]B\)" + _STOP),
    ("swap", r"SWAP (?P<used>[0-9]{1,9})/(?P<total>[0-9]{1,9})MB(?: \(cached [0-9]{1,9}MB\))?" + _STOP),
    ("iram", r"IRAM [0-9]{1,9}/[0-9]{1,9}kB ?\(lfb [0-9]{1,9}kB\)" + _STOP),
    ("cpu", r"(?:CPU|cpu) \[(?P<cpus>[0-9a-z%@.,]*)\](?:@(?P<mhz>[0-9]{1,6})" + _END + ")?" + _STOP),
    ("emc", r"EMC(?:_FREQ)? " + _LOAD),
    ("gpu", r"GR3D(?:_FREQ)? " + _LOAD),
    ("limit", r"EDP limit [0-9]{1,6}" + _STOP),
    ("mts", r"MTS fg [0-9]{1,3}% bg [0-9]{1,3}%" + _STOP),
    ("temperature", r"(?P<zone>[A-Za-z][A-Za-z0-9_.-]*)@(?P<celsius>-?" + _NUMBER + r")(?:C(?:/" + _NUMBER
                    + "C?)?" + _STOP + "|" + _END + ")"),
    ("rail", r"(?!(?:I?RAM|SWAP) )(?P<rail>[A-Za-z][A-Za-z0-9_.-]*) (?P<mw>-?[0-9]{1,6})(?:mW)?/"
             r"(?:-?[0-9]{1,6}(?:mW)?(?:/-?[0-9]{1,6}(?:mW)?)?)?" + _STOP),
    ("engine", r"(?P<engine>[A-Z0-9]+_FREQ|NV[A-Z0-9]+|MSENC|PVA[A-Z0-9]*|DLA[0-9]*|VIC|OFA|APE|SE|TSEC|AVP|VDE) "
               r"(?:off" + _STOP + r"|[0-9]{1,3}%(?:@(?P<at>[0-9]{1,6})" + _END + ")?" + _STOP
               + r"|(?P<alone>[0-9]{1,6})" + _END + ")"),
))
_TOKEN = re.compile(r"\S+")


def parse_line(text: str) -> TegraLine:
    """Parse one line of tegrastats; no line raises.

    RAM and swap in bytes (tegrastats counts MiB), power in watts by rail, temperatures in degrees Celsius
    by zone without switched-off sensors, ``cpu`` with ``None`` for a core that is off.
    """
    found: Dict[str, Dict] = {"temperature": {}, "power": {}, "engine": {}}
    unknown: List[str] = []
    position = 0
    while True:
        token = _TOKEN.search(text, position)
        if token is None:
            break
        position = token.start()
        kind, match = _match(text, position)
        if match is None or not _take(kind, match, found):
            end = token.end() if match is None else match.end()
            unknown.append(text[position:end])
            position = end
        else:
            position = match.end()
    return _result(found, unknown)


def _match(text: str, position: int) -> Tuple[str, Optional["re.Match"]]:
    for kind, pattern in _FIELDS:
        match = pattern.match(text, position)
        if match is not None:
            return kind, match
    return "", None


def _take(kind: str, match: "re.Match", found: Dict[str, Dict]) -> bool:
    """Store one recognised field; ``False`` if its content makes no sense or its name was there before."""
    if kind in ("ram", "swap"):
        used, total = int(match.group("used")), int(match.group("total"))
        return used <= total and _once(found, kind, {"used": used * MIB, "total": total * MIB})
    if kind == "cpu":
        cpus = _cpus(match.group("cpus"), match.group("mhz"))
        return cpus is not None and _once(found, kind, {"list": cpus})
    if kind in ("emc", "gpu"):
        load = match.group("load")
        if load is not None and float(load) > 100:
            return False
        return _once(found, kind, {"load": None if load is None else float(load), "mhz": _mhz(match)})
    if kind == "temperature":
        celsius = float(match.group("celsius"))
        if celsius == OFF_C:
            return True
        return -100 < celsius < 200 and _once(found["temperature"], match.group("zone"), celsius)
    if kind == "rail":
        # NC marks a channel that is not connected; boards have several of that name.
        return match.group("rail") == "NC" or _once(found["power"], match.group("rail"),
                                                    int(match.group("mw")) / 1000.0)
    if kind == "engine":
        mhz = match.group("at") or match.group("alone")
        return _once(found["engine"], match.group("engine"), None if mhz is None else float(mhz))
    return True


def _once(store: Dict, key: str, value: object) -> bool:
    if key in store:
        return False
    store[key] = value
    return True


def _mhz(match: "re.Match") -> Optional[float]:
    """Return the clock of an ``x%@f`` or ``x%@[f,f]`` field (the first cluster's); ``None`` if it may be cut."""
    for name in ("mhzs", "onlys"):
        if match.group(name):
            return float(match.group(name).split(",")[0])
    for name in ("mhz", "only"):
        if match.group(name) and match.end() < len(match.string):
            return float(match.group(name))
    return None


def _cpus(text: str, common_mhz: Optional[str]) -> Optional[List[Optional[CpuLoad]]]:
    """Parse ``x%@f,off,...`` or ``x%,...`` with one clock for all; ``None`` if an entry is damaged."""
    cpus: List[Optional[CpuLoad]] = []
    for entry in text.split(","):
        if entry == "off":
            cpus.append(None)
            continue
        match = re.match(r"([0-9]{1,3})%(?:@([0-9]{1,6}))?$", entry)
        if match is None or int(match.group(1)) > 100:
            return None
        mhz = match.group(2) or common_mhz
        cpus.append(CpuLoad(float(match.group(1)), None if mhz is None else float(mhz)))
    return cpus


def _result(found: Dict[str, Dict], unknown: List[str]) -> TegraLine:
    rail = find_input(found["power"])
    return TegraLine(
        ram_used_bytes=found.get("ram", {}).get("used"), ram_total_bytes=found.get("ram", {}).get("total"),
        swap_used_bytes=found.get("swap", {}).get("used"), swap_total_bytes=found.get("swap", {}).get("total"),
        cpu=found.get("cpu", {}).get("list"),
        gpu_load=found.get("gpu", {}).get("load"), gpu_mhz=found.get("gpu", {}).get("mhz"),
        emc_load=found.get("emc", {}).get("load"), emc_mhz=found.get("emc", {}).get("mhz"),
        temperature_c=found["temperature"], power_w=found["power"], engines_mhz=found["engine"],
        input_power_w=rail.power_w(found["power"]), input_power_rail=rail.name,
        input_power_reason=rail.reason, input_power_warning=rail.warning, unknown=unknown)
