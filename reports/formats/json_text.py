"""The findings as they are, for programs: codes and numbers in base units, no sentence of ours."""

import json

from reports.findings import Findings, as_data
from reports.formats.files import Made, Options


def json_text(found: Findings) -> str:
    """Return the findings as JSON text; the raw samples are left out, they stand in the record."""
    return json.dumps(as_data(found), allow_nan=False, indent=1, sort_keys=True) + "\n"


def make(found: Findings, options: Options) -> Made:
    """Return the JSON file."""
    return Made([("report.json", json_text(found))])
