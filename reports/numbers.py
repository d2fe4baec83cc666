"""Numbers as words: three significant digits, SI units, real minus signs, and their ASCII twins.

The page uses Unicode (a narrow no-break space before the unit); :func:`plain` turns any text of the
report into ASCII for consoles that know nothing else.
"""

import math
import re
from typing import Optional, Sequence, Tuple

from harness.quantiles import quantile

NARROW = "\u202f"   # narrow no-break space: "1.58 ms" never breaks between number and unit
MINUS = "\u2212"
TIMES = "\u00d7"
MICRO = "\u00b5"
CLOSE = 1.1         # within 10 % a speed is shown as a percentage, beyond it as a factor

SIGNS = {"faster": "\u25b2", "slower": "\u25bc", "same": "=", "cannot tell": "?", "wrong": "\u2715",
         "not measured": "\u2013", "baseline": "\u2022", "met": "\u2713", "missed": "\u2717"}
PLAIN_SIGNS = {"faster": "+", "slower": "-", "same": "=", "cannot tell": "?", "wrong": "!",
               "not measured": ".", "baseline": "*", "met": "+", "missed": "-"}

_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, MICRO),
             (1e-9, "n"), (1e-12, "p"))
_ASCII = {NARROW: " ", "\u00a0": " ", MINUS: "-", TIMES: "x", MICRO: "u", "\u03bc": "u", "\u00b0": "",
          "\u2026": "...", "\u2190": "<-", "\u2192": "->", "\u00b1": "+-", "\u2014": "-", "\u2018": "'",
          "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00b7": ".", "\u00b2": "2", "\u2264": "<=",
          "\u2265": ">="}
_ASCII.update({SIGNS[state]: PLAIN_SIGNS[state] for state in SIGNS})


def plain(text: str) -> str:
    """Return ``text`` in ASCII: ``us`` for the micro sign, ``x`` for the times sign, ``+ - = ? ! .``
    for the verdict signs, and ``?`` for whatever has no twin."""
    return "".join(_ASCII.get(char, char) for char in text).encode("ascii", "replace").decode("ascii")


def signed(text: str) -> str:
    """Return ``text`` with a real minus sign in place of a leading hyphen."""
    return MINUS + text[1:] if text.startswith("-") else text


def significant(value: float, digits: int = 3) -> str:
    """Return ``value`` with ``digits`` significant digits, never in exponent form below a million."""
    if value == 0:
        return "0"
    exponent = int(math.floor(math.log10(abs(value))))
    rounded = round(value, digits - 1 - exponent)
    if rounded != 0:                                     # 9.996 rounds up into the next decade
        exponent = int(math.floor(math.log10(abs(rounded)) + 1e-12))
    return signed("{:.{}f}".format(rounded, max(0, digits - 1 - exponent)))


def si(value: Optional[float], unit: str, digits: int = 3) -> Optional[str]:
    """Return ``value`` with an SI prefix, ``1.58 ms``; ``None`` stays ``None``."""
    if value is None:
        return None
    if value == 0:
        return "0" + NARROW + unit
    absolute = abs(value)
    # 999.6 us must read 1.00 ms, not 1000 us: compare after rounding to the shown digits
    factor, prefix = next((pair for pair in _PREFIXES if float("{:.{}g}".format(absolute / pair[0], digits)) >= 1),
                          _PREFIXES[-1])
    return "{}{}{}{}".format(significant(value / factor, digits), NARROW, prefix, unit)


def seconds(value: Optional[float]) -> Optional[str]:
    """Return a time such as ``954 us`` (with a real micro sign)."""
    return si(value, "s")


def size(value: Optional[float]) -> Optional[str]:
    """Return a number of bytes in decimal units, ``49.4 MB``."""
    return si(value, "B")


def joules(value: Optional[float]) -> Optional[str]:
    """Return an energy such as ``5.70 mJ``."""
    return si(value, "J")


def watts(value: Optional[float]) -> Optional[str]:
    """Return a power such as ``4.36 W``."""
    return si(value, "W")


def hertz(value: Optional[float]) -> Optional[str]:
    """Return a clock such as ``921 MHz``."""
    return si(value, "Hz")


def percent(ratio: float, sign: bool = True, digits: int = 1) -> str:
    """Return how far ``ratio`` lies from 1 in percent, ``+1.2``; the sign is real, the unit is left out.

    From 100 on there are no decimals.
    """
    value = (ratio - 1.0) * 100.0
    digits = 0 if abs(value) >= 100 else digits
    text = "{:{}.{}f}".format(value, "+" if sign else "", digits)
    if float(text) == 0:
        text = text.lstrip("+-")
    return signed(text)


def times(ratio: float) -> str:
    """Return a factor such as ``1.83x`` (with a real times sign)."""
    return significant(ratio) + TIMES


def speed(ratio: float) -> str:
    """Return a speed ratio (baseline time / rival time) in words.

    Beyond 10 % ``1.83x faster`` or ``2.44x slower`` (never 0.41x); within 10 % ``+1.2 %``, since
    "1.01x faster" beside *cannot tell* would contradict itself.
    """
    if 1 / CLOSE < ratio < CLOSE:
        return percent(ratio) + NARROW + "%"
    return times(ratio) + " faster" if ratio > 1 else times(1 / ratio) + " slower"


def interval(ratio: float, low: float, high: float) -> str:
    """Return the interval of a speed ratio on the scale :func:`speed` chose for ``ratio``."""
    if 1 / CLOSE < ratio < CLOSE:
        return "[{}, {}]".format(percent(low), percent(high))
    if ratio > 1:
        return "[{}, {}]".format(significant(low), significant(high))
    return "[{}, {}]".format(significant(1 / high), significant(1 / low))


def unbroken(text: str) -> str:
    """Return ``text`` with no-break spaces between the ends of its intervals."""
    return re.sub(r"(?<=,) (?=[^\[\]]*\])", "\u00a0", text)


def count(number: int, noun: str, plural: Optional[str] = None) -> str:
    """Return ``1 rival``, ``2 rivals``."""
    return "{} {}".format(number, noun if number == 1 else plural or noun + "s")


def listing(words: Sequence[str], last: str = "and") -> str:
    """Return ``a``, ``a and b`` or ``a, b and c``."""
    items = list(words)
    if len(items) < 2:
        return "".join(items)
    return "{} {} {}".format(", ".join(items[:-1]), last, items[-1])


def summary(values: Sequence[float]) -> Tuple[float, float, float]:
    """Return median, P5 and P95 of ``values`` (any order, at least one)."""
    ordered = sorted(values)
    return quantile(ordered, 0.5), quantile(ordered, 0.05), quantile(ordered, 0.95)
