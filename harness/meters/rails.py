"""Which power rail of a Jetson is the whole board's input.

Rails overlap: the GPU's power is inside the input's. Adding every rail counts it twice, so the outermost
rail is taken, and rails are added only on the two boards that have no input rail.
"""

import re
from typing import Mapping, NamedTuple, Optional, Tuple

INPUT_RAILS = ("POM_5V_IN", "VDD_IN", "VIN")
"""The input rail of Nano; TX1, TX2, Xavier NX, Orin Nano and Orin NX; Thor."""

SUM_RULES = (
    ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"),  # AGX Xavier
    ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"),   # AGX Orin; VDDQ_VDD2_1V8AO is inside these
)

SWAP_FACTOR = 1.1  # parts may pass the whole by this much: the rails are not read at the same instant


class InputRail(NamedTuple):
    """The rails whose sum is the input power; an empty tuple and a reason if there is none.

    ``warning`` is set where the choice went against the labels.
    """

    rails: Tuple[str, ...]
    reason: Optional[str] = None
    warning: Optional[str] = None

    @property
    def name(self) -> Optional[str]:
        """The rail's name, or the sum written out."""
        return "+".join(self.rails) or None

    def power_w(self, power_w: Mapping[str, float]) -> Optional[float]:
        """Return the input power in one reading, ``None`` if it lacks one of the rails."""
        if not self.rails or any(rail not in power_w for rail in self.rails):
            return None
        return sum(power_w[rail] for rail in self.rails)


def find_input(power_w: Mapping[str, float]) -> InputRail:
    """Choose the input rail from the watts of each rail (one reading, or better the mean of many)."""
    if not power_w:
        return InputRail((), "no power rails were shown: since L4T r32.6.1 only root sees them")
    for name in INPUT_RAILS:
        if name in power_w:
            return _check_labels(name, power_w)
    for rails in SUM_RULES:
        if all(rail in power_w for rail in rails):
            return InputRail(rails)
    return InputRail((), "none of the rails {} is known to be the board's input, and adding rails would count "
                         "power twice".format(", ".join(sorted(power_w))))


def _check_labels(name: str, power_w: Mapping[str, float]) -> InputRail:
    """Doubt the label if the parts draw more than the whole.

    Nano modules before 3448-0000-100 carry the GPU's label on the input channel and the reverse.
    """
    parts = {rail: watts for rail, watts in power_w.items() if rail != name and re.search("GPU|CPU", rail)}
    gpu_w = max([watts for rail, watts in parts.items() if "GPU" in rail] or [float("-inf")])
    if gpu_w <= power_w[name] and sum(parts.values()) <= SWAP_FACTOR * max(power_w[name], 0.0):
        return InputRail((name,))
    if not any(watts > 0 for watts in parts.values()):
        return InputRail((name,))  # nothing but sensor noise around zero
    largest = max(power_w, key=lambda rail: power_w[rail])
    text = "the rail labels look swapped ({} reads {:.3f} W, the GPU and CPU rails together {:.3f} W): the largest " \
           "rail, {}, is taken as the input"
    if largest == name:
        text = "the rails do not fit together ({} reads {:.3f} W, the GPU and CPU rails inside it {:.3f} W): {} is " \
               "taken as the input all the same, being the largest"
    return InputRail((largest,), None, text.format(name, power_w[name], sum(parts.values()), largest))


class RailSensor(NamedTuple):
    """What is known about the sensor behind a rail; ``None`` where nothing is.

    ``step_w``: rounding step. ``lag_s``: time constant of its first-order low-pass. ``refresh_s``: time
    between refreshes, where it is far shorter than any reading period.
    """

    step_w: Optional[float] = None
    lag_s: Optional[float] = None
    refresh_s: Optional[float] = None


def sensor_of(rail: Optional[str]) -> RailSensor:
    """Return what is known about the sensor of ``rail`` on a board with that rail name.

    Nano (POM rails): 40 uV over 5 mOhm at 5 V is 40 mW a step; 64 recursive averages of a 0.84 ms sweep
    make a first-order low-pass of 54 ms (INA3221 datasheet; device tree of the Nano's power monitor).
    """
    if rail is not None and rail.startswith("POM_5V_"):
        return RailSensor(step_w=0.040, lag_s=0.054, refresh_s=0.00084)
    return RailSensor()
