"""One run in each of several power modes, the first mode put back on every way out."""

from typing import Callable, List, NamedTuple, Optional, Tuple

from harness.clocks import choose_modes, held_power_modes, known_modes
from harness.record import End, Run
from harness.words import RunStatus

#: Makes a run in the named mode (``None``: the mode that is set) and takes it to its end.
RunOnce = Callable[[Optional[str]], Tuple[Run, End]]


class Runs(NamedTuple):
    """The runs that were made, how the last one ended, and the modes that were not reached."""

    runs: List[Run]
    end: End
    left: List[str]


def run_modes(wanted: str, run_once: RunOnce, tell: Callable[[str], None], root: str = "/",
              state_path: Optional[str] = None) -> Runs:
    """Run in each mode that ``wanted`` names; a run that is stopped is the last.

    Raises :class:`harness.clocks.PowerModeError` before anything was changed, or when a mode is not taken.
    """
    chosen = choose_modes(wanted, known_modes(root))
    runs: List[Run] = []
    with held_power_modes(tell, root, state_path) as modes:
        for number, mode in enumerate(chosen, 1):
            modes.set(mode)
            tell("power mode {} ({} of {})".format(mode.name, number, len(chosen)))
            run, end = run_once(mode.name)
            runs.append(run)
            if end.status is not RunStatus.COMPLETE:
                break
    return Runs(runs, end, [mode.name for mode in chosen[len(runs):]])
