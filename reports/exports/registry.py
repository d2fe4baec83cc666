"""Every export there is. A new one is a file beside this and a line here."""

from typing import Callable, NamedTuple, Sequence, Tuple, Union

from harness import Run
from reports.exports import github_action, pyperf, table
from reports.findings import findings
from reports.formats.json_text import json_text

Content = Union[str, bytes]


class Export(NamedTuple):
    """A form under its name on the command line; ``together`` puts all runs into one file."""

    name: str
    file: str
    together: bool
    make: Callable[[Sequence[Run]], Content]


EXPORTS: Tuple[Export, ...] = (
    Export("pyperf", "pyperf.json", False, lambda runs: pyperf.make(runs[0])),
    Export("github-action-benchmark", "github-action-benchmark.json", False,
           lambda runs: github_action.make(runs[0])),
    Export("csv", "runs.csv", True, table.make_csv),
    Export("parquet", "runs.parquet", True, table.make_parquet),
    Export("json", "report.json", False, lambda runs: json_text(findings(runs[0]))),
)
