"""A recorded run as one works with it in a notebook: tables, samples, verdicts. Needs pandas for tables only."""

from harness.notebook.run import Run, load_run

__all__ = ["Run", "load_run"]
