"""HOW we measure: plan, worker processes, clocks, meters and the record. Imports neither torch nor pandas."""

from harness.notebook import Run, load_run
from harness.plan import Case, Comparison, Subject, Suite, Target, UnavailableError
from harness.record import RecordError

__version__ = "0.1.0"
__all__ = ["Case", "Comparison", "RecordError", "Run", "Subject", "Suite", "Target", "UnavailableError", "load_run"]
