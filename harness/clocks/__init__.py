"""Clocks: what they are set to, locking them for one run, and putting them back whatever happens."""

from harness.clocks.lock import Lock, LockResult, locked_clocks
from harness.clocks.power_modes import (
    PowerModeError,
    PowerModes,
    choose_modes,
    held_power_modes,
    known_modes,
    restore_all,
)
from harness.clocks.reading import read_clocks
from harness.clocks.rights import why_not_lock
from harness.clocks.state import RestoreResult, default_state_path, pending, restore_from_state

__all__ = ["Lock", "LockResult", "PowerModeError", "PowerModes", "RestoreResult", "choose_modes",
           "default_state_path", "held_power_modes", "known_modes", "locked_clocks", "pending", "read_clocks",
           "restore_all", "restore_from_state", "why_not_lock"]
